//! `/raid`: whether the community counts as under attack, which its rules may ask for.

use super::Commands;
use super::answers::{Told, until};
use super::input::Input;
use crate::case::{doer, time};
use chrono::{DateTime, Utc};
use lockdown_moderation::words::Tongue;
use serde::Deserialize;
use serde_json::json;

const RAID: &str = "raid";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raised {
    mode: String,
    /// As the audit names them.
    raised_by: String,
    raised_at: DateTime<Utc>,
    #[serde(default)]
    ends_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Listed {
    modes: Vec<Raised>,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn raid_on(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let body = json!({ "mode": RAID, "duration": input.text("duration") });
        let question = self.question(input, "raiseMode").body(body);
        let raised: Raised = self.ask(question, tongue).await?;
        let until = ends(tongue, &raised);
        Ok(Told::done(&tongue.say("raid.on", &[("until", &until)])))
    }

    pub(super) async fn raid_off(&self, input: &Input) -> Result<Told, String> {
        let question = self.question(input, "endMode").param("mode", &RAID);
        let ended = self.route_unless("not_raised", question, input.tongue).await?;
        Ok(match ended {
            Some(_) => Told::done(&input.tongue.say("raid.off", &[])),
            None => Told::nothing(&input.tongue.say("raid.none", &[])),
        })
    }

    pub(super) async fn raid_status(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let listed: Listed = self.ask(self.question(input, "listModes"), tongue).await?;
        if listed.modes.is_empty() {
            return Ok(Told::nothing(&tongue.say("raid.none", &[])));
        }
        let line = |raised: &Raised| {
            let (by, since, until) = (
                doer(tongue, &raised.raised_by),
                time(raised.raised_at, 'R'),
                ends(tongue, raised),
            );
            let key = if raised.mode == RAID {
                "raid.is"
            } else {
                "raid.closed"
            };
            tongue.say(key, &[("by", &by), ("since", &since), ("until", &until)])
        };
        let lines: Vec<String> = listed.modes.iter().map(line).collect();
        Ok(Told::plain(String::new()).with_lines(lines))
    }
}

fn ends(tongue: &Tongue, raised: &Raised) -> String {
    raised.ends_at.map_or_else(String::new, |at| until(tongue, at))
}
