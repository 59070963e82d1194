//! What is wrong with a configuration, all of it at once, and what merely looks odd.

use std::fmt;

/// Everything that is wrong, each with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub faults: Vec<Fault>,
}

/// One wrong value or one unreadable line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable's name, or the file and line (`.env line 3`).
    pub variable: String,
    /// What stands there, never a secret.
    pub found: String,
    pub expected: String,
    /// What would help beyond that.
    pub hint: Option<String>,
}

/// Something that has no effect, and probably was meant to have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub variable: String,
    pub message: String,
}

// === impl ConfigError ===

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable,
            found,
            expected,
            hint,
        } = self;
        write!(f, "{variable}: found {found}, expected {expected}")?;
        match hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.message)
    }
}
