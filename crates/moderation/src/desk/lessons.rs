//! What a community teaches the classifier of spam: each text once, and nothing of it that cannot be taken back.

use super::error::{DeskError, Stop};
use super::tell::Entry;
use super::{Desk, guild, held, rows};
use crate::who::{Actor, CaseNumber, GuildRef};
use chrono::{DateTime, Utc};
use lockdown_events::CorrelationId;
use lockdown_policy::detect::spam::{Classifier, Opinion, Reader};
use lockdown_policy::detect::taught::{self, Taught};
use lockdown_store::guilds::Guild;
use lockdown_store::lessons::{self, LessonId};
use lockdown_store::{Conn, Tx, in_read, in_tx};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// So many lessons of a community count; the oldest make room.
pub const MOST_LESSONS: usize = 500;

/// The model that all communities share.
static BASE: LazyLock<Classifier> = LazyLock::new(Classifier::base);

/// Who teaches what.
#[derive(Debug, Clone, PartialEq)]
pub struct LessonAsk {
    pub by: Actor,
    pub guild: GuildRef,
    pub text: String,
    pub is_spam: bool,
    /// The case that was a mistake, where that teaches it.
    pub case: Option<CaseNumber>,
    pub chain: Option<CorrelationId>,
}

/// Who takes what back.
#[derive(Debug, Clone, PartialEq)]
pub struct ForgetAsk {
    pub by: Actor,
    pub guild: GuildRef,
    /// All of them, without.
    pub lesson: Option<LessonId>,
    pub chain: Option<CorrelationId>,
}

/// What was taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    pub id: LessonId,
    pub is_spam: bool,
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub case: Option<CaseNumber>,
}

/// What came of a lesson.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    pub lesson: Lesson,
    /// The same was taught before, and counts once.
    pub again: bool,
    pub before: Opinion,
    pub after: Opinion,
}

struct Change<'a> {
    by: &'a Actor,
    act: &'static str,
    subject: String,
    body: Value,
    chain: Option<&'a CorrelationId>,
}

// === impl Desk ===

impl Desk {
    /// Teaches the classifier of a community, and tells all who judge by it. What was taught of the same text before counts
    /// no more.
    pub async fn teach(&self, ask: &LessonAsk) -> Result<Learnt, DeskError> {
        Ok(in_tx!(self.store, |tx| { self.learn(tx, ask).await })?)
    }

    async fn learn(&self, tx: &mut Tx, ask: &LessonAsk) -> Result<Learnt, Stop> {
        let now = self.clock.now();
        let guild = held(tx, &ask.guild).await?;
        let mut reader = Reader::default();
        let (lesson, print) = taught::Lesson::of(&mut reader, &ask.text, ask.is_spam);
        let weights = weights(tx, &guild).await?;
        let before = BASE.judge_taught(&mut reader, &ask.text, weights.as_ref());
        let known = tx.lesson_of(guild.id, &print).await?;
        if let Some(known) = known.filter(|known| known.is_spam == ask.is_spam) {
            let lesson = told(tx, vec![known]).await?.remove(0);
            return Ok(Learnt {
                lesson,
                again: true,
                before,
                after: before,
            });
        }
        let by = rows::name(tx, self, &ask.by, now).await?;
        let kept = lessons::Lesson {
            id: LessonId(self.ids.next()),
            guild_id: guild.id,
            fingerprint: print.to_vec(),
            is_spam: ask.is_spam,
            features: lesson.to_bytes(),
            taught_by: by.text,
            taught_at: now,
            case_number: ask.case.map(|case| case.0),
        };
        tx.save_lesson(&kept).await?;
        let weights = self.relearn(tx, &guild).await?;
        let change = Change {
            by: &ask.by,
            act: if ask.is_spam { "lesson:spam" } else { "lesson:ham" },
            subject: format!("lesson:{}", kept.id),
            body: json!({ "case": kept.case_number }),
            chain: ask.chain.as_ref(),
        };
        self.tell_lesson(tx, &guild, change, now).await?;
        Ok(Learnt {
            lesson: Lesson {
                id: kept.id,
                is_spam: kept.is_spam,
                by: ask.by.clone(),
                at: now,
                case: ask.case,
            },
            again: false,
            before,
            after: BASE.judge_taught(&mut reader, &ask.text, Some(&weights)),
        })
    }

