//! The erasure of a person.
//!
//! Everything that was written about them goes, in bounded transactions: an erasure that was killed goes on where it was
//! ([`Eraser::resume`]), and one that is asked for again finds nothing more to do. Cases keep their numbers, kinds and times,
//! and the audit chains verify. It is itself an entry of the chains, which names an identity's own id and nobody.
//!
//! **What stays for a while.** The account's platform id, alone, for as long as a ban or a mute against it lives: without it the
//! platform cannot be told to lift what ends in time, and an automatic decision could not be undone. A digest in its place
//! would not do: a platform takes no digest, and the few billion ids there are can all be tried. Once nothing lives, the row's
//! own id takes its place, and whoever returns is somebody new. An event that is not published yet goes out, without its text.

use super::steps::{self, STEPS, Step};
use crate::audit::{ActorKind, NewEntry};
use crate::dbx::query::{parameters, row};
use crate::dbx::{Conn, Tx, sqls};
use crate::error::StoreError;
use crate::guilds::Guild;
use crate::people::{IdentityId, PersonId};
use crate::store::Store;
use crate::{in_read, in_tx};
use lockdown_events::{EventId, Platform, UserId};
use lockdown_runtime::{Clock, Ids};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many rows one transaction changes.
const BATCH: u64 = 500;
/// How many events one statement looks through for a person's id.
const WINDOW: i64 = 5_000;
/// What an event tells beside who and what: all of it may be absent.
const TEXTS_OF_EVENTS: [&str; 3] = ["reason", "evidence", "error"];

/// How many rows, by their table.
pub type Counts = BTreeMap<&'static str, u64>;

/// Erases people. Any number of them may, at the same time.
pub struct Eraser {
    store: Store,
    clock: Clock,
    ids: Ids,
}

row! {
    /// One account of a person.
    pub Account {
        id: IdentityId,
        platform: Platform,
        /// The row's own id, once the account was let go.
        native_id: UserId,
    }
}

/// How far an erasure has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erased {
    /// What went, this time.
    pub counts: Counts,
    /// Nothing is left.
    pub finished: bool,
    /// A ban or a mute against an account lives: its platform id stays until it ends.
    pub sanction_lives: bool,
    /// An event with the account's id is yet to be published.
    pub event_waits: bool,
}

row! {
    Ends {
        first: Option<i64>,
        last: Option<i64>,
    }
}

row! {
    Open {
        person_id: PersonId,
    }
}

row! {
    Waiting {
        id: i64,
        payload: String,
    }
}

macro_rules! mentions {
    ($head:literal, $find:literal, $tail:literal) => {
        concat!(
            $head,
            " FROM outbox WHERE id >= $1 AND id < $2 \
                AND guild_id IN (SELECT id FROM guilds WHERE platform = $3) AND ",
            $find,
            "(payload, $4) > 0",
            $tail
        )
    };
}

