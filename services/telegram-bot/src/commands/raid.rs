//! Raids: a community that is under attack lets nobody new stay. Two rules of the community's say so: `raid-joins` bans for a time
//! who comes while the mode `raid` is in force, and `auto-raid` raises it when too many come at once.

use super::deed::Raid;
use super::parse::{Command, yes_or_no};
use super::rulebook::{Punishment, rule};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::ask::{Route, Unanswered};
use crate::speaker::Line;
use lockdown_events::{GuildId, UserId};
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{Span, TelegramSettings};
use lockdown_policy::amend::{self, ByHand};
use lockdown_policy::show_duration;
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The names of the rules.
const JOINS: &str = "raid-joins";
const AUTO: &str = "auto-raid";
const WHEN: &str = "guild.mode == raid";
/// How long who comes meanwhile is kept out.
const BAN: &str = "ban 1h";
/// How many within a minute can be too many.
const COUNTS: RangeInclusive<u32> = 3..=1_000;

// === impl Commands ===

impl Commands {
    pub(super) async fn raid(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Raid,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let text = command.reason.as_deref().unwrap_or_default().to_lowercase();
        let (fewest, most) = (COUNTS.start(), COUNTS.end());
        let usage = || No::Words(tongue.say("raid.usage", &[("fewest", fewest), ("most", most)]));
        let off = text == "0" || yes_or_no(&text) == Some(false);
        match what {
            _ if text.is_empty() => {}
            Raid::Mode if off => self.end_raid(guild, by).await?,
            Raid::Mode => {
                let lasts = match yes_or_no(&text) {
                    Some(_) => self.raid_lasts(guild).await,
                    None => span(&text).ok_or_else(usage)?,
                };
                self.change_rules(guild, by, |rules| with_joins(rules, None))
                    .await?;
                let raise = Route {
                    body: Some(json!({ "mode": "raid", "duration": lasts })),
                    key: Some(format!("telegram:raid:{}", said.event)),
                    ..Route::new(guild, by, "raiseMode")
                };
                self.asking.route(raise).await?;
            }
            Raid::ActionTime => {
                let time = span(&text).ok_or_else(usage)?;
                let ban = format!("ban {time}");
                self.change_rules(guild, by, |rules| with_joins(rules, Some(&ban)))
                    .await?;
            }
            Raid::Auto => {
                let count = text.parse().ok().filter(|count| COUNTS.contains(count));
                if !off && count.is_none() {
                    return Err(usage().into());
                }
                let lasts = self.raid_lasts(guild).await;
                self.change_rules(guild, by, |rules| with_auto(rules, count, &lasts))
                    .await?;
            }
            Raid::Time => {
                let span: Span = text.parse().map_err(|_| usage())?;
                let seconds = span.delta().num_seconds().unsigned_abs();
                if !TelegramSettings::RAID_TIMES.contains(&seconds) {
                    return Err(usage().into());
                }
                let change = [("telegram.raidSeconds", json!(seconds))];
                self.asking.choose(guild, by, &change).await?;
                self.speaker.chosen(guild);
                let lasts = show_duration(span.delta().num_milliseconds());
                self.change_rules(guild, by, |rules| match auto(rules) {
                    None => Ok(rules.to_owned()),
                    count => with_auto(rules, count, &lasts),
                })
                .await?;
            }
        }
        let listed = self.asking.route(Route::new(guild, by, "listModes")).await?;
        let modes = listed.body.unwrap_or_default();
        let rules = self.rules(guild, by).await?.0;
        let mut words = state(&modes, &rules, tongue);
        if what == Raid::Time {
            let seconds = self.speaker.settings(guild).await.telegram.raid_seconds;
            let time = tongue.span(crate::words::seconds(seconds));
            words = format!("{words}\n{}", tongue.say("raid.lasts", &[("time", &time)]));
        }
        let line = Line::answer(&said.message, words).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }

    /// How long a raid lasts where nobody says it, as rules write it.
    async fn raid_lasts(&self, guild: &GuildId) -> String {
        let seconds = self.speaker.settings(guild).await.telegram.raid_seconds;
        let span = crate::words::seconds(seconds);
        show_duration(span.delta().num_milliseconds())
    }

