//! `lockdown events` and `lockdown dead-letters`.

use super::installation::{Installation, Ran};
use lockdown_bus::{
    Append, Class, ConsumerName, DeadReason, EmbeddedEngine, Engine, Failure, Group, GroupName, Key, Options,
    Settlement, Start, archive_news, redis::RedisEngine, redis::RedisOptions,
};
use lockdown_events::{Envelope, Event, EventId, GuildEvent, GuildId, GuildUpdate, Platform, Source};
use lockdown_moderation::StoreArchive;
use lockdown_runtime::SecretUrl;
use lockdown_testkit::servers::{self, RedisServer};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

/// A bus with a group on it.
struct World {
    installation: Installation,
    redis: Option<RedisServer>,
    group: Group,
}

/// A Redis of which nothing has to be warned.
fn durable() -> RedisServer {
    servers::redis_private_with(servers::RedisOptions::append_only(servers::Fsync::Always))
}

impl World {
    fn new(installation: Installation) -> Self {
        Self {
            redis: installation.is_fleet().then(durable),
            installation,
            group: Group {
                name: GroupName::new("test.readers").unwrap(),
                classes: vec![Class::System],
            },
        }
    }

    async fn engine(&self) -> Arc<dyn Engine> {
        let clock = self.installation.clock.clone();
        match &self.redis {
            None => {
                let path = self.installation.data.path().join("events.db");
                Arc::new(EmbeddedEngine::open(&path, &Options::default(), clock).unwrap())
            }
            Some(redis) => {
                let url = SecretUrl::new(url::Url::parse(&redis.url()).unwrap());
                Arc::new(
                    RedisEngine::connect(&url, RedisOptions::default(), &clock)
                        .await
                        .unwrap(),
                )
            }
        }
    }

    fn append(&self, guild: &str) -> Append {
        let guild = GuildId::new(guild).unwrap();
        let event = Event::Guild(GuildEvent::Update(GuildUpdate {
            platform: Platform::Discord,
            guild_id: guild.clone(),
            changes: vec![],
            migrated_to: None,
        }));
        let id = EventId(self.installation.ids.next());
        let envelope = Envelope::new(
            id,
            self.installation.clock.now(),
            Source::DiscordBot,
            None,
            &event,
        )
        .unwrap();
        Append {
            event_id: id,
            channel: "guild:update".into(),
            key: Key::community(Platform::Discord, &guild),
            envelope: envelope.encode().into(),
            once: false,
            quiet: false,
            about: vec![],
        }
    }

    /// Five events in two guilds; a group has read them and given up two.
    async fn furnish(&self) {
        let engine = self.engine().await;
        let batch: Vec<Append> = ["1", "1", "2", "1", "2"]
            .iter()
            .map(|guild| self.append(guild))
            .collect();
        for result in engine.append(&batch).await.unwrap() {
            result.unwrap();
        }
        engine.open_group(&self.group, &Start::Oldest).await.unwrap();
        let me = ConsumerName::new("me").unwrap();
        let mut held = Vec::new();
        while held.len() < 5 {
            let wait = Duration::from_millis(200);
            held.extend(engine.read(&self.group, &me, 5, wait).await.unwrap());
        }
        let dead = Settlement::Dead {
            failure: Failure {
                at: self.installation.clock.now(),
                error: "the handler\nbroke".into(),
            },
            reason: DeadReason::Permanent,
        };
        let settlements: Vec<_> = held
            .into_iter()
            .enumerate()
            .map(|(at, delivery)| (delivery, if at < 2 { dead.clone() } else { Settlement::Ack }))
            .collect();
        engine.settle(&self.group, &me, &settlements).await.unwrap();
        engine.close().await;
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = self.installation.command(words);
        if let Some(redis) = &self.redis {
            command.env("REDIS_URL", redis.url());
        }
        command
    }

    fn lockdown(&self, words: &[&str]) -> Ran {
        Ran::of(&self.command(words).output().unwrap())
    }

    fn done(&self, words: &[&str]) -> String {
        let ran = self.lockdown(words);
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.said
    }
}