sqls! {
    OUTBOX_ENDS = "SELECT MIN(id) AS first, MAX(id) AS last FROM outbox";
    MENTIONS_COUNT =>
        mentions!("SELECT COUNT(*) AS found", "strpos", ""), mentions!("SELECT COUNT(*) AS found", "instr", "");
    FORGET_MENTIONS =>
        mentions!("DELETE", "strpos", " AND (published_at IS NOT NULL OR parked_at IS NOT NULL)"),
        mentions!("DELETE", "instr", " AND (published_at IS NOT NULL OR parked_at IS NOT NULL)");
    WAITING =>
        mentions!("SELECT id, payload", "strpos", " AND published_at IS NULL AND parked_at IS NULL"),
        mentions!("SELECT id, payload", "instr", " AND published_at IS NULL AND parked_at IS NULL");
    REWRITE = "UPDATE outbox SET payload = $2 WHERE id = $1 AND published_at IS NULL";

    PERSON = "SELECT COALESCE(p.merged_into, p.id) AS person FROM identities i JOIN people p ON p.id = i.person_id \
        WHERE i.id = $1";
    ACCOUNTS = "SELECT id, platform, native_id FROM identities WHERE person_id = $1 \
        OR person_id IN (SELECT id FROM people WHERE merged_into = $1) ORDER BY id";
    REQUEST = "INSERT INTO erasures (person_id, requested_at) VALUES ($1, $2) ON CONFLICT (person_id) DO NOTHING";
    MARK = "UPDATE people SET erased_at = $2 WHERE (id = $1 OR merged_into = $1) AND erased_at IS NULL";
    FINISH = "UPDATE erasures SET finished_at = $2 WHERE person_id = $1 AND finished_at IS NULL";
    OPEN = "SELECT person_id FROM erasures WHERE finished_at IS NULL ORDER BY requested_at";
    // Whoever sees the account at this moment holds this row: either they come first, and their sanction is found below, or
    // they find nobody and make somebody new.
    LOCK_ACCOUNT => "SELECT id FROM identities WHERE id = $1 FOR UPDATE", "SELECT id FROM identities WHERE id = $1";
    LIVES = "SELECT COUNT(*) AS found FROM sanctions WHERE guild_id IN (SELECT id FROM guilds) AND subject_id = $1 \
        AND state = 'live'";
    LET_GO = "UPDATE identities SET native_id = $2 WHERE id = $1";
    GUILDS = "SELECT g.id, g.community_id, g.platform, g.native_id, g.title, g.joined_at, g.left_at FROM guilds g \
        WHERE EXISTS (SELECT 1 FROM cases c WHERE c.guild_id = g.id AND c.subject_id = $1) \
            OR EXISTS (SELECT 1 FROM notes n WHERE n.guild_id = g.id AND n.subject_id = $1) \
            OR EXISTS (SELECT 1 FROM audit_pii a WHERE a.guild_id = g.id AND a.subject_id = $1) ORDER BY g.id";
}

/// Whether the erasure reaches a column: for the test that compares it with the schema.
pub fn erases(table: &str, column: &str) -> bool {
    steps::reaches(table, column)
        || [&LET_GO, &FORGET_MENTIONS]
            .into_iter()
            .any(|sql| steps::changes(sql, table, column))
}

/// As it stands in an event: a text of its own, not a part of another.
fn needle(account: &Account) -> String {
    Value::from(account.native_id.as_str()).to_string()
}

/// The event without what somebody wrote, where it is about this account.
fn without_text(payload: &str, account: &Account) -> Option<String> {
    let mut envelope: Value = serde_json::from_str(payload).ok()?;
    let data = envelope.get_mut("data")?.as_object_mut()?;
    if data.get("userId").and_then(Value::as_str) != Some(account.native_id.as_str()) {
        return None;
    }
    let before = data.len();
    data.retain(|name, _| !TEXTS_OF_EVENTS.contains(&name.as_str()));
    (data.len() < before).then(|| envelope.to_string())
}

// === impl Account ===

impl Account {
    /// Whether nothing but the row's own id is left of it.
    fn is_gone(&self) -> bool {
        self.native_id.as_str() == self.id.to_string()
    }
}

// === impl Conn ===

impl Conn {
    /// The person that an account belongs to, on all platforms.
    pub async fn person_of(&mut self, account: IdentityId) -> Result<Option<PersonId>, StoreError> {
        self.query(&PERSON).bind(account).value("person").await
    }

    /// Every account of a person, those included of whom they were found to be.
    pub async fn accounts_of(&mut self, person: PersonId) -> Result<Vec<Account>, StoreError> {
        self.query(&ACCOUNTS).bind(person).all().await
    }

    async fn is_sanctioned(&mut self, account: IdentityId) -> Result<bool, StoreError> {
        let live: Option<u64> = self.query(&LIVES).bind(account).value("found").await?;
        Ok(live.unwrap_or(0) > 0)
    }

