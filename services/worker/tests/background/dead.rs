//! What a group gave up is told, and tried again where that may help.

use crate::house::{House, until};
use chrono::TimeDelta;
use lockdown_bus::{Bus, ConsumerOptions, DeadFilter, GroupName, Handler, HandlerError, Start};
use lockdown_events::{Event, NotificationKind, UserEvent};
use lockdown_runtime::MockClock;
use lockdown_store::dead_letters::{DeadLetter, DeadLetterQuery, DeadLetterState, DeadReason};
use lockdown_store::guilds::GuildKey;
use lockdown_store::in_read;
use lockdown_store::notifications::{Mailbox, ReaderId, Received};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Of whom a handler was told that they left, in its order, and whether what it needs is there.
#[derive(Clone, Default)]
struct Handled {
    of: Arc<Mutex<Vec<String>>>,
    is_there: Arc<AtomicBool>,
}

impl Handled {
    /// 6 needs something that may be away, and nothing helps the others.
    async fn consume(&self, bus: &Bus) {
        let own = self.clone();
        let handler = Handler::new("left", ["user:left"], move |received| {
            let own = own.clone();
            async move {
                let Event::User(UserEvent::Left(left)) = &received.event else {
                    panic!("{received:?}")
                };
                own.of.lock().unwrap().push(left.user_id.to_string());
                match left.user_id.as_str() {
                    "6" if own.is_there.load(Ordering::SeqCst) => Ok(()),
                    "6" => Err(HandlerError::Again("it is away".to_owned())),
                    _ => Err(HandlerError::Never("it is of no use".to_owned())),
                }
            }
        });
        let options = ConsumerOptions {
            attempts: 1,
            ..ConsumerOptions::default()
        };
        let group = GroupName::new("test").unwrap();
        bus.consume(group, &Start::Oldest, vec![handler], options)
            .await
            .unwrap();
    }

    fn times(&self, user: &str) -> usize {
        let of = self.of.lock().unwrap();
        of.iter().filter(|id| *id == user).count()
    }
}

impl House {
    async fn leaves(&self, guild: &str, user: &str) {
        let left = json!({ "platform": "discord", "guildId": guild, "userId": user });
        let left = Event::User(UserEvent::Left(serde_json::from_value(left).unwrap()));
        self.bus.publish(&left).await.unwrap();
    }

    async fn noted(&self, state: DeadLetterState) -> Vec<DeadLetter> {
        let query = DeadLetterQuery {
            state: Some(state),
            ..DeadLetterQuery::default()
        };
        in_read!(self.store, |conn| { conn.dead_letters(&query, 100).await }).unwrap()
    }

    /// What those who moderate these read.
    async fn read(&self, guilds: &[GuildKey]) -> Vec<Received> {
        let mailbox = Mailbox {
            reader: ReaderId(self.ctx.ids.next()),
            identities: Vec::new(),
            guilds: guilds.to_vec(),
        };
        in_read!(self.store, |conn| {
            conn.notifications(&mailbox, false, None, 100).await
        })
        .unwrap()
    }
}

pub(crate) async fn what_is_given_up_is_told_and_tried_again(house: House, time: MockClock) {
    let (ctx, bus) = house.worker().await;
    let handled = Handled::default();
    handled.consume(&bus).await;
    for (guild, user) in [("100", "5"), ("100", "6"), ("404", "7")] {
        house.leaves(guild, user).await;
    }
    let dead = async || {
        bus.engine()
            .dead_letters(&DeadFilter::default(), None, 100)
            .await
            .unwrap()
    };
    until("all died", async || dead().await.len() == 3).await;
    lockdown_worker::lead(&ctx, house.store.clone(), &bus);
    let step = || time.advance(TimeDelta::milliseconds(100));
    let guild = [house.guild.id];
    until("it is told", async || {
        step();
        house.read(&guild).await.len() == 2
    })
    .await;
    // What happened where nobody knows the guild concerns everybody.
    let everybody = house.read(&[]).await;
    assert_eq!(everybody.len(), 1);
    assert_eq!(everybody[0].title, "1 event could not be handled");
    let told = house.read(&guild).await;
    let told = told.iter().find(|told| told.id != everybody[0].id).unwrap();
    assert_eq!(
        (told.kind, told.title.as_str()),
        (NotificationKind::Failure, "2 events could not be handled")
    );
    for line in [
        "1 of user:left by test: it failed as often as it may, and is tried again later",
        "1 of user:left by test: it failed, and no other try can succeed",
    ] {
        assert!(told.body.contains(line), "{}", told.body);
    }

    // A look a little before the first pause is over changes nothing.
    time.advance(TimeDelta::minutes(9));
    house.leaves("100", "8").await;
    until("another look", async || {
        step();
        house.noted(DeadLetterState::Waiting).await.len() == 4
    })
    .await;
    assert_eq!(handled.times("6"), 1);
    assert!(house.noted(DeadLetterState::Replayed).await.is_empty());
    time.advance(TimeDelta::minutes(1));
    until("it is tried again, and dies again", async || {
        step();
        handled.times("6") == 2 && house.noted(DeadLetterState::Waiting).await.len() == 4
    })
    .await;
    handled.is_there.store(true, Ordering::SeqCst);
    time.advance(TimeDelta::hours(1));
    until("it is handled", async || {
        step();
        handled.times("6") == 3 && house.noted(DeadLetterState::Replayed).await.len() == 2
    })
    .await;
    for letter in house.noted(DeadLetterState::Replayed).await {
        assert_eq!(
            (letter.reason, letter.settled_by.as_deref()),
            (DeadReason::Exhausted, Some("system"))
        );
    }

    // What somebody drops on the bus waits no longer.
    let letters = dead().await;
    assert_eq!(letters.len(), 3, "what no other try can help stays");
    assert!(bus.engine().drop_dead(&letters[0].id).await.unwrap());
    time.advance(TimeDelta::hours(1));
    until("it is missed", async || {
        step();
        !house.noted(DeadLetterState::Expired).await.is_empty()
    })
    .await;
    let expired = house.noted(DeadLetterState::Expired).await;
    assert_eq!((expired.len(), &*expired[0].id), (1, &*letters[0].id.0));
    assert_eq!(house.noted(DeadLetterState::Waiting).await.len(), 2);
    for user in ["5", "7", "8"] {
        assert_eq!(handled.times(user), 1, "{user}");
    }
    ctx.shutdown.request("test");
    bus.close(Duration::from_secs(5)).await;
    ctx.tasks.all_ended().await;
    house.stop().await;
}