    /// Takes back one lesson, or all; says how many there were.
    pub async fn forget_lessons(&self, ask: &ForgetAsk) -> Result<u64, DeskError> {
        Ok(in_tx!(self.store, |tx| {
            let now = self.clock.now();
            let guild = held(tx, &ask.guild).await?;
            let forgotten = match ask.lesson {
                Some(lesson) => u64::from(tx.remove_lesson(guild.id, lesson).await?),
                None => tx.remove_lessons(guild.id).await?,
            };
            if forgotten == 0 {
                return Ok(0);
            }
            self.relearn(tx, &guild).await?;
            let change = Change {
                by: &ask.by,
                act: "lesson:forget",
                subject: ask
                    .lesson
                    .map_or_else(|| "lessons".to_owned(), |lesson| format!("lesson:{lesson}")),
                body: json!({ "count": forgotten }),
                chain: ask.chain.as_ref(),
            };
            self.tell_lesson(tx, &guild, change, now).await?;
            Ok::<_, Stop>(forgotten)
        })?)
    }

    /// All that a community taught, newest first.
    pub async fn lessons(&self, of: &GuildRef) -> Result<Vec<Lesson>, DeskError> {
        Ok(in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let mut kept = conn.lessons(guild.id).await?;
            kept.reverse();
            told(conn, kept).await
        })?)
    }

    /// What the classifier thinks of a text, with what the community taught it.
    pub async fn opinion(&self, of: &GuildRef, text: &str) -> Result<Opinion, DeskError> {
        let weights = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            weights(conn, &guild).await
        })?;
        Ok(BASE.judge_taught(&mut Reader::default(), text, weights.as_ref()))
    }

    /// Makes the weights of a community anew from all of its lessons.
    async fn relearn(&self, tx: &mut Tx, guild: &Guild) -> Result<Taught, Stop> {
        let mut kept = tx.lessons(guild.id).await?;
        let too_many = kept.len().saturating_sub(MOST_LESSONS);
        for oldest in kept.drain(..too_many) {
            tx.remove_lesson(guild.id, oldest.id).await?;
        }
        // A lesson of an older release whose features meant something else says nothing.
        let lessons: Vec<taught::Lesson> = kept
            .iter()
            .filter_map(|kept| taught::Lesson::from_bytes(&kept.features, kept.is_spam).ok())
            .collect();
        let weights = Taught::of(&BASE, &lessons);
        tx.save_spam_model(guild.id, &weights.to_bytes()).await?;
        Ok(weights)
    }

    async fn tell_lesson(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        change: Change<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        self.tell_config(tx, guild, "spam", change.chain, now).await?;
        let by = rows::name(tx, self, change.by, now).await?;
        let entry = Entry {
            by: &by,
            act: change.act,
            subject: change.subject,
            body: change.body,
            personal: None,
        };
        self.audit(tx, guild, entry, change.chain, now).await
    }
}

/// What the lessons of a community come to; nothing where there are none, or those of another release.
async fn weights(conn: &mut Conn, guild: &Guild) -> Result<Option<Taught>, Stop> {
    let Some(version) = conn.spam_model_version(guild.id).await? else {
        return Ok(None);
    };
    let bytes = conn.spam_model(guild.id, version).await?;
    Ok(bytes.and_then(|bytes| Taught::from_bytes(&bytes).ok()))
}

async fn told(conn: &mut Conn, kept: Vec<lessons::Lesson>) -> Result<Vec<Lesson>, Stop> {
    let ids: BTreeSet<_> = kept
        .iter()
        .filter_map(|kept| rows::identity(&kept.taught_by))
        .collect();
    let people = rows::People::known(conn, ids).await?;
    let lessons = kept.into_iter().map(|kept| Lesson {
        id: kept.id,
        is_spam: kept.is_spam,
        by: people.actor(&kept.taught_by),
        at: kept.taught_at,
        case: kept.case_number.map(CaseNumber),
    });
    Ok(lessons.collect())
}
