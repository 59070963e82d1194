//! What a federation bans becomes a case in each guild that goes by it.
//!
//! In the transaction of a ban stands a wish for each guild in the outbox: none is lost, whichever process dies, and a refusal in
//! one guild is none in another. Workers wish for the same where somebody who is banned comes or writes. Such a wish says only
//! who it is about and by which federation. What it comes to is read when it is carried out, which may be long after it was
//! wished for: whether the guild still goes by that federation, whether the ban still holds, and why. A federation stands in
//! the place of a rule: it stands above nobody who keeps order in the guild.

use chrono::{DateTime, Utc};
use lockdown_events::{
    Action, CorrelationId, Envelope, Event, EventId, ModerationAction, ModerationEvent, Origin, Platform,
    Source, UserId,
};
use lockdown_moderation::desk::{Acted, Ask, Desk, DeskError, Facts};
use lockdown_moderation::{Actor, CaseNumber, CaseState, Rank, Reason, federation};
use lockdown_runtime::Ids;
use lockdown_store::federations::{Federation, FederationBan, FederationId};
use lockdown_store::guilds::Guild;
use lockdown_store::{Store, StoreError, Tx, in_read};

/// What a federation wants of its guilds.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) federation: FederationId,
    pub(crate) platform: Platform,
    pub(crate) subject: &'a UserId,
    /// A ban or its end.
    pub(crate) action: Action,
    /// Of the end; the reason of a ban is read from it.
    pub(crate) reason: Option<&'a str>,
    pub(crate) chain: &'a CorrelationId,
    pub(crate) at: DateTime<Utc>,
}

/// Why it comes to nothing, or has to wait.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It does not hold there, or not any more.
    NotWanted,
    /// Nobody can say how the person stands there.
    Unknown,
    Desk(DeskError),
}

impl From<DeskError> for Failed {
    fn from(error: DeskError) -> Self {
        Self::Desk(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Desk(DeskError::Store(error))
    }
}

/// Puts the wish for each of these guilds into the outbox.
pub(crate) async fn wish(
    tx: &mut Tx,
    ids: &Ids,
    guilds: &[Guild],
    wanted: &Wanted<'_>,
) -> Result<(), StoreError> {
    for guild in guilds {
        let action = ModerationAction {
            platform: wanted.platform,
            guild_id: guild.native_id.clone(),
            action: wanted.action,
            user_id: wanted.subject.clone(),
            moderator_id: None,
            reason: wanted.reason.map(str::to_owned),
            expires_at: None,
            origin: Origin::Automod,
            case_number: None,
            delete_message_seconds: None,
            // Whom it concerns is told by one of many guilds, or by none.
            notify: Some(false),
            points: None,
            native_id: None,
            batch_id: None,
            trace_id: None,
            rule: Some(federation::rule(wanted.federation)),
            rule_set_hash: None,
            evidence: Vec::new(),
        };
        let (id, chain) = (EventId(ids.next()), Some(wanted.chain.clone()));
        let event = Event::Moderation(ModerationEvent::Action(action));
        let envelope = Envelope::new(id, wanted.at, Source::Backend, chain, &event)
            .expect("a reason is short enough for an event");
        tx.publish(guild.id, &envelope, wanted.at).await?;
    }
    Ok(())
}

/// Does what is asked; what a federation asks is done as it stands now.
pub(crate) async fn act(desk: &Desk, store: &Store, ask: &Ask, facts: &dyn Facts) -> Result<Acted, Failed> {
    let Some(id) = asking(&ask.by) else {
        return Ok(desk.act(ask, facts).await?);
    };
    let ask = as_it_stands(store, id, ask).await?;
    let ranks = facts.ranks(&ask.guild, &ask.by, &ask.subject).await;
    // A rule of the community looked at the person when it judged. Here nobody has.
    if ranks.subject == Rank::Unknown || ranks.bot_rank == Rank::Unknown {
        return Err(Failed::Unknown);
    }
    let acted = desk.act(&ask, &ranks).await?;
    match &acted {
        // What the platform refused is tried again on another day, if they are still there.
        Acted::Again(case) if matches!(case.state, CaseState::Failed { .. }) => {
            let day = ask.at.date_naive();
            let again = Ask {
                key: ask.key.as_ref().map(|key| format!("{key}:{day}")),
                ..ask
            };
            Ok(desk.act(&again, &ranks).await?)
        }
        _ => Ok(acted),
    }
}

fn asking(by: &Actor) -> Option<FederationId> {
    match by {
        Actor::Rule(name) => federation::of_rule(name),
        Actor::Person(_) | Actor::Token(_) | Actor::System => None,
    }
}

/// The ask as the records have it, whatever the wish said.
async fn as_it_stands(store: &Store, id: FederationId, ask: &Ask) -> Result<Ask, Failed> {
    let found = in_read!(store, |conn| {
        let Some(guild) = conn.guild(ask.guild.platform, &ask.guild.id).await? else {
            return Ok(None);
        };
        let subject = conn.identity(ask.subject.platform, &ask.subject.id).await?;
        let (Some(subject), Some(of)) = (subject, conn.federation(id).await?) else {
            return Ok(None);
        };
        if !conn.federation_holds_in(id, guild.id).await? {
            return Ok(None);
        }
        let ban = conn.federation_ban(id, subject.id).await?;
        let live = conn
            .live_ban_by(guild.id, subject.id, &federation::rule(id))
            .await?;
        Ok::<_, StoreError>(Some((of, ban, live)))
    })?;
    let (of, ban, live) = found.ok_or(Failed::NotWanted)?;
    match (ask.action, ban, live) {
        (Action::Ban, Some(ban), _) => Ok(Ask {
            reason: Some(reason(&of, ban.reason.as_deref())),
            key: Some(key(&ban)),
            ..ask.clone()
        }),
        (Action::Unban, None, Some(case)) => Ok(Ask {
            reason: Some(reason(&of, ask.reason.as_deref())),
            case: Some(CaseNumber(case)),
            ..ask.clone()
        }),
        _ => Err(Failed::NotWanted),
    }
}

/// The same ban is one case in a guild, however often and by whom it is wished for there. So it stays lifted where a moderator of
/// the guild lifted it, until the federation says it anew.
fn key(ban: &FederationBan) -> String {
    format!("federation:{}:{}", ban.id, ban.version)
}

/// Which federation it was, and why, within what a case keeps.
fn reason(of: &Federation, why: Option<&str>) -> String {
    let name = &of.name;
    let alone = format!("federation {name}");
    let text = why.map_or_else(|| alone.clone(), |why| format!("{alone}: {why}"));
    Reason::seen(&text).map_or(alone, |reason| reason.as_str().to_owned())
}
