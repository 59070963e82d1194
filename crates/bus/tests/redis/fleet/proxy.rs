//! What happens between us and the server: answers that never come.

use super::*;
use lockdown_bus::{EngineError, Start};
use lockdown_testkit::servers::redis_private;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Stands between an engine and its server.
#[derive(Default)]
pub(crate) struct Between {
    /// The next answer on a connection that sent these bytes is cut off in the middle, with the connection.
    cut_after: std::sync::Mutex<Option<&'static [u8]>>,
    cuts: AtomicUsize,
    /// No byte passes in either direction, and no connection ends.
    stalled: AtomicBool,
    /// The same, but only on connections that say these bytes.
    stalls: std::sync::Mutex<Option<&'static [u8]>>,
    stalled_alone: AtomicUsize,
}

impl Between {
    pub(crate) async fn start(port: u16) -> (Arc<Self>, String) {
        let between = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let held = Arc::clone(&between);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let between = Arc::clone(&held);
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    // The end of either direction is the end of the connection.
                    let _ = between.pass(client, server).await;
                });
            }
        });
        (between, url)
    }

    pub(crate) fn cut(&self, after: &'static [u8]) {
        *self.cut_after.lock().unwrap() = Some(after);
    }

    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }

    pub(crate) fn stall(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::Relaxed);
    }

    fn asked_to_cut(&self, sent: &[u8]) -> bool {
        let mut wanted = self.cut_after.lock().unwrap();
        let cut = wanted.is_some_and(|wanted| has(sent, wanted));
        if cut {
            *wanted = None;
        }
        cut
    }

    async fn pass(&self, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
        let mut cut = false;
        loop {
            while self.stalled.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::select! {
                read = client.read(&mut up) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    cut |= self.asked_to_cut(&up[..read]);
                    let stalls = *self.stalls.lock().unwrap();
                    if stalls.is_some_and(|wanted| has(&up[..read], wanted)) {
                        self.stalled_alone.fetch_add(1, Ordering::Relaxed);
                        // Until the client gives it up, which closes it on our side too.
                        while client.read(&mut up).await? > 0 {}
                        return Ok(());
                    }
                    server.write_all(&up[..read]).await?;
                }
                read = server.read(&mut down) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    if cut {
                        self.cuts.fetch_add(1, Ordering::Relaxed);
                        return client.write_all(&down[..read / 2]).await;
                    }
                    client.write_all(&down[..read]).await?;
                }
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
    }
}

