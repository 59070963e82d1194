//! What is counted of people and guilds.

use crate::fixture::Fixture;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use lockdown_events::EventId;
use lockdown_store::activity::{GuildHour, UserDay};
use lockdown_store::people::IdentityId;
use lockdown_store::{StoreError, in_read, in_tx};

fn user_day(fixture: &Fixture, who: IdentityId, at: DateTime<Utc>, messages: u64) -> UserDay {
    UserDay {
        guild_id: fixture.guild,
        identity_id: who,
        day: at,
        messages,
        edits: 1,
        deletes: 2,
        reactions: 3,
        links: 4,
        media: 5,
        commands: 6,
        joins: 7,
        voice_seconds: 8,
        flagged: 9,
    }
}

fn guild_hour(fixture: &Fixture, at: DateTime<Utc>, messages: u64) -> GuildHour {
    GuildHour {
        guild_id: fixture.guild,
        hour: at,
        messages,
        joins: 1,
        leaves: 2,
        actions: 3,
        flagged: 4,
    }
}

pub(crate) async fn batches_add_up(fixture: Fixture) {
    let midnight: DateTime<Utc> = "2026-11-20T00:00:00Z".parse().unwrap();
    let last = midnight + TimeDelta::days(1) - TimeDelta::microseconds(1);
    let (alice, mallory) = (fixture.alice, fixture.mallory);
    let day = [
        user_day(&fixture, alice, midnight, 10),
        user_day(&fixture, mallory, last, 1),
        user_day(&fixture, alice, last, 20),
        user_day(&fixture, alice, midnight + TimeDelta::days(1), 5),
    ];
    let backwards: Vec<UserDay> = day.iter().rev().cloned().collect();
    // Many at once, each in another order, as workers do.
    join_all((0..8).map(async |round| {
        let batch = if round % 2 == 0 { &day[..] } else { &backwards[..] };
        in_tx!(fixture.store, |tx| { tx.add_user_activity(batch).await }).unwrap();
    }))
    .await;
    in_tx!(fixture.store, |tx| { tx.add_user_activity(&[]).await }).unwrap();
    let read = async |from: i64, to: i64| {
        let (from, to) = (midnight + TimeDelta::days(from), midnight + TimeDelta::days(to));
        in_read!(fixture.store, |conn| {
            conn.user_activity(fixture.guild, alice, from, to).await
        })
        .unwrap()
    };
    let first = UserDay {
        messages: 8 * 30,
        edits: 16,
        deletes: 32,
        reactions: 48,
        links: 64,
        media: 80,
        commands: 96,
        joins: 112,
        voice_seconds: 128,
        flagged: 144,
        ..user_day(&fixture, alice, midnight, 0)
    };
    assert_eq!(read(0, 1).await, [first]);
    let both = read(0, 2).await;
    assert_eq!(
        (both.len(), both[1].messages, both[1].day),
        (2, 40, midnight + TimeDelta::days(1))
    );
    assert_eq!(read(-5, 0).await, []);

    let (people, most) = in_read!(fixture.store, |conn| {
        let (from, to) = (midnight, midnight + TimeDelta::days(9));
        Ok::<_, StoreError>((
            conn.active_people(fixture.guild, from, to).await?,
            conn.most_active(fixture.guild, from, to, 1).await?,
        ))
    })
    .unwrap();
    let people: Vec<(u64, u64)> = people.iter().map(|day| (day.people, day.messages)).collect();
    assert_eq!(people, [(2, 248), (1, 40)]);
    assert_eq!(
        (most.len(), most[0].identity_id, most[0].messages),
        (1, alice, 280)
    );
}

