//! A community with its desk, and what is asked of it again and again.

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{
    Action, Decision, Envelope, Event, GuildId, ModerationEvent, ModerationLog, Origin, Outcome, Platform,
    UserId,
};
use lockdown_moderation::desk::{Acted, Answered, Ask, Desk, DeskError, Facts, Ranks, Record, Refused};
use lockdown_moderation::{Actor, Case, CaseNumber, Grant, GuildRef, Rank, Right, Rights, Term, UserRef};
use lockdown_runtime::{Clock, Ids, MockClock};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::notifications::{Mailbox, ReaderId};
use lockdown_store::people::IdentityId;
use lockdown_store::sanctions::SanctionKind;
use lockdown_store::{PostgresOptions, Store, StoreError, in_read, in_tx};
use lockdown_testkit::database::{self, Database};
use serde_json::json;

pub(crate) const MALLORY: &str = "666";
pub(crate) const ANA: &str = "11";
pub(crate) const BOB: &str = "12";

pub(crate) struct Town {
    pub(crate) desk: Desk,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) time: MockClock,
    pub(crate) ids: Ids,
    pub(crate) guild: GuildRef,
    pub(crate) key: GuildKey,
    place: Place,
}

enum Place {
    File(tempfile::TempDir),
    Server(Database),
}

pub(crate) fn user(id: &str) -> UserRef {
    UserRef::new(Platform::Discord, UserId::new(id).unwrap())
}

pub(crate) fn moderator(id: &str) -> Actor {
    Actor::Person(user(id))
}

/// A moderator above everybody else who is asked about.
pub(crate) fn allowed() -> Ranks {
    Ranks {
        doer: rank(5, Rights::LEAD),
        doer_grant: Some(Grant::LEAD),
        subject: Rank::PLAIN,
        subject_grant: None,
        bot: Some(user("99")),
        bot_rank: rank(9, Rights::ALL),
    }
}

pub(crate) fn rank(position: u32, rights: Rights) -> Rank {
    Rank::Member {
        position,
        administrator: false,
        rights,
    }
}

/// Somebody without any right.
pub(crate) fn demoted() -> Ranks {
    Ranks {
        doer: rank(5, Rights::of(&[Right::Note])),
        doer_grant: None,
        ..allowed()
    }
}

pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, DeskError>) -> Refused {
    match outcome {
        Err(DeskError::Refused(refused)) => refused,
        other => panic!("it was not refused: {other:?}"),
    }
}

// === impl Town ===

