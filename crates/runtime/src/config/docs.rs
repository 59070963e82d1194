//! The texts that are generated from the table: `.env.example` and the reference page.

use std::fmt::Write;

use super::variables::{Default, Shown, VARIABLES};

/// The text of `.env.example`.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Configuration of LOCKDOWN. Copy to .env and uncomment what you change; the environment wins over this file.\n\
         # Put values with blanks, #, $ or quotes between single quotes. `lockdown config check` shows what is in force.\n",
    );
    let mut section = None;
    for variable in VARIABLES {
        if section.replace(variable.section) != Some(variable.section) {
            write!(text, "\n# --- {} ---\n", variable.section.title()).expect("a String takes every write");
        }
        let (note, value) = match variable.default {
            Default::Value(value) => (String::new(), value),
            Default::Unset { means, example } => (format!(" Unset: {means}."), example),
        };
        writeln!(text, "# {}{note}\n# {}={value}", variable.meaning, variable.name)
            .expect("a String takes every write");
    }
    text
}

/// The text of `docs/CONFIGURATION.md`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         LOCKDOWN reads environment variables, and a `.env` file in the working directory; the environment wins, and an\n\
         empty value counts as not set. A wrong value stops the start and names every fault at once. `lockdown config\n\
         check` prints what is in force and where it came from, with secrets hidden.\n\n\
         | variable | meaning | default | expected |\n|---|---|---|---|\n",
    );
    for variable in VARIABLES {
        let default = match variable.default {
            Default::Value(value) => format!("`{value}`"),
            Default::Unset { means, .. } => format!("unset: {means}"),
        };
        let secret = match variable.shown {
            Shown::Never => " Secret.",
            Shown::Whole | Shown::Masked => "",
        };
        let (name, meaning, expects) = (variable.name, variable.meaning, variable.expects);
        writeln!(text, "| `{name}` | {meaning}{secret} | {default} | {expects} |")
            .expect("a String takes every write");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Source};

    #[test]
    fn the_example_file_changes_nothing_as_it_stands() {
        let loaded = Config::from_source(Source::new().with_dotenv(".env.example", &env_example())).unwrap();
        assert!(
            loaded
                .config
                .report()
                .iter()
                .all(|row| row.origin == crate::config::Origin::Default)
        );
    }

    #[test]
    fn every_example_is_a_value_that_is_accepted() {
        let uncommented: String = env_example()
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| is_assignment(rest))
                    .unwrap_or(line)
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let loaded = Config::from_source(Source::new().with_dotenv(".env", &uncommented)).unwrap();
        assert_eq!(loaded.warnings, []);
        let rows = loaded.config.report();
        assert_eq!(rows.len(), VARIABLES.len());
        for row in rows {
            assert_eq!(
                row.origin,
                crate::config::Origin::DotEnv,
                "{} is missing in the example",
                row.name
            );
        }
    }

    fn is_assignment(line: &str) -> bool {
        line.split_once('=')
            .is_some_and(|(name, _)| VARIABLES.iter().any(|variable| variable.name == name))
    }

    #[test]
    fn the_reference_has_a_row_for_every_variable() {
        let text = reference();
        for variable in VARIABLES {
            assert!(
                text.contains(&format!("| `{}` | {}", variable.name, variable.meaning)),
                "{}",
                variable.name
            );
        }
        // A cell with a bar in it would break the table.
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert!(rows.iter().all(|row| row.matches('|').count() == 5), "{text}");
    }
}
