//! Other programs on the same Redis: they publish in the ways they know, and hear what we publish.

use super::{LIMIT, engine, eventually};
use futures_util::StreamExt;
use lockdown_bus::redis::{Intake, RedisEngine};
use lockdown_bus::{
    Bus, BusOptions, CatchUp, ConsumerOptions, GroupName, Handler, Heard, ListenOptions, Published, Start,
};
use lockdown_events::{
    BanObserved, Event, EventId, GuildId, Names, Platform, Source, TYPES, UserEvent, UserId,
};
use lockdown_runtime::{Clock, Ids};
use lockdown_testkit::servers::{Fsync, RedisOptions, RedisServer, redis_private_with};
use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::{Value, cmd};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn server() -> RedisServer {
    redis_private_with(RedisOptions::append_only(Fsync::EverySecond))
}

/// A process of ours, and the intake that it runs.
async fn process(server: &RedisServer) -> (Bus, Intake) {
    let engine: Arc<RedisEngine> = Arc::new(engine(&server.url()).await);
    let clock = Clock::system();
    let options = BusOptions::new(Source::Backend);
    let bus = Bus::start(engine.clone(), options, clock.clone(), Ids::system(clock))
        .await
        .unwrap();
    let intake = Intake::start(engine, bus.live(), bus.name().clone())
        .await
        .unwrap();
    (bus, intake)
}

/// What a client of whatever language does: plain commands, and no more.
async fn plain(server: &RedisServer) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn plain_subscriber(server: &RedisServer) -> PubSub {
    redis::Client::open(server.url())
        .unwrap()
        .get_async_pubsub()
        .await
        .unwrap()
}

async fn xadd(client: &mut MultiplexedConnection, stream: &str, fields: &[(&str, &str)]) {
    let mut command = cmd("XADD");
    command.arg(stream).arg("*");
    for (name, value) in fields {
        command.arg(name).arg(value);
    }
    client.req_packed_command(&command).await.unwrap();
}

/// Everything that reaches the handlers of a group, by person.
async fn handled(bus: &Bus) -> Arc<Mutex<BTreeMap<String, Vec<EventId>>>> {
    let seen: Arc<Mutex<BTreeMap<String, Vec<EventId>>>> = Arc::default();
    let filling = Arc::clone(&seen);
    let types = TYPES.iter().map(|info| info.name);
    let handler = Handler::new("all", types, move |received| {
        let filling = Arc::clone(&filling);
        async move {
            let value: serde_json::Value = serde_json::from_str(received.envelope.data().get()).unwrap();
            let person = value["userId"]
                .as_str()
                .or(value["authorId"].as_str())
                .unwrap_or("-")
                .to_owned();
            let mut filling = filling.lock().unwrap();
            filling
                .entry(person)
                .or_default()
                .push(received.envelope.event_id);
            Ok(())
        }
    });
    let group = GroupName::new("test.all").unwrap();
    bus.consume(group, &Start::Oldest, vec![handler], ConsumerOptions::default())
        .await
        .unwrap();
    seen
}

