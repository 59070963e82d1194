//! The domain's cases as the store's rows, and back.

use super::error::Stop;
use super::{Ask, Desk};
use crate::case::{Case, CaseState, Lift};
use crate::platform::Limits;
use crate::reason::Reason;
use crate::sanction::{Effect, Lasting, Profile};
use crate::standing::Standing;
use crate::who::{Actor, CaseNumber, GuildRef, UserRef};
use crate::wish::Wish;
use chrono::{DateTime, Utc};
use lockdown_events::{CaseId, UserId};
use lockdown_store::audit::ActorKind;
use lockdown_store::cases::{self, Fate};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::Guild;
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::sanctions::{Followed, Sanction, SanctionId, SanctionKind, SanctionState};
use lockdown_store::{Conn, StoreError, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// Who the identities of some rows are on their platform.
#[derive(Default)]
pub(super) struct People(BTreeMap<IdentityId, UserRef>);

/// An actor as rows name them.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) kind: ActorKind,
    /// An identity's id, `rule:<id>`, `token:<name>` or `system`.
    pub(super) text: String,
    /// Of a person.
    pub(super) identity: Option<IdentityId>,
    /// The same on their platform.
    pub(super) native: Option<UserId>,
}

/// A case with the row that it was read from or is written to.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) case: Case,
    pub(super) row: cases::Case,
}

// === impl People ===

impl People {
    /// Those of these cases.
    pub(super) async fn of(conn: &mut Conn, rows: &[cases::Case]) -> Result<Self, StoreError> {
        let voiders = rows.iter().filter_map(|row| row.fate.voided_by.as_deref());
        let ids: BTreeSet<IdentityId> = rows
            .iter()
            .flat_map(|row| [Some(row.subject_id), row.moderator_id])
            .flatten()
            .chain(voiders.filter_map(identity))
            .collect();
        Self::known(conn, ids).await
    }

    pub(super) async fn known(conn: &mut Conn, ids: BTreeSet<IdentityId>) -> Result<Self, StoreError> {
        let mut people = Self::default();
        for found in conn.identities_by_id(ids).await? {
            people
                .0
                .insert(found.id, UserRef::new(found.platform, found.native_id));
        }
        Ok(people)
    }

    fn user(&self, id: IdentityId) -> Result<UserRef, Stop> {
        let found = self.0.get(&id).cloned();
        found.ok_or_else(|| Stop::Records(format!("there is no identity {id}")))
    }

    /// The actor of a history's line or of an entry.
    pub(super) fn actor(&self, text: &str) -> Actor {
        let person = identity(text).and_then(|id| self.0.get(&id).cloned());
        match (person, text.split_once(':')) {
            (Some(person), _) => Actor::Person(person),
            (None, Some(("rule", id))) => Actor::Rule(id.into()),
            (None, Some(("token", name))) => Actor::Token(name.into()),
            (None, _) => Actor::System,
        }
    }
}

/// The identity that an actor's text names, if it names one.
pub(super) fn identity(text: &str) -> Option<IdentityId> {
    text.parse().ok().map(IdentityId)
}

// === impl Name ===

impl Name {
    /// Of an actor, with the row of one who is a person.
    pub(super) fn of(by: &Actor, identity: Option<IdentityId>) -> Self {
        let kind = match by {
            Actor::Person(_) => ActorKind::Person,
            Actor::Rule(_) => ActorKind::Rule,
            Actor::Token(_) => ActorKind::Token,
            Actor::System => ActorKind::System,
        };
        Self {
            kind,
            text: identity.map_or_else(|| by.to_string(), |id| id.to_string()),
            identity,
            native: by.person().map(|person| person.id.clone()),
        }
    }

    /// Of what we do by ourselves.
    pub(super) fn system() -> Self {
        Self::of(&Actor::System, None)
    }
}

// === impl Kept ===

impl Kept {
    fn read(row: cases::Case, guild: &GuildRef, people: &People) -> Result<Self, Stop> {
        let by = match (row.moderator_id, &row.rule, &row.token) {
            (Some(id), _, _) => Actor::Person(people.user(id)?),
            (None, Some(rule), _) => Actor::Rule(rule.into()),
            (None, None, Some(token)) => Actor::Token(token.into()),
            (None, None, None) => Actor::System,
        };
        let state = state(&row, people).ok_or_else(|| {
            Stop::Records(format!(
                "case {} of {guild} is {} and lacks what belongs to that",
                row.number, row.state
            ))
        })?;
        let lifts = row
            .parent
            .filter(|_| matches!(Profile::of(row.kind).effect, Effect::Ends(_) | Effect::Discounts));
        let case = Case {
            id: row.id,
            number: CaseNumber(row.number),
            guild: guild.clone(),
            subject: people.user(row.subject_id)?,
            action: row.kind,
            by,
            origin: row.origin,
            reason: row.reason.clone().map(Reason::kept),
            evidence: row.evidence.0.clone(),
            ends: row.expires_at.into(),
            at: row.created_at,
            lifts: lifts.map(CaseNumber),
            hidden: row.hidden_at.is_some(),
            state,
        };
        Ok(Self { case, row })
    }