    /// Who is to be erased and is not yet, the oldest first.
    async fn open_erasures(&mut self) -> Result<Vec<Open>, StoreError> {
        self.query(&OPEN).all().await
    }

    async fn outbox_windows(&mut self) -> Result<Vec<i64>, StoreError> {
        let ends: Ends = self.query(&OUTBOX_ENDS).one().await?;
        let (Some(first), Some(last)) = (ends.first, ends.last) else {
            return Ok(Vec::new());
        };
        let step = usize::try_from(WINDOW).unwrap_or(1);
        Ok((first..=last).step_by(step).collect())
    }
}

// === impl Eraser ===

impl Eraser {
    pub fn new(store: Store, clock: Clock, ids: Ids) -> Self {
        Self { store, clock, ids }
    }

    /// How many rows an erasure would change or remove.
    pub async fn preview(&self, person: PersonId) -> Result<Counts, StoreError> {
        let accounts = in_read!(self.store, |conn| { conn.accounts_of(person).await })?;
        let mut counts = Counts::new();
        for account in &accounts {
            for step in STEPS {
                let found: Option<u64> = in_read!(self.store, |conn| {
                    conn.query(step.count).bind(account.id).value("found").await
                })?;
                *counts.entry(step.table).or_default() += found.unwrap_or(0);
            }
            counts.entry("outbox").or_default();
            for from in self.windows(account).await? {
                let found: Option<u64> = in_read!(self.store, |conn| {
                    let query = conn.query(&MENTIONS_COUNT).bind(from).bind(from + WINDOW);
                    query
                        .bind(account.platform)
                        .bind(needle(account))
                        .value("found")
                        .await
                })?;
                *counts.entry("outbox").or_default() += found.unwrap_or(0);
            }
        }
        Ok(counts)
    }

    /// Erases a person, or goes on with it.
    pub async fn erase(&self, person: PersonId) -> Result<Erased, StoreError> {
        self.go_on(person, true).await
    }

    /// What is written about the account while a ban or a mute against it lives goes when that ends: until then, only who
    /// is `thorough` looks through every event for it.
    async fn go_on(&self, person: PersonId, thorough: bool) -> Result<Erased, StoreError> {
        let accounts = in_read!(self.store, |conn| { conn.accounts_of(person).await })?;
        in_tx!(self.store, |tx| { self.begin(tx, person, &accounts).await })?;
        let mut erased = Erased::default();
        let mut cleared = Vec::new();
        for account in &accounts {
            for step in STEPS.iter().filter(|step| !step.last) {
                self.run(step, account, &mut erased).await?;
            }
            if thorough || !in_read!(self.store, |conn| { conn.is_sanctioned(account.id).await })? {
                self.clear_outbox(account, &mut erased).await?;
                cleared.push(account.id);
            }
        }
        for account in &accounts {
            let may_go = !erased.event_waits && cleared.contains(&account.id);
            let gone =
                account.is_gone() || may_go && in_tx!(self.store, |tx| { let_go(tx, account.id).await })?;
            if !gone {
                erased.sanction_lives |= !erased.event_waits;
                continue;
            }
            for step in STEPS.iter().filter(|step| step.last) {
                self.run(step, account, &mut erased).await?;
            }
        }
        if !erased.event_waits && !erased.sanction_lives {
            in_tx!(self.store, |tx| { self.finish(tx, person, &accounts).await })?;
            erased.finished = true;
        }
        Ok(erased)
    }

    /// Goes on with every erasure that is not finished; says how many are still not.
    pub async fn resume(&self) -> Result<u64, StoreError> {
        let mut open = 0;
        for Open { person_id } in in_read!(self.store, |conn| { conn.open_erasures().await })? {
            open += u64::from(!self.go_on(person_id, false).await?.finished);
        }
        metrics::gauge!("lockdown_store_erasures_open").set(open as f64);
        Ok(open)
    }

