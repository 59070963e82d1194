//! What the platform has lost of what our records say is told to it again, and nothing else is.

use crate::house::{House, guild_id};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::Asked;
use lockdown_events::{
    Action, Envelope, Event, EventId, ModerationEvent, ModerationLog, Origin, Outcome, Platform,
    RanksRequest, Source, UserEvent, UserId, UserJoined,
};
use lockdown_moderation::desk::{Acted, Ask, Desk, Ranks, Seen, SettingsAsk, Settled};
use lockdown_moderation::{Actor, CaseNumber, Grant, GuildRef, Rank, Reconcile, Rights, Settings, UserRef};
use lockdown_runtime::Clock;
use lockdown_store::notifications::{Mailbox, ReaderId};
use lockdown_store::{in_read, outbox};
use lockdown_worker::Pace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the bot sees: whether somebody is banned, and whether they are silenced.
type Shown = Arc<Mutex<BTreeMap<String, (Option<bool>, Option<bool>)>>>;

fn user(id: &str) -> UserRef {
    UserRef::new(Platform::Telegram, UserId::new(id).unwrap())
}

impl House {
    /// A decision that was done a while ago.
    async fn decided(
        &self,
        (desk, at): (&Desk, DateTime<Utc>),
        action: Action,
        person: &str,
        done: bool,
    ) -> CaseNumber {
        let guild = GuildRef {
            platform: Platform::Telegram,
            id: guild_id(),
        };
        let rank = |position| Rank::Member {
            position,
            administrator: false,
            rights: Rights::LEAD,
        };
        let ranks = Ranks {
            doer: rank(5),
            doer_grant: Some(Grant::LEAD),
            subject: Rank::PLAIN,
            subject_grant: None,
            bot: Some(user("99")),
            bot_rank: rank(9),
        };
        let ask = Ask::new(
            Actor::Person(user("11")),
            guild,
            user(person),
            action,
            Origin::Command,
            at,
        );
        let Acted::Recorded(case) = desk.act(&ask, &ranks).await.unwrap() else {
            panic!("nothing is recorded")
        };
        if done {
            let log = ModerationLog {
                platform: Platform::Telegram,
                guild_id: guild_id(),
                case_number: case.number.0,
                outcome: Outcome::Applied,
                error: None,
                notified: None,
            };
            desk.outcome(&log, None).await.unwrap();
        }
        case.number
    }

    /// The cases that the platform is told of, as often as it is.
    async fn told_of(&self) -> Vec<u64> {
        let lane = outbox::lane(self.guild.id);
        let page = in_read!(self.store, |conn| { conn.outbox_page(lane, 1_000).await });
        let number = |payload: &str| match Envelope::decode(payload).unwrap().event().unwrap() {
            Event::Moderation(ModerationEvent::BanCreated(case) | ModerationEvent::MuteApplied(case)) => {
                Some(case.case_number)
            }
            _ => None,
        };
        let mut told: Vec<u64> = page
            .unwrap()
            .iter()
            .filter_map(|pending| number(&pending.payload))
            .collect();
        told.sort_unstable();
        told
    }

    async fn comes_in(&self, person: &str) {
        let joined = json!({ "platform": "telegram", "guildId": guild_id(), "userId": person });
        let joined: UserJoined = serde_json::from_value(joined).unwrap();
        let event = Event::User(UserEvent::Joined(joined));
        let (id, now) = (EventId(self.ctx.ids.next()), self.ctx.clock.now());
        let envelope = Envelope::new(id, now, Source::TelegramBot, None, &event).unwrap();
        self.publish(&envelope).await;
    }

    async fn choose(&self, desk: &Desk, reconcile: Reconcile) {
        let ask = SettingsAsk {
            by: Actor::System,
            guild: GuildRef {
                platform: Platform::Telegram,
                id: guild_id(),
            },
            seen: Seen::Whatever,
            chain: None,
        };
        let chosen = Settings {
            reconcile,
            ..Settings::default()
        };
        desk.change_settings(&ask, &chosen).await.unwrap();
    }

