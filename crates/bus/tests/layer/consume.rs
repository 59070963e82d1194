//! The consumer: turns, failures, the dead, and an orderly stop.

use super::bench::{Faulty, left, told, until};
use crate::conformance::Fixture;
use lockdown_bus::{
    Append, Backoff, Class, Consumer, ConsumerName, ConsumerOptions, DeadReason, Engine, Group, GroupName,
    Handler, HandlerError, Key, Settlement, Start,
};
use lockdown_runtime::Clock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) const LEFT: [&str; 1] = ["user:left"];
pub(super) const GRACE: Duration = Duration::from_secs(10);

pub(super) fn quick() -> ConsumerOptions {
    ConsumerOptions {
        visibility: Duration::from_millis(300),
        backoff: Backoff {
            first: Duration::from_millis(2),
            cap: Duration::from_millis(10),
        },
        attempts: 4,
        ..ConsumerOptions::default()
    }
}

pub(super) async fn consumer(
    log: &Arc<Faulty>,
    handlers: Vec<Handler>,
    options: ConsumerOptions,
) -> Consumer {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = ConsumerName::new(&format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed))).unwrap();
    let engine = Arc::clone(log) as Arc<dyn Engine>;
    Consumer::start(
        engine,
        group().name,
        name,
        &Start::Oldest,
        handlers,
        options,
        Clock::system(),
    )
    .await
    .unwrap()
}

fn group() -> Group {
    Group {
        name: GroupName::new("test.layer").unwrap(),
        classes: vec![Class::of(LEFT[0])],
    }
}

pub(super) async fn publish(log: &Faulty, guild: u32, numbers: std::ops::Range<u32>) {
    let appends: Vec<Append> = numbers.map(|number| append(guild, number)).collect();
    for result in log.append(&appends).await.unwrap() {
        result.unwrap();
    }
}

pub(super) fn append(guild: u32, number: u32) -> Append {
    let (envelope, key) = left(guild, number);
    let channel = envelope.event_type().into();
    Append {
        event_id: envelope.event_id,
        channel,
        key,
        envelope: envelope.encode().into(),
        once: false,
        quiet: false,
        about: Vec::new(),
    }
}

/// What a handler saw, in the order in which it ended.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<(u32, u32)>>>);

impl Seen {
    pub(super) fn note(&self, told: (u32, u32)) {
        self.0.lock().unwrap().push(told);
    }

    pub(super) fn all(&self) -> Vec<(u32, u32)> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// A handler that notes what it sees, a little later.
    fn handler(&self) -> Handler {
        let seen = self.clone();
        Handler::new("note", LEFT, move |received| {
            let seen = seen.clone();
            async move {
                tokio::task::yield_now().await;
                seen.note(told(&received.event));
                Ok(())
            }
        })
    }
}

pub(crate) async fn a_community_keeps_its_order_and_each_event_comes_once(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    for number in 0..40 {
        for guild in 0..50 {
            publish(&log, guild, number..number + 1).await;
        }
    }
    let seen = Seen::default();
    // The answer to some settlements is lost: they are said again.
    log.fail_settle.store(5, Ordering::SeqCst);
    let consumer = consumer(&log, vec![seen.handler()], quick()).await;
    until("all are handled", || async { seen.count() >= 2000 }).await;
    consumer.stop(GRACE).await;
    let mut by_guild: HashMap<u32, Vec<u32>> = HashMap::new();
    for (guild, number) in seen.all() {
        by_guild.entry(guild).or_default().push(number);
    }
    assert_eq!(by_guild.len(), 50);
    for (guild, numbers) in by_guild {
        assert_eq!(numbers, (0..40).collect::<Vec<u32>>(), "guild {guild}");
    }
}

pub(crate) async fn what_keeps_no_order_waits_for_nobody(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..30).await;
    // Each waits until all of the community's events are in work.
    let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counting, ending) = (Arc::clone(&begun), Arc::clone(&ended));
    let handler = Handler::new("any order", LEFT, move |_| {
        let (begun, ended) = (Arc::clone(&counting), Arc::clone(&ending));
        async move {
            begun.fetch_add(1, Ordering::SeqCst);
            while begun.load(Ordering::SeqCst) < 30 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            ended.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    });
    let consumer = consumer(&log, vec![handler.side_by_side()], quick()).await;
    until("all are handled", || async { ended.load(Ordering::SeqCst) == 30 }).await;
    consumer.stop(GRACE).await;
}