    /// Once, whoever asks how often: from then on nothing new is noted about the person's accounts.
    async fn begin(&self, tx: &mut Tx, person: PersonId, accounts: &[Account]) -> Result<(), StoreError> {
        let now = self.clock.now();
        if tx.query(&REQUEST).bind(person).bind(now).execute().await? == 0 {
            return Ok(());
        }
        tx.query(&MARK).bind(person).bind(now).execute().await?;
        self.write_down(tx, accounts, "person:erase").await
    }

    async fn finish(&self, tx: &mut Tx, person: PersonId, accounts: &[Account]) -> Result<(), StoreError> {
        let query = tx.query(&FINISH).bind(person).bind(self.clock.now());
        if query.execute().await? == 0 {
            return Ok(());
        }
        self.write_down(tx, accounts, "person:erased").await
    }

    /// In the chain of every guild where there was something about them.
    async fn write_down(
        &self,
        tx: &mut Tx,
        accounts: &[Account],
        act: &'static str,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        for account in accounts {
            let guilds: Vec<Guild> = tx.query(&GUILDS).bind(account.id).all().await?;
            let subject = format!("identity:{}", account.id);
            for guild in guilds {
                let entry = NewEntry {
                    guild: guild.id,
                    at: now,
                    actor_kind: ActorKind::System,
                    actor: "operator",
                    act,
                    subject: &subject,
                    body: &json!({}),
                    personal: None,
                };
                tx.record_act(&guild, &entry, EventId(self.ids.next())).await?;
            }
        }
        Ok(())
    }

    async fn run(
        &self,
        step: &'static Step,
        account: &Account,
        erased: &mut Erased,
    ) -> Result<(), StoreError> {
        loop {
            let now = self.clock.now();
            let done = in_tx!(self.store, |tx| {
                let timed = parameters(step.erase.sqlite) == 3;
                let query = tx.query(step.erase).bind(account.id).bind(BATCH);
                if timed { query.bind(now) } else { query }.execute().await
            })?;
            *erased.counts.entry(step.table).or_default() += done;
            if done < BATCH {
                return Ok(());
            }
        }
    }

    async fn windows(&self, account: &Account) -> Result<Vec<i64>, StoreError> {
        if account.is_gone() {
            return Ok(Vec::new());
        }
        in_read!(self.store, |conn| { conn.outbox_windows().await })
    }

    /// Forgets the events that went out, and takes the text from those that wait.
    async fn clear_outbox(&self, account: &Account, erased: &mut Erased) -> Result<(), StoreError> {
        erased.counts.entry("outbox").or_default();
        for from in self.windows(account).await? {
            let (done, waiting) = in_tx!(self.store, |tx| {
                let query = tx.query(&FORGET_MENTIONS).bind(from).bind(from + WINDOW);
                let mut done = query
                    .bind(account.platform)
                    .bind(needle(account))
                    .execute()
                    .await?;
                let query = tx.query(&WAITING).bind(from).bind(from + WINDOW);
                let waiting: Vec<Waiting> = query.bind(account.platform).bind(needle(account)).all().await?;
                for event in &waiting {
                    if let Some(payload) = without_text(&event.payload, account) {
                        done += tx.query(&REWRITE).bind(event.id).bind(payload).execute().await?;
                    }
                }
                Ok::<_, StoreError>((done, !waiting.is_empty()))
            })?;
            *erased.counts.entry("outbox").or_default() += done;
            erased.event_waits |= waiting;
        }
        Ok(())
    }
}

/// Replaces the platform's id by the row's own, unless something still holds against the account.
async fn let_go(tx: &mut Tx, account: IdentityId) -> Result<bool, StoreError> {
    tx.query(&LOCK_ACCOUNT)
        .bind(account)
        .value::<IdentityId>("id")
        .await?;
    if tx.is_sanctioned(account).await? {
        return Ok(false);
    }
    tx.query(&LET_GO)
        .bind(account)
        .bind(account.to_string())
        .execute()
        .await?;
    Ok(true)
}
