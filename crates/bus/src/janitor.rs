//! What has to be done now and then: old entries and dead letters go, a group that nobody reads for is reported, and
//! the gauges are set.
//!
//! Of all processes one does it at a time. Two at once would do no harm: each step is safe to repeat.

use crate::engine::{Engine, EngineError, Standing, Trimmed};
use crate::history::{Archive, TrimError, archive_then_trim};
use crate::place::{Class, ConsumerName, GroupName, Stream};
use crate::stats::{GroupStats, Stats};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::{Clock, chain};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LEASE: &str = "janitor";

/// How long the entries of a class stay. What a group has not settled stays longer, but for `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub keep: Duration,
    /// Entries of one stream at most, settled or not: the end of the server's memory would be worse.
    pub most: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct JanitorOptions {
    /// How long between two rounds, give or take a fifth.
    pub every: Duration,
    pub messages: Retention,
    pub moderation: Retention,
    pub system: Retention,
    pub dead: Retention,
    /// A group for which nobody has read so long, while events wait for it, is reported once a day.
    pub silent: Duration,
}

/// Makes the rounds that the head of this module describes.
pub struct Janitor {
    engine: Arc<dyn Engine>,
    /// This process, which must have the lease.
    name: ConsumerName,
    options: JanitorOptions,
    clock: Clock,
    archive: Option<Arc<dyn Archive>>,
    /// Since when nobody reads for a group, as far as this process saw, and when that was last reported.
    quiet: BTreeMap<GroupName, Quiet>,
    /// Groups that have gauges.
    shown: BTreeSet<GroupName>,
}

struct Quiet {
    since: DateTime<Utc>,
    reported: Option<DateTime<Utc>>,
}

// === impl JanitorOptions ===

impl Default for JanitorOptions {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            messages: Retention {
                keep: 2 * DAY,
                most: 250_000,
            },
            moderation: Retention {
                keep: 30 * DAY,
                most: 250_000,
            },
            system: Retention {
                keep: 7 * DAY,
                most: 100_000,
            },
            dead: Retention {
                keep: 30 * DAY,
                // A hundred thousand in all.
                most: 6_250,
            },
            silent: 3 * DAY,
        }
    }
}

impl JanitorOptions {
    pub fn of(&self, class: Class) -> Retention {
        match class {
            Class::Message => self.messages,
            Class::Moderation => self.moderation,
            Class::System => self.system,
        }
    }
}

// === impl Janitor ===

impl Janitor {
    pub fn new(engine: Arc<dyn Engine>, name: ConsumerName, options: JanitorOptions, clock: Clock) -> Self {
        Self {
            engine,
            name,
            options,
            clock,
            archive: None,
            quiet: BTreeMap::new(),
            shown: BTreeSet::new(),
        }
    }

    /// Has what goes kept in an archive before, but for messages: what people write is kept no longer than is said.
    #[must_use]
    pub fn with_archive(mut self, archive: Arc<dyn Archive>) -> Self {
        self.archive = Some(archive);
        self
    }

    /// Makes its rounds until the engine is closed or this is dropped.
    pub async fn keep_house(mut self) {
        loop {
            let fifth = self.options.every / 5;
            let jitter = fifth.mul_f64(2.0 * fastrand::f64());
            tokio::time::sleep(self.options.every - fifth + jitter).await;
            match self.round().await {
                Ok(_) => {}
                Err(EngineError::Closed) => return,
                Err(error) => tracing::warn!("Could not clean up the bus, will try again: {}", chain(&error)),
            }
        }
    }

    /// One round, if it is ours to make; says whether it was.
    pub async fn round(&mut self) -> Result<bool, EngineError> {
        let (name, lasts) = (self.name.as_str(), self.options.every * 3);
        let holder = self.engine.mark(LEASE, name, lasts, Standing::AbsentOr(name));
        if holder.await?.is_some() {
            // Another has it, and its gauges are those to look at.
            self.show(&Stats::default());
            self.quiet.clear();
            return Ok(false);
        }
        let now = self.clock.now();
        for stream in Stream::all() {
            let Retention { keep, most } = self.options.of(stream.class);
            let trimmed = self.trim(stream, before(now, keep), most).await?;
            tell(stream, trimmed);
        }
        let Retention { keep, most } = self.options.dead;
        let expired = self.engine.expire_dead(before(now, keep), most).await?;
        if expired > 0 {
            metrics::counter!("lockdown_bus_dead_expired_total").increment(expired);
            tracing::warn!(
                expired,
                "{expired} dead letters were too old or too many and are gone"
            );
        }
        let stats = self.engine.stats().await?;
        self.report_silent(&stats, now);
        self.show(&stats);
        Ok(true)
    }

