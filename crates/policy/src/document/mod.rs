//! A rule file as it was read: typed, with the place of each part, not yet checked against the catalogue.
//!
//! To add a key: a row in `shape.rs`, from which reader, "did you mean" and the editors' schema know it; a member here;
//! a line in the reader of its part.

mod action;
pub(crate) mod canonical;
mod example;
mod list;
mod part;
mod read;
mod rule;
mod schema;
mod shape;

pub use action::Act;
pub(crate) use example::{Example, FactValue};
pub(crate) use list::List;
pub(crate) use read::document;
pub use schema::schema;

use crate::catalogue::Key;
use crate::duration::Millis;
use crate::event::EventKind;
use crate::expression::Expr;
use crate::source::{At, Span};
use lockdown_events::Platform;
use serde::Serialize;

#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) defaults: Defaults,
    pub(crate) lists: Vec<List>,
    pub(crate) ladder: Option<Ladder>,
    pub(crate) rules: Vec<Rule>,
}

/// What holds for every rule that does not say otherwise.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) exempt: Exempt,
    pub(crate) limit: Option<Limit>,
    pub(crate) mode: Option<Mode>,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: At<String>,
    pub(crate) about: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) events: Vec<At<EventKind>>,
    pub(crate) platforms: Vec<Platform>,
    pub(crate) when: Vec<Expr>,
    pub(crate) count: Option<Count>,
    /// `None`: as the defaults say.
    pub(crate) exempt: Option<Exempt>,
    /// `exempt: none`
    pub(crate) exempts_nobody: bool,
    pub(crate) then: Vec<At<Act>>,
    pub(crate) mode: Option<Mode>,
    pub(crate) needs: Option<Needs>,
    pub(crate) limit: Option<Limit>,
    pub(crate) hit: Vec<Example>,
    pub(crate) miss: Vec<Example>,
    /// A part of it could not be read: what was read is still checked, and nothing is said of what seems to lack.
    pub(crate) broken: bool,
}

/// Whom a rule does not concern.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exempt {
    pub(crate) staff: Option<bool>,
    pub(crate) bots: Option<bool>,
    pub(crate) roles: Vec<At<String>>,
    pub(crate) channels: Vec<At<String>>,
    pub(crate) labels: Vec<At<String>>,
    pub(crate) people: Vec<At<String>>,
}

/// Whether a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Live,
    /// It says what it would have done.
    Shadow,
    Disabled,
}

/// How much a rule may do before it stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    pub actions: u32,
    pub per: Millis,
    pub then: AtLimit,
}

/// What a rule does at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AtLimit {
    /// It is quiet until a person resumes it.
    Pause,
    /// It is quiet until it is below the limit again.
    Wait,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) of: Vec<At<Key>>,
    pub(crate) distinct: Option<At<Key>>,
    pub(crate) across: Across,
    pub(crate) within: Millis,
    pub(crate) at_least: u32,
    pub(crate) span: Span,
}

/// Where a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Across {
    /// In the community.
    Guild,
    /// In all communities of this installation.
    Network,
}

/// Who has to agree before something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) approval: u32,
    pub(crate) unless: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct Ladder {
    pub(crate) decay: Option<Millis>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) at: At<u32>,
    pub(crate) acts: Vec<At<Act>>,
    pub(crate) needs: Option<Needs>,
}

// === impl Mode ===

impl Mode {
    pub(crate) const NAMES: &[&str] = &["live", "shadow", "disabled"];

    /// The mode of this name.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "live" => Some(Self::Live),
            "shadow" => Some(Self::Shadow),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
            Self::Disabled => "disabled",
        }
    }
}

// === impl Exempt ===

impl Exempt {
    /// The defaults, with what a rule adds to them or says otherwise.
    pub(crate) fn over(&self, defaults: &Self) -> Self {
        let join =
            |own: &Vec<At<String>>, other: &Vec<At<String>>| own.iter().chain(other).cloned().collect();
        Self {
            staff: self.staff.or(defaults.staff),
            bots: self.bots.or(defaults.bots),
            roles: join(&self.roles, &defaults.roles),
            channels: join(&self.channels, &defaults.channels),
            labels: join(&self.labels, &defaults.labels),
            people: join(&self.people, &defaults.people),
        }
    }
}
