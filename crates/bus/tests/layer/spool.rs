//! The spool: what is published while the log is away.

use super::bench::{Faulty, left, until};
use super::publish::{flood, order, quick};
use crate::conformance::Fixture;
use lockdown_bus::{Engine, Published, Publisher, Spool, SpoolOptions};
use lockdown_runtime::Clock;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Away until the test says otherwise.
const AWAY: usize = usize::MAX >> 1;

async fn open(directory: &Path, log: &Arc<Faulty>, most_bytes: u64) -> Arc<Spool> {
    let options = SpoolOptions {
        most_bytes,
        after: Duration::from_millis(5),
    };
    let log: Arc<dyn Engine> = log.clone();
    Arc::new(
        Spool::open(&directory.join("spool.db"), options, log, Clock::system())
            .await
            .unwrap(),
    )
}

fn start(log: &Arc<Faulty>, spool: &Arc<Spool>) -> Publisher {
    Publisher::start_with(log.clone(), quick(), Some(Arc::clone(spool)))
}

pub(crate) async fn what_is_published_meanwhile_goes_out_in_its_order(fixture: &impl Fixture) {
    let (log, directory) = (Faulty::over(fixture).await, tempfile::tempdir().unwrap());
    let spool = open(directory.path(), &log, 1 << 30).await;
    until("an empty journal rests", || async { !spool.in_use() }).await;
    let publisher = start(&log, &spool);
    flood(&publisher, 3, 50).await;
    assert!(!spool.in_use());

    log.fail_before.store(AWAY, Ordering::SeqCst);
    for number in 50..100 {
        let (envelope, key) = left(1, number);
        let published = publisher.publish(&envelope, key, false).await.unwrap();
        assert_eq!(published, Published::Spooled);
    }
    assert_eq!(order(&log, 1).await, (0..50).collect::<Vec<u32>>());
    assert_eq!(spool.waiting().await.unwrap(), 50);

    log.fail_before.store(0, Ordering::SeqCst);
    // Published while the journal is still being emptied: behind what lies there.
    for number in 100..400 {
        let (envelope, key) = left(1, number);
        publisher.publish(&envelope, key, false).await.unwrap();
    }
    until("the journal is empty", || async { !spool.in_use() }).await;
    let (envelope, key) = left(1, 400);
    let published = publisher.publish(&envelope, key, false).await.unwrap();
    assert!(matches!(published, Published::Appended(_)));
    assert_eq!(order(&log, 1).await, (0..=400).collect::<Vec<u32>>());
    publisher.close().await;
    spool.close().await;
}

pub(crate) async fn who_never_pauses_does_not_keep_the_journal_in_use(fixture: &impl Fixture) {
    let (log, directory) = (Faulty::over(fixture).await, tempfile::tempdir().unwrap());
    let spool = open(directory.path(), &log, 1 << 30).await;
    let publisher = start(&log, &spool);
    let numbers = Arc::new(AtomicUsize::new(0));
    let (going_on, counted) = (publisher.clone(), Arc::clone(&numbers));
    // From the first moment on, each as soon as the one before is safe.
    let publishing = tokio::spawn(async move {
        loop {
            let (envelope, key) = left(1, u32::try_from(counted.load(Ordering::SeqCst)).unwrap());
            going_on.publish(&envelope, key, false).await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let further = async |what: &str| {
        let before = numbers.load(Ordering::SeqCst);
        until(what, || async { numbers.load(Ordering::SeqCst) > before + 100 }).await;
    };
    until("an empty journal rests", || async { !spool.in_use() }).await;
    log.fail_before.store(AWAY, Ordering::SeqCst);
    until("the log is away", || async { spool.in_use() }).await;
    further("it goes on without the log").await;
    log.fail_before.store(0, Ordering::SeqCst);
    until("the journal is empty again", || async { !spool.in_use() }).await;
    further("it goes on with the log").await;
    publishing.abort();
    assert!(publishing.await.unwrap_err().is_cancelled());
    publisher.close().await;
    spool.close().await;
    let came = order(&log, 1).await;
    let all: Vec<u32> = (0..).take(came.len()).collect();
    assert_eq!(came, all);
    assert!(came.len() >= numbers.load(Ordering::SeqCst));
}

pub(crate) async fn an_answer_that_is_lost_while_the_journal_empties_doubles_nothing(fixture: &impl Fixture) {
    let (log, directory) = (Faulty::over(fixture).await, tempfile::tempdir().unwrap());
    log.fail_before.store(AWAY, Ordering::SeqCst);
    let spool = open(directory.path(), &log, 1 << 30).await;
    let publisher = start(&log, &spool);
    flood(&publisher, 4, 100).await;
    log.fail_after.store(3, Ordering::SeqCst);
    log.fail_before.store(0, Ordering::SeqCst);
    until("the journal is empty", || async { !spool.in_use() }).await;
    for guild in 0..4 {
        assert_eq!(order(&log, guild).await, (0..100).collect::<Vec<u32>>());
    }
}

pub(crate) async fn what_lies_there_outlives_its_process(fixture: &impl Fixture) {
    let (log, directory) = (Faulty::over(fixture).await, tempfile::tempdir().unwrap());
    log.fail_before.store(AWAY, Ordering::SeqCst);
    let spool = open(directory.path(), &log, 1 << 30).await;
    let publisher = start(&log, &spool);
    flood(&publisher, 2, 100).await;
    publisher.close().await;
    spool.close().await;
    drop((publisher, spool));
    assert_eq!(log.stored().await.len(), 0);

    log.fail_before.store(0, Ordering::SeqCst);
    let spool = open(directory.path(), &log, 1 << 30).await;
    // What is published first after the start stands behind what was published before it.
    let publisher = start(&log, &spool);
    let (envelope, key) = left(0, 100);
    publisher.publish(&envelope, key, false).await.unwrap();
    until("the journal is empty", || async { !spool.in_use() }).await;
    assert_eq!(order(&log, 0).await, (0..=100).collect::<Vec<u32>>());
    assert_eq!(order(&log, 1).await, (0..100).collect::<Vec<u32>>());
}

pub(crate) async fn a_full_disk_loses_nothing_that_was_accepted(fixture: &impl Fixture) {
    let (log, directory) = (Faulty::over(fixture).await, tempfile::tempdir().unwrap());
    log.fail_before.store(AWAY, Ordering::SeqCst);
    let spool = open(directory.path(), &log, 400 << 10).await;
    let mut options = quick();
    options.attempts = u32::MAX;
    let publisher = Publisher::start_with(log.clone(), options, Some(Arc::clone(&spool)));
    let flooding = {
        let publisher = publisher.clone();
        tokio::spawn(async move { flood(&publisher, 1, 3000).await })
    };
    // The journal takes what it has room for; then callers wait.
    let before = AtomicUsize::new(usize::MAX);
    until("the journal is full and nothing moves any more", || {
        let queued = publisher.queued();
        let still = queued > 0 && before.swap(queued, Ordering::SeqCst) == queued;
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            still
        }
    })
    .await;
    assert!(!flooding.is_finished());
    log.fail_before.store(0, Ordering::SeqCst);
    flooding.await.unwrap();
    until("the journal is empty", || async { !spool.in_use() }).await;
    let came = order(&log, 0).await;
    let wrong = came.iter().zip(0..).find(|(came, number)| **came != *number);
    assert_eq!((came.len(), wrong), (3000, None));
}