    async fn trim(&self, stream: Stream, old: DateTime<Utc>, most: u64) -> Result<Trimmed, EngineError> {
        let archive = self.archive.as_deref();
        let Some(archive) = archive.filter(|_| stream.class != Class::Message) else {
            return self.engine.trim(stream, old, most).await;
        };
        let error = match archive_then_trim(&*self.engine, archive, stream, old, most).await {
            Ok(trimmed) => return Ok(trimmed),
            Err(TrimError::Engine { source, .. }) => return Err(source),
            Err(error) => error,
        };
        metrics::counter!("lockdown_bus_archive_failures_total", "stream" => stream.to_string()).increment(1);
        tracing::warn!(
            %stream,
            "What is old in {stream} stays for now, since it cannot be archived: {}",
            chain(&error)
        );
        // The end of the server's memory would be worse.
        let trimmed = self.engine.trim(stream, DateTime::UNIX_EPOCH, most).await?;
        if trimmed.entries > 0 {
            metrics::counter!("lockdown_bus_archive_missing_total", "stream" => stream.to_string())
                .increment(trimmed.entries);
            tracing::error!(
                %stream,
                entries = trimmed.entries,
                "{} events of {stream} had to go and are in no archive: the stream had grown too long",
                trimmed.entries,
            );
        }
        Ok(trimmed)
    }

    fn report_silent(&mut self, stats: &Stats, now: DateTime<Utc>) {
        let mut quiet = BTreeMap::new();
        for group in stats.groups.iter().filter(|group| waits(group)) {
            let idle = group.consumers.iter().map(|consumer| consumer.idle).min();
            let heard = idle.map(|idle| before(now, idle));
            let known = self.quiet.remove(&group.name);
            let mut state = known.unwrap_or(Quiet {
                since: now,
                reported: None,
            });
            state.since = heard.unwrap_or(state.since);
            let due = state.reported.is_none_or(|reported| reported <= before(now, DAY));
            if state.since <= before(now, self.options.silent) && due {
                state.reported = Some(now);
                metrics::counter!("lockdown_bus_silent_groups_total", "group" => group.name.to_string())
                    .increment(1);
                tracing::warn!(
                    group = %group.name,
                    lag = group.lag(),
                    pending = group.pending(),
                    "Nobody has read for group {} since {}, and its events keep the log from being trimmed: start its \
                     service, or remove the group",
                    group.name,
                    state.since,
                );
            }
            quiet.insert(group.name.clone(), state);
        }
        self.quiet = quiet;
    }

    /// Sets the gauges; those of groups that are not there any more fall to 0.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and exact enough")]
    fn show(&mut self, stats: &Stats) {
        for stream in &stats.streams {
            metrics::gauge!("lockdown_bus_stream_length", "stream" => stream.stream.to_string())
                .set(stream.length as f64);
        }
        let gone = std::mem::take(&mut self.shown);
        for name in gone.iter().filter(|name| stats.group(name).is_none()) {
            show_group(&GroupStats::new(name.clone()));
        }
        for group in &stats.groups {
            show_group(group);
            self.shown.insert(group.name.clone());
        }
    }
}

/// Whether something waits for a consumer.
fn waits(group: &GroupStats) -> bool {
    group.lag() != Some(0) || group.pending() > 0 || group.inbox > 0
}

fn before(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| now.checked_sub_signed(by))
        .unwrap_or(DateTime::UNIX_EPOCH)
}

fn tell(stream: Stream, trimmed: Trimmed) {
    if trimmed.entries > 0 {
        metrics::counter!("lockdown_bus_trimmed_total", "stream" => stream.to_string())
            .increment(trimmed.entries);
    }
    if trimmed.unsettled > 0 {
        metrics::counter!("lockdown_bus_trimmed_unread_total", "stream" => stream.to_string())
            .increment(trimmed.unsettled);
        tracing::error!(
            %stream,
            unsettled = trimmed.unsettled,
            "{} events of {stream} were let go before every group had handled them: the stream had grown too long",
            trimmed.unsettled,
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and exact enough")]
fn show_group(group: &GroupStats) {
    let oldest = group.oldest().unwrap_or_default().as_secs_f64();
    for (what, value) in [
        (
            "lockdown_bus_group_lag",
            group.lag().map_or(f64::NAN, |lag| lag as f64),
        ),
        ("lockdown_bus_group_pending", group.pending() as f64),
        ("lockdown_bus_group_oldest_pending_seconds", oldest),
        ("lockdown_bus_group_inbox", group.inbox as f64),
        ("lockdown_bus_group_retrying", group.retrying as f64),
        ("lockdown_bus_group_dead", group.dead as f64),
    ] {
        metrics::gauge!(what, "group" => group.name.to_string()).set(value);
    }
}
