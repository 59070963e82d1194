//! What is due: sanctions whose time is up end, and pieces that the platform cannot keep longer are renewed.

use super::error::{DeskError, Stop};
use super::facts::{Facts, Ranks};
use super::rows;
use super::tell::Extra;
use super::{Acted, Ask, Desk};
use crate::authority::Why;
use crate::case::Case;
use crate::decide::Moot;
use crate::platform::{Limits, Timer};
use crate::who::{Actor, GuildRef};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::Origin;
use lockdown_runtime::chain;
use lockdown_store::sanctions::Sanction;
use lockdown_store::{StoreError, in_read, in_tx};

/// What came of one look at what is due.
#[derive(Debug, Default)]
pub struct Expired {
    /// The cases that ended something.
    pub ended: Vec<Case>,
    /// How long after its time each of them ended, in their order.
    pub late: Vec<TimeDelta>,
    /// Told again to the platform, which cannot keep them as long as they last.
    pub renewed: usize,
    /// Ended by somebody else meanwhile.
    pub over: usize,
    /// The bot still lacks the right to end them; moderators were told of that before.
    pub blocked: usize,
    /// Could not be ended now; they are tried again.
    pub put_off: Vec<DeskError>,
}

/// How long one taker has for what it took; when it dies, others take it after that.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How long what could not be ended rests.
const PAUSE: TimeDelta = TimeDelta::seconds(30);
/// How long rests what the bot lacks a right for: somebody was told, and may give it back at any time.
const BLOCKED: TimeDelta = TimeDelta::minutes(5);

// === impl Expired ===

impl Expired {
    /// How many were looked at: as many as were asked for means that there may be more.
    pub fn looked_at(&self) -> usize {
        self.ended.len() + self.renewed + self.over + self.blocked + self.put_off.len()
    }
}

// === impl Desk ===

impl Desk {
    /// Takes up to so many sanctions that are due, and ends each by a case of its own. `taker` names this process among
    /// those that do the same; each sanction is taken by one of them. `facts` are asked where the platform refused an end
    /// before: what the bot still may not do rests, without a case for every try.
    pub async fn expire(&self, taker: &str, limit: u64, facts: &dyn Facts) -> Result<Expired, DeskError> {
        let taken = in_tx!(self.store, |tx| {
            let now = self.clock.now();
            tx.claim_due_sanctions(now, taker, now + LEASE, limit).await
        });
        let mut expired = Expired::default();
        for sanction in taken.map_err(DeskError::Store)? {
            let ended = match self.expiry(&sanction).await {
                Ok(Some(ask)) => {
                    if sanction.attempts > 1
                        && let Some(why) = cannot_end(facts, &ask).await
                    {
                        let error = format!("the end rests until it can be carried out: {why}");
                        self.put_off(&sanction, taker, BLOCKED, &error).await;
                        expired.blocked += 1;
                        continue;
                    }
                    self.act(&ask, &Ranks::UNKNOWN).await
                }
                Ok(None) => {
                    expired.over += 1;
                    continue;
                }
                Err(error) => Err(error),
            };
            match ended {
                Ok(Acted::Recorded(case)) => {
                    let due = sanction.expires_at.unwrap_or(case.at);
                    expired.late.push(case.at - due);
                    expired.ended.push(case);
                }
                Ok(Acted::Moot(Moot::NotDue { .. })) => match self.renew(&sanction).await {
                    Ok(true) => expired.renewed += 1,
                    Ok(false) => expired.over += 1,
                    Err(error) => expired.put_off.push(error),
                },
                Ok(_) => expired.over += 1,
                Err(error) => {
                    self.put_off(&sanction, taker, PAUSE, &chain(&error)).await;
                    expired.put_off.push(error);
                }
            }
        }
        Ok(expired)
    }

    /// The wish that ends a sanction; `None` when it has ended.
    async fn expiry(&self, sanction: &Sanction) -> Result<Option<Ask>, DeskError> {
        let now = self.clock.now();
        let found = in_read!(self.store, |conn| {
            let row = conn.case(sanction.case_id).await?;
            let Some((row, guild)) = row.zip(conn.guild_by_key(sanction.guild_id).await?) else {
                return Ok(None);
            };
            let of = GuildRef {
                platform: guild.platform,
                id: guild.native_id,
            };
            Ok::<_, Stop>(rows::kept(conn, &of, vec![row]).await?.pop())
        })?;
        Ok(found.and_then(|kept| {
            let lasting = kept.case.live()?;
            Some(Ask {
                case: Some(kept.case.number),
                ..Ask::new(
                    Actor::System,
                    kept.case.guild,
                    kept.case.subject,
                    lasting.ends(),
                    Origin::Expiry,
                    now,
                )
            })
        }))
    }

    /// Tells of a sanction again whose piece on the platform runs out; `false` when it has ended.
    async fn renew(&self, sanction: &Sanction) -> Result<bool, DeskError> {
        let renewed = in_tx!(self.store, |tx| {
            let Some(guild) = tx.guild_by_key(sanction.guild_id).await? else {
                return Ok(false);
            };
            tx.hold_cases(guild.id).await?;
            let of = GuildRef {
                platform: guild.platform,
                id: guild.native_id,
            };
            let row = tx.case(sanction.case_id).await?;
            let kept = rows::kept(tx, &of, row.into_iter().collect()).await?.pop();
            let Some((kept, lasting)) = kept.and_then(|kept| kept.case.live().map(|lasting| (kept, lasting)))
            else {
                return Ok(false);
            };
            let now = self.clock.now();
            let next = rows::next_look(&kept.case, lasting, now);
            tx.set_sanction_end(sanction.id, kept.case.ends.at(), next)
                .await?;
            // Elsewhere its end was only moved, and the platform was told when it was.
            if matches!(Limits::of(of.platform).timer(lasting), Timer::AtMost(_)) {
                self.tell(tx, &kept, Extra::QUIET, None, now).await?;
            }
            Ok::<_, Stop>(true)
        });
        Ok(renewed?)
    }

    /// Gives back what could not be ended now. Where even that fails, the lease runs out by itself.
    async fn put_off(&self, sanction: &Sanction, taker: &str, pause: TimeDelta, error: &str) {
        let until: DateTime<Utc> = self.clock.now() + pause;
        let given_back = in_tx!(self.store, |tx| {
            tx.postpone_sanction(sanction.id, taker, until, error).await
        });
        if let Err(lost) = given_back {
            let lost: StoreError = lost;
            tracing::debug!("Could not give back a sanction: {}", chain(&lost));
        }
    }
}

/// What the bot lacks to carry it out, as far as that can be read.
async fn cannot_end(facts: &dyn Facts, ask: &Ask) -> Option<Why> {
    let ranks = facts.ranks(&ask.guild, &ask.by, &ask.subject).await;
    let scene = ranks.scene(&ask.guild, &ask.by, &ask.subject, false);
    scene.bot_lacks(ask.action)
}
