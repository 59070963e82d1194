//! The line of a case, as it is now.

use super::{Log, PRESS, Place};
use crate::ask::Unanswered;
use crate::client::CallError;
use crate::speaker::Line;
use lockdown_events::{GuildId, MessageId};
use lockdown_moderation::words::{Tongue, With};
use lockdown_runtime::chain;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the line of a case is changed with it.
const CHANGES: Duration = Duration::from_secs(30 * 24 * 3600);

// === impl Log ===

impl Log {
    pub(super) async fn tell_at(
        &self,
        place: &Place,
        guild: &GuildId,
        number: u64,
        new: bool,
    ) -> Result<(), String> {
        let name = format!("telegram.log/{guild}/{number}");
        let stands = self.due.read(&name).await.map_err(|error| chain(&error))?;
        let stands = stands.and_then(|stands| serde_json::from_str::<(GuildId, MessageId)>(&stands).ok());
        if stands.is_none() && !new {
            return Ok(());
        }
        let case = match self.asking.case(guild, number).await {
            Ok(case) => case,
            Err(Unanswered::Refused(_)) => return Ok(()),
            Err(Unanswered::Away(words)) => return Err(words),
        };
        let tongue = self.speaker.tongue(guild).await;
        let parts = match case.case["evidence"][0]["messageId"].as_str() {
            Some(message) => self.parts_of(guild, message).await,
            None => None,
        };
        let line = self.line(tongue, guild, number, &case.case, parts.as_deref());
        let done = match &stands {
            Some((chat, message)) => self.speaker.change(chat, message, &line).await.map(|()| None),
            None => self.speaker.say(&place.chat, &line).await,
        };
        match done {
            Ok(Some(message)) => {
                let stands = json!([place.chat, message]).to_string();
                let noted = self.due.note(&name, &stands, CHANGES).await;
                noted.map_err(|error| chain(&error))
            }
            Ok(None) => Ok(()),
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => Err(chain(&error)),
            Err(error) => {
                tracing::warn!(%guild, chat = %place.chat, "Could not tell of a case: {}", chain(&error));
                Ok(())
            }
        }
    }

    fn line(&self, tongue: &Tongue, guild: &GuildId, number: u64, case: &Value, parts: Option<&str>) -> Line {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let past = tongue
            .find(&format!("past.{}", text("action")))
            .unwrap_or_else(|| text("action").to_owned());
        let told: With<'_> = &[
            ("case", &number),
            ("what", &past),
            ("name", &self.name(text("userId"))),
            ("id", &text("userId")),
        ];
        let mut lines = vec![tongue.say("log.case", told)];
        let by = match case["moderatorId"].as_str() {
            Some(moderator) => self.name(moderator),
            None => text("actor").to_owned(),
        };
        lines.push(tongue.say("log.by", &[("by", &by)]));
        if let Some(reason) = case["reason"].as_str() {
            lines.push(tongue.say("log.reason", &[("reason", &reason)]));
        }
        if let Some(parts) = parts {
            lines.push(tongue.say("log.seen", &[("seen", &parts)]));
        }
        if let Some(until) = case["expiresAt"].as_str() {
            let until = super::shown(until) + " UTC";
            lines.push(tongue.say("log.until", &[("until", &until)]));
        }
        match text("state") {
            "failed" => {
                let why = case["error"].as_str().unwrap_or_default();
                lines.push(tongue.say("log.state_failed", &[("why", &why)]));
            }
            state => lines.extend(tongue.find(&format!("log.state_{state}"))),
        }
        let button = |key: &str, what: &str| {
            let data = format!("{PRESS}{what}:{number}:{guild}");
            (tongue.say(key, &[]), data)
        };
        let mut row = vec![button("log.show", "case"), button("log.explain", "explain")];
        let stands = matches!(text("state"), "requested" | "applied");
        if stands {
            row.insert(0, button("log.undo", "undo"));
        }
        let mut buttons = vec![row];
        if stands && case["evidence"].get(0).is_some() {
            buttons.push(vec![button("log.not_spam", "notspam")]);
        }
        Line {
            words: lines.join("\n"),
            buttons,
            ..Line::default()
        }
    }
}