fn has(sent: &[u8], wanted: &[u8]) -> bool {
    sent.windows(wanted.len()).any(|window| window == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_was_lost_is_appended_once() {
    let server = redis_private();
    let (between, url) = Between::start(server.port()).await;
    let engine = engine(&url).await;
    let mut batch = bans(3);
    for event in &mut batch {
        event.once = true;
    }
    between.cut(b"ban:created");
    let lost = engine.append(&batch).await;
    assert!(matches!(lost, Err(EngineError::Away(_))), "{lost:?}");
    let again = eventually("the second append", async || engine.append(&batch).await.ok()).await;
    assert!(
        again
            .iter()
            .all(|result| result.as_ref().is_ok_and(|appended| appended.already))
    );
    let stored = engine
        .range(stream(), EntryId::ZERO, EntryId::MAX, 10)
        .await
        .unwrap();
    assert_eq!(stored.len(), 3);
    assert_eq!(between.cuts(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_whose_answer_was_lost_come_with_the_next_read() {
    let server = redis_private();
    let (between, url) = Between::start(server.port()).await;
    let engine = engine(&url).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let batch = bans(60);
    append(&engine, &batch[..20]).await;
    let seen = read_all(&engine, &group, &me, 20).await;
    acknowledge(&engine, &group, &me, &seen[..10]).await;
    append(&engine, &batch[20..40]).await;
    between.cut(b"XREADGROUP");
    let lost = engine.read(&group, &me, 512, SHORT).await;
    assert!(matches!(lost, Err(EngineError::Away(_))), "{lost:?}");
    append(&engine, &batch[40..]).await;
    // In their order, and nothing twice of what was seen before.
    let found = read_all(&engine, &group, &me, 40).await;
    assert_eq!(contents(&found), envelopes(&batch)[20..]);
    assert!(engine.read(&group, &me, 10, SHORT).await.unwrap().is_empty());
    assert!(
        acknowledge(&engine, &group, &me, &found)
            .await
            .iter()
            .all(|ours| *ours)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_was_given_up_loses_nothing() {
    let server = redis_private();
    let engine = engine(&server.url()).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let batch = bans(200);
    let mut found = Vec::new();
    for (round, event) in batch.iter().enumerate() {
        let wait = Duration::from_micros(u64::try_from(round * 10).unwrap());
        let reading = tokio::time::timeout(wait, engine.read(&group, &me, 10, LIMIT));
        let (read, _) = tokio::join!(reading, append(&engine, std::slice::from_ref(event)));
        if let Ok(read) = read {
            found.extend(read.unwrap());
        }
    }
    if found.len() < batch.len() {
        found.extend(read_all(&engine, &group, &me, batch.len() - found.len()).await);
    }
    assert_eq!(contents(&found), envelopes(&batch));
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_entries_whose_answer_was_lost_are_not_lost() {
    let server = redis_private();
    let (between, url) = Between::start(server.port()).await;
    let (first, engine) = (engine(&server.url()).await, engine(&url).await);
    let (group, other, me) = (readers(), consumer("a"), consumer("b"));
    first.open_group(&group, &Start::Oldest).await.unwrap();
    append(&first, &bans(5)).await;
    let held = read_all(&first, &group, &other, 5).await;
    // The call with the idle time in it is the script's.
    between.cut(b"ev/");
    let lost = engine.take_over(&group, &me, Duration::ZERO, 10).await;
    assert!(matches!(lost, Err(EngineError::Away(_))), "{lost:?}");
    // Now they are ours without our knowledge; nobody renews them, so whoever looks after a while has them.
    let third = consumer("c");
    let taken = first.take_over(&group, &third, Duration::ZERO, 10).await.unwrap();
    assert_eq!(contents(&taken), contents(&held));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up_and_found_again() {
    let server = redis_private();
    let (between, url) = Between::start(server.port()).await;
    let options = RedisOptions {
        timeout: Duration::from_secs(1),
        ..RedisOptions::default()
    };
    let engine = engine_with(&url, options).await;
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    let live = engine.live().await.unwrap();
    live.subscribe(&["ban:*".into()]).await.unwrap();
    append(&engine, &bans(1)).await;
    live.next().await.unwrap();
    let held = read_all(&engine, &group, &me, 1).await;
    acknowledge(&engine, &group, &me, &held).await;

    between.stall(true);
    let (read, asked) = tokio::join!(
        tokio::time::timeout(LIMIT, engine.read(&group, &me, 10, SHORT)),
        tokio::time::timeout(LIMIT, engine.ping()),
    );
    assert!(matches!(read, Ok(Err(EngineError::Away(_)))), "{read:?}");
    assert!(matches!(asked, Ok(Err(EngineError::Away(_)))), "{asked:?}");
    // The listener finds out by asking, though nothing is said to it.
    let ended = async || {
        let state = engine.connection().borrow().clone();
        (state != lockdown_bus::redis::Connection::Up).then_some(())
    };
    eventually("the loss", ended).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    between.stall(false);
    let gap = tokio::time::timeout(LIMIT, live.next()).await.unwrap().unwrap();
    assert!(matches!(gap, lockdown_bus::Frame::Gap), "{gap:?}");
    eventually("the way back", async || engine.ping().await.ok()).await;
    append(&engine, &bans(1)).await;
    assert_eq!(read_all(&engine, &group, &me, 1).await.len(), 1);
    live.next().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_link_is_half_open_holds_up_nobody_and_comes_back() {
    let server = redis_private();
    let (between, url) = Between::start(server.port()).await;
    let options = RedisOptions {
        timeout: Duration::from_secs(2),
        ..RedisOptions::default()
    };
    let engine = Arc::new(engine_with(&url, options).await);
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    *between.stalls.lock().unwrap() = Some(b"XREADGROUP");
    let reading = {
        let (engine, group) = (Arc::clone(&engine), group.clone());
        tokio::spawn(async move { engine.read(&group, &consumer("a"), 10, SHORT).await })
    };
    eventually("a read that hangs", async || {
        (between.stalled_alone.load(Ordering::Relaxed) > 0).then_some(())
    })
    .await;
    // Nobody says on the reader's connection that it is gone; all else goes on meanwhile.
    let batch = bans(100);
    for event in &batch {
        append(&engine, std::slice::from_ref(event)).await;
        engine.ping().await.unwrap();
    }
    let ended = tokio::time::timeout(LIMIT, reading).await.unwrap().unwrap();
    assert!(matches!(ended, Err(EngineError::Away(_))), "{ended:?}");
    *between.stalls.lock().unwrap() = None;
    let back = async {
        let mut found = Vec::new();
        while found.len() < batch.len() {
            // The first may meet what is left of the broken connection.
            found.extend(engine.read(&group, &me, 512, SHORT).await.unwrap_or_default());
        }
        found
    };
    let found = tokio::time::timeout(LIMIT, back).await.unwrap();
    assert_eq!(contents(&found), envelopes(&batch));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_whose_answer_was_lost_changes_nothing_the_second_time() {
    let server = redis_private();
    let (between, url) = Between::start(server.port()).await;
    let (straight, engine) = (engine(&server.url()).await, engine(&url).await);
    let (group, me) = (readers(), consumer("a"));
    engine.open_group(&group, &Start::Oldest).await.unwrap();
    append(&engine, &bans(5)).await;
    let held = read_all(&engine, &group, &me, 5).await;
    let all: [(&'static [u8], Settlement, bool); 5] = [
        (b"XACK", Settlement::Ack, false),
        (
            b"\r\nretry\r\n",
            Settlement::Retry {
                failure: failure("it broke", 1),
                due: time(2),
            },
            true,
        ),
        (
            b"\r\ndead\r\n",
            Settlement::Dead {
                failure: failure("no", 1),
                reason: lockdown_bus::DeadReason::Permanent,
            },
            false,
        ),
        (b"\r\nrenew\r\n", Settlement::Renew, true),
        (b"\r\nrelease\r\n", Settlement::Release, false),
    ];
    for (cuts, (delivery, (said, settlement, still_held))) in (1..).zip(held.iter().zip(all)) {
        between.cut(said);
        let settlements = [(delivery.clone(), settlement)];
        let lost = engine.settle(&group, &me, &settlements).await;
        assert!(matches!(lost, Err(EngineError::Away(_))), "{lost:?}");
        assert_eq!(between.cuts.load(Ordering::Relaxed), cuts);
        let again = eventually("the second time", async || {
            engine.settle(&group, &me, &settlements).await.ok()
        })
        .await;
        assert_eq!(again, [still_held], "{:?}", settlements[0].1);
    }
    let letters = async || {
        straight
            .dead_letters(&lockdown_bus::DeadFilter::default(), None, 10)
            .await
            .unwrap()
    };
    let letter = &letters().await[..];
    assert_eq!(letter.len(), 1);
    assert_eq!((&letter[0].envelope, letter[0].attempts), (&held[2].envelope, 1));

    // Nor does a replay, which takes the letter and puts the event into the inbox in one step.
    between.cut(b":in:worker.rules");
    let lost = engine.replay_dead(&letter[0].id).await;
    let again = eventually("the second time", async || {
        engine.replay_dead(&letter[0].id).await.ok()
    })
    .await;
    assert!(lost.is_err() && !again, "{lost:?} {again}");
    assert!(letters().await.is_empty());
    let mut open = straight
        .take_over(&group, &consumer("b"), Duration::ZERO, 10)
        .await
        .unwrap();
    open.extend(straight.read(&group, &consumer("b"), 10, SHORT).await.unwrap());
    open.sort_by_key(|delivery| (delivery.inbox, delivery.entry));
    let expected = [&held[1], &held[3], &held[4], &held[2]].map(|delivery| &*delivery.envelope);
    assert_eq!(contents(&open), expected);
    assert_eq!(open[0].retry.as_ref().map(|retry| retry.attempts), Some(1));
    assert!(open[1..].iter().all(|delivery| delivery.retry.is_none()));
}