    /// The row of a new case.
    pub(super) fn new(
        case: Case,
        guild: &Guild,
        subject: IdentityId,
        by: &Name,
        parent: Option<CaseId>,
        ask: &Ask,
        now: DateTime<Utc>,
    ) -> Self {
        let mut row = cases::Case {
            id: case.id,
            guild_id: guild.id,
            number: case.number.0,
            kind: case.action,
            state: cases::CaseState::Requested,
            subject_id: subject,
            moderator_id: by.identity,
            origin: case.origin,
            rule: None,
            token: None,
            rule_set_hash: ask.rule_set_hash.clone(),
            trace_id: ask.trace,
            reason: None,
            expires_at: None,
            evidence: Json(Vec::new()),
            parent_id: parent,
            parent: case.lifts.map(|lifts| lifts.0),
            idempotency_key: ask.key.clone(),
            created_at: case.at,
            updated_at: now,
            hidden_at: None,
            fate: Fate::default(),
        };
        match &case.by {
            Actor::Rule(rule) => row.rule = Some(rule.to_string()),
            Actor::Token(token) => row.token = Some(token.to_string()),
            Actor::Person(_) | Actor::System => {}
        }
        let mut kept = Self { case, row };
        kept.write(now, None);
        kept
    }

    /// Brings the row up to the case. `voider` is the name of who voided it, when somebody just did.
    pub(super) fn write(&mut self, now: DateTime<Utc>, voider: Option<&Name>) {
        let Self { case, row } = self;
        row.state = match &case.state {
            CaseState::Requested => cases::CaseState::Requested,
            CaseState::Applied { .. } => cases::CaseState::Applied,
            CaseState::Failed { .. } => cases::CaseState::Failed,
            CaseState::Lifted { .. } => cases::CaseState::Lifted,
            CaseState::Superseded { .. } => cases::CaseState::Superseded,
            CaseState::Voided { .. } => cases::CaseState::Voided,
        };
        let before = std::mem::take(&mut row.fate);
        row.fate = match &case.state {
            CaseState::Requested => Fate::default(),
            CaseState::Applied { at } => Fate {
                applied_at: Some(*at),
                ..Fate::default()
            },
            CaseState::Failed { at, error } => Fate {
                ended_at: Some(*at),
                ended_why: Some(error.clone()),
                ..Fate::default()
            },
            CaseState::Lifted { by, how, at, applied } => Fate {
                applied_at: *applied,
                ended_at: Some(*at),
                ended_by: Some(by.0),
                lift: Some(match how {
                    Lift::Expired => cases::Lift::Expired,
                    Lift::Revoked => cases::Lift::Revoked,
                }),
                ..Fate::default()
            },
            CaseState::Superseded { by, at, applied } => Fate {
                applied_at: *applied,
                ended_at: Some(*at),
                ended_by: Some(by.0),
                ..Fate::default()
            },
            CaseState::Voided { at, why, .. } => Fate {
                applied_at: before.applied_at,
                ended_at: Some(*at),
                ended_why: Some(why.as_str().to_owned()),
                voided_by: voider.map(|name| name.text.clone()).or(before.voided_by),
                ..Fate::default()
            },
        };
        row.reason = case.reason.as_ref().map(|reason| reason.as_str().to_owned());
        row.evidence = Json(case.evidence.clone());
        row.expires_at = case.ends.at();
        row.hidden_at = case.hidden.then(|| row.hidden_at.unwrap_or(now));
        row.updated_at = now;
    }
}

fn state(row: &cases::Case, people: &People) -> Option<CaseState> {
    let fate = &row.fate;
    let (at, by) = (fate.ended_at, fate.ended_by.map(CaseNumber));
    Some(match row.state {
        cases::CaseState::Requested => CaseState::Requested,
        cases::CaseState::Applied => CaseState::Applied {
            at: fate.applied_at.unwrap_or(row.created_at),
        },
        cases::CaseState::Failed => CaseState::Failed {
            at: at?,
            // Erased, it is empty.
            error: fate.ended_why.clone().unwrap_or_default(),
        },
        cases::CaseState::Lifted => CaseState::Lifted {
            by: by?,
            how: match fate.lift? {
                cases::Lift::Expired => Lift::Expired,
                cases::Lift::Revoked => Lift::Revoked,
            },
            at: at?,
            applied: fate.applied_at,
        },
        cases::CaseState::Superseded => CaseState::Superseded {
            by: by?,
            at: at?,
            applied: fate.applied_at,
        },
        cases::CaseState::Voided => CaseState::Voided {
            by: people.actor(fate.voided_by.as_deref()?),
            at: at?,
            why: Reason::kept(fate.ended_why.clone().unwrap_or_default()),
        },
    })
}

/// The cases of these rows, in their order.
pub(super) async fn kept(
    conn: &mut Conn,
    guild: &GuildRef,
    rows: Vec<cases::Case>,
) -> Result<Vec<Kept>, Stop> {
    let people = People::of(conn, &rows).await?;
    rows.into_iter()
        .map(|row| Kept::read(row, guild, &people))
        .collect()
}