    /// It is over, whoever said that it began. Where it is not in force, nothing is to be done.
    async fn end_raid(&self, guild: &GuildId, by: &UserId) -> Result<(), Stop> {
        let params = [("mode", "raid".to_owned())];
        let end = Route {
            params: &params,
            ..Route::new(guild, by, "endMode")
        };
        match self.asking.route(end).await {
            Err(Unanswered::Refused(refused)) if refused.code == "not_raised" => Ok(()),
            ended => Ok(ended.map(drop)?),
        }
    }
}

/// A length of time as rules write it.
fn span(text: &str) -> Option<String> {
    let span: Span = text.parse().ok()?;
    Some(show_duration(span.delta().num_milliseconds()))
}

/// What a rule does.
fn then(rules: &str, id: &str) -> Option<Vec<String>> {
    let (_, rule) = amend::rules(rules).into_iter().find(|(known, _)| known == id)?;
    Some(amend::texts(&rule["then"]))
}

/// The rules with the one that keeps people out; what it does is left where nothing else is said.
fn with_joins(rules: &str, ban: Option<&str>) -> Result<String, ByHand> {
    if ban.is_none() && then(rules, JOINS).is_some() {
        return Ok(rules.to_owned());
    }
    let lines = rule(&["join"], Some(WHEN), None, &[ban.unwrap_or(BAN).to_owned()]);
    amend::with_rule(rules, JOINS, Some(&lines))
}

/// The rules with the one that raises the mode when so many come within a minute, or without it.
fn with_auto(rules: &str, count: Option<u32>, lasts: &str) -> Result<String, ByHand> {
    let Some(count) = count else {
        return amend::with_rule(rules, AUTO, None);
    };
    let counts = format!("of: [guild], distinct: author, within: 1m, at_least: {count}");
    let lines = rule(&["join"], None, Some(&counts), &[format!("raise raid {lasts}")]);
    with_joins(&amend::with_rule(rules, AUTO, Some(&lines))?, None)
}

/// From how many within a minute it begins by itself, if it does.
fn auto(rules: &str) -> Option<u32> {
    let (_, rule) = amend::rules(rules).into_iter().find(|(id, _)| id == AUTO)?;
    rule["count"]["at_least"].as_str()?.parse().ok()
}

fn state(modes: &Value, rules: &str, tongue: &Tongue) -> String {
    let modes = modes["modes"].as_array().map_or(&[][..], Vec::as_slice);
    let raised = modes.iter().find(|mode| mode["mode"] == "raid");
    let mode = match raised.map(|mode| mode["endsAt"].as_str()) {
        None => tongue.say("raid.off", &[]),
        Some(None) => tongue.say("raid.on", &[]),
        Some(Some(until)) => {
            let until = until.get(..16).unwrap_or(until).replace('T', " ");
            tongue.say("raid.on_until", &[("until", &until)])
        }
    };
    let joins = then(rules, JOINS).and_then(|then| Punishment::of(&then).word());
    let joins = joins.map(|mode| tongue.say("raid.joins", &[("mode", &mode)]));
    let auto = auto(rules).map(|count| tongue.say("raid.auto", &[("count", &count)]));
    let parts = [Some(mode), joins, auto];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "version: 1\nrules: []\n";

    #[test]
    fn a_raid_is_two_rules() {
        let first = with_auto(NONE, Some(12), "6h").unwrap();
        assert_eq!(then(&first, AUTO).unwrap(), ["raise raid 6h"]);
        assert_eq!(then(&first, JOINS).unwrap(), ["ban 1h"]);
        let longer = with_joins(&first, Some("ban 8h")).unwrap();
        // What somebody chose is left as it is.
        let again = with_auto(&longer, Some(20), "1d").unwrap();
        assert_eq!(then(&again, JOINS).unwrap(), ["ban 8h"]);
        assert_eq!(
            (auto(&again), then(&again, AUTO).unwrap()),
            (Some(20), vec!["raise raid 1d".to_owned()])
        );
        let off = with_auto(&again, None, "1d").unwrap();
        assert_eq!((then(&off, AUTO), then(&off, JOINS).unwrap().len()), (None, 1));
    }
}
