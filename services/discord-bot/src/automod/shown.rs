//! What AutoMod does of the rules, in words for moderators.

use super::plan::{Left, Why};
use crate::words::escape;
use lockdown_moderation::words::Tongue;
use lockdown_policy::NotNative;
use std::collections::{BTreeMap, HashSet};

/// What AutoMod does of a guild's rules.
pub(crate) struct Shown {
    /// The rules of which it does at least a part.
    pub(super) first: HashSet<String>,
    pub(super) left: BTreeMap<String, Left>,
}

// === impl Shown ===

impl Shown {
    /// What it does of one rule; `None` where nothing is known of it.
    pub(crate) fn of(&self, rule: &str, tongue: &Tongue) -> Option<String> {
        match self.left.get(rule) {
            Some(Left::All(why)) => Some(tongue.say("automod.not", &[("why", &why.say(tongue)?)])),
            Some(Left::Part(count)) => Some(tongue.count("automod.part", *count as u64, &[])),
            None if self.first.contains(rule) => Some(tongue.say("automod.first", &[])),
            None => None,
        }
    }

    /// What could be otherwise: the guild's own rules take the place, or something is beyond what Discord takes.
    pub(crate) fn faults(&self, tongue: &Tongue) -> Vec<String> {
        let fault = |(rule, left): (&String, &Left)| {
            let Left::All(why) = left else { return None };
            if matches!(why, Why::Rule(_)) {
                return None;
            }
            let why = why.say(tongue)?;
            Some(tongue.say("doctor.automod", &[("rule", &escape(rule)), ("why", &why)]))
        };
        self.left.iter().filter_map(fault).collect()
    }
}

// === impl Why ===

impl Why {
    /// `None` where there is nothing to explain.
    fn say(&self, tongue: &Tongue) -> Option<String> {
        Some(match self {
            Self::Rule(NotNative::Quiet) => return None,
            Self::Rule(NotNative::Asks(what)) => tongue.say("automod.why.asks", &[("what", &escape(what))]),
            Self::Rule(why) => tongue.say(&format!("automod.why.{}", why.as_str()), &[]),
            Self::Exempt => tongue.say("automod.why.exempt", &[]),
            Self::Beyond => tongue.say("automod.why.beyond", &[]),
            Self::NoRoom => tongue.say("automod.why.no_room", &[]),
            Self::Refused(what) => tongue.say("automod.why.refused", &[("what", &escape(what))]),
        })
    }
}