pub(crate) async fn hours_of_a_guild_add_up(fixture: Fixture) {
    let hour: DateTime<Utc> = "1969-12-31T23:00:00Z".parse().unwrap();
    let batch = [
        guild_hour(&fixture, hour + TimeDelta::minutes(59), 1),
        guild_hour(&fixture, hour, 2),
        guild_hour(&fixture, hour + TimeDelta::hours(1), 4),
    ];
    for _ in 0..2 {
        in_tx!(fixture.store, |tx| { tx.add_guild_activity(&batch).await }).unwrap();
    }
    let hours = in_read!(fixture.store, |conn| {
        conn.guild_activity(fixture.guild, hour, hour + TimeDelta::hours(2))
            .await
    })
    .unwrap();
    let first = GuildHour {
        messages: 6,
        joins: 4,
        leaves: 8,
        actions: 12,
        flagged: 16,
        ..guild_hour(&fixture, hour, 0)
    };
    assert_eq!((hours.len(), &hours[0], hours[1].messages), (2, &first, 8));
    let none = in_read!(fixture.store, |conn| {
        conn.guild_activity(
            fixture.guild,
            hour + TimeDelta::hours(2),
            hour + TimeDelta::days(9),
        )
        .await
    });
    assert_eq!(none.unwrap(), []);
}

/// Events come twice, in other batches and at the same time; each is counted once, with the batch or not at all.
pub(crate) async fn an_event_is_counted_once(fixture: Fixture) {
    let events: Vec<EventId> = (0..20).map(|_| EventId(fixture.ids.next())).collect();
    let day = fixture.now();
    let count = async |batch: Vec<EventId>, fails: bool| {
        let outcome: Result<(), StoreError> = in_tx!(fixture.store, |tx| {
            let new = tx.process_all_once("activity", &batch, day).await?;
            let entry = user_day(&fixture, fixture.alice, day, new.len() as u64);
            tx.add_user_activity(&[entry]).await?;
            if fails {
                return Err(StoreError::Missing {
                    statement: "on purpose",
                });
            }
            Ok(())
        });
        assert_eq!(outcome.is_err(), fails);
    };
    count(events[..5].to_vec(), true).await;
    let mut batches: Vec<Vec<EventId>> = (0..16).map(|at| events[at..at + 5].to_vec()).collect();
    for batch in batches.iter_mut().step_by(2) {
        batch.reverse();
        batch.push(batch[0]);
    }
    join_all(batches.into_iter().map(|batch| count(batch, false))).await;
    let from = "2026-11-20T00:00:00Z".parse().unwrap();
    let days = in_read!(fixture.store, |conn| {
        conn.user_activity(fixture.guild, fixture.alice, from, fixture.now())
            .await
    });
    assert_eq!(days.unwrap()[0].messages, 20);
    assert_eq!(fixture.count("processed_events").await, 20);
}

pub(crate) async fn old_activity_is_forgotten_in_portions(fixture: Fixture) {
    let now = fixture.now();
    for days in 0..5 {
        let at = now - TimeDelta::days(days);
        let (user, guild) = (
            user_day(&fixture, fixture.alice, at, 1),
            guild_hour(&fixture, at, 1),
        );
        let outcome = in_tx!(fixture.store, |tx| {
            tx.add_user_activity(std::slice::from_ref(&user)).await?;
            tx.add_guild_activity(std::slice::from_ref(&guild)).await
        });
        outcome.unwrap();
    }
    let forget = async |guild| {
        in_tx!(fixture.store, |tx| {
            let before = now - TimeDelta::days(1);
            let days = tx.forget_user_activity(guild, before, 3).await?;
            Ok::<_, StoreError>((days, tx.forget_guild_activity(guild, before, 3).await?))
        })
        .unwrap()
    };
    let other = fixture.add_guild("200").await.id;
    assert_eq!(forget(other).await, (0, 0));
    let portions = (
        forget(fixture.guild).await,
        forget(fixture.guild).await,
        forget(fixture.guild).await,
    );
    // The day before began more than a day ago, the hour too.
    assert_eq!(portions, ((3, 3), (1, 1), (0, 0)));
}
