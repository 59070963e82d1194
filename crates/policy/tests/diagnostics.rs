//! What the checker says, as data: each file of `tests/diagnostics` is a rule file and every line it is answered with.
//! `LOCKDOWN_BLESS=1` writes what is found; a person then reads the difference.

use lockdown_events::Platform;
use lockdown_policy::{Source, Surroundings, check};
use std::path::Path;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a person asks the test to write what it finds"
)]
fn the_files_are_answered_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let bless = std::env::var_os("LOCKDOWN_BLESS").is_some();
    let (mut tried, mut wrong) = (0, String::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (rules, expected) = text.split_once("\n%%\n").unwrap();
        let surroundings = Surroundings {
            platforms: if rules.contains("# on Discord") {
                vec![Platform::Discord]
            } else {
                Vec::new()
            },
            roles: rules.contains("# on Discord").then(|| vec!["Trusted".to_owned()]),
            channels: rules.contains("# on Discord").then(|| vec!["general".to_owned()]),
            rights: rules
                .contains("# on Discord")
                .then(|| vec!["manage_messages".to_owned()]),
            shared: rules.contains("# on Discord").then(Default::default),
            ..Surroundings::default()
        };
        let name = path.file_name().unwrap().to_string_lossy();
        let checked = check(&Source::new(&name, rules), &surroundings);
        let found: String = checked
            .diagnostics
            .iter()
            .map(|found| format!("{found}\n"))
            .collect();
        if bless {
            std::fs::write(&path, format!("{rules}\n%%\n{found}")).unwrap();
        } else if found != expected {
            wrong += &format!("--- expected\n{expected}--- found\n{found}");
        }
        tried += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(tried > 0);
}