pub(crate) async fn only_what_is_about_one_person_waits_for_each_other(fixture: &impl Fixture) {
    const PEOPLE: u32 = 10;
    let log = Faulty::over(fixture).await;
    for _ in 0..3 {
        publish(&log, 1, 0..PEOPLE).await;
    }
    let (begun, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (counting, noting) = (Arc::clone(&begun), Arc::clone(&seen));
    // The first about each waits for those about all others.
    let handler = Handler::new("person by person", LEFT, move |received| {
        let (begun, seen) = (Arc::clone(&counting), Arc::clone(&noting));
        async move {
            let ((_, person), place) = (told(&received.event), received.position);
            seen.lock().unwrap().push((person, place, "begins"));
            begun.fetch_add(1, Ordering::SeqCst);
            while begun.load(Ordering::SeqCst) < PEOPLE as usize {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            seen.lock().unwrap().push((person, place, "ends"));
            Ok(())
        }
    });
    let consumer = consumer(&log, vec![handler.by_person()], quick()).await;
    until("all are handled", || async { seen.lock().unwrap().len() == 60 }).await;
    consumer.stop(GRACE).await;
    let seen = seen.lock().unwrap();
    for person in 0..PEOPLE {
        let of: Vec<_> = seen.iter().filter(|(who, ..)| *who == person).collect();
        let whats: Vec<&str> = of.iter().map(|(_, _, what)| *what).collect();
        assert_eq!(whats, ["begins", "ends"].repeat(3), "person {person}");
        assert!(of.is_sorted_by_key(|(_, place, _)| *place), "person {person}");
    }
}

pub(crate) async fn a_failing_event_is_tried_again_without_holding_up_the_rest_and_ends_with_the_dead(
    fixture: &impl Fixture,
) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..20).await;
    publish(&log, 2, 0..20).await;
    let (seen, attempts) = (Seen::default(), Arc::new(Mutex::new(Vec::new())));
    let (noting, counting) = (seen.clone(), Arc::clone(&attempts));
    let handler = Handler::new("picky", LEFT, move |received| {
        let told = told(&received.event);
        let outcome = if told == (1, 3) {
            counting.lock().unwrap().push(received.attempt);
            Err(HandlerError::Again("not today".to_owned()))
        } else {
            noting.note(told);
            Ok(())
        };
        async { outcome }
    });
    let consumer = consumer(&log, vec![handler], quick()).await;
    until("it is dead", || async {
        log.dead().await.len() == 1 && seen.count() == 39
    })
    .await;
    consumer.stop(GRACE).await;
    assert_eq!(*attempts.lock().unwrap(), [1, 2, 3, 4]);
    let letter = &log.dead().await[0];
    assert_eq!(
        (letter.reason, letter.attempts, letter.channel.as_str()),
        (DeadReason::Exhausted, 4, "user:left")
    );
    assert_eq!(
        (letter.error.as_str(), letter.group.as_str()),
        ("picky: not today", "test.layer")
    );
    assert_eq!(*letter.envelope, *append(1, 3).envelope);
}

