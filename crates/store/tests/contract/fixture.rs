//! A store of a test's own, and what is put into it again and again.

use chrono::{DateTime, Utc};
use lockdown_events::{
    Action, AuditLogged, CaseId, Envelope, Event, EventId, GuildId, ModerationEvent, Origin, Platform,
    Source, UserId,
};
use lockdown_runtime::{Clock, Ids, MockClock};
use lockdown_store::audit::{ActorKind, NewEntry, Personal};
use lockdown_store::cases::{Case, CaseState, Fate};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey, Parties};
use lockdown_store::people::{Identity, IdentityId, PersonId, Seen};
use lockdown_store::sanctions::{Sanction, SanctionId, SanctionKind, SanctionState};
use lockdown_store::{PostgresOptions, Store, StoreError, Tx, in_tx};
use lockdown_testkit::database::{self, Database};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use std::path::PathBuf;

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) time: MockClock,
    pub(crate) ids: Ids,
    pub(crate) community: Community,
    pub(crate) guild: GuildKey,
    pub(crate) alice: IdentityId,
    pub(crate) mallory: IdentityId,
    place: Place,
}

enum Place {
    File(tempfile::TempDir),
    Server(Database),
}

fn community(clock: &Clock, ids: &Ids, slug: &str) -> Community {
    Community {
        id: CommunityId(ids.next()),
        slug: slug.into(),
        name: "Town".into(),
        settings: Json(json!({ "language": "en" })),
        created_at: clock.now(),
        updated_at: clock.now(),
        deleted_at: None,
    }
}

