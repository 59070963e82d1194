//! From a wish to a case.

use super::error::{DeskError, Refused, Stop};
use super::facts::{Facts, scene};
use super::review;
use super::rows::{self, Kept, Name};
use super::tell::{Entry, Extra};
use super::{Ask, Desk, guild, settings};
use crate::authority::{Authorized, Rank};
use crate::case::{Case, Lift};
use crate::decide::{Ending, Follows, Moot, decide};
use crate::sanction::{Effect, Profile};
use crate::who::CaseNumber;
use crate::wish::Wish;
use chrono::{DateTime, Utc};
use lockdown_events::{Action, CaseId, Origin, Platform};
use lockdown_store::cases::CaseEventKind;
use lockdown_store::guilds::{Guild, Parties};
use lockdown_store::notes::{Note, NoteId};
use lockdown_store::notifications::Notification;
use lockdown_store::points::{PointEntry, PointEntryId};
use lockdown_store::reviews::Verdict;
use lockdown_store::{Conn, Tx, in_read, in_tx};
use serde_json::json;

/// What came of an ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Acted {
    /// A new case.
    Recorded(Case),
    /// It was asked before, and this is what it became.
    Again(Case),
    /// It is so already; by this case, where one of ours made it so.
    Already(Option<Case>),
    /// A timer rang for what is not there to be ended.
    Moot(Moot),
}

/// How a transaction ended that wrote nothing.
enum End {
    Nothing(Box<Acted>),
    Stop(Stop),
}

/// What a transaction is given. It may be run more than once.
struct Given<'a> {
    ask: &'a Ask,
    guild: &'a Guild,
    /// How far back messages are removed, in seconds.
    window: Option<u32>,
    proof: &'a Authorized<Wish>,
}

// === impl Acted ===

impl Acted {
    /// The case that stands for it.
    pub fn case(&self) -> Option<&Case> {
        match self {
            Self::Recorded(case) | Self::Again(case) | Self::Already(Some(case)) => Some(case),
            Self::Already(None) | Self::Moot(_) => None,
        }
    }
}

// === impl End ===

impl End {
    fn nothing(acted: Acted) -> Self {
        Self::Nothing(Box::new(acted))
    }
}

impl<E: Into<Stop>> From<E> for End {
    fn from(stop: E) -> Self {
        Self::Stop(stop.into())
    }
}

impl lockdown_store::Retry for End {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Stop(stop) if stop.is_transient())
    }
}

// === impl Desk ===

impl Desk {
    /// Decides what somebody asks for, and records it. Refused, nothing is written. Where the commit's answer was lost, the
    /// same ask with its key finds out what became of it.
    pub async fn act(&self, ask: &Ask, facts: &dyn Facts) -> Result<Acted, DeskError> {
        self.act_and_tell(ask, facts, |_, _| None).await
    }

    /// As [`Desk::act`]; what there is to say of a new case is kept together with it, or not at all.
    pub(super) async fn act_and_tell(
        &self,
        ask: &Ask,
        facts: &dyn Facts,
        tell: impl Fn(&Guild, &Case) -> Option<Notification>,
    ) -> Result<Acted, DeskError> {
        let wish = ask.check(self.clock.now())?;
        let profile = Profile::of(ask.action);
        // A ban can come before the person does. Words about somebody whom nobody has ever seen are a slip.
        let may_be_unknown = profile.on_platform;
        let (guild, window, is_known) = in_read!(self.store, |conn| {
            let guild = guild(conn, &ask.guild).await?;
            let window = window(conn, ask, &guild).await?;
            let is_known = may_be_unknown || {
                let subject = conn.identity(ask.subject.platform, &ask.subject.id).await?;
                subject.is_some()
            };
            Ok::<_, Stop>((guild, window, is_known))
        })?;
        let scene = scene(
            facts,
            &ask.guild,
            &ask.by,
            &ask.subject,
            Some(ask.origin),
            ask.even_administrators,
        )
        .await;
        if !is_known && scene.subject.rank == Rank::Absent {
            return Err(Refused::UnknownPerson(ask.subject.clone()).into());
        }
        let proof = scene.authorize(wish).map_err(Refused::from)?;
        let given = Given {
            ask,
            guild: &guild,
            window,
            proof: &proof,
        };
        let recorded = in_tx!(self.store, |tx| {
            let case = self.record(tx, &given).await?;
            if let Some(notification) = tell(&guild, &case) {
                tx.insert_notification(&notification).await.map_err(Stop::from)?;
            }
            Ok::<_, End>(case)
        });
        match recorded {
            Ok(case) => Ok(Acted::Recorded(case)),
            Err(End::Nothing(acted)) => {
                self.store.settled().await.map_err(DeskError::Store)?;
                Ok(*acted)
            }
            Err(End::Stop(stop)) => Err(stop.into()),
        }
    }

