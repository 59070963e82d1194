//! Who is moderated: guilds in which nobody is banned yet, and people who will be.

use crate::million::{self, Kind};
use chrono::TimeDelta;
use lockdown_events::{
    Action, AuditLogged, CaseId, Envelope, Event, EventId, GuildId, ModerationEvent, Origin, Platform, Source,
};
use lockdown_runtime::{Clock, Ids};
use lockdown_store::audit::{ActorKind, NewEntry, Personal};
use lockdown_store::cases::{Case, CaseState, Fate};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{GuildKey, Parties};
use lockdown_store::people::IdentityId;
use lockdown_store::sanctions::{Sanction, SanctionId, SanctionKind, SanctionState};
use lockdown_store::{Store, StoreError, Tx, in_tx};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// As many guilds take turns: one of them is hardly ever in two hands.
const TURNS: u64 = 256;

/// Makes bans, each of another person in a guild.
#[derive(Clone)]
pub(crate) struct Town {
    clock: Clock,
    ids: Ids,
    next: Arc<AtomicU64>,
    /// How far time has come for what is due, in seconds.
    pub(crate) due: Arc<AtomicU64>,
}

// === impl Town ===

impl Default for Town {
    fn default() -> Self {
        let clock = Clock::system();
        Self {
            ids: Ids::system(clock.clone()),
            clock,
            next: Arc::default(),
            due: Arc::default(),
        }
    }
}

impl Town {
    /// Bans the next one, all in one transaction.
    pub(crate) async fn ban(&self, store: &Store) -> anyhow::Result<()> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let guild = million::GUILDS - 1 - turn % TURNS;
        let person = turn / TURNS;
        anyhow::ensure!(person < million::BANNED, "everybody is banned");
        in_tx!(store, |tx| { self.write(tx, guild, person).await })?;
        Ok(())
    }

    async fn write(&self, tx: &mut Tx, guild: u64, person: u64) -> Result<(), StoreError> {
        let now = self.clock.now();
        let key = GuildKey(million::id(Kind::Guild, guild));
        // Each community has moderators of its own.
        let moderator = IdentityId(million::id(Kind::Identity, million::BANNED + guild));
        let next = tx.next_case(key, Parties::default()).await?;
        let number = next.ok_or(StoreError::Missing { statement: "guild" })?.number;
        let case = Case {
            id: CaseId(self.ids.next()),
            guild_id: key,
            number,
            kind: Action::Ban,
            state: CaseState::Requested,
            subject_id: IdentityId(million::id(Kind::Identity, person)),
            moderator_id: Some(moderator),
            origin: Origin::Command,
            rule: None,
            token: None,
            rule_set_hash: None,
            trace_id: None,
            reason: Some("Spam in the square".into()),
            expires_at: Some(now + TimeDelta::days(7)),
            evidence: Json(Vec::new()),
            parent_id: None,
            parent: None,
            idempotency_key: Some(self.ids.next().to_string()),
            created_at: now,
            hidden_at: None,
            updated_at: now,
            fate: Fate::default(),
        };
        tx.insert_case(&case).await?;
        let actor = moderator.to_string();
        tx.begin_case_history(case.id, now, &actor, json!({})).await?;
        let sanction = Sanction {
            id: SanctionId(self.ids.next()),
            case_id: case.id,
            guild_id: key,
            subject_id: case.subject_id,
            kind: SanctionKind::Ban,
            state: SanctionState::Live,
            starts_at: now,
            expires_at: case.expires_at,
            next_attempt_at: case.expires_at,
            lease_by: None,
            attempts: 0,
            last_error: None,
            ended_at: None,
            ended_by: None,
        };
        tx.insert_sanction(&sanction).await?;
        tx.append_audit(&NewEntry {
            guild: key,
            at: now,
            actor_kind: ActorKind::Person,
            actor: &actor,
            act: "case:open",
            subject: &format!("case:{number}"),
            body: &json!({ "kind": case.kind }),
            personal: Some(Personal {
                of: Some(case.subject_id),
                text: &json!({ "reason": case.reason }),
            }),
        })
        .await?;
        let event = Event::Moderation(ModerationEvent::AuditLogged(AuditLogged {
            platform: Platform::Discord,
            guild_id: GuildId::new(&(1_000_000 + guild).to_string()).expect("digits are an id"),
            sequence: number,
            actor,
            actor_id: None,
            act: "case:open".into(),
            subject: format!("case:{number}"),
            hash: String::new(),
        }));
        let envelope = Envelope::new(EventId(self.ids.next()), now, Source::Backend, None, &event);
        tx.publish(key, &envelope.expect("the event is well formed"), now)
            .await
    }
}
