//! Reading for a group.
//!
//! `COUNT` holds for each stream of a call, so a read asks each for its share of what the caller can take. Streams that
//! filled their share are asked for more the next time, each in a call of its own, all sent at once. Where the share
//! is below one entry, what comes too much waits here for the next read, which first makes sure that it is still ours.

use super::RedisEngine;
use super::fold::{Item, Items};
use super::keys::Lane;
use super::readers::{Lanes, Reader, Reading};
use super::wire::Wire;
use super::{error, reply};
use crate::engine::{Delivery, EngineError, Group, Settlement};
use crate::place::{ConsumerName, Position};
use ::redis::{Cmd, Pipeline, cmd};
use compact_str::CompactString;
use std::time::Duration;
use tokio::time::Instant;

/// A blocking call that has not answered this long after its time is given up, with its connection.
const WATCHDOG: Duration = Duration::from_secs(2);
/// On a Cluster, where no call can wait for several partitions, they are asked again and again.
const POLL: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// What came of asking.
enum Answer {
    Read(Vec<Delivery>),
    /// The group is not there (any more).
    NoGroup,
}

/// Some streams to be asked in one call, for this many entries each.
struct Ask<'a> {
    lanes: Vec<&'a (Lane, CompactString)>,
    count: usize,
}

impl RedisEngine {
    pub(super) async fn read_new(
        &self,
        group: &Group,
        consumer: &ConsumerName,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, EngineError> {
        let reader = self.readers.of(&group.name, consumer);
        let mut reading = reader.reading.lock().await;
        let until = Instant::now() + wait;
        let mut made_again = false;
        loop {
            if self.reads.is_cancelled() {
                return Err(EngineError::Closed);
            }
            if max == 0 {
                return Ok(Vec::new());
            }
            let found = self.take_surplus(&mut reading, group, consumer, max).await?;
            if !found.is_empty() {
                reader.hold(&found);
                return Ok(found);
            }
            if reading.lost {
                self.recover(&reader, &mut reading, group, consumer).await?;
                reading.lost = false;
                continue;
            }
            match self.ask(&mut reading, group, consumer, max, until).await? {
                Answer::Read(mut found) => {
                    if found.len() > max {
                        reading.surplus.extend(found.drain(max..));
                    }
                    reader.hold(&found);
                    return Ok(found);
                }
                Answer::NoGroup if made_again => {
                    return Err(error::away("the group is removed as soon as it is made"));
                }
                Answer::NoGroup => {
                    self.make_again(group).await?;
                    made_again = true;
                }
            }
        }
    }

    /// What an earlier read brought beyond its bound, if it is still ours.
    async fn take_surplus(
        &self,
        reading: &mut Reading,
        group: &Group,
        consumer: &ConsumerName,
        max: usize,
    ) -> Result<Vec<Delivery>, EngineError> {
        while !reading.surplus.is_empty() {
            let bound = max.min(reading.surplus.len());
            let renewals: Vec<_> = (reading.surplus.iter().take(bound))
                .map(|delivery| (delivery.clone(), Settlement::Renew))
                .collect();
            let ours = self.settle_all(group, consumer, &renewals).await?;
            reading.surplus.drain(..bound);
            let kept: Vec<Delivery> = (renewals.into_iter().zip(ours))
                .filter_map(|((delivery, _), ours)| ours.then_some(delivery))
                .collect();
            if !kept.is_empty() {
                return Ok(kept);
            }
        }
        Ok(Vec::new())
    }

    /// Puts what the server counts as ours, but we never saw, where the next read finds it.
    async fn recover(
        &self,
        reader: &Reader,
        reading: &mut Reading,
        group: &Group,
        consumer: &ConsumerName,
    ) -> Result<(), EngineError> {
        if let Some(client) = reading.client.take() {
            // The server may not know yet that the connection is gone, and go on to assign entries to it.
            let mut kill = cmd("CLIENT");
            kill.arg("KILL").arg("ID").arg(client);
            self.calls.many(vec![kill.into()]).await?;
        }
        let unseen = self.unseen(reader, group, consumer).await?;
        if !unseen.is_empty() {
            tracing::info!(
                group = %group.name,
                entries = unseen.len(),
                "Recovered {} entries whose answer was lost",
                unseen.len(),
            );
        }
        reading.surplus.extend(unseen);
        Ok(())
    }

    async fn ask(
        &self,
        reading: &mut Reading,
        group: &Group,
        consumer: &ConsumerName,
        max: usize,
        until: Instant,
    ) -> Result<Answer, EngineError> {
        let lanes = reading.lanes(&group.classes, || {
            Lane::of(group)
                .map(|lane| (lane, self.keys.lane(lane, &group.name)))
                .collect()
        });
        if lanes.is_empty() {
            self.rest(until.saturating_duration_since(Instant::now())).await?;
            return Ok(Answer::Read(Vec::new()));
        }
        let busy = std::mem::take(&mut reading.busy);
        if !busy.is_empty() && max >= lanes.len() {
            let asks = self.share(&lanes, &busy, max);
            match self.send(reading, group, consumer, &asks, None).await? {
                Answer::Read(found) if found.is_empty() => {}
                answer => return Ok(answer),
            }
        }
        let share = (max / lanes.len()).max(1);
        if !self.cluster {
            let all = [Ask {
                lanes: lanes.iter().collect(),
                count: share,
            }];
            let left = until.saturating_duration_since(Instant::now());
            return self.send(reading, group, consumer, &all, Some(left)).await;
        }
        let asks = by_partition(lanes.iter().collect(), share);
        let mut pause = POLL.0;
        loop {
            match self.send(reading, group, consumer, &asks, None).await? {
                Answer::Read(found) if found.is_empty() => {}
                answer => return Ok(answer),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Answer::Read(Vec::new()));
            }
            self.rest(pause.min(left)).await?;
            pause = (pause * 2).min(POLL.1);
        }
    }

