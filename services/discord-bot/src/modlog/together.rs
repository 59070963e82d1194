//! One message for what was asked for in one go: many people who are banned together do not flood the log.
//!
//! How each of its cases stands lies on a board of the bus, and the message is written anew from there, at most once within
//! [`PACE`] however much is told. Which messages are to be written stands on a board too, so they outlive the process.

use super::{KEPT, LogError, ModLog, News, Place, embed, of};
use crate::case::Recorded;
use crate::words::WORDS;
use lockdown_bus::EngineError;
use lockdown_events::{BatchId, GuildId, UserId};
use lockdown_moderation::words::Tongue;
use lockdown_runtime::{Context, chain};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What is to be written, as `guild/batch`.
const DUE: &str = "discord/modlog/together";
const PACE: Duration = Duration::from_secs(1);
/// What another process has left behind is found so late.
const LOOK: Duration = Duration::from_secs(30);
/// What could not be written is tried again after so long.
const REST: Duration = Duration::from_secs(5);
/// Before the name of what is being written.
const AGAIN: &str = "again/";
const AT_ONCE: usize = 16;
/// More than anybody bans at once.
const CASES: usize = 1_000;
/// Where the message is, among the cases.
const PLACE: &str = "place";

/// One of the cases, as the message tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(default)]
    pub(super) case: u64,
    pub(super) user: UserId,
    /// How it stands, in words.
    pub(super) fate: String,
}

/// Who writes, and when each message was last said to be due.
#[derive(Default)]
pub(super) struct Marked {
    at: Mutex<HashMap<String, Instant>>,
    some: Notify,
}

fn board(guild: &GuildId, batch: BatchId) -> String {
    format!("{}/{batch}", batches(guild))
}

/// The batches of a guild, each until nobody needs it any more.
fn batches(guild: &GuildId) -> String {
    format!("{DUE}/{guild}")
}

// === impl ModLog ===

impl ModLog {
    /// Writes these messages until the process stops.
    pub(crate) fn tell_together(&self, ctx: &Context) {
        let (log, stopping) = (self.clone(), ctx.shutdown.soft_token());
        ctx.tasks.spawn("modlog", async move {
            stopping.run_until_cancelled(log.keep_writing()).await;
            Ok(())
        });
    }

    /// Notes how a case stands; its message follows.
    pub(super) async fn note_together(
        &self,
        tongue: &Tongue,
        news: &News,
        batch: BatchId,
        case: &Recorded,
    ) -> Result<(), EngineError> {
        let line = Line {
            case: news.case,
            user: case.user_id.clone(),
            fate: case.fate(tongue),
        };
        let text = serde_json::to_string(&line).unwrap_or_default();
        let (engine, item) = (self.bus.engine(), news.case.to_string());
        engine
            .post(&board(&news.guild, batch), &item, &text, KEPT)
            .await?;
        let due = format!("{}/{batch}", news.guild);
        // Whoever writes looks after it is due, so what is noted within the pace of the last mark is seen.
        let now = Instant::now();
        self.marked().retain(|_, at| now - *at < PACE);
        if self.marked().contains_key(&due) {
            return Ok(());
        }
        engine.post(DUE, &due, "", PACE).await?;
        // Only now: what could not be marked is tried again.
        self.marked().insert(due, now);
        self.marked.some.notify_one();
        Ok(())
    }

    fn marked(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.marked.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_writing(&self) {
        loop {
            let pause = match self.write_due().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::debug!("Could not look what the log is to tell: {}", chain(&error));
                    LOOK
                }
            };
            let marked = self.marked.some.notified();
            if tokio::time::timeout(pause, marked).await.is_ok() {
                tokio::time::sleep(PACE).await;
            }
        }
    }

    /// Writes what is due; says when to look again.
    async fn write_due(&self) -> Result<Duration, EngineError> {
        let engine = self.bus.engine();
        let mut items = BTreeSet::new();
        let due = engine.posted(DUE, AT_ONCE).await?.into_iter();
        for due in due.filter(|due| due.due_in.is_zero()) {
            let item = due.item.strip_prefix(AGAIN);
            // Should this process die now, or the bus go, somebody writes it then.
            let again = format!("{AGAIN}{}", item.unwrap_or(&due.item));
            engine.post(DUE, &again, "", LOOK).await?;
            items.extend(item.map(str::to_owned));
        }
        items.extend(
            engine
                .take_due(DUE, AT_ONCE)
                .await?
                .into_iter()
                .map(|taken| taken.item),
        );
        for item in items {
            self.write_one(&item).await?;
        }
        let left = engine.posted(DUE, 1).await?;
        Ok(left
            .first()
            .map_or(LOOK, |next| next.due_in.clamp(PACE / 10, LOOK)))
    }

    async fn write_one(&self, item: &str) -> Result<(), EngineError> {
        let engine = self.bus.engine();
        let again = format!("{AGAIN}{item}");
        // What is noted from now on is not read any more: it asks for the next.
        self.marked().remove(item);
        let parts = item.split_once('/');
        let meant =
            parts.and_then(|(guild, batch)| Some((guild.parse().ok()?, BatchId(batch.parse().ok()?))));
        if let Some((guild, batch)) = meant
            && let Err(error) = self.write_together(&guild, batch).await
        {
            tracing::info!(%guild, "What was done together is shown later: {}", chain(&error));
            engine.post(DUE, &again, "", REST).await?;
            return Ok(());
        }
        engine.unpost(DUE, &again).await.map(drop)
    }

    async fn write_together(&self, guild: &GuildId, batch: BatchId) -> Result<(), LogError> {
        let (engine, board) = (self.bus.engine(), board(guild, batch));
        let mut place = None;
        let mut lines: Vec<Line> = Vec::new();
        for posted in engine.posted(&board, CASES).await? {
            if posted.item == PLACE {
                place = serde_json::from_str::<Place>(&posted.text).ok();
            } else {
                lines.extend(serde_json::from_str::<Line>(&posted.text));
            }
        }
        lines.sort_by_key(|line| line.case);
        let (Some(first), Ok(number)) = (lines.first(), guild.as_str().parse()) else {
            return Ok(());
        };
        if !self.knows(number).await? {
            return Ok(());
        }
        let settings = self.book.of(&of(guild)).await;
        let fresh = place.is_none();
        let channel = || self.channel(number, &settings);
        let Some(mut place) = place.or_else(|| channel().map(Place::in_channel)) else {
            return Ok(());
        };
        if !self.is_open(number, place.channel) {
            return Ok(());
        }
        // What they have in common is said by the first of them.
        let Some(case) = self.case(guild, first.case).await? else {
            return Ok(());
        };
        let body = embed::batch(WORDS.tongue(Some(&settings.locale)), &case, &lines);
        let written = self.write(number, first.case, &place, &body).await;
        match self.settled(number, &place, first.case, written)? {
            Some(message) if fresh => place.message = message,
            _ => return Ok(()),
        }
        let text = serde_json::to_string(&place).unwrap_or_default();
        engine.post(&board, PLACE, &text, KEPT).await?;
        self.keep_batch(guild, batch).await?;
        Ok(())
    }

    /// Remembers that there is this batch, and clears away what is no longer kept.
    async fn keep_batch(&self, guild: &GuildId, batch: BatchId) -> Result<(), EngineError> {
        let engine = self.bus.engine();
        for old in engine.take_due(&batches(guild), AT_ONCE).await? {
            let board = format!("{}/{}", batches(guild), old.item);
            engine.take_due(&board, CASES).await?;
        }
        engine
            .post(&batches(guild), &batch.to_string(), "", KEPT * 2)
            .await?;
        Ok(())
    }
}