impl Town {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open_sqlite(&folder.path().join("lockdown.db"))
            .await
            .unwrap();
        Self::over(store, Place::File(folder)).await
    }

    pub(crate) async fn postgres() -> Self {
        let database = Database::create(&database::migrations()).await.unwrap();
        let (store, _) = Store::open_postgres(&database.url(), &PostgresOptions::default())
            .await
            .unwrap();
        Self::over(store, Place::Server(database)).await
    }

    async fn over(store: Store, place: Place) -> Self {
        let (clock, time) = Clock::mock("2026-11-20T09:06:00.123456Z".parse().unwrap());
        let ids = Ids::system(clock.clone());
        let guild = GuildRef {
            platform: Platform::Discord,
            id: GuildId::new("100").unwrap(),
        };
        let mut town = Self {
            desk: Desk::new(store.clone(), clock.clone(), ids.clone()),
            store,
            clock,
            time,
            key: GuildKey(ids.next()),
            ids,
            guild,
            place,
        };
        town.key = town.add_guild("100").await;
        town
    }

    pub(crate) async fn add_guild(&self, native_id: &str) -> GuildKey {
        let now = self.now();
        let community = Community {
            id: CommunityId(self.ids.next()),
            slug: format!("town-{native_id}"),
            name: "Town".into(),
            settings: Json(json!({})),
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let guild = Guild {
            id: GuildKey(self.ids.next()),
            community_id: community.id,
            platform: Platform::Discord,
            native_id: GuildId::new(native_id).unwrap(),
            title: "Square".into(),
            joined_at: now,
            left_at: None,
        };
        let saved = in_tx!(self.store, |tx| {
            tx.insert_community(&community).await?;
            tx.save_guild(&guild).await
        });
        saved.unwrap().id
    }

    /// Everything that follows is in another guild, which is new.
    pub(crate) async fn move_to(&mut self, native_id: &str) {
        self.key = self.add_guild(native_id).await;
        self.guild.id = GuildId::new(native_id).unwrap();
    }

    /// Another process over the same database, with a store of its own.
    pub(crate) async fn other_desk(&self) -> Desk {
        let store = match &self.place {
            Place::File(folder) => Store::open_sqlite(&folder.path().join("lockdown.db")).await,
            Place::Server(database) => {
                Store::open_postgres(&database.url(), &PostgresOptions::default()).await
            }
        };
        let ids = Ids::system(self.clock.clone());
        Desk::new(store.unwrap().0, self.clock.clone(), ids)
    }

    /// Where another process finds the store: a URL, or the path of a file.
    pub(crate) fn address(&self) -> String {
        match &self.place {
            Place::File(folder) => folder.path().join("lockdown.db").display().to_string(),
            Place::Server(database) => database.url(),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn pass(&self, by: TimeDelta) {
        self.time.advance(by);
    }

    pub(crate) fn until(&self, from_now: TimeDelta) -> Term {
        Term::Until(self.now() + from_now)
    }

    /// Ana asks for something about Mallory, a second after whatever was before.
    pub(crate) fn ask(&self, action: Action) -> Ask {
        self.pass(TimeDelta::seconds(1));
        Ask {
            reason: Some("spam".into()),
            ..Ask::new(
                moderator(ANA),
                self.guild.clone(),
                user(MALLORY),
                action,
                Origin::Command,
                self.now(),
            )
        }
    }

    pub(crate) async fn try_act(&self, ask: &Ask) -> Result<Acted, DeskError> {
        self.desk.act(ask, &allowed()).await
    }

    /// Does it, as a new case.
    pub(crate) async fn record(&self, ask: &Ask) -> Case {
        match self.try_act(ask).await {
            Ok(Acted::Recorded(case)) => case,
            other => panic!("no new case: {other:?}"),
        }
    }

    pub(crate) async fn act(&self, action: Action) -> Case {
        self.record(&self.ask(action)).await
    }

    pub(crate) async fn ban_for(&self, lasts: TimeDelta) -> Case {
        let mut ask = self.ask(Action::Ban);
        ask.ends = self.until(lasts);
        self.record(&ask).await
    }

    /// What the platform says of a case.
    pub(crate) fn log(&self, case: CaseNumber, outcome: Outcome) -> ModerationLog {
        ModerationLog {
            platform: self.guild.platform,
            guild_id: self.guild.id.clone(),
            case_number: case.0,
            outcome,
            error: (outcome == Outcome::Failed).then(|| "missing permission".into()),
            notified: None,
        }
    }

    pub(crate) async fn answer(&self, case: CaseNumber, outcome: Outcome) -> Result<Answered, DeskError> {
        self.desk.outcome(&self.log(case, outcome), None).await
    }

    pub(crate) async fn applied(&self, case: &Case) {
        let answered = self.answer(case.number, Outcome::Applied).await.unwrap();
        assert!(matches!(answered, Answered::Applied(_)), "{answered:?}");
    }

    pub(crate) async fn read(&self, number: u64) -> Record {
        let record = self.desk.case(&self.guild, CaseNumber(number)).await.unwrap();
        record.unwrap_or_else(|| panic!("there is no case {number}"))
    }

    /// The titles of what those who moderate there were told.
    pub(crate) async fn notified(&self) -> Vec<String> {
        let mailbox = Mailbox {
            reader: ReaderId(self.ids.next()),
            identities: Vec::new(),
            guilds: vec![self.key],
        };
        let told = in_read!(self.store, |conn| {
            conn.notifications(&mailbox, false, None, 10).await
        });
        let told = told.unwrap().into_iter();
        told.map(|notification| notification.title).collect()
    }

    /// The states of the cases, from the first on.
    pub(crate) async fn states(&self) -> Vec<&'static str> {
        let mut states = Vec::new();
        while let Some(record) = self
            .desk
            .case(&self.guild, CaseNumber(states.len() as u64 + 1))
            .await
            .unwrap()
        {
            states.push(record.case.state.name());
        }
        states
    }

    pub(crate) async fn mallory(&self) -> Option<IdentityId> {
        let who = user(MALLORY);
        let found = in_read!(self.store, |conn| { conn.identity(who.platform, &who.id).await });
        found.unwrap().map(|identity| identity.id)
    }

    /// The case by which Mallory is banned or muted, as the row of the sanction says.
    pub(crate) async fn in_force(&self, kind: SanctionKind) -> Option<u64> {
        let mallory = self.mallory().await?;
        in_read!(self.store, |conn| {
            let Some(live) = conn.live_sanction(self.key, mallory, kind).await? else {
                return Ok(None);
            };
            let case = conn.case(live.case_id).await?;
            Ok::<_, StoreError>(case.map(|case| case.number))
        })
        .unwrap()
    }

    /// The events that wait in the outbox, in their order.
    pub(crate) async fn told(&self) -> Vec<Envelope> {
        let lane = lockdown_store::outbox::lane(self.key);
        let page = in_read!(self.store, |conn| { conn.outbox_page(lane, 100_000).await }).unwrap();
        // Guilds share lanes.
        page.into_iter()
            .filter(|pending| pending.guild_id == self.key)
            .map(|pending| Envelope::decode(&pending.payload).unwrap())
            .collect()
    }

    /// The decisions among them.
    pub(crate) async fn decisions(&self) -> Vec<(String, Decision)> {
        let told = self.told().await;
        let decision = |envelope: &Envelope| match envelope.event().unwrap() {
            Event::Moderation(
                ModerationEvent::BanCreated(decision)
                | ModerationEvent::BanRemoved(decision)
                | ModerationEvent::KickExecuted(decision)
                | ModerationEvent::MuteApplied(decision)
                | ModerationEvent::MuteRemoved(decision)
                | ModerationEvent::WarningAdded(decision)
                | ModerationEvent::WarningRemoved(decision)
                | ModerationEvent::NoteAdded(decision),
            ) => Some((envelope.event_type().to_owned(), decision)),
            _ => None,
        };
        told.iter().filter_map(decision).collect()
    }

    /// Everything that could have been written: cases, events, entries and people.
    pub(crate) async fn rows(&self) -> (usize, usize, u64, bool) {
        let seq = in_read!(self.store, |conn| { conn.audit_head(self.key).await });
        (
            self.states().await.len(),
            self.told().await.len(),
            seq.unwrap().unwrap().audit_seq,
            self.mallory().await.is_some(),
        )
    }

    /// What holds whatever was done: each case has its event, each entry its own, and the chain verifies.
    pub(crate) async fn check(&self) {
        let (cases, decisions, told) = (
            self.states().await.len(),
            self.decisions().await,
            self.told().await,
        );
        for number in 1..=cases as u64 {
            let events = decisions.iter().filter(|(_, told)| told.case_number == number);
            assert!(events.count() > 0, "case {number} has no event");
        }
        let report = in_read!(self.store, |conn| { conn.verify_audit(self.key).await });
        let report = report.unwrap().unwrap();
        assert!(report.faults.is_empty(), "{report:?}");
        let logged = told.iter().filter(|event| event.event_type() == "audit:logged");
        assert_eq!(
            logged.count() as u64,
            report.entries,
            "an entry without its event"
        );
    }

    pub(crate) async fn points(&self) -> i64 {
        let mallory = self.mallory().await.unwrap();
        let now = self.now();
        in_read!(self.store, |conn| { conn.points(self.key, mallory, now).await }).unwrap()
    }
}

/// Facts that change between one look and the next.
pub(crate) struct Changing(pub(crate) std::sync::Mutex<Vec<Ranks>>);

#[async_trait::async_trait]
impl Facts for Changing {
    async fn ranks(&self, _: &GuildRef, _: &Actor, _: &UserRef) -> Ranks {
        self.0.lock().unwrap().remove(0)
    }
}
