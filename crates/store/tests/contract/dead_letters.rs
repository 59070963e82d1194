//! The index over what the bus gave up.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use futures_util::future::join_all;
use lockdown_events::{EventId, GuildId, Platform};
use lockdown_store::dead_letters::{DeadLetterQuery, DeadLetterState, DeadReason, NewDeadLetter};
use lockdown_store::{in_read, in_tx};
use serde_json::json;

fn letter(fixture: &Fixture, number: u64, guild: &str) -> NewDeadLetter {
    let envelope = json!({
        "eventId": EventId(fixture.ids.next()),
        "eventType": "user:joined",
        "timestamp": fixture.now(),
        "source": "discord-bot",
        "data": { "guildId": guild, "userId": "5" },
    });
    NewDeadLetter {
        id: format!("sys.1/{number}-0"),
        group: "worker.members".into(),
        consumer: "worker:7f3c".into(),
        position: format!("sys.1/17{number}-0"),
        topic: "user:joined".into(),
        envelope: envelope.to_string(),
        reason: DeadReason::Exhausted,
        attempts: 8,
        first_failure: fixture.now() - TimeDelta::hours(1),
        last_failure: fixture.now(),
        error: "could not\0 decide".into(),
    }
}

/// How many of them were new.
async fn add(fixture: &Fixture, letters: &[NewDeadLetter]) -> u64 {
    in_tx!(fixture.store, |tx| { tx.add_dead_letters(letters).await }).unwrap()
}

async fn settle(fixture: &Fixture, id: &str, state: DeadLetterState, by: &str) -> bool {
    in_tx!(fixture.store, |tx| {
        tx.settle_dead_letter(id, state, fixture.now(), by).await
    })
    .unwrap()
}

pub(crate) async fn a_dead_letter_is_listed_once_and_settled_once(fixture: Fixture) {
    let odd = NewDeadLetter {
        envelope: "{".into(),
        reason: DeadReason::Undecodable,
        ..letter(&fixture, 2, "")
    };
    let letters = [letter(&fixture, 1, "8"), odd, letter(&fixture, 1, "8")];
    let added = join_all((0..6).map(|_| add(&fixture, &letters))).await;
    assert_eq!(added.iter().sum::<u64>(), 2, "{added:?}");
    assert_eq!(add(&fixture, &[]).await, 0);
    let read = async |id: &str| in_read!(fixture.store, |conn| { conn.dead_letter(id).await }).unwrap();
    let first = read("sys.1/1-0").await.unwrap();
    assert_eq!(
        (
            first.guild_native_id.unwrap().as_str(),
            first.user_native_id.unwrap().as_str()
        ),
        ("8", "5")
    );
    assert_eq!((first.platform, first.attempts), (Some(Platform::Discord), 8));
    assert_eq!(
        (first.error.as_str(), first.state),
        ("could not decide", DeadLetterState::Waiting)
    );
    assert_eq!(
        (first.first_failure, first.last_failure),
        (letters[0].first_failure, letters[0].last_failure)
    );
    let second = read("sys.1/2-0").await.unwrap();
    assert_eq!(
        (second.event_id, second.guild_native_id, second.platform),
        (None, None, None)
    );
    assert_eq!(read("sys.1/3-0").await, None);

    let settle = async |id: &str, state| settle(&fixture, id, state, "system").await;
    let replayed = DeadLetterState::Replayed;
    let at_once = join_all((0..6).map(|_| settle("sys.1/1-0", replayed))).await;
    assert_eq!(at_once.into_iter().filter(|done| *done).count(), 1);
    assert!(!settle("sys.1/1-0", DeadLetterState::Dropped).await);
    assert!(!settle("sys.1/3-0", DeadLetterState::Dropped).await);
    let settled = read("sys.1/1-0").await.unwrap();
    assert_eq!(
        (settled.state, settled.settled_at),
        (replayed, Some(fixture.now()))
    );
    assert_eq!(settled.settled_by.as_deref(), Some("system"));
    assert_eq!(
        add(&fixture, &letters).await,
        0,
        "what was settled does not wait again"
    );
}

pub(crate) async fn dead_letters_come_in_pages(fixture: Fixture) {
    let mut letters = Vec::new();
    for number in 1..=7 {
        let mut one = letter(&fixture, number, if number % 2 == 0 { "8" } else { "9" });
        if number == 5 {
            (one.reason, one.group) = (DeadReason::Poison, "backend.cases".into());
        }
        letters.push(one);
        if number % 3 == 0 {
            fixture.time.advance(TimeDelta::seconds(1));
        }
    }
    add(&fixture, &letters).await;
    let find = async |query: DeadLetterQuery| {
        let (mut query, mut found) = (query, Vec::new());
        loop {
            let page = in_read!(fixture.store, |conn| { conn.dead_letters(&query, 2).await }).unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break found };
            query.before = Some((last.last_failure, last.id.clone()));
            found.extend(
                page.into_iter()
                    .map(|letter| letter.id[6..7].parse::<u8>().unwrap()),
            );
        }
    };
    assert_eq!(find(DeadLetterQuery::default()).await, [7, 6, 5, 4, 3, 2, 1]);
    let guild = DeadLetterQuery {
        guild: Some((Platform::Discord, GuildId::new("8").unwrap())),
        ..DeadLetterQuery::default()
    };
    assert_eq!(find(guild).await, [6, 4, 2]);
    let group = DeadLetterQuery {
        group: Some("backend.cases".into()),
        reason: Some(DeadReason::Poison),
        topic: Some("user:joined".into()),
        ..DeadLetterQuery::default()
    };
    assert_eq!(find(group).await, [5]);
    let settled = DeadLetterQuery {
        state: Some(DeadLetterState::Dropped),
        ..DeadLetterQuery::default()
    };
    assert_eq!(find(settled).await, [0; 0]);
}