const TODAY: &str = r#"{"eventId":"0199c2d4-0000-7000-8000-00000000000a","eventType":"user:banned","timestamp":"2026-11-20T09:06:00.123Z","source":"my-tool","correlationId":"my-1","version":1,"data":{"guildId":"1","userId":"PERSON"}}"#;
const OLDER_MESSAGE: &str = r#"{"type":"MESSAGE_CREATED","payload":{"guildId":"1","messageId":"3","channelId":"4","authorId":"PERSON","content":"hello"},"timestamp":"2026-11-20T09:06:00.123Z","source":"my-tool"}"#;
const OLDER: &str = r#"{"type":"MODERATION_ACTION","payload":{"guildId":"1","action":"ban","userId":"PERSON","moderatorId":"9","reason":"spam"},"timestamp":"2026-11-20T09:06:00.123Z","source":"my-tool"}"#;
/// Without what the bus can derive.
const BARE: &str = r#"{"eventType":"user:banned","timestamp":"2026-11-20T09:06:00.123Z","source":"my-tool","data":{"guildId":"1","userId":"PERSON"}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_publish_reaches_the_same_handlers_once() {
    let server = server();
    let (bus, first) = process(&server).await;
    let (other, second) = process(&server).await;
    let seen = handled(&bus).await;
    let channels: Vec<&str> = TYPES.iter().map(|info| info.name).collect();
    let mut heard = other
        .live()
        .subscribe(&channels, &ListenOptions::default())
        .await
        .unwrap();
    let mut client = plain(&server).await;
    let person = |text: &str, person: &str| text.replace("PERSON", person);

    let publish = |channel: &str, text: &str| {
        let mut command = cmd("PUBLISH");
        command.arg(channel).arg(text);
        command
    };
    for command in [
        publish("user:banned", &person(TODAY, "today")),
        publish("user:banned", &person(BARE, "bare")),
        // An older name, on the channel of today's.
        publish("message:created", &person(OLDER_MESSAGE, "wrote")),
        publish("moderation:action", &person(OLDER, "older")),
        // Said twice by somebody who was not sure: one event, since it says the same.
        publish("moderation:action", &person(OLDER, "older")),
        // No event at all.
        publish("ban:created", "{"),
    ] {
        let reached = client.req_packed_command(&command).await.unwrap();
        assert_eq!(reached, Value::Int(2), "both processes listen, each once");
    }
    let today = person(TODAY, "added-today").replace("00000a", "00000b");
    xadd(&mut client, "lockdown:in", &[("d", &today)]).await;
    let bare = person(BARE, "added-bare");
    xadd(&mut client, "lockdown:in", &[("d", &bare)]).await;
    xadd(
        &mut client,
        "lockdown:in",
        &[("event", &person(OLDER, "added-older"))],
    )
    .await;
    let fields = [
        ("type", "MODERATION_ACTION"),
        (
            "payload",
            r#"{"guildId":"1","action":"kick","userId":"added-flat","reason":"x"}"#,
        ),
        ("timestamp", "2026-11-20T09:06:00.123Z"),
        ("source", "my-tool"),
    ];
    xadd(&mut client, "lockdown:in", &fields).await;
    xadd(&mut client, "lockdown:in", &[("what", "is this")]).await;
    // In one of the streams themselves, by whoever looked into the code.
    xadd(
        &mut client,
        "lockdown:{mod.2}:ev",
        &[("data", &person(OLDER, "put-straight-in"))],
    )
    .await;

    let all = [
        "added-bare",
        "added-flat",
        "added-older",
        "added-today",
        "bare",
        "older",
        "put-straight-in",
        "today",
        "wrote",
    ];
    eventually("all of them are handled", || async {
        let seen = seen.lock().unwrap();
        all.iter().all(|person| seen.contains_key(*person)).then_some(())
    })
    .await;
    // What can be read as nothing is among the dead letters with its text.
    let dead = eventually("what is no event is dead", || async {
        let dead = bus
            .engine()
            .dead_letters(&lockdown_bus::DeadFilter::default(), None, 10)
            .await
            .unwrap();
        (dead.len() == 2).then_some(dead)
    })
    .await;
    let mut texts: Vec<&str> = dead.iter().map(|letter| &*letter.envelope).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["{", r#"{"what":"is this"}"#]);
    eventually("the inlet is empty", || async {
        let mut client = plain(&server).await;
        let length = client
            .req_packed_command(cmd("XLEN").arg("lockdown:in"))
            .await
            .unwrap();
        (length == Value::Int(0)).then_some(())
    })
    .await;
    first.stop().await;
    second.stop().await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.keys().collect::<Vec<_>>(), all);
    assert!(seen.values().all(|ids| ids.len() == 1), "each once: {seen:?}");

    // On the wire each was said once: by its publisher, or by the intake for what was added.
    let mut said = BTreeMap::<String, usize>::new();
    while let Ok(Some(Heard::Said(frame))) =
        tokio::time::timeout(Duration::from_millis(300), heard.next()).await
    {
        let known = all
            .iter()
            .find(|person| frame.text.contains(&format!("\"{person}\"")));
        *said.entry(known.copied().unwrap_or("-").to_owned()).or_default() += 1;
    }
    for (person, times) in [
        ("today", 1),
        ("bare", 1),
        ("wrote", 1),
        ("older", 2),
        ("added-bare", 1),
        ("added-today", 1),
        ("added-older", 1),
        ("added-flat", 1),
    ] {
        assert_eq!(said.get(person), Some(&times), "{person}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_text_end_nobodys_loop() {
    let server = server();
    let (bus, intake) = process(&server).await;
    let seen = handled(&bus).await;
    let mut client = plain(&server).await;
    let good = |person: &str, id: &str| TODAY.replace("PERSON", person).replace("00000a", id);
    let noise: &[u8] = b"\xff\xfe{\x00";
    for stream in ["lockdown:in", "lockdown:{sys.1}:ev"] {
        for (name, value) in [(&b"d"[..], noise), (noise, noise)] {
            let mut command = cmd("XADD");
            command.arg(stream).arg("*").arg(name).arg(value);
            client.req_packed_command(&command).await.unwrap();
        }
    }
    let mut command = cmd("PUBLISH");
    command.arg("user:banned").arg(noise);
    client.req_packed_command(&command).await.unwrap();
    xadd(&mut client, "lockdown:in", &[("d", &good("added", "00000b"))]).await;
    xadd(
        &mut client,
        "lockdown:{sys.1}:ev",
        &[("d", &good("put-straight-in", "00000c"))],
    )
    .await;
    let mut command = cmd("PUBLISH");
    command.arg("user:banned").arg(good("published", "00000d"));
    client.req_packed_command(&command).await.unwrap();
    eventually("what can be read is handled", || async {
        (seen.lock().unwrap().len() == 3).then_some(())
    })
    .await;
    // What is no text is shown as well as it goes, and what says the same is one event.
    eventually("the rest is dead", || async {
        let dead = bus
            .engine()
            .dead_letters(&lockdown_bus::DeadFilter::default(), None, 10)
            .await
            .unwrap();
        let undecodable =
            |letter: &lockdown_bus::DeadLetter| letter.reason == lockdown_bus::DeadReason::Undecodable;
        (dead.len() >= 4 && dead.iter().all(undecodable)).then_some(())
    })
    .await;
    intake.stop().await;
    bus.close(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_intake_left_lying_is_taken_in_by_the_next() {
    let server = server();
    let mut client = plain(&server).await;
    // It was there before anybody of us was.
    let text = TODAY.replace("PERSON", "early");
    xadd(&mut client, "lockdown:in", &[("d", &text)]).await;
    let (bus, intake) = process(&server).await;
    let seen = handled(&bus).await;
    let early = || async { seen.lock().unwrap().get("early").map(Vec::len) };
    assert_eq!(eventually("it is handled", early).await, 1);
    intake.stop().await;
    // Forgotten by the server, the group is made again.
    client
        .req_packed_command(cmd("DEL").arg("lockdown:in"))
        .await
        .unwrap();
    let (_other, _intake) = process(&server).await;
    let text = TODAY.replace("PERSON", "late").replace("00000a", "00000c");
    xadd(&mut client, "lockdown:in", &[("d", &text)]).await;
    let late = || async { seen.lock().unwrap().get("late").map(Vec::len) };
    assert_eq!(eventually("it is handled", late).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_subscriber_hears_what_we_publish() {
    let server = server();
    let (bus, _intake) = process(&server).await;
    let mut exact = plain_subscriber(&server).await;
    exact.subscribe("user:banned").await.unwrap();
    let mut pattern = plain_subscriber(&server).await;
    pattern.psubscribe("user:*").await.unwrap();
    let mut ours = bus
        .live()
        .subscribe(
            &["user:banned"],
            &ListenOptions {
                catch_up: CatchUp::FromNow,
                ..ListenOptions::default()
            },
        )
        .await
        .unwrap();
    let event = Event::from(UserEvent::Banned(BanObserved {
        platform: Platform::Telegram,
        guild_id: GuildId::new("-100").unwrap(),
        user_id: UserId::new("7").unwrap(),
        names: Names::default(),
        moderator_id: None,
        reason: None,
    }));
    let Published::Appended(appended) = bus.publish(&event).await.unwrap() else {
        panic!("Redis is there")
    };
    assert_eq!(appended.receivers, 3, "two of them, and we");
    for listener in [exact, pattern] {
        let mut messages = listener.into_on_message();
        let message = tokio::time::timeout(LIMIT, messages.next())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(message.get_channel_name(), "user:banned");
        let text: String = message.get_payload().unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["streamId"], appended.position.to_string());
        assert_eq!(value["eventType"], "user:banned");
        assert_eq!(value["data"]["platform"], "telegram");
    }
    let Some(Heard::Said(said)) = tokio::time::timeout(LIMIT, ours.next()).await.unwrap() else {
        panic!("a gap")
    };
    assert_eq!(said.position, Some(appended.position));
    assert_eq!(said.envelope().unwrap().event().unwrap(), event);

    // After a break it reads on from the last `streamId` that it saw.
    bus.publish(&event).await.unwrap();
    let place = appended.position;
    let mut range = cmd("XRANGE");
    range
        .arg(format!("lockdown:{{{}}}:ev", place.stream))
        .arg(format!("({}", place.id))
        .arg("+");
    type Entries = Vec<(String, BTreeMap<String, String>)>;
    let entries: Entries = range.query_async(&mut plain(&server).await).await.unwrap();
    let [(_, fields)] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    assert_eq!(fields["t"], "user:banned");
    let value: serde_json::Value = serde_json::from_str(&fields["d"]).unwrap();
    assert_eq!(value["data"]["userId"], "7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_has_no_room_for_waits_in_the_inlet() {
    let server = server();
    let engine: Arc<RedisEngine> = Arc::new(engine(&server.url()).await);
    let clock = Clock::system();
    let options = BusOptions::new(Source::Backend);
    let bus = Bus::start(engine.clone(), options, clock.clone(), Ids::system(clock))
        .await
        .unwrap();
    let seen = handled(&bus).await;
    let intake = || Intake::start(engine.clone(), bus.live(), bus.name().clone());
    let first = intake().await.unwrap();
    let waiting = || async {
        server
            .command(&["EXISTS", "lockdown:in"])
            .ok()
            .filter(|found| found.contains('1'))
    };
    // The group is made by the first look.
    eventually("a look", waiting).await;
    first.stop().await;
    let mut client = plain(&server).await;
    xadd(
        &mut client,
        "lockdown:in",
        &[("d", &TODAY.replace("PERSON", "patient"))],
    )
    .await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    let _second = intake().await.unwrap();
    let scripts = || {
        let stats = server.command(&["INFO", "commandstats"]).unwrap();
        let (_, calls) = stats.split_once("cmdstat_evalsha:calls=").unwrap();
        calls.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    // It was tried, and tried again.
    let tried = scripts();
    eventually("some tries", || async { (scripts() > tried + 20).then_some(()) }).await;
    let left = client
        .req_packed_command(cmd("XLEN").arg("lockdown:in"))
        .await
        .unwrap();
    assert_eq!(left, Value::Int(1));
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    let handled = || async { seen.lock().unwrap().get("patient").map(Vec::len) };
    assert_eq!(eventually("it is handled", handled).await, 1);
}
