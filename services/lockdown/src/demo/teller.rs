//! What LOCKDOWN does, as it does it: heard on the bus, told in a line.

use anyhow::Context as _;
use lockdown_bus::{Bus, Heard, ListenOptions};
use lockdown_events::{
    Action, Decision, DirectMessage, Envelope, Event, ModerationEvent, ModerationLog, Outcome, Platform,
    UserId,
};
use lockdown_runtime::Context;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nothing more comes when nothing came for so long.
const QUIET: Duration = Duration::from_millis(400);

pub(super) struct Teller {
    told: Arc<AtomicU64>,
}

struct Telling {
    names: HashMap<(Platform, String), &'static str>,
    /// Decisions that no platform has answered yet.
    open: HashMap<(Platform, u64), String>,
}

/// A line of somebody, or of LOCKDOWN itself.
pub(super) fn line(place: &str, who: &str, what: &str) {
    println!("   {place:<10} {who:<9} {what}");
}

// === impl Teller ===

impl Teller {
    /// Tells from now on, until the process stops.
    pub(super) async fn listen(
        ctx: &Context,
        bus: &Bus,
        names: HashMap<(Platform, String), &'static str>,
    ) -> anyhow::Result<Self> {
        let channels = ["moderation:*", "ban:*", "kick:*", "mute:*", "warning:*", "note:*"];
        let mut heard = bus
            .live()
            .subscribe(&channels, &ListenOptions::default())
            .await
            .context("could not listen to what is done")?;
        let (stop, told) = (ctx.shutdown.soft_token(), Arc::new(AtomicU64::new(0)));
        let (counting, shutdown) = (Arc::clone(&told), ctx.shutdown.clone());
        let mut telling = Telling {
            names,
            open: HashMap::new(),
        };
        ctx.tasks.spawn("teller", async move {
            while let Some(Some(said)) = stop.run_until_cancelled(heard.next()).await {
                if let Heard::Said(said) = said
                    && let Ok(envelope) = said.envelope()
                {
                    telling.tell(&envelope);
                    counting.fetch_add(1, Ordering::Relaxed);
                }
            }
            shutdown.soft().await;
            Ok(())
        });
        Ok(Self { told })
    }

    /// Returns when nothing more is told.
    pub(super) async fn caught_up(&self) {
        let mut before = self.told.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.told.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
        }
    }
}

// === impl Telling ===

impl Telling {
    fn tell(&mut self, envelope: &Envelope) {
        let Ok(Event::Moderation(event)) = envelope.event() else {
            return;
        };
        match event {
            ModerationEvent::Log(log) => self.answered(&log),
            ModerationEvent::BanCreated(decision) => self.decided(&decision, "banned"),
            ModerationEvent::BanRemoved(decision) => self.decided(&decision, "unbanned"),
            ModerationEvent::KickExecuted(decision) => self.decided(&decision, "kicked"),
            ModerationEvent::MuteApplied(decision) => self.decided(&decision, "muted"),
            ModerationEvent::MuteRemoved(decision) => self.decided(&decision, "unmuted"),
            ModerationEvent::WarningAdded(decision) => self.decided(&decision, "warned"),
            ModerationEvent::WarningRemoved(decision) => self.decided(&decision, "took a warning back from"),
            ModerationEvent::NoteAdded(decision) => self.decided(&decision, "noted of"),
            _ => {}
        }
    }

    fn name(&self, platform: Platform, user: &UserId) -> &str {
        let known = self.names.get(&(platform, user.as_str().to_owned()));
        known.copied().unwrap_or("somebody")
    }

    fn decided(&mut self, decision: &Decision, did: &str) {
        let whom = self.name(decision.platform, &decision.user_id);
        let until = match decision.expires_at {
            Some(at) => format!(" until {}", at.format("%F %H:%M UTC")),
            None => String::new(),
        };
        let by = match (&decision.rule, &decision.moderator_id) {
            (Some(rule), _) => format!("the rule `{rule}`"),
            (None, Some(moderator)) => self.name(decision.platform, moderator).to_owned(),
            (None, None) => "LOCKDOWN itself".to_owned(),
        };
        let number = decision.case_number;
        let what = format!("{by} {did} {whom}{until} · case {number}");
        // What was seen on the platform is done already, and a note is on record only.
        if decision.origin == Some(lockdown_events::Origin::Native) || decision.action == Some(Action::Note) {
            line("", "LOCKDOWN", &format!("on record: {what}"));
            return;
        }
        self.open.insert((decision.platform, number), what);
    }

    fn answered(&mut self, log: &ModerationLog) {
        let Some(what) = self.open.remove(&(log.platform, log.case_number)) else {
            return;
        };
        let told = match log.notified {
            Some(DirectMessage::Sent) => ", who was told why",
            Some(DirectMessage::Closed) => ", who takes no messages",
            _ => "",
        };
        match log.outcome {
            Outcome::Applied => line("", "LOCKDOWN", &format!("{what}{told}")),
            Outcome::Superseded => line("", "LOCKDOWN", &format!("{what}: overtaken by a newer decision")),
            Outcome::Failed => {
                let why = log.error.as_deref().unwrap_or("the platform gave no reason");
                line("", "LOCKDOWN", &format!("{what}: NOT done: {why}"));
            }
        }
    }
}
