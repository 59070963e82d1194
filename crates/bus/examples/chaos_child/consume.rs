//! A consumer whose handler writes down what it saw.

use crate::notes::{Notes, micros, now};
use crate::publish::told;
use chrono::TimeDelta;
use lockdown_bus::{
    Backoff, Consumer, ConsumerName, ConsumerOptions, Engine, GroupName, Handler, HandlerError, Received,
    Start, Stream,
};
use lockdown_runtime::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(crate) const TYPES: [&str; 2] = ["user:left", "message:deleted"];
/// How often a consumer notes that it is awake. A gap of several is written down: it may have been taken for dead.
const PULSE: Duration = Duration::from_millis(100);
const STALL: TimeDelta = TimeDelta::milliseconds(500);
const ATTEMPTS: u32 = 4;
const TRIM: Duration = Duration::from_millis(700);
/// What is younger stays though everybody is through with it.
const KEPT: TimeDelta = TimeDelta::seconds(2);
const GRACE: Duration = Duration::from_secs(10);

pub(crate) struct Seat {
    pub(crate) group: String,
    /// Never given to another process.
    pub(crate) name: String,
    pub(crate) trouble: bool,
}

/// What a handler does with an event in times of trouble.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whim {
    Handle,
    /// On the first try only.
    Fail,
    Panic,
    Hang,
    AlwaysFail,
    GiveUp,
}

/// Writes of each try one of `h <event> <row> <number> <place> <attempt> <time>`: handled, just before the handler says
/// so; and, with the same words, `f`: failed on purpose, `g`: for the last time. Beside them `s <from> <until>`: this
/// process stood still; `w`, with the same words: the engine did not answer, as when the disk keeps it waiting;
/// `t <entries> <unsettled>`: a trim.
pub(crate) async fn run(engine: Arc<dyn Engine>, notes: Notes, seat: Seat, stop: CancellationToken) {
    let options = ConsumerOptions {
        visibility: Duration::from_secs(2),
        patience: Duration::from_secs(1),
        backoff: Backoff {
            first: Duration::from_millis(5),
            cap: Duration::from_millis(50),
        },
        attempts: ATTEMPTS,
        ..ConsumerOptions::default()
    };
    let pulse = tokio::spawn(pulse(notes.clone()));
    let janitor = tokio::spawn(trim(Arc::clone(&engine), notes.clone()));
    let group = GroupName::new(&seat.group).unwrap();
    let consumer = loop {
        let notes = notes.clone();
        let salt = seat.group.len() as u64;
        let handler = Handler::new("note", TYPES, move |received| {
            let whim = if seat.trouble {
                whim(&received, salt)
            } else {
                Whim::Handle
            };
            handle(notes.clone(), received, whim)
        });
        let started = Consumer::start(
            Arc::clone(&engine),
            group.clone(),
            ConsumerName::new(&seat.name).unwrap(),
            &Start::Oldest,
            vec![handler],
            options,
            Clock::system(),
        );
        match started.await {
            Ok(consumer) => break consumer,
            Err(error) => {
                eprintln!("{error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    stop.cancelled().await;
    consumer.stop(GRACE).await;
    pulse.abort();
    janitor.abort();
}

async fn handle(notes: Notes, received: Arc<Received>, whim: Whim) -> Result<(), HandlerError> {
    // Some take their time, so that a kill meets them half way.
    if fastrand::u8(..).is_multiple_of(16) {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..8))).await;
    }
    let (row, number) = told(&received.event);
    let line = |kind: char| {
        let (id, place, attempt) = (received.envelope.event_id, received.position, received.attempt);
        notes.write(format_args!(
            "{kind} {id} {row} {number} {place} {attempt} {}",
            now()
        ));
    };
    let first = received.attempt == 1;
    match whim {
        Whim::AlwaysFail => {
            line(if received.attempt < ATTEMPTS { 'f' } else { 'g' });
            Err(HandlerError::Again("never today".to_owned()))
        }
        Whim::GiveUp => {
            line('g');
            Err(HandlerError::Never("no such thing".to_owned()))
        }
        Whim::Fail if first => {
            line('f');
            Err(HandlerError::Again("not at first".to_owned()))
        }
        Whim::Panic if first => {
            line('f');
            panic!("not at first")
        }
        Whim::Hang if first => {
            line('f');
            std::future::pending().await
        }
        Whim::Handle | Whim::Fail | Whim::Panic | Whim::Hang => {
            line('h');
            Ok(())
        }
    }
}

/// The same for an event in every process of a group, and not the same in every group.
fn whim(received: &Received, salt: u64) -> Whim {
    let (row, number) = told(&received.event);
    let mut dice = fastrand::Rng::with_seed(row.wrapping_mul(31) ^ number.rotate_left(17) ^ salt);
    match dice.u32(..1000) {
        0..10 => Whim::AlwaysFail,
        10..15 => Whim::GiveUp,
        15..45 => Whim::Fail,
        45..55 => Whim::Panic,
        55..57 => Whim::Hang,
        _ => Whim::Handle,
    }
}

async fn pulse(notes: Notes) {
    let clock = Clock::system();
    let mut last = clock.now();
    loop {
        tokio::time::sleep(PULSE).await;
        let now = clock.now();
        if now - last > STALL {
            notes.write(format_args!("s {} {}", micros(last), micros(now)));
        }
        last = now;
    }
}

/// What everybody is through with goes, as it will in operation: never anything else.
async fn trim(engine: Arc<dyn Engine>, notes: Notes) {
    let clock = Clock::system();
    loop {
        tokio::time::sleep(TRIM).await;
        for stream in Stream::all() {
            let asked = clock.now();
            let trimmed = engine.trim(stream, asked - KEPT, u64::MAX >> 1).await;
            let answered = clock.now();
            if answered - asked > STALL {
                notes.write(format_args!("w {} {}", micros(asked), micros(answered)));
            }
            match trimmed {
                Ok(gone) if gone.entries > 0 => {
                    notes.write(format_args!("t {} {}", gone.entries, gone.unsettled));
                }
                Ok(_) => {}
                Err(error) => eprintln!("{error}"),
            }
        }
    }
}
