//! Whom a rule does not concern, as questions to the facts.

use crate::catalogue::Slot;
use crate::document::Exempt;
use crate::facts::{Facts, fold_word};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Exemptions {
    staff: bool,
    bots: bool,
    /// Most rules exempt nobody by name.
    named: Option<Box<Named>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
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
        let named = Named {
            roles: names(&exempt.roles),
            channels: names(&exempt.channels),
            labels: names(&exempt.labels),
            people: names(&exempt.people),
        };
        Self {
            staff: exempt.staff == Some(true),
            bots: exempt.bots == Some(true),
            named: (named != Named::default()).then(|| Box::new(named)),
        }
    }

    /// Whether it has to be known which labels somebody bears.
    pub(super) fn names_labels(&self) -> bool {
        self.named.as_ref().is_some_and(|named| !named.labels.is_empty())
    }

    /// Whether any applies.
    pub(crate) fn apply(&self, facts: &Facts) -> bool {
        (self.staff && facts.number(Slot::AuthorStaff) == Some(1))
            || (self.bots && facts.number(Slot::AuthorBot) == Some(1))
            || self.named.as_ref().is_some_and(|named| named.apply(facts))
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
        let Some(named) = &self.named else {
            return tried;
        };
        for (noun, names, slot) in [
            ("role", &named.roles, Slot::AuthorRoles),
            ("channel", &named.channels, Slot::Channel),
            ("label", &named.labels, Slot::AuthorLabels),
        ] {
            for name in names {
                add(
                    format!("{noun} {name}"),
                    any(std::slice::from_ref(name), facts.words(slot)),
                );
            }
        }
        for id in &named.people {
            add(format!("person {id}"), **id == *facts.author);
        }
        tried
    }

    /// What it asks, as text: a part of the rule set's version.
    pub(super) fn canonical(&self) -> String {
        let none = Named::default();
        let Named {
            roles,
            channels,
            labels,
            people,
        } = self.named.as_deref().unwrap_or(&none);
        format!(
            "staff {} bots {} roles {roles:?} channels {channels:?} labels {labels:?} people {people:?}",
            self.staff, self.bots
        )
    }
}

// === impl Named ===

impl Named {
    fn apply(&self, facts: &Facts) -> bool {
        any(&self.roles, facts.words(Slot::AuthorRoles))
            || any(&self.channels, facts.words(Slot::Channel))
            || any(&self.labels, facts.words(Slot::AuthorLabels))
            || self.people.iter().any(|id| **id == *facts.author)
    }
}

fn any(names: &[Box<str>], held: Option<&[String]>) -> bool {
    let Some(held) = held else {
        return false;
    };
    !names.is_empty() && held.iter().any(|word| names.iter().any(|name| **name == **word))
}
