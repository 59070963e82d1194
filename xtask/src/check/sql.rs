//! Where sqlx is told to trust a text that was made at run time: in two audited files, and in tests.

use anyhow::{Context as _, Result};
use std::path::Path;

/// Whose every piece of text is `'static`.
const AUDITED: &[&str] = &[
    "crates/store/src/dbx/together.rs",
    "crates/store/src/dbx/filter.rs",
];
/// What makes and drops the tests' databases.
const TESTKIT: &str = "crates/testkit/";
/// In two parts, so that this file does not find itself.
const TRUST: &str = concat!("AssertSql", "Safe");

/// Every other place, one line each.
pub(super) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for folder in ["crates", "services", "xtask"] {
        visit(root, &root.join(folder), &mut faults)?;
    }
    Ok(faults)
}

fn visit(root: &Path, folder: &Path, faults: &mut Vec<String>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("could not list {}", folder.display()))?
            .path();
        if path.is_dir() {
            visit(root, &path, faults)?;
            continue;
        }
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && !may_trust(&name) {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("could not read {}", path.display()))?;
            faults.extend(found(&name, &text));
        }
    }
    Ok(())
}

fn may_trust(name: &str) -> bool {
    AUDITED.contains(&name) || name.starts_with(TESTKIT) || name.contains("/tests/")
}

fn found(name: &str, text: &str) -> Vec<String> {
    let lines = text.lines().zip(1..).filter(|(line, _)| line.contains(TRUST));
    lines
        .map(|(_, number)| format!("{name}:{number}: SQL is made at run time; use `Filter` of the store"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_text_is_found() {
        let text = format!("let a = 1;\nsqlx::query({TRUST}(text))\n");
        let faults = found("crates/store/src/cases.rs", &text);
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].starts_with("crates/store/src/cases.rs:2:"),
            "{faults:?}"
        );
        assert!(found("crates/store/src/cases.rs", "sqlx::query(text)").is_empty());
    }

    #[test]
    fn only_the_audited_and_tests_may_trust() {
        for (name, may) in [
            (AUDITED[0], true),
            (AUDITED[1], true),
            ("crates/store/tests/contract/fixture.rs", true),
            ("crates/testkit/src/database.rs", true),
            ("crates/store/src/dbx/query.rs", false),
            ("services/backend/src/lib.rs", false),
        ] {
            assert_eq!(may_trust(name), may, "{name}");
        }
        for file in AUDITED {
            assert!(crate::workspace::root().join(file).exists());
        }
    }

    #[test]
    fn this_workspace_holds_it() {
        assert_eq!(faults(&crate::workspace::root()).unwrap(), Vec::<String>::new());
    }
}
