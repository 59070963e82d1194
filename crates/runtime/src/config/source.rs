//! Where variables come from: the environment, over an optional `.env` file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::error::{Fault, Warning};

/// The file that is read beside the environment, in the working directory.
const DOTENV: &str = ".env";

/// Where a value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Origin {
    #[serde(rename = "default")]
    Default,
    #[serde(rename = "environment")]
    Environment,
    #[serde(rename = ".env")]
    DotEnv,
}

/// The texts from which a [`Config`](super::Config) is read. Tests build one from a map.
#[derive(Default)]
pub struct Source {
    environment: BTreeMap<String, OsString>,
    dotenv: BTreeMap<String, String>,
    pub(super) required: &'static [&'static str],
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Warning>,
}

// === impl Origin ===

impl Origin {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::DotEnv => DOTENV,
        }
    }
}

// === impl Source ===

impl Source {
    /// Nothing set at all: every default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names variables that must be set.
    #[must_use]
    pub fn requiring(mut self, variables: &'static [&'static str]) -> Self {
        self.required = variables;
        self
    }

    /// This process's environment over `.env` in the working directory.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn process() -> Self {
        Self::new()
            .with_environment(std::env::vars_os())
            .with_dotenv_file(Path::new(DOTENV))
    }

    #[must_use]
    pub fn with_environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        for (name, value) in variables {
            // A name that is no text is none of ours.
            if let Ok(name) = name.into().into_string() {
                self.environment.insert(name, value.into());
            }
        }
        self
    }

    /// Reads a `.env` file. A missing one is fine; one that cannot be read is a fault.
    #[must_use]
    pub fn with_dotenv_file(mut self, path: &Path) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) => self.with_dotenv(&path.display().to_string(), &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self,
            Err(error) => {
                self.faults.push(Fault {
                    variable: path.display().to_string(),
                    found: format!("a file that cannot be read: {error}"),
                    expected: "a readable text file in UTF-8, or none".into(),
                    hint: None,
                });
                self
            }
        }
    }

    /// The text of a `.env` file; `name` is what faults call it.
    #[must_use]
    pub fn with_dotenv(mut self, name: &str, text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        // Bytes of `text` behind us, to give each malformed line its number.
        let mut seen = 0;
        for item in dotenvy::from_read_iter(text.as_bytes()) {
            match item {
                Ok((variable, value)) => {
                    if self.dotenv.insert(variable.clone(), value).is_some() {
                        let message = format!("stands more than once in {name}; the last one counts");
                        self.warnings.push(Warning { variable, message });
                    }
                }
                // The text of the line stays out of the fault: it may hold a token.
                Err(dotenvy::Error::LineParse(line, _)) => {
                    let at = seen + text[seen..].find(&line).unwrap_or(0);
                    seen = (at + line.len()).min(text.len());
                    let number = text[..at].matches('\n').count() + 1;
                    self.faults.push(Fault {
                        variable: format!("{name} line {number}"),
                        found: "a line that cannot be read".into(),
                        expected: "NAME=value".into(),
                        hint: Some("put a value with blanks, #, $ or quotes between single quotes".into()),
                    });
                }
                Err(error) => self.faults.push(Fault {
                    variable: name.to_owned(),
                    found: format!("a file that cannot be read: {error}"),
                    expected: "a readable text file in UTF-8, or none".into(),
                    hint: None,
                }),
            }
        }
        self
    }

    /// The value of a variable and its origin; an empty one counts as not set. `Err` is a value that is no text.
    pub(super) fn get(&self, name: &str) -> Result<Option<(&str, Origin)>, Origin> {
        if let Some(value) = self.environment.get(name) {
            let value = value.to_str().ok_or(Origin::Environment)?.trim();
            if !value.is_empty() {
                return Ok(Some((value, Origin::Environment)));
            }
            // Set to nothing on purpose: that also switches off what `.env` says.
            return Ok(None);
        }
        let value = self.dotenv.get(name).map(|value| value.trim());
        Ok(value
            .filter(|value| !value.is_empty())
            .map(|value| (value, Origin::DotEnv)))
    }

    pub(super) fn environment_names(&self) -> impl Iterator<Item = &str> {
        self.environment.keys().map(String::as_str)
    }

    pub(super) fn dotenv_names(&self) -> impl Iterator<Item = &str> {
        self.dotenv.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_the_file() {
        let source = Source::new()
            .with_environment([("A", "env"), ("EMPTY", " ")])
            .with_dotenv(".env", "A=file\nB='from # file'\nexport C=3\nEMPTY=x\n");
        assert_eq!(source.get("A"), Ok(Some(("env", Origin::Environment))));
        assert_eq!(source.get("B"), Ok(Some(("from # file", Origin::DotEnv))));
        assert_eq!(source.get("C"), Ok(Some(("3", Origin::DotEnv))));
        assert_eq!(source.get("EMPTY"), Ok(None), "set to nothing is not set");
        assert_eq!(source.get("D"), Ok(None));
        assert!(source.faults.is_empty());
    }

    #[test]
    fn every_malformed_line_is_named_by_its_number() {
        let text = "# comment\nA=1\nhunter2 is my password\n\nB=2\nhunter2 is my password\nC=\"open\n";
        let source = Source::new().with_dotenv("my.env", text);
        let where_: Vec<_> = source
            .faults
            .iter()
            .map(|fault| fault.variable.as_str())
            .collect();
        assert_eq!(where_, ["my.env line 3", "my.env line 6", "my.env line 7"]);
        assert!(!format!("{:?}", source.faults).contains("hunter2"));
        assert_eq!(
            source.get("B"),
            Ok(Some(("2", Origin::DotEnv))),
            "the good lines still count"
        );
    }

    #[test]
    fn a_missing_file_is_fine_and_an_unreadable_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            Source::new()
                .with_dotenv_file(&dir.path().join("none"))
                .faults
                .is_empty()
        );
        let faults = Source::new().with_dotenv_file(dir.path()).faults;
        assert_eq!(faults.len(), 1, "a directory is no file");
        assert!(faults[0].variable.contains(dir.path().to_str().unwrap()));
    }

    #[test]
    fn a_name_twice_in_the_file_is_a_warning() {
        let source = Source::new().with_dotenv(".env", "A=1\nA=2\n");
        assert_eq!(source.get("A"), Ok(Some(("2", Origin::DotEnv))));
        assert_eq!(source.warnings.len(), 1);
    }
}