    /// One entry of each quiet lane, and the rest for the busy ones.
    fn share<'a>(&self, lanes: &'a Lanes, busy: &[Lane], max: usize) -> Vec<Ask<'a>> {
        let (hot, quiet): (Vec<_>, Vec<_>) = lanes.iter().partition(|(lane, _)| busy.contains(lane));
        let count = ((max - quiet.len()) / hot.len().max(1)).max(1);
        let mut asks: Vec<Ask<'_>> = hot
            .into_iter()
            .map(|lane| Ask {
                lanes: vec![lane],
                count,
            })
            .collect();
        if self.cluster {
            asks.extend(by_partition(quiet, 1));
        } else if !quiet.is_empty() {
            asks.push(Ask {
                lanes: quiet,
                count: 1,
            });
        }
        asks
    }

    /// Sends calls over the reader's own connection; with `block`, one call that waits.
    async fn send(
        &self,
        reading: &mut Reading,
        group: &Group,
        consumer: &ConsumerName,
        asks: &[Ask<'_>],
        block: Option<Duration>,
    ) -> Result<Answer, EngineError> {
        let mut connection = match reading.connection.take() {
            Some(connection) => connection,
            None => self.open_reader(reading).await?,
        };
        let block = block.filter(|block| !block.is_zero());
        let mut pipeline = Pipeline::with_capacity(asks.len());
        for ask in asks {
            pipeline.add_command(command(group, consumer, ask, block));
        }
        let limit = block.map_or(self.calls.link().dialer().timeout, |block| block + WATCHDOG);
        // Should this future be dropped now, or the answer not come, entries may have been assigned to us unseen.
        reading.lost = true;
        let sent = tokio::select! {
            biased;
            () = self.reads.cancelled() => return Err(EngineError::Closed),
            sent = tokio::time::timeout(limit, connection.raw_many(&pipeline)) => sent,
        };
        let answers = match sent {
            Ok(Ok(answers)) => answers,
            Ok(Err(failed)) => return Err(error::engine(failed)),
            Err(_) => return Err(error::away("Redis did not answer a read in time")),
        };
        let mut found = Vec::new();
        let mut no_group = false;
        for (ask, answer) in asks.iter().zip(answers) {
            no_group |= !deliveries(&answer, ask, &mut found, &mut reading.busy)?;
        }
        reading.connection = Some(connection);
        reading.lost = false;
        if no_group && found.is_empty() {
            return Ok(Answer::NoGroup);
        }
        Ok(Answer::Read(found))
    }

    async fn open_reader(&self, reading: &mut Reading) -> Result<Wire, EngineError> {
        let dial = async {
            let mut connection = self.calls.link().dialer().blocking().await?;
            let client: i64 = cmd("CLIENT").arg("ID").query_async(&mut connection).await?;
            Ok((connection, client))
        };
        let limit = self.calls.link().dialer().timeout;
        tokio::select! {
            biased;
            () = self.reads.cancelled() => Err(EngineError::Closed),
            dialed = tokio::time::timeout(limit, dial) => match dialed {
                Ok(Ok((connection, client))) => {
                    reading.client = Some(client);
                    Ok(connection)
                }
                Ok(Err(failed)) => Err(error::engine(failed)),
                Err(_) => Err(error::away("Redis did not answer in time")),
            },
        }
    }

    async fn rest(&self, pause: Duration) -> Result<(), EngineError> {
        tokio::select! {
            () = self.reads.cancelled() => Err(EngineError::Closed),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}

/// The two lanes of a partition share a slot.
fn by_partition(lanes: Vec<&(Lane, CompactString)>, count: usize) -> Vec<Ask<'_>> {
    let mut asks: Vec<Ask<'_>> = Vec::new();
    for lane in lanes {
        match asks.last_mut() {
            Some(ask) if ask.lanes[0].0.stream == lane.0.stream => ask.lanes.push(lane),
            _ => asks.push(Ask {
                lanes: vec![lane],
                count,
            }),
        }
    }
    asks
}

fn command(group: &Group, consumer: &ConsumerName, ask: &Ask<'_>, block: Option<Duration>) -> Cmd {
    let mut command = cmd("XREADGROUP");
    command
        .arg("GROUP")
        .arg(group.name.as_str())
        .arg(consumer.as_str())
        .arg("COUNT")
        .arg(ask.count);
    if let Some(block) = block {
        // 0 would block for ever.
        let millis = u64::try_from(block.as_millis()).unwrap_or(u64::MAX).max(1);
        command.arg("BLOCK").arg(millis);
    }
    command.arg("STREAMS");
    for (_, key) in &ask.lanes {
        command.arg(key.as_str());
    }
    for _ in &ask.lanes {
        command.arg(">");
    }
    command
}

/// Takes `[[key, entries], …]`, or nil when the time was up. `false` when there is no such group.
fn deliveries(
    answer: &[u8],
    ask: &Ask<'_>,
    found: &mut Vec<Delivery>,
    busy: &mut Vec<Lane>,
) -> Result<bool, EngineError> {
    let shape = || error::shape("XREADGROUP");
    let mut items = Items::new(answer);
    let lanes = match items.next() {
        Some(Item::Array(lanes)) => lanes,
        Some(Item::Nil) => 0,
        Some(Item::Error(refused)) if refused.starts_with(b"NOGROUP") => return Ok(false),
        Some(Item::Error(refused)) => return Err(error::text(&String::from_utf8_lossy(refused))),
        _ => return Err(shape()),
    };
    for _ in 0..lanes {
        let (Some(Item::Array(2)), Some(key)) = (items.next(), items.bytes()) else {
            return Err(shape());
        };
        let named = |(_, known): &&&(Lane, CompactString)| key == known.as_bytes();
        let (lane, _) = ask.lanes.iter().find(named).ok_or_else(shape)?;
        let Some(Item::Array(entries)) = items.next() else {
            return Err(shape());
        };
        if entries >= ask.count {
            busy.push(*lane);
        }
        for _ in 0..entries {
            let entry = reply::raw_entry(&mut items).ok_or_else(shape)?;
            found.push(Delivery {
                entry: Position {
                    stream: lane.stream,
                    id: entry.id,
                },
                inbox: lane.inbox,
                channel: entry.channel,
                envelope: entry.envelope,
                deliveries: 1,
                retry: None,
            });
        }
    }
    Ok(true)
}
