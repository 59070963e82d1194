//! What the tests share. Their names have `fleet` in them, by this module.

mod basics;
mod beginning;
mod cache;
mod faults;
mod history;
mod hub;
mod outside;
mod proxy;
mod recent;
mod stopped;
mod suite;

pub(crate) use crate::conformance::{community, consumer, contents, envelopes, event};
use chrono::{DateTime, Utc};
use lockdown_bus::redis::{RedisEngine, RedisOptions};
use lockdown_bus::{
    Append, Class, ConsumerName, Delivery, Engine, EntryId, Failure, Group, GroupName, Settlement, Stream,
};
use lockdown_runtime::{Clock, SecretUrl};
use std::sync::Arc;
use std::time::Duration;

/// Safety limit for what should be over in moments.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
pub(crate) const SHORT: Duration = Duration::from_millis(50);

pub(crate) fn url(text: &str) -> SecretUrl {
    SecretUrl::new(text.parse().unwrap())
}

pub(crate) async fn engine(address: &str) -> RedisEngine {
    engine_with(address, RedisOptions::default()).await
}

pub(crate) async fn engine_with(address: &str, options: RedisOptions) -> RedisEngine {
    RedisEngine::connect(&url(address), options, &Clock::system())
        .await
        .unwrap()
}

pub(crate) fn group(name: &str, classes: &[Class]) -> Group {
    Group {
        name: GroupName::new(name).unwrap(),
        classes: classes.to_vec(),
    }
}

/// Reads one class of four partitions.
pub(crate) fn readers() -> Group {
    group("worker.rules", &[Class::Moderation])
}

/// Bans in one community, numbered.
pub(crate) fn bans(count: usize) -> Vec<Append> {
    (0..count)
        .map(|number| event("ban:created", 1, &number.to_string()))
        .collect()
}

pub(crate) fn stream() -> Stream {
    Stream::of("ban:created", &community(1))
}

pub(crate) async fn append(engine: &RedisEngine, batch: &[Append]) -> Vec<EntryId> {
    let results = engine.append(batch).await.unwrap();
    results
        .into_iter()
        .map(|result| result.unwrap().position.id)
        .collect()
}

/// Reads until this many came.
pub(crate) async fn read_all(
    engine: &RedisEngine,
    group: &Group,
    consumer: &ConsumerName,
    count: usize,
) -> Vec<Delivery> {
    let mut found = Vec::new();
    let reading = async {
        while found.len() < count {
            found.extend(engine.read(group, consumer, 512, SHORT).await.unwrap());
        }
    };
    if tokio::time::timeout(LIMIT, reading).await.is_err() {
        panic!("{} of {count} were read", found.len());
    }
    found
}

pub(crate) async fn acknowledge(
    engine: &RedisEngine,
    group: &Group,
    consumer: &ConsumerName,
    deliveries: &[Delivery],
) -> Vec<bool> {
    settle(engine, group, consumer, deliveries, Settlement::Ack).await
}

pub(crate) async fn settle(
    engine: &RedisEngine,
    group: &Group,
    consumer: &ConsumerName,
    deliveries: &[Delivery],
    how: Settlement,
) -> Vec<bool> {
    let settlements: Vec<_> = deliveries
        .iter()
        .map(|delivery| (delivery.clone(), how.clone()))
        .collect();
    engine.settle(group, consumer, &settlements).await.unwrap()
}

pub(crate) fn failure(error: &str, second: i64) -> Failure {
    Failure {
        error: error.to_owned(),
        at: time(second),
    }
}

pub(crate) fn time(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + second, 123_456_000).unwrap()
}

/// Tries until it succeeds.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> T {
    let trying = async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(LIMIT, trying).await {
        Ok(found) => found,
        Err(_) => panic!("{what} did not happen"),
    }
}
