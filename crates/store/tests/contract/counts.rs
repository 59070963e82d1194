//! What is counted by hours.

use crate::fixture::Fixture;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{GuildId, Platform};
use lockdown_store::counts::{HourCount, Measure};
use lockdown_store::{StoreError, in_read, in_tx};

fn count(hour: DateTime<Utc>, measure: Measure, word: &str, count: u64, millis: u64) -> HourCount {
    HourCount {
        platform: Platform::Discord,
        guild_native_id: GuildId::new("100").unwrap(),
        hour,
        measure,
        word: word.into(),
        count,
        millis,
    }
}

pub(crate) async fn hours_add_up_and_are_counted_anew(fixture: Fixture) {
    let add = async |counts: &[HourCount]| {
        in_tx!(fixture.store, |tx| { tx.add_guild_counts(counts).await }).unwrap();
    };
    let read = async |platform, from, to| -> Vec<(i64, Measure, String, u64, u64)> {
        let guild = GuildId::new("100").unwrap();
        let found = in_read!(fixture.store, |conn| {
            conn.guild_counts(platform, &guild, from, to).await
        });
        let row = |row: HourCount| {
            let minutes = (row.hour - fixture.now()).num_minutes();
            (minutes, row.measure, row.word, row.count, row.millis)
        };
        found.unwrap().into_iter().map(row).collect()
    };
    let (now, day) = (fixture.now(), TimeDelta::days(1));
    let all = async || read(Platform::Discord, now - day, now + day).await;
    add(&[]).await;
    assert_eq!(all().await, []);
    // 9:06 is of nine o'clock.
    for _ in 0..2 {
        add(&[
            count(now, Measure::Outcome, "applied", 2, 300),
            count(now, Measure::Joined, "", 1, 0),
            count(now + TimeDelta::hours(1), Measure::Outcome, "applied", 1, 5),
        ])
        .await;
    }
    let telegram = HourCount {
        platform: Platform::Telegram,
        ..count(now, Measure::Joined, "", 7, 0)
    };
    add(&[telegram]).await;
    let joined = (-6, Measure::Joined, String::new(), 2, 0);
    let applied = |minutes, count, millis| (minutes, Measure::Outcome, "applied".to_owned(), count, millis);
    assert_eq!(
        all().await,
        [joined.clone(), applied(-6, 4, 600), applied(53, 2, 10)]
    );
    assert_eq!(read(Platform::Telegram, now - day, now + day).await.len(), 1);
    assert_eq!(
        read(Platform::Discord, now, now + day).await,
        [applied(53, 2, 10)]
    );

    let cleared = in_tx!(fixture.store, |tx| {
        let cleared = tx.clear_guild_counts(&[Measure::Outcome], now).await?;
        tx.add_guild_counts(&[count(
            now + TimeDelta::hours(1),
            Measure::Outcome,
            "applied",
            9,
            1,
        )])
        .await?;
        Ok::<_, StoreError>(cleared)
    });
    assert_eq!(cleared.unwrap(), 1);
    assert_eq!(all().await, [joined, applied(-6, 4, 600), applied(53, 9, 1)]);

    let forget = async |before, limit| {
        in_tx!(fixture.store, |tx| {
            tx.forget_guild_counts(before, limit).await
        })
        .unwrap()
    };
    assert_eq!(
        (
            forget(now - day, 9).await,
            forget(now, 2).await,
            forget(now, 9).await
        ),
        (0, 2, 1)
    );
    assert_eq!(all().await, [applied(53, 9, 1)]);
}