    async fn record(&self, tx: &mut Tx, given: &Given<'_>) -> Result<Case, End> {
        let Given {
            ask,
            guild,
            window,
            proof,
        } = *given;
        let wish = proof.on();
        let doer = ask.by.person();
        let parties = Parties {
            subject: Some((ask.subject.platform, &ask.subject.id)),
            doer: doer.map(|who| (who.platform, &who.id)),
        };
        // First of all, since it holds the guild: what is read from here on is not changed by others. Ended without a
        // commit, the number is the next one's.
        let next = tx.next_case(guild.id, parties).await?;
        let next = next.ok_or_else(|| Refused::UnknownGuild(ask.guild.clone()))?;
        let number = CaseNumber(next.number);
        let now = self.clock.now();
        let subject = match next.subject {
            Some(known) => known,
            None => rows::seen(tx, self, &ask.subject, now).await?,
        };
        let stands = rows::standing(tx, guild, subject, wish, ask.key.as_deref()).await?;
        let (standing, mut others) = match stands {
            Ok(stands) => stands,
            Err(before) if (&before.subject, before.action) == (&ask.subject, ask.action) => {
                return Err(End::nothing(Acted::Again(before)));
            }
            Err(other) => return Err(Refused::KeyReused(other.number).into()),
        };
        let follows = decide(&standing, proof).map_err(Stop::from)?;
        let endings: &[Ending] = match &follows {
            Follows::Case { ends } => ends,
            Follows::History { .. } => &[],
            Follows::Already { case } => {
                let case = match case {
                    Some(number) => rows::find(tx, &ask.guild, guild, *number).await?,
                    None => None,
                };
                return Err(End::nothing(Acted::Already(case.map(|kept| kept.case))));
            }
            Follows::Moot(moot) => return Err(End::nothing(Acted::Moot(*moot))),
        };

        let by = match (doer, next.doer) {
            (Some(_), None) => rows::name(tx, self, &ask.by, now).await?,
            (_, known) => Name::of(&ask.by, known),
        };
        let id = CaseId(self.ids.next());
        let case = Case::open(id, number, proof.clone(), &follows).expect("what follows is a case");
        let parent = match (case.lifts, ask.follows) {
            (Some(lifts), _) => find(&mut others, lifts).map(|kept| kept.case.id),
            (None, Some(number)) => {
                let followed = rows::find(tx, &ask.guild, guild, number).await?;
                followed.map(|kept| kept.case.id)
            }
            (None, None) => None,
        };
        let kept = Kept::new(case, guild, subject, &by, parent, ask, now);
        tx.insert_case(&kept.row).await?;
        let opened = json!({ "origin": ask.origin, "state": kept.row.state.as_str() });
        tx.begin_case_history(id, now, &by.text, opened).await?;
        for ending in endings {
            let (Ending::Superseded { case: number } | Ending::Lifted { case: number, .. }) = ending;
            let other = find(&mut others, *number)
                .ok_or_else(|| Stop::Records(format!("{number} of {} is gone", ask.guild)))?;
            other
                .case
                .end(ending, kept.case.number, now)
                .map_err(Stop::from)?;
            other.write(now, None);
            rows::save(tx, other, Some(id), None).await?;
            let kind = match ending {
                Ending::Superseded { .. } => CaseEventKind::Superseded,
                Ending::Lifted { .. } => CaseEventKind::Lifted,
            };
            let body = json!({ "by": kept.case.number.0 });
            tx.add_case_event(other.case.id, now, &by.text, kind, body)
                .await?;
            let overturned = matches!(
                ending,
                Ending::Lifted {
                    how: Lift::Revoked,
                    ..
                }
            );
            if overturned && by.identity.is_some() && other.row.rule.is_some() {
                review::say(tx, other, Verdict::Overturned, &by, now).await?;
            }
        }
        if let Some(lasting) = kept.case.live() {
            tx.insert_sanction(&rows::sanction(self, &kept, lasting, now))
                .await?;
        }
        self.count(tx, ask, &kept, now).await?;
        self.remark(tx, &kept, now).await?;
        let entry = Entry {
            by: &by,
            act: "case:open",
            subject: format!("case:{}", number.0),
            body: json!({
                "kind": ask.action, "origin": ask.origin, "state": kept.row.state.as_str(),
                "ends": kept.row.expires_at, "rule": kept.row.rule, "ruleSetHash": kept.row.rule_set_hash,
                "trace": kept.row.trace_id, "lifts": kept.case.lifts.map(|lifts| lifts.0),
            }),
            personal: Some((
                subject,
                json!({ "user": ask.subject.id, "reason": kept.row.reason }),
            )),
        };
        let extra = Extra {
            delete_message_seconds: window,
            ..Extra::of(ask)
        };
        self.tell(tx, &kept, extra, ask.chain.as_ref(), now).await?;
        self.audit(tx, guild, entry, ask.chain.as_ref(), now).await?;
        Ok(kept.case)
    }

