//! Many callers, each with its own row of numbered events in one community.

use crate::notes::{Notes, now};
use lockdown_bus::{Engine, Key, Publisher, PublisherOptions};
use lockdown_events::{
    ChannelId, Envelope, Event, EventId, GuildId, MessageDeleted, MessageEvent, MessageId, Names, Platform,
    Source, UserEvent, UserId, UserLeft,
};
use lockdown_runtime::{Clock, Ids};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const COMMUNITIES: u64 = 24;
const CALLERS: u64 = 24;
/// A caller's pause after each event, at most, but for one in ten, which is followed at once.
const PAUSE_MILLIS: u64 = 30;

/// A caller's events have its number times this and their own, so that both are told by one.
pub(crate) const ROW: u64 = 1_000_000_000;

/// `k <event> <row> <number> <asked> <answered>`: the engine has it. Written when `publish` has returned.
pub(crate) async fn run(engine: Arc<dyn Engine>, notes: Notes, run: u32, stop: CancellationToken) {
    let publisher = Publisher::start(engine, PublisherOptions::default());
    let ids = Ids::system(Clock::system());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (publisher, ids, notes, stop) = (publisher.clone(), ids.clone(), notes.clone(), stop.clone());
        let row = u64::from(run) * CALLERS + caller;
        callers.spawn(async move {
            for number in 0.. {
                if stop.is_cancelled() {
                    return;
                }
                let (envelope, key) = event(EventId(ids.next()), row, number);
                let asked = now();
                // Half of them are written once even when an answer is lost.
                match publisher.publish(&envelope, key, row.is_multiple_of(2)).await {
                    Ok(_) => {
                        let answered = now();
                        notes.write(format_args!(
                            "k {} {row} {number} {asked} {answered}",
                            envelope.event_id
                        ));
                    }
                    // It may be there or not; nobody was promised anything.
                    Err(error) => eprintln!("{error}"),
                }
                if !fastrand::u8(..).is_multiple_of(10) {
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(..PAUSE_MILLIS))).await;
                }
            }
        });
    }
    callers.join_all().await;
    publisher.close().await;
}

/// Even communities hear of people, odd ones of messages: two classes.
fn event(id: EventId, row: u64, number: u64) -> (Envelope, Key) {
    let platform = Platform::Discord;
    let community = row % COMMUNITIES;
    let guild_id = GuildId::new(&community.to_string()).unwrap();
    let key = Key::community(platform, &guild_id);
    let told = (row * ROW + number).to_string();
    let event = if community.is_multiple_of(2) {
        Event::from(UserEvent::Left(UserLeft {
            platform,
            guild_id,
            user_id: UserId::new(&told).unwrap(),
            names: Names::default(),
        }))
    } else {
        Event::from(MessageEvent::Deleted(MessageDeleted {
            platform,
            guild_id,
            channel_id: ChannelId::new("1").unwrap(),
            message_id: MessageId::new(&told).unwrap(),
            author_id: None,
            moderator_id: None,
        }))
    };
    let now = Clock::system().now();
    (
        Envelope::new(id, now, Source::DiscordBot, None, &event).unwrap(),
        key,
    )
}

/// The row and the number of such an event.
pub(crate) fn told(event: &Event) -> (u64, u64) {
    let told: u64 = match event {
        Event::User(UserEvent::Left(left)) => left.user_id.as_str().parse().unwrap(),
        Event::Message(MessageEvent::Deleted(deleted)) => deleted.message_id.as_str().parse().unwrap(),
        other => panic!("nobody published {other:?}"),
    };
    (told / ROW, told % ROW)
}