pub(crate) async fn dead_letters_are_listed_shown_replayed_and_dropped(installation: Installation) {
    let world = World::new(installation);
    world.furnish().await;
    let listed: Vec<Value> = serde_json::from_str(&world.done(&["dead-letters", "list", "--json"])).unwrap();
    assert_eq!(listed.len(), 2);
    let (one, other) = (
        listed[0]["id"].as_str().unwrap(),
        listed[1]["id"].as_str().unwrap(),
    );
    assert_eq!(listed[0]["reason"], "permanent");
    assert_eq!(listed[0]["event"]["eventType"], "guild:update");
    let text = world.done(&["dead-letters", "list"]);
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.contains("test.readers  guild:update  permanent: the handler broke"),
        "{text}"
    );
    for nothing in [
        &["--group", "other"][..],
        &["--reason", "poison"],
        &["--before", "1h"],
    ] {
        let words = [&["dead-letters", "list"], nothing].concat();
        assert_eq!(world.done(&words), "", "{nothing:?}");
    }
    let shown = world.done(&["dead-letters", "show", one]);
    assert!(
        shown.contains("the handler\nbroke") && shown.contains("\"eventType\":\"guild:update\""),
        "{shown}"
    );

    let said = world.done(&["dead-letters", "replay", one]);
    assert_eq!(said, format!("{one} was handed to its group again.\n"));
    let said = world.done(&["dead-letters", "drop", other]);
    assert_eq!(said, format!("{other} is gone.\n"));
    let again = world.lockdown(&["dead-letters", "drop", other]);
    assert_eq!(
        (again.code, again.complained),
        (1, format!("error: there is no dead letter {other}\n"))
    );
    assert_eq!(
        world.done(&["dead-letters", "replay", "--all"]),
        "0 dead letters were handed to their groups again.\n"
    );
    assert_eq!(world.lockdown(&["dead-letters", "drop"]).code, 2, "which?");
    let groups: Vec<Value> = serde_json::from_str(&world.done(&["events", "groups", "--json"])).unwrap();
    assert_eq!(
        (&groups[0]["inbox"], &groups[0]["dead"]),
        (&1.into(), &0.into()),
        "{groups:?}"
    );
}

pub(crate) async fn events_are_exported_and_replayed(installation: Installation) {
    let world = World::new(installation);
    world.furnish().await;
    let all = world.done(&["events", "export"]);
    assert_eq!(all.lines().count(), 5);
    for line in all.lines() {
        assert_eq!(Envelope::decode(line).unwrap().event_type(), "guild:update");
    }
    let of_one = world.done(&[
        "events",
        "export",
        "--guild",
        "discord/2",
        "--type",
        "guild:*",
        "--from",
        "1h",
    ]);
    assert_eq!(of_one.lines().count(), 2);
    assert_eq!(world.done(&["events", "export", "--type", "ban:*"]), "");
    assert_eq!(world.done(&["events", "export", "--to", "1h"]), "");
    let said = world.done(&["events", "replay", "test.readers", "--guild", "discord/1"]);
    assert!(
        said.ends_with("3 events were handed to test.readers again.\n"),
        "{said:?}"
    );
    let unknown = world.lockdown(&["events", "replay", "nobody", "--from", "1h"]);
    assert_eq!(
        unknown.complained,
        "error: nobody consumes as nobody; there are: test.readers\n"
    );
    let all = world.lockdown(&["events", "replay", "test.readers"]);
    assert_eq!(
        all.complained,
        "error: say which events: with --from, --type or --guild\n"
    );
    let wrong = world.lockdown(&["events", "export", "--from", "yesterday-ish"]);
    assert!(
        wrong.code == 2 && wrong.complained.contains("how long ago, such as 2h"),
        "{wrong:?}"
    );
    let (engine, archive) = (
        world.engine().await,
        StoreArchive::new(world.installation.store.clone()),
    );
    for stream in Class::System.streams() {
        archive_news(&*engine, &archive, stream).await.unwrap();
    }
    engine.close().await;
    assert_eq!(
        world.done(&["events", "recount"]),
        "5 events were counted anew.\n"
    );
}

pub(crate) async fn what_comes_is_printed_as_it_comes(installation: Installation) {
    let world = World::new(installation);
    world.furnish().await;
    let mut tail = world
        .command(&["events", "tail", "--from", "1h", "--guild", "discord/2"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let line = lines.next().unwrap().unwrap();
        assert!(
            line.contains("guild:update  discord-bot  {\"platform\":\"discord\",\"guildId\":\"2\""),
            "{line}"
        );
    }
    if world.redis.is_some() {
        let engine = world.engine().await;
        for result in engine
            .append(&[world.append("2"), world.append("1")])
            .await
            .unwrap()
        {
            result.unwrap();
        }
        assert!(lines.next().unwrap().unwrap().contains("\"guildId\":\"2\""));
        engine.close().await;
    } else {
        // The log is one process's at a time, and whoever comes second is told so.
        let second = world.lockdown(&["events", "groups"]);
        assert!(
            second.code == 1 && second.complained.contains("events.db"),
            "{second:?}"
        );
    }
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&tail),
        rustix::process::Signal::INT,
    )
    .unwrap();
    assert_eq!(tail.wait().unwrap().code(), Some(0));
}