    async fn is_told_of(&self, expected: &[u64]) {
        let told = async {
            while self.told_of().await != expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let told = tokio::time::timeout(crate::house::PATIENCE, told).await;
        assert!(told.is_ok(), "{:?} instead of {expected:?}", self.told_of().await);
    }
}

pub(crate) async fn what_the_platform_lost_is_done_again(house: House) {
    let shown: Shown = Arc::default();
    let seen = Arc::clone(&shown);
    let answer = move |asked: Asked<RanksRequest>| {
        let seen = Arc::clone(&seen);
        async move {
            let seen = seen.lock().unwrap();
            let of = |id: &UserId| {
                let (banned, muted) = seen.get(id.as_str()).copied().unwrap_or_default();
                json!({ "userId": id, "banned": banned, "muted": muted })
            };
            let people: Vec<Value> = asked.data.user_ids.iter().map(of).collect();
            Ok(json!({ "people": people }))
        }
    };
    let _answering = house
        .bus
        .requests()
        .answer("shown:telegram", answer)
        .await
        .unwrap();
    let (past, time) = Clock::mock(house.ctx.clock.now() - TimeDelta::hours(1));
    let desk = Desk::new(house.store.clone(), past.clone(), house.ctx.ids.clone());
    let mut numbers = Vec::new();
    for (action, person, done, banned, muted) in [
        // Lost, both of them.
        (Action::Ban, "1", true, Some(false), None),
        (Action::Mute, "2", true, Some(false), Some(false)),
        // As they should be, not to be seen now, and not yet done.
        (Action::Ban, "3", true, Some(true), None),
        (Action::Mute, "4", true, Some(false), Some(true)),
        (Action::Ban, "5", true, None, None),
        (Action::Ban, "6", false, Some(false), None),
    ] {
        time.advance(TimeDelta::seconds(1));
        numbers.push(house.decided((&desk, past.now()), action, person, done).await.0);
        shown.lock().unwrap().insert(person.to_owned(), (banned, muted));
    }
    house.is_told_of(&numbers).await;
    let pace = Pace {
        all: Duration::from_secs(3_600),
        joined: Duration::ZERO,
        look: Duration::from_millis(50),
    };
    let worker = &house.workers[0];
    lockdown_worker::reconcile(&worker.ctx, house.store.clone(), &worker.bus, pace)
        .await
        .unwrap();
    let mut expected = numbers.clone();
    expected.extend([numbers[0], numbers[1]]);
    expected.sort_unstable();
    house.is_told_of(&expected).await;
    // Somebody who is banned comes all the same.
    shown.lock().unwrap().insert("3".to_owned(), (Some(false), None));
    house.comes_in("3").await;
    expected.push(numbers[2]);
    expected.sort_unstable();
    house.is_told_of(&expected).await;
    let desk = Desk::new(
        house.store.clone(),
        house.ctx.clock.clone(),
        house.ctx.ids.clone(),
    );
    // Where the community wants it noted, nothing is done again.
    house.choose(&desk, Reconcile::Record).await;
    shown
        .lock()
        .unwrap()
        .insert("4".to_owned(), (Some(false), Some(false)));
    house.comes_in("4").await;
    let guild = GuildRef {
        platform: Platform::Telegram,
        id: guild_id(),
    };
    let over = async {
        while !desk.intended_of(&guild, &user("4")).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::house::PATIENCE, over).await.unwrap();
    // And where it does not care, nothing is done at all.
    house.choose(&desk, Reconcile::Ignore).await;
    let first = desk.intended_of(&guild, &user("1")).await.unwrap();
    assert_eq!(desk.settle(&first[0]).await.unwrap(), Settled::Left);
    house.is_told_of(&expected).await;
    let mailbox = Mailbox {
        reader: ReaderId(house.ctx.ids.next()),
        identities: Vec::new(),
        guilds: vec![house.guild.id],
    };
    let title = |number: &u64| format!("The platform did not show what case {number} says");
    let expected: BTreeSet<String> = numbers[..4].iter().map(title).collect();
    let told = async {
        loop {
            let told = in_read!(house.store, |conn| {
                conn.notifications(&mailbox, false, None, 10).await
            });
            let titles: BTreeSet<String> = told.unwrap().into_iter().map(|told| told.title).collect();
            if titles == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::house::PATIENCE, told).await.unwrap();
    house.stop().await;
}