pub(crate) async fn what_can_never_succeed_is_dead_at_once_and_so_is_what_cannot_be_read(
    fixture: &impl Fixture,
) {
    let log = Faulty::over(fixture).await;
    let broken = Append {
        envelope: "{\"eventType\":".into(),
        ..append(1, 1)
    };
    let wrong = append(1, 1).envelope.replace("\"userId\"", "\"person\"");
    let wrong = Append {
        envelope: wrong.into(),
        ..append(1, 1)
    };
    let key = Key::none();
    log.append(&[
        append(1, 0),
        broken,
        append(1, 2),
        wrong,
        Append { key, ..append(1, 4) },
        append(1, 5),
    ])
    .await
    .unwrap();
    let (seen, tries) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    let counting = Arc::clone(&tries);
    let never = Handler::new("never", LEFT, move |received| {
        let is_it = told(&received.event) == (1, 5);
        counting.fetch_add(usize::from(is_it), Ordering::SeqCst);
        async move {
            if is_it {
                Err(HandlerError::Never("no such guild".to_owned()))
            } else {
                Ok(())
            }
        }
    });
    let consumer = consumer(&log, vec![seen.handler(), never], quick()).await;
    until("three are dead", || async {
        log.dead().await.len() == 3 && seen.count() == 4
    })
    .await;
    consumer.stop(GRACE).await;
    let dead = log.dead().await;
    let reasons = |reason| {
        dead.iter()
            .filter(|letter| letter.reason == reason)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (
            reasons(DeadReason::Undecodable).len(),
            reasons(DeadReason::Permanent).len()
        ),
        (2, 1)
    );
    assert!(
        reasons(DeadReason::Undecodable)
            .iter()
            .any(|letter| letter.error.contains("user:left")),
        "{dead:?}"
    );
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

pub(crate) async fn one_handlers_panic_is_none_of_the_others_business(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..3).await;
    let (seen, panics) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    let counting = Arc::clone(&panics);
    let nervous = Handler::new("nervous", LEFT, move |received| {
        let first = told(&received.event) == (1, 1) && counting.fetch_add(1, Ordering::SeqCst) < 2;
        assert!(!first, "it panics on purpose");
        async { Ok(()) }
    });
    let consumer = consumer(&log, vec![nervous, seen.handler()], quick()).await;
    until("the nervous one has calmed down", || async {
        panics.load(Ordering::SeqCst) == 3 && seen.count() == 3
    })
    .await;
    consumer.stop(GRACE).await;
    // The one that was through with the event is not asked again.
    assert_eq!(seen.all(), [(1, 0), (1, 1), (1, 2)]);
    assert!(log.dead().await.is_empty());
}

pub(crate) async fn a_handler_that_hangs_counts_as_failed(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..1).await;
    let handler = Handler::new("hangs", LEFT, |_| std::future::pending());
    let options = ConsumerOptions {
        patience: Duration::from_millis(5),
        attempts: 2,
        ..quick()
    };
    let consumer = consumer(&log, vec![handler], options).await;
    until("it is dead", || async { log.dead().await.len() == 1 }).await;
    consumer.stop(GRACE).await;
    assert!(log.dead().await[0].error.contains("it took longer than 5ms"));
}

pub(crate) async fn a_handler_slower_than_the_visibility_runs_once(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..1).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let (release, released) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::clone(&runs));
    let waiting = Arc::clone(&release);
    let slow = Handler::new("slow", LEFT, move |_| {
        released.fetch_add(1, Ordering::SeqCst);
        let waiting = Arc::clone(&waiting);
        async move {
            waiting.acquire().await.unwrap().forget();
            Ok(())
        }
    });
    let first = consumer(&log, vec![slow.clone()], quick()).await;
    until("it runs", || async { runs.load(Ordering::SeqCst) == 1 }).await;
    // Another looks for what the dead left, several times over, and finds nothing of the living.
    let second = consumer(&log, vec![slow], quick()).await;
    tokio::time::sleep(quick().visibility * 10).await;
    release.add_permits(1);
    first.stop(GRACE).await;
    second.stop(GRACE).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

pub(crate) async fn a_stop_finishes_what_runs_and_hands_back_the_rest(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..100).await;
    let (seen, gate) = (Seen::default(), Arc::new(tokio::sync::Semaphore::new(0)));
    let (noting, waiting) = (seen.clone(), Arc::clone(&gate));
    let slow = Handler::new("slow", LEFT, move |received| {
        let (noting, waiting) = (noting.clone(), Arc::clone(&waiting));
        async move {
            waiting.acquire().await.unwrap().forget();
            noting.note(told(&received.event));
            Ok(())
        }
    });
    let first = consumer(&log, vec![slow], quick()).await;
    gate.add_permits(3);
    until("three are handled", || async { seen.count() == 3 }).await;
    // The stop is asked for by the first poll; one more was running by then, and none begins any more.
    let mut stopping = Box::pin(first.stop(GRACE));
    assert!(futures_util::poll!(&mut stopping).is_pending());
    gate.add_permits(1);
    stopping.await;
    assert_eq!(seen.count(), 4);

    let second = consumer(&log, vec![seen.handler()], quick()).await;
    until("the other handles the rest", || async { seen.count() >= 100 }).await;
    second.stop(GRACE).await;
    assert_eq!(seen.all(), (0..100).map(|number| (1, number)).collect::<Vec<_>>());
}