// === impl Fixture ===

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open_sqlite(&folder.path().join("lockdown.db"))
            .await
            .unwrap();
        Self::over(store, Place::File(folder)).await
    }

    pub(crate) async fn postgres() -> Self {
        let database = Database::create(&database::migrations()).await.unwrap();
        let (store, migrated) = Store::open_postgres(&database.url(), &PostgresOptions::default())
            .await
            .unwrap();
        assert_eq!(migrated.made, 0, "the template has them already");
        Self::over(store, Place::Server(database)).await
    }

    async fn over(store: Store, place: Place) -> Self {
        let (clock, time) = Clock::mock("2026-11-20T09:06:00.123456Z".parse().unwrap());
        let ids = Ids::system(clock.clone());
        let community = community(&clock, &ids, "town");
        in_tx!(store, |tx| { tx.insert_community(&community).await }).unwrap();
        let mut fixture = Self {
            guild: GuildKey(ids.next()),
            alice: IdentityId(ids.next()),
            mallory: IdentityId(ids.next()),
            store,
            clock,
            time,
            ids,
            community,
            place,
        };
        fixture.guild = fixture.add_guild("100").await.id;
        fixture.alice = fixture.see("1", Some("Alice")).await.id;
        fixture.mallory = fixture.see("2", Some("Mallory")).await.id;
        fixture
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) async fn add_guild(&self, native_id: &str) -> Guild {
        let guild = Guild {
            id: GuildKey(self.ids.next()),
            community_id: self.community.id,
            platform: Platform::Discord,
            native_id: GuildId::new(native_id).unwrap(),
            title: "Square".into(),
            joined_at: self.now(),
            left_at: None,
        };
        in_tx!(self.store, |tx| { tx.save_guild(&guild).await }).unwrap()
    }

    /// A community that has nothing to do with the first one, and its guild.
    pub(crate) async fn add_community(&self, slug: &str) -> (Community, Guild) {
        let community = community(&self.clock, &self.ids, slug);
        let guild = Guild {
            id: GuildKey(self.ids.next()),
            community_id: community.id,
            platform: Platform::Telegram,
            native_id: GuildId::new("-100").unwrap(),
            title: "Elsewhere".into(),
            joined_at: self.now(),
            left_at: None,
        };
        in_tx!(self.store, |tx| {
            tx.insert_community(&community).await?;
            tx.save_guild(&guild).await
        })
        .unwrap();
        (community, guild)
    }

    pub(crate) async fn see(&self, native_id: &str, name: Option<&str>) -> Identity {
        let seen = Seen {
            platform: Platform::Discord,
            native_id: UserId::new(native_id).unwrap(),
            username: name.map(str::to_owned),
            display_name: None,
            is_bot: false,
            at: self.now(),
        };
        let new = (PersonId(self.ids.next()), IdentityId(self.ids.next()));
        in_tx!(self.store, |tx| { tx.see(&seen, new).await }).unwrap()
    }

    pub(crate) fn case(&self, number: u64) -> Case {
        Case {
            id: CaseId(self.ids.next()),
            guild_id: self.guild,
            number,
            kind: Action::Ban,
            state: CaseState::Requested,
            subject_id: self.mallory,
            moderator_id: Some(self.alice),
            origin: Origin::Command,
            rule: None,
            token: None,
            rule_set_hash: None,
            trace_id: None,
            reason: Some("spam".into()),
            expires_at: None,
            evidence: Json(Vec::new()),
            parent_id: None,
            parent: None,
            idempotency_key: None,
            created_at: self.now(),
            hidden_at: None,
            updated_at: self.now(),
            fate: Fate::default(),
        }
    }

    pub(crate) fn sanction(&self, case: &Case, expires_at: Option<DateTime<Utc>>) -> Sanction {
        Sanction {
            id: SanctionId(self.ids.next()),
            case_id: case.id,
            guild_id: case.guild_id,
            subject_id: case.subject_id,
            kind: SanctionKind::Ban,
            state: SanctionState::Live,
            starts_at: self.now(),
            expires_at,
            next_attempt_at: expires_at,
            lease_by: None,
            attempts: 0,
            last_error: None,
            ended_at: None,
            ended_by: None,
        }
    }

    pub(crate) fn event(&self, case: &Case) -> Envelope {
        let event = Event::Moderation(ModerationEvent::AuditLogged(AuditLogged {
            platform: Platform::Discord,
            guild_id: GuildId::new("100").unwrap(),
            sequence: case.number,
            actor: "system".into(),
            actor_id: None,
            act: "case:open".into(),
            subject: format!("case:{}", case.number),
            hash: String::new(),
        }));
        Envelope::new(
            EventId(self.ids.next()),
            self.now(),
            Source::Backend,
            None,
            &event,
        )
        .unwrap()
    }

    /// A case as the use cases make one: numbered, with its history, audit entry and event.
    pub(crate) async fn write_case(&self, tx: &mut Tx, mut case: Case) -> Result<Case, StoreError> {
        let next = tx.next_case(case.guild_id, Parties::default()).await?;
        case.number = next.unwrap().number;
        tx.insert_case(&case).await?;
        tx.begin_case_history(case.id, case.created_at, "system", json!({}))
            .await?;
        tx.append_audit(&NewEntry {
            guild: case.guild_id,
            at: case.created_at,
            actor_kind: ActorKind::Person,
            actor: &self.alice.to_string(),
            act: "case:open",
            subject: &format!("case:{}", case.number),
            body: &json!({ "kind": case.kind }),
            personal: Some(Personal {
                of: Some(case.subject_id),
                text: &json!({ "reason": case.reason }),
            }),
        })
        .await?;
        tx.publish(case.guild_id, &self.event(&case), case.created_at)
            .await?;
        Ok(case)
    }

    pub(crate) async fn record(&self, case: Case) -> Case {
        in_tx!(self.store, |tx| { self.write_case(tx, case.clone()).await }).unwrap()
    }

    /// Adds so many cases.
    pub(crate) async fn record_many(&self, count: u64) {
        for _ in 0..count {
            self.record(self.case(0)).await;
        }
    }

    /// The same database, as another process has it.
    pub(crate) async fn another_process(&self) -> Store {
        let opened = match &self.place {
            Place::File(_) => Store::open_sqlite(&self.file()).await,
            Place::Server(database) => {
                Store::open_postgres(&database.url(), &PostgresOptions::default()).await
            }
        };
        opened.unwrap().0
    }

    /// Changes the database behind the store's back, as somebody with its password could.
    pub(crate) async fn behind_its_back(&self, statement: &str) {
        self.try_behind_its_back(statement).await.unwrap();
    }

    pub(crate) async fn try_behind_its_back(&self, statement: &str) -> Result<u64, sqlx::Error> {
        let text = AssertSqlSafe(statement.to_owned());
        match &self.place {
            Place::File(_) => {
                let mut conn =
                    SqliteConnection::connect(&format!("sqlite:{}", self.file().display())).await?;
                Ok(sqlx::query(text).execute(&mut conn).await?.rows_affected())
            }
            Place::Server(database) => {
                let mut conn = PgConnection::connect(&database.url()).await?;
                Ok(sqlx::query(text).execute(&mut conn).await?.rows_affected())
            }
        }
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let text = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        match &self.place {
            Place::File(_) => {
                let mut conn = SqliteConnection::connect(&format!("sqlite:{}", self.file().display()))
                    .await
                    .unwrap();
                sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap()
            }
            Place::Server(database) => {
                let mut conn = PgConnection::connect(&database.url()).await.unwrap();
                sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap()
            }
        }
    }

    /// The first column of every row, as text.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        let text = AssertSqlSafe(query.to_owned());
        match &self.place {
            Place::File(_) => {
                let mut conn = SqliteConnection::connect(&format!("sqlite:{}", self.file().display()))
                    .await
                    .unwrap();
                sqlx::query_scalar(text).fetch_all(&mut conn).await.unwrap()
            }
            Place::Server(database) => {
                let mut conn = PgConnection::connect(&database.url()).await.unwrap();
                sqlx::query_scalar(text).fetch_all(&mut conn).await.unwrap()
            }
        }
    }

    /// The SQLite file.
    pub(crate) fn file(&self) -> PathBuf {
        match &self.place {
            Place::File(folder) => folder.path().join("lockdown.db"),
            Place::Server(_) => panic!("there is no file on a server"),
        }
    }

    /// The Postgres database.
    pub(crate) fn url(&self) -> Option<String> {
        match &self.place {
            Place::File(_) => None,
            Place::Server(database) => Some(database.url()),
        }
    }
}
