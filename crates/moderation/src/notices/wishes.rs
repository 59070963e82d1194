//! What somebody wants to be told of, and when: at once, later, or not at all.

use crate::daytime::Daytime;
use crate::settings::{BadSetting, Zone, zone};
use chrono::{DateTime, Utc};
use lockdown_events::{NotificationKind, NotificationLevel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What somebody chose for the notifications of one community.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "NotificationWishes")]
pub struct Wishes {
    /// What they are told by direct message; nothing, where they never chose it.
    pub direct: Vec<NotificationKind>,
    /// What does not show on their dashboard.
    pub hidden: Vec<NotificationKind>,
    /// What comes in these hours is told after them, as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// When all that came is told as one; each is told when it comes, without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Daytime>,
    /// By which clock, as a name of the IANA database; the community's without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Whether what is urgent comes at once all the same.
    pub urgent_at_once: bool,
}

/// Hours in which somebody is told nothing; over midnight where the end is before the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "QuietHours")]
pub struct Quiet {
    pub from: Daytime,
    pub to: Daytime,
}

/// When somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Now,
    At(DateTime<Utc>),
    Never,
}

// === impl Quiet ===

impl Quiet {
    /// When the quiet hours end in which a moment lies; `None` when it lies in none.
    pub fn until(self, zone: Zone, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let time = Daytime::of(at, zone);
        let is_quiet = if self.from <= self.to {
            (self.from..self.to).contains(&time)
        } else {
            time >= self.from || time < self.to
        };
        is_quiet.then(|| self.to.next(zone, at))
    }
}

// === impl Wishes ===

impl Wishes {
    /// What is wrong with them, if anything.
    pub fn check(&self) -> Result<(), BadSetting> {
        let bad = |path: &str, message: &str| {
            Err(BadSetting {
                path: path.to_owned(),
                message: message.to_owned(),
            })
        };
        if self.timezone.as_deref().is_some_and(|name| zone(name).is_none()) {
            return bad(
                "timezone",
                "a timezone is a name such as `UTC` or `Europe/Berlin`",
            );
        }
        if self.quiet.is_some_and(|quiet| quiet.from == quiet.to) {
            return bad("quiet.to", "quiet hours end at another time than they begin");
        }
        Ok(())
    }

    /// The clock they go by; that of the community where they chose none.
    pub fn zone(&self, community: Zone) -> Zone {
        self.timezone.as_deref().and_then(zone).unwrap_or(community)
    }

    /// When they are told by direct message of something that comes now. `community` is the clock there.
    pub fn when(
        &self,
        kind: NotificationKind,
        level: NotificationLevel,
        community: Zone,
        now: DateTime<Utc>,
    ) -> When {
        if !self.direct.contains(&kind) {
            return When::Never;
        }
        if self.urgent_at_once && level == NotificationLevel::Urgent {
            return When::Now;
        }
        let zone = self.zone(community);
        let told = self.digest.map_or(now, |digest| digest.next(zone, now));
        let told = self.quiet_until(level, community, told).unwrap_or(told);
        if told > now { When::At(told) } else { When::Now }
    }

    /// When the quiet hours end that keep something of this level from being told at a time.
    pub fn quiet_until(
        &self,
        level: NotificationLevel,
        community: Zone,
        at: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let quiet = self
            .quiet
            .filter(|_| !(self.urgent_at_once && level == NotificationLevel::Urgent))?;
        quiet.until(self.zone(community), at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NotificationLevel::{Info, Urgent};
    use serde_json::{Value, json};

    fn wishes(text: &Value) -> Wishes {
        serde_json::from_value(text.clone()).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// What becomes of an alert that comes at a time.
    fn told(text: &Value, level: NotificationLevel, now: &str) -> When {
        let now = at(now);
        wishes(text).when(NotificationKind::Alert, level, Zone::UTC, now)
    }

    #[test]
    fn nobody_is_told_what_they_did_not_choose() {
        let noon = "2026-11-20T12:00:00Z";
        assert_eq!(told(&json!({}), Urgent, noon), When::Never);
        assert_eq!(told(&json!({ "direct": ["review"] }), Urgent, noon), When::Never);
        assert_eq!(
            told(&json!({ "direct": ["review", "alert"] }), Info, noon),
            When::Now
        );
    }

    #[test]
    fn quiet_hours_are_waited_for_by_the_clock_that_was_chosen() {
        let night = json!({ "direct": ["alert"], "quiet": { "from": "22:00", "to": "07:00" } });
        let there = json!({ "direct": ["alert"], "quiet": { "from": "22:00", "to": "07:00" },
            "timezone": "America/New_York" });
        let lunch = json!({ "direct": ["alert"], "quiet": { "from": "12:00", "to": "13:30" } });
        for (wishes, now, expected) in [
            (&night, "2026-11-20T21:59:59Z", When::Now),
            (
                &night,
                "2026-11-20T22:00:00Z",
                When::At(at("2026-11-21T07:00:00Z")),
            ),
            (
                &night,
                "2026-11-21T06:59:59Z",
                When::At(at("2026-11-21T07:00:00Z")),
            ),
            (&night, "2026-11-21T07:00:00Z", When::Now),
            (&there, "2026-11-20T22:00:00Z", When::Now),
            (
                &there,
                "2026-11-21T03:00:00Z",
                When::At(at("2026-11-21T12:00:00Z")),
            ),
            (
                &lunch,
                "2026-11-20T12:30:00Z",
                When::At(at("2026-11-20T13:30:00Z")),
            ),
            (&lunch, "2026-11-20T13:30:00Z", When::Now),
        ] {
            assert_eq!(told(wishes, Urgent, now), expected, "{wishes} at {now}");
        }
    }

    #[test]
    fn a_digest_waits_for_its_hour_and_for_the_end_of_quiet_ones() {
        let digest = json!({ "direct": ["alert"], "digest": "18:00" });
        let early =
            json!({ "direct": ["alert"], "digest": "06:00", "quiet": { "from": "22:00", "to": "07:00" } });
        assert_eq!(
            told(&digest, Info, "2026-11-20T18:00:01Z"),
            When::At(at("2026-11-21T18:00:00Z"))
        );
        assert_eq!(told(&digest, Info, "2026-11-20T18:00:00Z"), When::Now);
        assert_eq!(
            told(&early, Info, "2026-11-20T12:00:00Z"),
            When::At(at("2026-11-21T07:00:00Z"))
        );
    }

    #[test]
    fn what_is_urgent_waits_for_nothing_where_that_was_chosen() {
        let wishes = json!({ "direct": ["alert"], "digest": "18:00", "quiet": { "from": "22:00", "to": "07:00" },
            "urgentAtOnce": true });
        assert_eq!(told(&wishes, Urgent, "2026-11-20T23:00:00Z"), When::Now);
        assert_eq!(
            told(&wishes, Info, "2026-11-20T23:00:00Z"),
            When::At(at("2026-11-21T18:00:00Z"))
        );
    }

    #[test]
    fn wishes_that_cannot_be_are_named() {
        let path = |text: Value| wishes(&text).check().unwrap_err().path;
        assert_eq!(path(json!({ "timezone": "Mars" })), "timezone");
        assert_eq!(
            path(json!({ "quiet": { "from": "07:00", "to": "07:00" } })),
            "quiet.to"
        );
        assert_eq!(wishes(&json!({})).check(), Ok(()));
        assert!(serde_json::from_value::<Wishes>(json!({ "digest": "late" })).is_err());
        assert!(serde_json::from_value::<Wishes>(json!({ "directly": [] })).is_err());
    }
}