    /// What a warning weighs, or what is taken back with it: both under the warning's own case, so that they end together.
    async fn count(&self, tx: &mut Tx, ask: &Ask, kept: &Kept, now: DateTime<Utc>) -> Result<(), Stop> {
        match Profile::of(kept.case.action).effect {
            Effect::Counts => {
                let entry = PointEntry {
                    id: PointEntryId(self.ids.next()),
                    guild_id: kept.row.guild_id,
                    subject_id: kept.row.subject_id,
                    case_id: kept.case.id,
                    delta: i64::from(ask.points),
                    expires_at: None,
                    created_at: kept.case.at,
                };
                Ok(tx.add_points(&entry).await?)
            }
            Effect::Discounts => match kept.row.parent_id {
                Some(warning) => self.take_back_points(tx, kept, warning, now).await,
                None => Ok(()),
            },
            Effect::Begins(_) | Effect::Ends(_) | Effect::Passes | Effect::Remarks => Ok(()),
        }
    }

    /// Takes back what a warning weighs.
    pub(super) async fn take_back_points(
        &self,
        tx: &mut Tx,
        of: &Kept,
        warning: CaseId,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        let entries = tx.point_entries(of.row.guild_id, of.row.subject_id).await?;
        let theirs = entries.iter().filter(|entry| entry.case_id == warning);
        let left: i64 = theirs.clone().map(|entry| entry.delta).sum();
        let Some(given) = theirs.clone().next().filter(|_| left > 0) else {
            return Ok(());
        };
        let entry = PointEntry {
            id: PointEntryId(self.ids.next()),
            delta: -left,
            created_at: now,
            ..given.clone()
        };
        Ok(tx.add_points(&entry).await?)
    }

    async fn remark(&self, tx: &mut Tx, kept: &Kept, now: DateTime<Utc>) -> Result<(), Stop> {
        let Some(reason) = &kept.case.reason else {
            return Ok(());
        };
        if Profile::of(kept.case.action).effect != Effect::Remarks {
            return Ok(());
        }
        let note = Note {
            id: NoteId(self.ids.next()),
            guild_id: kept.row.guild_id,
            subject_id: kept.row.subject_id,
            author_id: kept.row.moderator_id,
            body: reason.as_str().to_owned(),
            pinned: false,
            created_at: kept.case.at,
            updated_at: now,
        };
        Ok(tx.insert_note(&note).await?)
    }
}

/// How far back messages are removed: as whoever asks says, or else as the guild has chosen for its bans.
async fn window(conn: &mut Conn, ask: &Ask, guild: &Guild) -> Result<Option<u32>, Stop> {
    let chosen = match ask.delete_message_seconds {
        None if ask.action == Action::Ban
            && ask.origin != Origin::Native
            && guild.platform == Platform::Discord =>
        {
            let kept = conn.guild_settings(guild.id).await?;
            // A ban does not wait for settings that nobody can read.
            let settings = kept.and_then(|kept| settings::read(&kept).ok());
            settings.map(|settings| settings.discord.delete_message_seconds)
        }
        said => said,
    };
    Ok(chosen.filter(|seconds| *seconds > 0))
}

fn find(kept: &mut [Kept], number: CaseNumber) -> Option<&mut Kept> {
    kept.iter_mut().find(|kept| kept.case.number == number)
}