pub(crate) async fn what_does_not_end_within_the_grace_goes_to_another(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..1).await;
    let started = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&started);
    let stuck = Handler::new("stuck", LEFT, move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        std::future::pending()
    });
    let first = consumer(&log, vec![stuck], quick()).await;
    until("it runs", || async { started.load(Ordering::SeqCst) == 1 }).await;
    first.stop(Duration::from_millis(1)).await;
    let seen = Seen::default();
    let second = consumer(&log, vec![seen.handler()], quick()).await;
    until("the other handles it", || async { seen.count() == 1 }).await;
    second.stop(GRACE).await;
}

pub(crate) async fn no_more_is_in_hand_than_there_is_room_for(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    for guild in 0..40 {
        publish(&log, guild, 0..1).await;
    }
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, now, top) = (Seen::default(), Arc::clone(&running), Arc::clone(&most));
    let noting = seen.clone();
    let handler = Handler::new("counts", LEFT, move |received| {
        let (noting, now, top) = (noting.clone(), Arc::clone(&now), Arc::clone(&top));
        async move {
            top.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(3)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            noting.note(told(&received.event));
            Ok(())
        }
    });
    let options = ConsumerOptions {
        concurrency: 3,
        in_hand: 5,
        ..quick()
    };
    let consumer = consumer(&log, vec![handler], options).await;
    until("all are handled", || async { seen.count() == 40 }).await;
    consumer.stop(GRACE).await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

pub(crate) async fn a_handler_that_is_stuck_holds_up_its_own_community_only(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..3).await;
    for guild in 2..30 {
        publish(&log, guild, 0..1).await;
    }
    let (seen, gate) = (Seen::default(), Arc::new(tokio::sync::Semaphore::new(0)));
    let (noting, waiting) = (seen.clone(), Arc::clone(&gate));
    let handler = Handler::new("stuck", LEFT, move |received| {
        let (noting, waiting) = (noting.clone(), Arc::clone(&waiting));
        async move {
            let told = told(&received.event);
            if told.0 == 1 {
                waiting.acquire().await.unwrap().forget();
            }
            noting.note(told);
            Ok(())
        }
    });
    let options = ConsumerOptions {
        concurrency: 2,
        in_hand: 5,
        ..quick()
    };
    let consumer = consumer(&log, vec![handler], options).await;
    until("all others are handled", || async { seen.count() == 28 }).await;
    assert!(seen.all().iter().all(|(guild, _)| *guild != 1));
    gate.add_permits(3);
    until("the stuck ones too", || async { seen.count() == 31 }).await;
    consumer.stop(GRACE).await;
    assert_eq!(seen.all()[28..], [(1, 0), (1, 1), (1, 2)]);
}

pub(crate) async fn what_another_took_over_is_not_begun_any_more(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..1).await;
    publish(&log, 2, 0..1).await;
    let (begun, gate) = (Seen::default(), Arc::new(tokio::sync::Semaphore::new(0)));
    let (noting, waiting) = (begun.clone(), Arc::clone(&gate));
    let handler = Handler::new("slow", LEFT, move |received| {
        noting.note(told(&received.event));
        let waiting = Arc::clone(&waiting);
        async move {
            waiting.acquire().await.unwrap().forget();
            Ok(())
        }
    });
    // The second of the two has its turn, but nobody who could begin it.
    let options = ConsumerOptions {
        concurrency: 1,
        ..quick()
    };
    let consumer = consumer(&log, vec![handler], options).await;
    until("one runs", || async { begun.count() == 1 }).await;
    let (group, other) = (group(), ConsumerName::new("other").unwrap());
    // Another takes both and is through with them.
    let taken = log.take_over(&group, &other, Duration::ZERO, 10).await.unwrap();
    let done: Vec<_> = taken
        .into_iter()
        .map(|delivery| (delivery, Settlement::Ack))
        .collect();
    assert_eq!(done.len(), 2);
    log.settle(&group, &other, &done).await.unwrap();
    // Told of it by its own renewals.
    tokio::time::sleep(quick().visibility * 3).await;
    gate.add_permits(2);
    consumer.stop(GRACE).await;
    assert_eq!(begun.count(), 1, "{:?}", begun.all());
}

