//! Floods: so many messages of one person in so short a time. It is the rule `flood` of the community's rules.

use super::deed::Flood;
use super::parse::{Command, yes_or_no};
use super::rulebook::{Punishment, rule};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use lockdown_moderation::Span;
use lockdown_moderation::words::Tongue;
use lockdown_policy::amend::{self, ByHand};
use lockdown_policy::show_duration;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The name of the rule.
const NAME: &str = "flood";
/// How many messages can be too many: fewer are what anybody writes.
const COUNTS: RangeInclusive<u32> = 3..=100;
/// The longest time in which they count, in seconds.
const LONGEST: i64 = 3_600;
const DELETES: &str = "delete counted";

/// When it is a flood, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Limit {
    count: u32,
    within: String,
    punishment: Punishment,
    clears: bool,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn flood(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Flood,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let text = command.reason.as_deref().unwrap_or_default().to_lowercase();
        let rules = if what == Flood::Show || text.is_empty() {
            self.rules(guild, by).await?.0
        } else {
            let (fewest, most) = (COUNTS.start(), COUNTS.end());
            let usage = || No::Words(tongue.say("flood.usage", &[("fewest", fewest), ("most", most)]));
            changed(Some(Limit::default()), what, &text).map_err(|()| usage())?;
            let change = |rules: &str| {
                let before = Limit::of(rules);
                let after = changed(before.clone(), what, &text).unwrap_or(before);
                with(rules, after.as_ref())
            };
            let rules = self.change_rules(guild, by, change).await?;
            self.did(said, "setflood", 1).await?;
            rules
        };
        let words = state(Limit::of(&rules).as_ref(), tongue);
        let line = Line::answer(&said.message, words).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }
}

// === impl Limit ===

impl Default for Limit {
    fn default() -> Self {
        Self {
            count: 6,
            within: "5s".to_owned(),
            punishment: Punishment::of(&["timeout 10m".to_owned()]),
            clears: true,
        }
    }
}

impl Limit {
    fn of(rules: &str) -> Option<Self> {
        let (_, rule) = amend::rules(rules).into_iter().find(|(id, _)| id == NAME)?;
        let then = amend::texts(&rule["then"]);
        Some(Self {
            count: rule["count"]["at_least"].as_str()?.parse().ok()?,
            within: rule["count"]["within"].as_str()?.to_owned(),
            punishment: Punishment::of(&then),
            clears: then.iter().any(|act| act == DELETES),
        })
    }
}

/// The limit after a command, if there is one then. What somebody chooses of a limit that there is not, makes one.
fn changed(limit: Option<Limit>, what: Flood, text: &str) -> Result<Option<Limit>, ()> {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next().ok_or(())?, words.next());
    let off = first == "0" || yes_or_no(first) == Some(false);
    let mut limit = limit.unwrap_or_default();
    match what {
        Flood::Show => {}
        Flood::Set | Flood::Timer if off && second.is_none() => return Ok(None),
        Flood::Set | Flood::Timer => {
            let count = first.parse().ok().filter(|count| COUNTS.contains(count));
            limit.count = count.ok_or(())?;
            match second {
                Some(time) => {
                    // Bare numbers are seconds.
                    let time = if time.bytes().all(|letter| letter.is_ascii_digit()) {
                        format!("{time}s")
                    } else {
                        time.to_owned()
                    };
                    let span: Span = time.parse().map_err(|_| ())?;
                    let seconds = span.delta().num_seconds();
                    limit.within = (1..=LONGEST)
                        .contains(&seconds)
                        .then(|| show_duration(seconds * 1_000))
                        .ok_or(())?;
                }
                None if what == Flood::Timer => return Err(()),
                None => {}
            }
        }
        Flood::Mode => {
            limit.punishment = Punishment::read(text).ok_or(())?;
            limit.clears |= !limit.punishment.is_some();
        }
        Flood::Clear => {
            limit.clears = yes_or_no(first) == Some(true);
            if !limit.clears && (!off || !limit.punishment.is_some()) {
                return Err(());
            }
        }
    }
    Ok(Some(limit))
}

fn with(rules: &str, limit: Option<&Limit>) -> Result<String, ByHand> {
    let lines = limit.map(|limit| {
        let count = format!(
            "of: [author], within: {}, at_least: {}",
            limit.within, limit.count
        );
        let deletion = if limit.clears { DELETES } else { "delete" };
        let then = limit.punishment.clone().with(Some(deletion));
        rule(&["message"], None, Some(&count), &then)
    });
    amend::with_rule(rules, NAME, lines.as_deref())
}

fn state(limit: Option<&Limit>, tongue: &Tongue) -> String {
    let Some(limit) = limit else {
        return tongue.say("flood.off", &[]);
    };
    let within: Option<Span> = limit.within.parse().ok();
    let within = within.map_or_else(|| limit.within.clone(), |span| tongue.span(span));
    let what = if limit.clears {
        tongue.say("flood.all_go", &[])
    } else {
        tongue.say("flood.last_goes", &[])
    };
    let words = tongue.say(
        "flood.on",
        &[("count", &limit.count), ("time", &within), ("what", &what)],
    );
    match limit.punishment.word() {
        None => words,
        Some(mode) => format!("{words} {}", tongue.say("flood.mode", &[("mode", &mode)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "version: 1\nrules: []\n";

    fn after(rules: &str, what: Flood, text: &str) -> String {
        with(rules, changed(Limit::of(rules), what, text).unwrap().as_ref()).unwrap()
    }

    #[test]
    fn a_limit_is_a_rule() {
        let seven = after(NONE, Flood::Set, "7");
        assert_eq!(
            Limit::of(&seven),
            Some(Limit {
                count: 7,
                ..Limit::default()
            })
        );
        assert!(
            seven.contains("count: {of: [author], within: 5s, at_least: 7}"),
            "{seven}"
        );
        let slow = after(&seven, Flood::Timer, "10 90");
        let banning = after(&slow, Flood::Mode, "tban 3d");
        let leaving = after(&banning, Flood::Clear, "off");
        assert_eq!(
            Limit::of(&leaving),
            Some(Limit {
                count: 10,
                within: "1m30s".to_owned(),
                punishment: Punishment::read("ban 3d").unwrap(),
                clears: false,
            })
        );
        // Something always follows.
        assert!(Limit::of(&after(&leaving, Flood::Mode, "off")).unwrap().clears);
        assert_eq!(after(&leaving, Flood::Set, "off"), NONE);
        for (what, wrong) in [
            (Flood::Set, "2"),
            (Flood::Set, "many"),
            (Flood::Timer, "7"),
            (Flood::Timer, "7 soon"),
            (Flood::Timer, "7 2d"),
            (Flood::Mode, "mute"),
            (Flood::Clear, "perhaps"),
        ] {
            assert_eq!(changed(Some(Limit::default()), what, wrong), Err(()), "{wrong}");
        }
    }
}
