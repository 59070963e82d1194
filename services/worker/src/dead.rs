//! What groups of the bus gave up: found again in the store, told to those whom it concerns, and tried again where that may
//! help.
//!
//! A handler that failed because something was away says that another try may succeed. When that lasts longer than its tries,
//! the event is handed to its group again later, and ever later, a few times. All other dead letters wait for whoever runs
//! the installation.

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Bus, DeadFilter, DeadId, DeadReason};
use lockdown_events::{NotificationId, NotificationKind, NotificationLevel};
use lockdown_moderation::GuildRef;
use lockdown_moderation::notices::{self, Kept, Notice, To};
use lockdown_runtime::{Clock, Context, Ids};
use lockdown_store::dead_letters::{
    DeadLetterKind, DeadLetterQuery, DeadLetterState, DeadReason as Reason, NewDeadLetter,
};
use lockdown_store::{Store, StoreError, in_read, in_tx};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(30);
/// So often all of them are compared with what the bus still has.
const COMPARE: TimeDelta = TimeDelta::hours(1);
const PAGE: usize = 500;
/// How long those that failed too often wait for another round of tries: the first time, the second and the third.
const PAUSES: [TimeDelta; 3] = [TimeDelta::minutes(10), TimeDelta::hours(1), TimeDelta::hours(6)];
const AT_ONCE: u64 = 100;
/// Nobody is told again before so long.
const QUIET: TimeDelta = TimeDelta::minutes(10);
/// So many kinds of them at most are named to those who are told.
const NAMED: usize = 5;
/// By whom they are settled here.
const BY: &str = "system";

struct Dead {
    store: Store,
    bus: Bus,
    clock: Clock,
    ids: Ids,
    compared: Option<DateTime<Utc>>,
    /// The last letter of the round before the last one, and of the last one.
    places: [Option<DeadId>; 2],
}

/// Looks after them for ever.
pub(crate) async fn run(ctx: Context, store: Store, bus: Bus) {
    let mut dead = Dead {
        store,
        bus,
        clock: ctx.clock.clone(),
        ids: ctx.ids.clone(),
        compared: None,
        places: [None, None],
    };
    loop {
        if let Err(error) = dead.round().await {
            tracing::warn!("Could not look after dead letters, and tries again: {error:#}");
        }
        ctx.clock.sleep(EVERY).await;
    }
}

// === impl Dead ===

impl Dead {
    async fn round(&mut self) -> anyhow::Result<()> {
        self.note().await?;
        self.replay().await?;
        self.tell().await
    }

    /// Notes those that came. A letter that came in the moment of a look may be missed by it, so each look begins where the
    /// one before began to look.
    async fn note(&mut self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let all = self.compared.is_none_or(|at| now - at >= COMPARE);
        let mut after = if all { None } else { self.places[0].clone() };
        let mut there = HashSet::new();
        loop {
            let engine = self.bus.engine();
            let page = engine
                .dead_letters(&DeadFilter::default(), after.as_ref(), PAGE)
                .await
                .context("could not ask the bus for dead letters")?;
            let rows: Vec<NewDeadLetter> = page.iter().map(row).collect();
            in_tx!(self.store, |tx| { tx.add_dead_letters(&rows).await })?;
            let full = page.len() == PAGE;
            after = page.last().map(|letter| letter.id.clone()).or(after);
            there.extend(page.into_iter().map(|letter| letter.id.0));
            if !full {
                break;
            }
        }
        if all {
            self.miss(|id| !there.contains(id)).await?;
            self.compared = Some(now);
        }
        self.places = [self.places[1].take(), after];
        Ok(())
    }

    /// Settles those that the bus no longer has: somebody replayed or dropped them there, or they were too old.
    async fn miss(&self, is_gone: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let mut query = DeadLetterQuery {
            state: Some(DeadLetterState::Waiting),
            ..DeadLetterQuery::default()
        };
        loop {
            let page = in_read!(self.store, |conn| {
                conn.dead_letters(&query, PAGE as u64).await
            })?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            query.before = Some((last.last_failure, last.id.clone()));
            for letter in page.iter().filter(|letter| is_gone(&letter.id)) {
                self.settle(&letter.id, DeadLetterState::Expired).await?;
            }
        }
    }