pub(crate) async fn who_stood_still_asks_before_the_next_is_begun(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..1).await;
    publish(&log, 2, 0..1).await;
    let (begun, handled) = (Seen::default(), Seen::default());
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (noting, ending, gate) = (begun.clone(), handled.clone(), Mutex::new(gate));
    // It holds up the only thread, and with it whatever else its process would do.
    let handler = Handler::new("stands still", LEFT, move |received| {
        noting.note(told(&received.event));
        let _ = gate.lock().unwrap().recv();
        ending.note(told(&received.event));
        async { Ok(()) }
    });
    let process = Process::start();
    let still = process.consumer(fixture, handler).await;
    until("one runs", || async { begun.count() == 1 }).await;
    let others = Seen::default();
    let other = consumer(&log, vec![others.handler()], quick()).await;
    until("another has both", || async { others.count() == 2 }).await;
    go.send(()).unwrap();
    until("the first is through", || async { handled.count() == 1 }).await;
    drop(go);
    other.stop(GRACE).await;
    // Neither community waits for what it lost.
    publish(&log, 1, 1..2).await;
    publish(&log, 2, 1..2).await;
    until("it goes on", || async { handled.count() == 3 }).await;
    process.kill();
    drop(still);
    let mut begun = begun.all();
    begun.retain(|(_, number)| *number == 0);
    assert_eq!(begun.len(), 1, "{begun:?}");
}

pub(crate) async fn what_runs_ends_with_the_engine(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    publish(&log, 1, 0..1).await;
    let (begun, held) = (Seen::default(), Arc::new(()));
    let (noting, holding) = (begun.clone(), Arc::downgrade(&held));
    let held = Mutex::new(Some(held));
    let handler = Handler::new("waits", LEFT, move |received| {
        let held = held.lock().unwrap().take();
        noting.note(told(&received.event));
        async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok(())
        }
    });
    let _consumer = consumer(&log, vec![handler], quick()).await;
    until("it runs", || async { begun.count() == 1 }).await;
    assert_eq!(holding.strong_count(), 1);
    log.close().await;
    until("it is over", || async { holding.strong_count() == 0 }).await;
}

/// The tasks of a process of its own, which can end all at once.
struct Process(tokio::runtime::Runtime);

impl Process {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self(runtime.unwrap())
    }

    async fn consumer(&self, fixture: &impl Fixture, handler: Handler) -> Consumer {
        let _inside = self.0.enter();
        let log = Faulty::over(fixture).await;
        consumer(&log, vec![handler], quick()).await
    }

    /// Nothing is settled, handed back or said any more.
    fn kill(self) {
        self.0.shutdown_background();
    }
}

pub(crate) async fn an_event_that_ends_its_process_again_and_again_is_poison(fixture: &impl Fixture) {
    let log = Faulty::over(fixture).await;
    // The second waits behind the first, as everything of a community does.
    publish(&log, 1, 0..2).await;
    // Four processes end while they handle the first event of one community, each with the second in hand.
    let seen = Seen::default();
    for number in 1..5 {
        let noting = seen.clone();
        let deadly = Handler::new("deadly", ["user:left"], move |received| {
            let (noting, told) = (noting.clone(), told(&received.event));
            async move {
                noting.note(told);
                std::future::pending().await
            }
        });
        let process = Process::start();
        let consumer = process.consumer(fixture, deadly).await;
        until("it is begun", || async { seen.count() == number }).await;
        process.kill();
        drop(consumer);
    }
    assert_eq!(seen.all(), [(1, 0); 4]);
    let after = Seen::default();
    let consumer = consumer(&log, vec![after.handler()], quick()).await;
    until("it is dead", || async { !log.dead().await.is_empty() }).await;
    until("what waited behind it is handled", || async {
        after.count() == 1
    })
    .await;
    consumer.stop(GRACE).await;
    let dead = log.dead().await;
    assert_eq!((dead.len(), dead[0].reason), (1, DeadReason::Poison));
    assert!(
        dead[0].error.contains("begun 4 times without an answer"),
        "{}",
        dead[0].error
    );
    assert_eq!(after.all(), [(1, 1)], "no handler saw it");
}