pub(crate) async fn a_dead_letter_that_waits_is_not_forgotten(fixture: Fixture) {
    let letters: Vec<NewDeadLetter> = (1..=5).map(|number| letter(&fixture, number, "8")).collect();
    add(&fixture, &letters).await;
    let died = fixture.now();
    fixture.time.advance(TimeDelta::days(30));
    add(&fixture, &[letter(&fixture, 6, "8")]).await;
    let later = died + TimeDelta::seconds(1);
    let forget =
        async |before| in_tx!(fixture.store, |tx| { tx.forget_dead_letters(before, 4).await }).unwrap();
    assert_eq!(forget(later).await, 0);
    for letter in &letters {
        assert!(settle(&fixture, &letter.id, DeadLetterState::Expired, "system").await);
    }
    assert_eq!(
        (forget(died).await, forget(later).await, forget(later).await),
        (0, 4, 1)
    );
    assert_eq!(fixture.count("dead_letters").await, 1);
}

pub(crate) async fn what_failed_too_often_is_due_again_a_few_times(fixture: Fixture) {
    let pauses = [1, 10, 100].map(TimeDelta::minutes);
    let due = async || {
        let now = fixture.now();
        in_read!(fixture.store, |conn| {
            conn.dead_letters_to_replay(now, pauses, 10).await
        })
        .unwrap()
    };
    let first = letter(&fixture, 1, "8");
    let permanent = NewDeadLetter {
        reason: DeadReason::Permanent,
        ..letter(&fixture, 2, "8")
    };
    // Nobody can tell whether one without an id was tried before.
    let unreadable = NewDeadLetter {
        envelope: "{".into(),
        ..letter(&fixture, 3, "8")
    };
    add(&fixture, &[first.clone(), permanent, unreadable]).await;
    let mut dies = first;
    for (number, pause) in (4..).zip(pauses) {
        fixture.time.advance(pause - TimeDelta::seconds(1));
        assert!(due().await.is_empty(), "{pause}");
        fixture.time.advance(TimeDelta::seconds(1));
        assert_eq!(due().await, [dies.id.clone()], "{pause}");
        assert!(settle(&fixture, &dies.id, DeadLetterState::Replayed, "system").await);
        // The same event, given up by another group as well: that is a matter of its own.
        let elsewhere = NewDeadLetter {
            id: format!("elsewhere/{number}"),
            group: format!("group.{number}"),
            reason: DeadReason::Poison,
            ..dies.clone()
        };
        dies = NewDeadLetter {
            id: format!("sys.1/{number}-0"),
            last_failure: fixture.now(),
            ..dies
        };
        add(&fixture, &[dies.clone(), elsewhere]).await;
    }
    fixture.time.advance(TimeDelta::days(9));
    assert!(due().await.is_empty(), "it waits for somebody");
}

pub(crate) async fn of_dead_letters_is_told_once_and_not_too_often(fixture: Fixture) {
    let news = async |quiet: TimeDelta| {
        let since = fixture.now() - quiet;
        in_read!(fixture.store, |conn| { conn.news_of_dead_letters(since).await }).unwrap()
    };
    let tell = async |platform: Option<Platform>, guild: Option<&GuildId>| {
        let now = fixture.now();
        in_tx!(fixture.store, |tx| {
            tx.tell_of_dead_letters((platform, guild), now).await
        })
        .unwrap()
    };
    let quiet = TimeDelta::minutes(10);
    let (discord, eight) = (Some(Platform::Discord), GuildId::new("8").unwrap());
    let nowhere = NewDeadLetter {
        envelope: "{".into(),
        reason: DeadReason::Undecodable,
        ..letter(&fixture, 3, "")
    };
    let first = letter(&fixture, 1, "8");
    add(&fixture, &[first.clone(), letter(&fixture, 2, "8"), nowhere]).await;
    let mut waiting = news(quiet).await;
    waiting.sort();
    assert_eq!(waiting, [(None, None), (discord, Some(eight.clone()))]);

    let told = tell(discord, Some(&eight)).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].topic.as_str(), told[0].consumer_group.as_str()),
        ("user:joined", "worker.members")
    );
    assert_eq!(
        (told[0].reason, told[0].again, told[0].letters),
        (DeadReason::Exhausted, Some(0), 2)
    );
    assert_eq!(news(quiet).await, [(None, None)]);
    let told = tell(None, None).await;
    assert_eq!(
        (told[0].reason, told[0].again, told[0].letters),
        (DeadReason::Undecodable, None, 1)
    );

    // The first dies again after it was handed out again.
    assert!(settle(&fixture, &first.id, DeadLetterState::Replayed, "system").await);
    fixture.time.advance(TimeDelta::minutes(9));
    let again = NewDeadLetter {
        id: "sys.1/4-0".into(),
        ..first
    };
    add(&fixture, &[again]).await;
    assert_eq!(news(quiet).await, []);
    fixture.time.advance(TimeDelta::minutes(1));
    assert_eq!(news(quiet).await, [(discord, Some(eight.clone()))]);
    let told = tell(discord, Some(&eight)).await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].again, told[0].letters), (Some(1), 1));
    assert_eq!(news(TimeDelta::zero()).await, []);
    fixture.time.advance(TimeDelta::seconds(1));
    let late = tell(discord, Some(&eight)).await;
    assert!(late.is_empty(), "who asks later has nothing to tell");
}
