//! Whom a rule does not concern, as questions to the facts.

use crate::catalogue::Slot;
use crate::document::Exempt;
use crate::facts::{Facts, fold_word};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Exemptions {
    staff: bool,
    bots: bool,
    roles: Box<[Box<str>]>,
    channels: Box<[Box<str>]>,
    labels: Box<[Box<str>]>,
    people: Box<[Box<str>]>,
}

/// One exemption that was tried.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Exemption {
    /// Such as `staff` or `role trusted`.
    pub exemption: String,
    pub applies: bool,
}

// === impl Exemptions ===

impl Exemptions {
    pub(super) fn new(exempt: &Exempt) -> Self {
        let names = |names: &[crate::source::At<String>]| -> Box<[Box<str>]> {
            let mut names: Vec<Box<str>> = names.iter().map(|name| fold_word(&name.value).into()).collect();
            names.sort_unstable();
            names.dedup();
            names.into()
        };
        Self {
            staff: exempt.staff == Some(true),
            bots: exempt.bots == Some(true),
            roles: names(&exempt.roles),
            channels: names(&exempt.channels),
            labels: names(&exempt.labels),
            people: names(&exempt.people),
        }
    }

    /// Whether it has to be known which labels somebody bears.
    pub(super) fn names_labels(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Whether any applies.
    pub(crate) fn apply(&self, facts: &Facts) -> bool {
        (self.staff && facts.number(Slot::AuthorStaff) == Some(1))
            || (self.bots && facts.number(Slot::AuthorBot) == Some(1))
            || any(&self.roles, facts.words(Slot::AuthorRoles))
            || any(&self.channels, facts.words(Slot::Channel))
            || any(&self.labels, facts.words(Slot::AuthorLabels))
            || self.people.iter().any(|id| **id == *facts.author)
    }

    /// Each with what came of it, for explanations.
    pub(crate) fn trace(&self, facts: &Facts) -> Vec<Exemption> {
        let mut tried = Vec::new();
        let mut add = |exemption: String, applies| tried.push(Exemption { exemption, applies });
        if self.staff {
            add("staff".to_owned(), facts.number(Slot::AuthorStaff) == Some(1));
        }
        if self.bots {
            add("bots".to_owned(), facts.number(Slot::AuthorBot) == Some(1));
        }
        for (noun, names, slot) in [
            ("role", &self.roles, Slot::AuthorRoles),
            ("channel", &self.channels, Slot::Channel),
            ("label", &self.labels, Slot::AuthorLabels),
        ] {
            for name in names {
                add(
                    format!("{noun} {name}"),
                    any(std::slice::from_ref(name), facts.words(slot)),
                );
            }
        }
        for id in &self.people {
            add(format!("person {id}"), **id == *facts.author);
        }
        tried
    }

    /// What it asks, as text: a part of the rule set's version.
    pub(super) fn canonical(&self) -> String {
        format!(
            "staff {} bots {} roles {:?} channels {:?} labels {:?} people {:?}",
            self.staff, self.bots, self.roles, self.channels, self.labels, self.people
        )
    }
}

fn any(names: &[Box<str>], held: Option<&[String]>) -> bool {
    let Some(held) = held else {
        return false;
    };
    !names.is_empty() && held.iter().any(|word| names.iter().any(|name| **name == **word))
}