    async fn replay(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let due = in_read!(self.store, |conn| {
            conn.dead_letters_to_replay(now, PAUSES, AT_ONCE).await
        })?;
        for id in due {
            let was_there = self.bus.engine().replay_dead(&DeadId(id.as_str().into())).await;
            if was_there.context("could not hand a dead letter to its group again")? {
                self.settle(&id, DeadLetterState::Replayed).await?;
                metrics::counter!("lockdown_dead_letters_replayed_total").increment(1);
                tracing::info!(dead_letter = %id, "A dead letter is tried again");
            } else {
                self.settle(&id, DeadLetterState::Expired).await?;
            }
        }
        Ok(())
    }

    async fn settle(&self, id: &str, state: DeadLetterState) -> anyhow::Result<()> {
        let now = self.clock.now();
        in_tx!(self.store, |tx| {
            tx.settle_dead_letter(id, state, now, BY).await
        })?;
        Ok(())
    }

    async fn tell(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let guilds = in_read!(self.store, |conn| {
            conn.news_of_dead_letters(now - QUIET).await
        })?;
        for (platform, guild) in guilds {
            // Those of no community concern everybody.
            let to = guild.clone().zip(platform);
            let mut to = to.map_or(To::All, |(id, platform)| To::Guild(GuildRef { platform, id }));
            let notice = in_tx!(self.store, |tx| {
                let kinds = tx.tell_of_dead_letters((platform, guild.as_ref()), now).await?;
                if kinds.is_empty() {
                    // Who led before told them a moment ago.
                    return Ok(None);
                }
                let notice = Notice {
                    id: NotificationId(self.ids.next()),
                    level: NotificationLevel::Warning,
                    kind: NotificationKind::Failure,
                    title: title(&kinds),
                    body: body(&kinds),
                    link: None,
                    at: now,
                };
                // So do those of one that nobody knows.
                if notices::keep(tx, &notice, &to).await? == Kept::Nobody {
                    to = To::All;
                    notices::keep(tx, &notice, &to).await?;
                }
                Ok::<_, StoreError>(Some(notice))
            })?;
            if let Some(notice) = notice {
                notices::say(&self.bus, notice, &to).await;
            }
        }
        Ok(())
    }
}

fn title(kinds: &[DeadLetterKind]) -> String {
    match kinds.iter().map(|kind| kind.letters).sum() {
        1_u64 => "1 event could not be handled".to_owned(),
        many => format!("{many} events could not be handled"),
    }
}

fn body(kinds: &[DeadLetterKind]) -> String {
    let mut body = String::new();
    for kind in kinds.iter().take(NAMED) {
        let DeadLetterKind {
            letters,
            topic,
            consumer_group,
            ..
        } = kind;
        let _ = writeln!(body, "{letters} of {topic} by {consumer_group}: {}", why(kind));
    }
    if let Some(more) = kinds.len().checked_sub(NAMED + 1) {
        let _ = writeln!(body, "and {} other kinds", more + 1);
    }
    body + "Whoever runs this installation finds them by `lockdown dead-letters list`."
}

fn why(kind: &DeadLetterKind) -> &'static str {
    let is_last = kind.again.is_none_or(|times| times >= PAUSES.len() as u64);
    match kind.reason {
        Reason::Exhausted if is_last => "it failed as often as it may",
        Reason::Exhausted => "it failed as often as it may, and is tried again later",
        Reason::Undecodable => "it cannot be read",
        Reason::Poison => "whoever handles it dies",
        Reason::Permanent => "it failed, and no other try can succeed",
    }
}

fn row(letter: &lockdown_bus::DeadLetter) -> NewDeadLetter {
    NewDeadLetter {
        id: letter.id.0.to_string(),
        group: letter.group.to_string(),
        consumer: letter.consumer.to_string(),
        position: letter.entry.to_string(),
        topic: letter.channel.to_string(),
        envelope: letter.envelope.to_string(),
        reason: match letter.reason {
            DeadReason::Exhausted => Reason::Exhausted,
            DeadReason::Permanent => Reason::Permanent,
            DeadReason::Undecodable => Reason::Undecodable,
            DeadReason::Poison => Reason::Poison,
        },
        attempts: letter.attempts.into(),
        first_failure: letter.first_failure,
        last_failure: letter.last_failure,
        error: letter.error.clone(),
    }
}
