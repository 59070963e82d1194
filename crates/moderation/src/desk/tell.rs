//! What goes with every change: the audit entry, and the events that tell of it.

use super::error::Stop;
use super::rows::{Kept, Name};
use super::{Ask, Desk};
use chrono::{DateTime, Utc};
use lockdown_events::{
    Action, AuditLogged, BatchId, CorrelationId, Decision, Envelope, Event, EventId, GuildConfig, GuildEvent,
    ModerationEvent, Source,
};
use lockdown_store::Tx;
use lockdown_store::audit::{NewEntry, Personal};
use lockdown_store::guilds::{Guild, GuildKey};
use lockdown_store::people::IdentityId;
use serde_json::Value;

/// One act, as the audit keeps it.
pub(super) struct Entry<'a> {
    pub(super) by: &'a Name,
    pub(super) act: &'a str,
    /// What it was done to: `case:17`.
    pub(super) subject: String,
    pub(super) body: Value,
    /// What can be erased, and whom it is about.
    pub(super) personal: Option<(IdentityId, Value)>,
}

/// What a decision's event says beside the case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extra {
    pub(super) delete_message_seconds: Option<u32>,
    pub(super) notify: Option<bool>,
    pub(super) batch: Option<BatchId>,
}

// === impl Extra ===

impl Extra {
    /// For what is told again: the person has heard of it.
    pub(super) const QUIET: Self = Self {
        delete_message_seconds: None,
        notify: Some(false),
        batch: None,
    };

    pub(super) fn of(ask: &Ask) -> Self {
        Self {
            delete_message_seconds: ask.delete_message_seconds.filter(|seconds| *seconds > 0),
            notify: ask.notify,
            batch: ask.batch,
        }
    }
}

// === impl Desk ===

impl Desk {
    /// Adds to the chain, and tells of it.
    pub(super) async fn audit(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        entry: Entry<'_>,
        chain: Option<&CorrelationId>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let personal = entry
            .personal
            .as_ref()
            .map(|(of, text)| Personal { of: Some(*of), text });
        let written = tx
            .append_audit(&NewEntry {
                guild: guild.id,
                at: now,
                actor_kind: entry.by.kind,
                actor: &entry.by.text,
                act: entry.act,
                subject: &entry.subject,
                body: &entry.body,
                personal,
            })
            .await?;
        let hash = written.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let logged = AuditLogged {
            platform: guild.platform,
            guild_id: guild.native_id.clone(),
            sequence: written.seq,
            actor: written.actor,
            actor_id: entry.by.native.clone(),
            act: written.act,
            subject: written.subject,
            hash,
        };
        let told = Event::Moderation(ModerationEvent::AuditLogged(logged));
        self.publish(tx, guild.id, &told, chain, now).await
    }

    /// Tells of a decision, or once more of one whose end was moved.
    pub(super) async fn tell(
        &self,
        tx: &mut Tx,
        kept: &Kept,
        extra: Extra,
        chain: Option<&CorrelationId>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let told = Event::Moderation(decision(kept, extra));
        self.publish(tx, kept.row.guild_id, &told, chain, now).await
    }

    /// Tells all who go by a guild's configuration that this part of it changed.
    pub(super) async fn tell_config(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        part: &str,
        chain: Option<&CorrelationId>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let version = tx.next_config_version(guild.id).await?;
        let told = GuildEvent::Config(GuildConfig {
            platform: guild.platform,
            guild_id: guild.native_id.clone(),
            version: version.unwrap_or_default(),
            rule_set_hash: None,
            changed: vec![part.to_owned()],
        });
        self.publish(tx, guild.id, &Event::Guild(told), chain, now).await
    }

    pub(super) async fn publish(
        &self,
        tx: &mut Tx,
        guild: GuildKey,
        event: &Event,
        chain: Option<&CorrelationId>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let id = EventId(self.ids.next());
        let envelope = Envelope::new(id, now, Source::Backend, chain.cloned(), event)
            // A case's own texts are bounded; only what is given as evidence could be so large.
            .map_err(|error| Stop::Records(error.to_string()))?;
        Ok(tx.publish(guild, &envelope, now).await?)
    }
}

/// The event of a case. A softban is told as a kick, which says how far back messages go: that is what stands afterwards,
/// a person who is gone and may return. As a ban and its end it would be two decisions, between which a bot could die and
/// leave behind a ban that no case knows.
fn decision(kept: &Kept, extra: Extra) -> ModerationEvent {
    let Kept { case, row } = kept;
    let decision = Decision {
        platform: case.guild.platform,
        guild_id: case.guild.id.clone(),
        id: case.id,
        case_number: case.number.0,
        action: Some(case.action),
        user_id: case.subject.id.clone(),
        moderator_id: case.by.person().map(|person| person.id.clone()),
        reason: row.reason.clone(),
        expires_at: case.ends.at(),
        origin: Some(case.origin),
        delete_message_seconds: extra.delete_message_seconds,
        notify: extra.notify,
        lifts_case_number: case.lifts.map(|lifts| lifts.0),
        batch_id: extra.batch,
        rule: row.rule.clone(),
        rule_set_hash: row.rule_set_hash.clone(),
        trace_id: row.trace_id,
    };
    match case.action {
        Action::Ban => ModerationEvent::BanCreated(decision),
        Action::Unban => ModerationEvent::BanRemoved(decision),
        Action::Kick | Action::Softban => ModerationEvent::KickExecuted(decision),
        Action::Mute => ModerationEvent::MuteApplied(decision),
        Action::Unmute => ModerationEvent::MuteRemoved(decision),
        Action::Warn => ModerationEvent::WarningAdded(decision),
        Action::Unwarn => ModerationEvent::WarningRemoved(decision),
        Action::Note => ModerationEvent::NoteAdded(decision),
    }
}
