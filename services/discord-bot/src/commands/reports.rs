//! `/report`, and the two lines of menus that are done at once: a message removed, a report to the moderators.

use super::Commands;
use super::answers::Told;
use super::input::Input;
use crate::effects::permissions::{MANAGE_MESSAGES, READ_MESSAGE_HISTORY};
use crate::modlog::{Report, of};
use crate::words::WORDS;
use lockdown_events::ModerationDeed;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Nobody reports more often.
const BETWEEN: Duration = Duration::from_secs(20);

/// Who reported when. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Reporters {
    last: Arc<Mutex<HashMap<u64, Instant>>>,
}

// === impl Reporters ===

impl Reporters {
    /// Whether somebody may report again, and has done so by this.
    fn admit(&self, user: u64) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, at| now - *at < BETWEEN);
        last.insert(user, now).is_none()
    }
}

// === impl Commands ===

impl Commands {
    /// Anybody may; it is the moderators' to look.
    pub(super) async fn report(&self, input: &Input) -> Result<Told, String> {
        let (tongue, user) = (input.tongue, input.user()?);
        if user == input.moderator.id {
            return Err(tongue.say("report.self", &[]));
        }
        let evidence = input.evidence()?;
        if !self.reporters.admit(input.moderator.number) {
            return Err(tongue.say("report.often", &[]));
        }
        let reason = input.text("reason");
        let settings = self.book.of(&of(&input.guild.id)).await;
        let report = Report {
            guild: &input.guild.id,
            by: &input.moderator.id,
            user: &user,
            channel: &input.channel.id,
            reason: reason.as_deref(),
            evidence: &evidence,
            id: input.id,
        };
        let tongue_there = WORDS.tongue(Some(&settings.locale));
        let written = self.log.report(tongue_there, &settings, &report).await;
        let deed = self.deed(input, "report", Some(input.channel.number));
        self.record(ModerationDeed {
            user_id: Some(user),
            reason,
            ..deed
        })
        .await;
        match written {
            Ok(true) => Ok(Told::done(&tongue.say("report.done", &[]))),
            Ok(false) => Err(tongue.say("report.nowhere", &[])),
            Err(error) => Err(Self::trouble(tongue, &error, input.channel.number, 0)),
        }
    }

    /// The message that a menu was opened on.
    pub(super) async fn remove(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let evidence = input.evidence()?;
        let message = evidence.first().and_then(|one| {
            let channel = one.channel_id.as_ref()?.as_str().parse::<u64>().ok()?;
            Some((channel, one.message_id.as_str().parse::<u64>().ok()?))
        });
        let (channel, message) = message.ok_or_else(|| tongue.say("evidence.wrong", &[]))?;
        self.may(input, channel, MANAGE_MESSAGES, READ_MESSAGE_HISTORY)?;
        let audit = self.audit(input);
        let removed = self
            .discord
            .remove(input.guild.number, channel, &[message], &audit)
            .await;
        removed.map_err(|error| {
            tracing::info!(channel, "A message was not removed by a menu: {error}");
            super::answers::exact(tongue, &error, "purge.failed")
        })?;
        let deed = self.deed(input, "purge", Some(channel));
        self.record(ModerationDeed {
            count: Some(1),
            user_id: input.user().ok(),
            ..deed
        })
        .await;
        Ok(Told::done(&tongue.count("purge.done", 1, &[])))
    }
}
