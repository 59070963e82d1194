//! What is said in a group when somebody goes whom a federation has banned, and who came or wrote there all the same.

use crate::commands::{Commands, GROUP, OUTCOME_STAYS};
use crate::speaker::{Line, unlinked};
use lockdown_bus::{Did, HandlerError, OnceError, Received};
use lockdown_events::{Decision, Event, ModerationEvent, Platform};
use lockdown_moderation::federation;
use lockdown_moderation::words::With;
use lockdown_runtime::chain;
use std::sync::Arc;

// === impl Commands ===

impl Commands {
    /// What is done in all groups at once is nobody's news there; it says so by telling nobody.
    pub(in crate::commands) async fn sighted(
        self: &Arc<Self>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        let Event::Moderation(ModerationEvent::BanCreated(decision)) = &received.event else {
            return Ok(());
        };
        let is_theirs = decision.rule.as_deref().and_then(federation::of_rule).is_some();
        if decision.platform != Platform::Telegram || !is_theirs || decision.notify == Some(false) {
            return Ok(());
        }
        if self
            .speaker
            .settings(&decision.guild_id)
            .await
            .telegram
            .quiet_federation
        {
            return Ok(());
        }
        let event = received.envelope.event_id.follow_up("sighted");
        let running = self.bus.once().run(GROUP, event, |_| async {
            let (this, decision) = (Arc::clone(self), decision.clone());
            tokio::spawn(async move { this.say_gone(&decision).await });
            Ok::<_, std::convert::Infallible>(())
        });
        match running.await {
            Ok(Did::Now(()) | Did::Before) => Ok(()),
            Err(OnceError::Effect(never)) => match never {},
            Err(error) => Err(HandlerError::Again(chain(&error))),
        }
    }

    /// Says it once Telegram has done it.
    async fn say_gone(&self, decision: &Decision) {
        let guild = &decision.guild_id;
        let told = self.answered(guild, decision.case_number).await;
        if told.is_none_or(|told| told.state != "applied") {
            return;
        }
        let tongue = self.speaker.tongue(guild).await;
        let name = unlinked(&self.name(&decision.user_id));
        let reason = decision.reason.as_deref().unwrap_or_default();
        let words: With<'_> = &[
            ("name", &name),
            ("reason", &reason),
            ("case", &decision.case_number),
        ];
        let line = Line {
            words: tongue.say("fed.removed", words),
            ..Line::default()
        };
        if let Err(error) = self.speaker.say(guild, &line.staying(OUTCOME_STAYS)).await {
            tracing::warn!(%guild, "Could not say whom a federation has banned: {error}");
        }
    }
}
