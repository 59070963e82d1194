//! What we intend against what the platform shows: what comes of a sanction that it has lost, as the community chose.

use super::error::{DeskError, Stop};
use super::facts::Ranks;
use super::rows::{self, Name};
use super::tell::{Entry, Extra};
use super::{Acted, Ask, Desk};
use crate::case::{Case, CaseState};
use crate::sanction::Lasting;
use crate::settings::Reconcile;
use crate::who::{Actor, CaseNumber, GuildRef, UserRef};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{EventId, NotificationId, NotificationKind, NotificationLevel, Origin};
use lockdown_store::guilds::Guild;
use lockdown_store::notifications::Notification;
use lockdown_store::sanctions::{Sanction, SanctionId, SanctionKind};
use lockdown_store::{Conn, in_read, in_tx};
use serde_json::json;

/// What was done so shortly ago, the platform may not show yet.
const SETTLES: TimeDelta = TimeDelta::minutes(2);

/// A sanction that the platform has to show.
#[derive(Debug, Clone, PartialEq)]
pub struct Intended {
    pub sanction: SanctionId,
    pub guild: GuildRef,
    pub subject: UserRef,
    pub lasting: Lasting,
    pub case: CaseNumber,
}

/// What came of a sanction that the platform does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The platform is told once more.
    Repaired,
    /// A case says that it was lifted there.
    Recorded(CaseNumber),
    /// It does not hold any more, or the community does not care.
    Left,
}

// === impl Desk ===

impl Desk {
    /// A page of what holds, in the order of ids, and after which of them the next page begins; `None` at the end.
    pub async fn intended(
        &self,
        after: Option<SanctionId>,
        limit: u64,
    ) -> Result<(Vec<Intended>, Option<SanctionId>), DeskError> {
        let now = self.clock.now();
        Ok(in_read!(self.store, |conn| {
            let page = conn.live_sanctions(after, limit).await?;
            let last = page.last().map(|sanction| sanction.id);
            let mut intended = Vec::with_capacity(page.len());
            for sanction in page {
                intended.extend(read(conn, &sanction, now).await?);
            }
            Ok::<_, Stop>((intended, last))
        })?)
    }

    /// What holds against one person.
    pub async fn intended_of(&self, guild: &GuildRef, person: &UserRef) -> Result<Vec<Intended>, DeskError> {
        let now = self.clock.now();
        Ok(in_read!(self.store, |conn| {
            let known = conn.guild(guild.platform, &guild.id).await?;
            let identity = conn.identity(person.platform, &person.id).await?;
            let Some((known, identity)) = known.zip(identity) else {
                return Ok(Vec::new());
            };
            let mut intended = Vec::new();
            for kind in [SanctionKind::Ban, SanctionKind::Mute] {
                if let Some(sanction) = conn.live_sanction(known.id, identity.id, kind).await? {
                    intended.extend(read(conn, &sanction, now).await?);
                }
            }
            Ok::<_, Stop>(intended)
        })?)
    }

    /// What the community chose for a sanction that the platform does not show.
    pub async fn settle(&self, intended: &Intended) -> Result<Settled, DeskError> {
        match self.settings(&intended.guild).await?.0.reconcile {
            Reconcile::Repair => self.repair(intended).await,
            Reconcile::Record => self.note_lifted(intended).await,
            Reconcile::Ignore => Ok(Settled::Left),
        }
    }

    /// Tells the platform once more, unless something else was decided meanwhile.
    async fn repair(&self, intended: &Intended) -> Result<Settled, DeskError> {
        Ok(in_tx!(self.store, |tx| {
            let Some(sanction) = tx.sanction(intended.sanction).await? else {
                return Ok(Settled::Left);
            };
            tx.hold_cases(sanction.guild_id).await?;
            let now = self.clock.now();
            // What was decided meanwhile counts.
            let Some(sanction) = tx.sanction(intended.sanction).await? else {
                return Ok(Settled::Left);
            };
            if read(tx, &sanction, now).await?.is_none() {
                return Ok(Settled::Left);
            }
            let row = tx.case(sanction.case_id).await?;
            let kept = rows::kept(tx, &intended.guild, row.into_iter().collect())
                .await?
                .pop();
            let guild = tx.guild_by_key(sanction.guild_id).await?;
            let Some((kept, guild)) = kept.zip(guild) else {
                return Ok(Settled::Left);
            };
            self.tell(tx, &kept, Extra::QUIET, None, now).await?;
            let by = Name::system();
            let entry = Entry {
                by: &by,
                act: "sanction:repair",
                subject: format!("case:{}", kept.case.number.0),
                body: json!({ "why": "the platform did not show it" }),
                personal: None,
            };
            self.audit(tx, &guild, entry, None, now).await?;
            let what = "The platform is told once more.";
            tx.insert_notification(&difference(&guild, intended, what, now))
                .await?;
            Ok::<_, Stop>(Settled::Repaired)
        })?)
    }

    /// Writes down that it was lifted on the platform.
    async fn note_lifted(&self, intended: &Intended) -> Result<Settled, DeskError> {
        let ask = Ask {
            case: Some(intended.case),
            ..Ask::new(
                Actor::System,
                intended.guild.clone(),
                intended.subject.clone(),
                intended.lasting.ends(),
                Origin::Native,
                self.clock.now(),
            )
        };
        let told = |guild: &Guild, case: &Case| {
            let what = format!("{} says that it was lifted there.", case.number);
            Some(difference(guild, intended, &what, self.clock.now()))
        };
        match self.act_and_tell(&ask, &Ranks::UNKNOWN, told).await? {
            Acted::Recorded(case) => Ok(Settled::Recorded(case.number)),
            _ => Ok(Settled::Left),
        }
    }
}

/// Tells those who moderate there, once a day for each sanction.
fn difference(guild: &Guild, intended: &Intended, what: &str, now: DateTime<Utc>) -> Notification {
    let today = now.format("differs on %F").to_string();
    Notification {
        id: NotificationId(EventId(intended.sanction.0).follow_up(&today).0),
        recipient_id: None,
        guild_id: Some(guild.id),
        level: NotificationLevel::Warning,
        kind: NotificationKind::Difference,
        title: format!("The platform did not show what {} says", intended.case),
        body: what.to_owned(),
        link: None,
        at: now,
    }
}

/// A sanction, if the platform has said that it did it and has to show it still.
async fn read(conn: &mut Conn, sanction: &Sanction, now: DateTime<Utc>) -> Result<Option<Intended>, Stop> {
    let row = conn.case(sanction.case_id).await?;
    let Some((row, guild)) = row.zip(conn.guild_by_key(sanction.guild_id).await?) else {
        return Ok(None);
    };
    if guild.left_at.is_some() {
        return Ok(None);
    }
    let guild = GuildRef {
        platform: guild.platform,
        id: guild.native_id,
    };
    let kept = rows::kept(conn, &guild, vec![row]).await?.pop();
    let kept = kept.filter(|kept| is_settled(&kept.case, now));
    Ok(kept.and_then(|kept| {
        Some(Intended {
            sanction: sanction.id,
            guild,
            lasting: kept.case.live()?,
            case: kept.case.number,
            subject: kept.case.subject,
        })
    }))
}

fn is_settled(case: &Case, now: DateTime<Utc>) -> bool {
    let CaseState::Applied { at } = case.state else {
        return false;
    };
    at + SETTLES <= now && !case.ends.is_over(now)
}
