//! A LOCKDOWN with data in it, on either engine.

use lockdown_events::{GuildId, Platform, UserId};
use lockdown_runtime::{Clock, Ids};
use lockdown_store::audit::{ActorKind, NewEntry, Personal};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::people::{Identity, IdentityId, PersonId, Seen};
use lockdown_store::{PostgresOptions, Store, StoreError, in_tx};
use lockdown_testkit::database::{self, Database};
use serde_json::{Value, json};
use std::process::{Command, Output};

pub(crate) struct Installation {
    pub(crate) data: tempfile::TempDir,
    database: Option<Database>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    community: CommunityId,
}

// === impl Installation ===

impl Installation {
    pub(crate) async fn embedded() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (store, _) = Store::open_sqlite(&data.path().join("lockdown.db"))
            .await
            .unwrap();
        Self::over(data, None, store).await
    }

    pub(crate) async fn fleet() -> Self {
        let database = Database::create(&database::migrations()).await.unwrap();
        let (store, _) = Store::open_postgres(&database.url(), &PostgresOptions::default())
            .await
            .unwrap();
        Self::over(tempfile::tempdir().unwrap(), Some(database), store).await
    }

    async fn over(data: tempfile::TempDir, database: Option<Database>, store: Store) -> Self {
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let community = Community {
            id: CommunityId(ids.next()),
            slug: "town".into(),
            name: "Town".into(),
            settings: Json(json!({})),
            created_at: clock.now(),
            updated_at: clock.now(),
            deleted_at: None,
        };
        in_tx!(store, |tx| { tx.insert_community(&community).await }).unwrap();
        Self {
            data,
            database,
            store,
            clock,
            ids,
            community: community.id,
        }
    }

    pub(crate) async fn guild(&self, native_id: &str) -> Guild {
        let guild = Guild {
            id: GuildKey(self.ids.next()),
            community_id: self.community,
            platform: Platform::Discord,
            native_id: GuildId::new(native_id).unwrap(),
            title: "Square".into(),
            joined_at: self.clock.now(),
            left_at: None,
        };
        in_tx!(self.store, |tx| { tx.save_guild(&guild).await }).unwrap()
    }

    pub(crate) async fn see(&self, native_id: &str, name: &str) -> Identity {
        let seen = Seen {
            platform: Platform::Discord,
            native_id: UserId::new(native_id).unwrap(),
            username: Some(name.into()),
            display_name: Some(name.to_uppercase()),
            is_bot: false,
            at: self.clock.now(),
        };
        let new = (PersonId(self.ids.next()), IdentityId(self.ids.next()));
        in_tx!(self.store, |tx| { tx.see(&seen, new).await }).unwrap()
    }

    /// Adds so many entries to a guild's chain, each with something personal in it.
    pub(crate) async fn acts(&self, guild: GuildKey, count: u64, of: Option<IdentityId>) {
        in_tx!(self.store, |tx| {
            for number in 1..=count {
                let entry = NewEntry {
                    guild,
                    at: self.clock.now(),
                    actor_kind: ActorKind::System,
                    actor: "system",
                    act: "case:open",
                    subject: &format!("case:{number}"),
                    body: &json!({ "number": number }),
                    personal: Some(Personal {
                        of,
                        text: &json!({ "reason": "spam" }),
                    }),
                };
                tx.append_audit(&entry).await?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    }

    /// Changes the database behind the store's back, as somebody with its password could, the guards taken away.
    pub(crate) async fn tamper(&self, statements: &[&str]) {
        match &self.database {
            None => {
                let conn = rusqlite::Connection::open(self.data.path().join("lockdown.db")).unwrap();
                conn.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                conn.execute_batch(
                    "PRAGMA foreign_keys = OFF; DROP TRIGGER IF EXISTS audit_log_no_update; \
                     DROP TRIGGER IF EXISTS audit_log_no_delete;",
                )
                .unwrap();
                for statement in statements {
                    conn.execute_batch(statement).unwrap();
                }
            }
            Some(database) => {
                let guards = "SET session_replication_role = replica; ";
                for statement in statements {
                    database.execute(&format!("{guards}{statement}")).await.unwrap();
                }
            }
        }
    }

    pub(crate) fn is_fleet(&self) -> bool {
        self.database.is_some()
    }

    /// `lockdown` with these words.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockdown"));
        // Nothing of the machine that runs the tests reaches the process, its `.env` neither.
        command
            .args(words)
            .env_clear()
            .env("LOCKDOWN_DATA_DIR", self.data.path())
            .current_dir(self.data.path());
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database.url());
        }
        command
    }

    /// Runs it.
    pub(crate) fn lockdown(&self, words: &[&str]) -> Ran {
        Ran::of(&self.command(words).output().unwrap())
    }
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) said: String,
    pub(crate) complained: String,
}

// === impl Ran ===

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            said: String::from_utf8(output.stdout.clone()).unwrap(),
            complained: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// The one document that it said.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.said).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
