//! What the rules did, and what they saw.

use super::Log;
use super::why::why;
use crate::client::{CallError, Class};
use crate::speaker::Line;
use chrono::TimeDelta;
use lockdown_bus::Received;
use lockdown_events::{GuildId, MessageId, Verdict, VerdictMode};
use lockdown_moderation::LogCategory;
use lockdown_moderation::words::With;
use lockdown_runtime::chain;
use std::time::Duration;
use teloxide::payloads::ForwardMessages;
use teloxide::prelude::ChatId;
use teloxide::types;

/// A deletion of longer ago is not told: there were more than Telegram lets us tell.
const STALE: TimeDelta = TimeDelta::minutes(2);
/// Verdicts that become a case are told as one.
const CASES: [&str; 5] = ["warn", "strike", "timeout", "kick", "ban"];
/// How long what a verdict saw waits for the case.
const PARTS: Duration = Duration::from_secs(24 * 3600);

fn parts(guild: &GuildId, message: &str) -> String {
    format!("telegram.parts/{guild}/{message}")
}

// === impl Log ===

impl Log {
    /// A verdict that becomes no case: something was deleted.
    pub(super) async fn tell_verdict(&self, received: &Received, verdict: &Verdict) -> Result<(), String> {
        let acts = |words: &[&str]| {
            verdict
                .actions
                .iter()
                .any(|act| words.contains(&act.act.as_str()))
        };
        if verdict.mode == VerdictMode::Live && acts(&CASES) {
            return self.keep_parts(verdict).await;
        }
        let told = verdict.mode == VerdictMode::Live && acts(&["delete"]);
        if !told || self.clock.now() - received.envelope.timestamp > STALE {
            return Ok(());
        }
        let Some(place) = self.place(&verdict.guild_id).await else {
            return Ok(());
        };
        if !place.tells(LogCategory::Rules) {
            return Ok(());
        }
        let tongue = self.speaker.tongue(&verdict.guild_id).await;
        let rules: Vec<&str> = verdict.rules.iter().map(|hit| hit.rule.as_str()).collect();
        let told: With<'_> = &[
            ("rules", &rules.join(", ")),
            ("name", &self.name(verdict.user_id.as_str())),
            ("id", &verdict.user_id),
            ("trace", &verdict.trace_id),
        ];
        let mut words = tongue.say("log.verdict", told);
        if let Some(seen) = why(tongue, verdict) {
            words.push('\n');
            words.push_str(&tongue.say("log.seen", &[("seen", &seen)]));
        }
        let line = Line {
            words,
            ..Line::default()
        };
        match self.speaker.say(&place.chat, &line).await {
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => Err(chain(&error)),
            Err(error) => {
                tracing::warn!(guild = %verdict.guild_id, "Could not tell of a verdict: {}", chain(&error));
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// What a verdict saw is told with the case that comes of it.
    async fn keep_parts(&self, verdict: &Verdict) -> Result<(), String> {
        let tongue = self.speaker.tongue(&verdict.guild_id).await;
        let (Some(message), Some(seen)) = (&verdict.message_id, why(tongue, verdict)) else {
            return Ok(());
        };
        if self.place(&verdict.guild_id).await.is_none() {
            return Ok(());
        }
        let name = parts(&verdict.guild_id, message.as_str());
        let noted = self.due.note(&name, &seen, PARTS).await;
        noted.map_err(|error| chain(&error))
    }

    /// What the verdict on a message saw, if there was one of late.
    pub(super) async fn parts_of(&self, guild: &GuildId, message: &str) -> Option<String> {
        self.due.read(&parts(guild, message)).await.ok().flatten()
    }

    /// Shows in the log chat what is about to be deleted. Nobody waits for Telegram to let us: when it is told too much
    /// already, the records have the text all the same.
    pub(crate) async fn keep_evidence(&self, guild: &GuildId, messages: &[MessageId]) {
        let Some(place) = self.place(guild).await else {
            return;
        };
        if !place.tells(LogCategory::Rules) {
            return;
        }
        let (Ok(from), Ok(to)) = (self.client.chat_of_messages(guild), self.client.chat(&place.chat)) else {
            return;
        };
        let mut numbers: Vec<i32> = messages
            .iter()
            .filter_map(|message| message.as_str().parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        for batch in numbers.chunks(crate::sweeper::AT_ONCE) {
            let make = |to: ChatId| {
                let ids = batch.iter().map(|number| types::MessageId(*number));
                let mut forward = ForwardMessages::new(to, from, ids);
                forward.disable_notification = Some(true);
                forward
            };
            if let Err(error) = self.client.call_now(Class::Notice, to, make).await {
                metrics::counter!("lockdown_telegram_evidence_lost_total").increment(1);
                tracing::info!(%guild, "What is deleted was not shown before: {error}");
            }
        }
    }
}