/// The case of this number.
pub(super) async fn find(
    conn: &mut Conn,
    guild: &GuildRef,
    row: &Guild,
    number: CaseNumber,
) -> Result<Option<Kept>, Stop> {
    let found = conn.case_by_number(row.id, number.0).await?;
    Ok(kept(conn, guild, found.into_iter().collect()).await?.pop())
}

/// How a person stands, with the cases that say so; or the case that the wish became when it was asked with this key before.
pub(super) async fn standing(
    conn: &mut Conn,
    guild: &Guild,
    subject: IdentityId,
    wish: &Wish,
    key: Option<&str>,
) -> Result<Result<(Standing, Vec<Kept>), Case>, Stop> {
    let mut rows = conn.standing_cases(guild.id, subject, wish.at, key).await?;
    let asked = |row: &cases::Case| key.is_some() && row.idempotency_key.as_deref() == key;
    if let Some(place) = rows.iter().position(asked) {
        let before = kept(conn, &wish.guild, vec![rows.swap_remove(place)]).await?;
        return Ok(Err(before.into_iter().next().expect("a row is a case").case));
    }
    if Profile::of(wish.action).effect == Effect::Discounts {
        let asked = wish.case.map(|case| case.0);
        rows.extend(conn.warnings(guild.id, subject, asked).await?);
    }
    let kept = kept(conn, &wish.guild, rows).await?;
    let standing = Standing::of(kept.iter().map(|kept| &kept.case))?;
    Ok(Ok((standing, kept)))
}

/// The row of a person, which is made when they were never seen. Somebody seen long ago is not written to: the guild is
/// held, and another one may wait for the same person.
pub(super) async fn seen(
    tx: &mut Tx,
    desk: &Desk,
    who: &UserRef,
    at: DateTime<Utc>,
) -> Result<IdentityId, StoreError> {
    if let Some(known) = tx.identity(who.platform, &who.id).await? {
        return Ok(known.id);
    }
    let seen = Seen {
        platform: who.platform,
        native_id: who.id.clone(),
        username: None,
        display_name: None,
        is_bot: false,
        at,
    };
    let new = (PersonId(desk.ids.next()), IdentityId(desk.ids.next()));
    Ok(tx.see(&seen, new).await?.id)
}

/// The name by which rows know an actor.
pub(super) async fn name(
    tx: &mut Tx,
    desk: &Desk,
    by: &Actor,
    at: DateTime<Utc>,
) -> Result<Name, StoreError> {
    let identity = match by.person() {
        Some(who) => Some(seen(tx, desk, who, at).await?),
        None => None,
    };
    Ok(Name::of(by, identity))
}

/// When somebody has to look at a sanction: its end, or the renewal of what the platform cannot keep so long.
pub(super) fn next_look(case: &Case, lasting: Lasting, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let stretch = Limits::of(case.guild.platform)
        .timer(lasting)
        .stretch(case.ends, now);
    case.ends.at().into_iter().chain(stretch.renew_at).min()
}

/// The sanction of a case that begins one.
pub(super) fn sanction(desk: &Desk, kept: &Kept, lasting: Lasting, now: DateTime<Utc>) -> Sanction {
    let Kept { case, row } = kept;
    Sanction {
        id: SanctionId(desk.ids.next()),
        case_id: case.id,
        guild_id: row.guild_id,
        subject_id: row.subject_id,
        kind: kind(lasting),
        state: SanctionState::Live,
        starts_at: case.at,
        expires_at: case.ends.at(),
        next_attempt_at: next_look(case, lasting, now),
        lease_by: None,
        attempts: 0,
        last_error: None,
        ended_at: None,
        ended_by: None,
    }
}

pub(super) fn kind(lasting: Lasting) -> SanctionKind {
    match lasting {
        Lasting::Ban => SanctionKind::Ban,
        Lasting::Mute => SanctionKind::Mute,
    }
}

/// Writes a changed case, and brings its sanction to where it is by now. `ended_by` is the case that its state names.
pub(super) async fn save(
    tx: &mut Tx,
    kept: &Kept,
    ended_by: Option<CaseId>,
    next_attempt_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    tx.save_case(&kept.row).await?;
    if !Profile::of(kept.case.action).is_timed() {
        return Ok(());
    }
    let (state, error) = match &kept.case.state {
        CaseState::Requested | CaseState::Applied { .. } => (SanctionState::Live, None),
        CaseState::Failed { error, .. } => (SanctionState::Failed, Some(error.as_str())),
        CaseState::Lifted {
            how: Lift::Expired, ..
        } => (SanctionState::Expired, None),
        CaseState::Lifted { .. } => (SanctionState::Lifted, None),
        CaseState::Superseded { .. } => (SanctionState::Superseded, None),
        // What is voided had ended before.
        CaseState::Voided { .. } => return Ok(()),
    };
    let followed = Followed {
        state,
        next_attempt_at,
        ended_at: kept.row.fate.ended_at,
        ended_by,
        error,
    };
    tx.follow_case(kept.case.id, &followed).await
}
