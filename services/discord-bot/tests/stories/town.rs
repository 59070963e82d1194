//! A guild, its people, and the bot in it.

use chrono::TimeDelta;
use lockdown_bus::{Bus, Glob, Query};
use lockdown_events::{Envelope, Event, Message, MessageEvent, ModerationAction, ModerationEvent, Source};
use lockdown_runtime::health::Status;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::fakes::discord::FakeDiscord;
use lockdown_testkit::servers;
use std::any::Any;
use std::future::Future;
use std::time::Duration;

pub(crate) const TOKEN: &str = "MTE3NjUyMzM0MjEyMzQ1Njc4OQ.Gabcde.a-token-of-the-form-that-discord-gives-out";

/// No condition takes so long to come about unless it never does.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Town {
    pub(crate) discord: FakeDiscord,
    pub(crate) bot: u64,
    pub(crate) owner: u64,
    /// An ordinary member.
    pub(crate) ana: u64,
    pub(crate) guild: u64,
    pub(crate) channel: u64,
    pub(crate) ctx: Context,
    pub(crate) bus: Bus,
    variables: Vec<(&'static str, String)>,
    /// Kept for as long as the town stands.
    _around: Box<dyn Any + Send>,
}

// === impl Town ===

impl Town {
    pub(crate) async fn embedded() -> Self {
        let data = tempfile::tempdir().unwrap();
        let variables = vec![("LOCKDOWN_DATA_DIR", data.path().display().to_string())];
        Self::build(variables, Box::new(data)).await
    }

    pub(crate) async fn fleet() -> Self {
        Self::fleet_with(&[]).await
    }

    /// With more variables of the first process.
    pub(crate) async fn fleet_with(more: &[(&'static str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let redis = servers::redis_private();
        let mut variables = vec![
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("REDIS_URL", redis.url()),
        ];
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self::build(variables, Box::new((data, redis))).await
    }

    /// Another process beside the first, with these variables instead of its.
    pub(crate) async fn another(&self, over: &[(&'static str, &str)]) -> (Context, Bus) {
        let mut variables = self.variables.clone();
        for (name, value) in over {
            variables.retain(|(known, _)| known != name);
            variables.push((name, (*value).to_owned()));
        }
        open(&variables).await
    }

    async fn build(mut variables: Vec<(&'static str, String)>, around: Box<dyn Any + Send>) -> Self {
        let discord = FakeDiscord::start().await.unwrap();
        let bot = discord.add_bot(TOKEN, "lockdown");
        let (owner, ana) = (discord.person("Owner"), discord.person("Ana"));
        let guild = discord.guild("Town", owner);
        let channel = discord.channel(guild, "general");
        discord.invite(guild, bot);
        discord.join(guild, ana);
        variables.push(("DISCORD_TOKEN", TOKEN.to_owned()));
        variables.push(("DISCORD_API_URL", discord.url()));
        let (ctx, bus) = open(&variables).await;
        Self {
            discord,
            bot,
            owner,
            ana,
            guild,
            channel,
            ctx,
            bus,
            variables,
            _around: around,
        }
    }

    /// Starts the bot, and waits until it hears.
    pub(crate) async fn start(&self) {
        self.start_bot().await;
        self.is("gateway", Status::Up).await;
        let connected = || async { self.discord.connected() == 1 };
        until("a session", connected).await;
    }

    pub(crate) async fn start_bot(&self) {
        lockdown_discord_bot::run(self.ctx.clone(), self.bus.clone())
            .await
            .unwrap();
    }

    /// Waits for a component of the bot's health, and gives the words that go with it.
    pub(crate) async fn is(&self, name: &str, status: Status) -> Option<String> {
        let mut reports = self.ctx.health.watch();
        let is = reports.wait_for(|report| {
            report
                .components
                .iter()
                .any(|part| part.name == name && part.status == status)
        });
        let report = tokio::time::timeout(LIMIT, is).await.unwrap().unwrap();
        report
            .components
            .iter()
            .find(|part| part.name == name)
            .unwrap()
            .detail
            .clone()
    }

    /// Ends the bot as a signal would; Discord goes on.
    pub(crate) async fn stop(&self) {
        self.ctx.shutdown.request("test");
        tokio::time::timeout(LIMIT, self.ctx.tasks.all_ended())
            .await
            .unwrap();
        assert_eq!(self.ctx.tasks.failure(), None);
        until("the end of the session", || async {
            self.discord.connected() == 0
        })
        .await;
    }

    /// A new process after that.
    pub(crate) async fn reopen(&mut self) {
        (self.ctx, self.bus) = open(&self.variables).await;
    }

    /// Every event of a type so far, in its order.
    pub(crate) async fn events(&self, event_type: &str) -> Vec<Envelope> {
        let query = Query {
            types: vec![Glob::new(event_type)],
            ..Query::default()
        };
        let (mut events, mut place) = (Vec::new(), None);
        loop {
            let page = self
                .bus
                .history()
                .page(&query, place.as_ref(), 1_000)
                .await
                .unwrap();
            events.extend(
                page.entries
                    .iter()
                    .map(|entry| Envelope::decode(&entry.envelope).unwrap()),
            );
            match page.next {
                Some(next) => place = Some(next),
                None => return events,
            }
        }
    }

    /// Waits for so many events of a type, and for no more of them.
    pub(crate) async fn heard(&self, event_type: &str, count: usize) -> Vec<Event> {
        until(event_type, || async {
            self.events(event_type).await.len() >= count
        })
        .await;
        let events = self.events(event_type).await;
        assert_eq!(events.len(), count, "{event_type}");
        events.iter().map(|envelope| envelope.event().unwrap()).collect()
    }

    /// The messages that were heard, when there are so many.
    pub(crate) async fn messages(&self, count: usize) -> Vec<Message> {
        let events = self.heard("message:created", count).await;
        let message = |event| match event {
            Event::Message(MessageEvent::Created(message)) => *message,
            other => panic!("{other:?}"),
        };
        events.into_iter().map(message).collect()
    }

    /// What moderators did by hand, when it is so much.
    pub(crate) async fn observed(&self, count: usize) -> Vec<ModerationAction> {
        let events = self.heard("moderation:action", count).await;
        let action = |event| match event {
            Event::Moderation(ModerationEvent::Action(action)) => action,
            other => panic!("{other:?}"),
        };
        events.into_iter().map(action).collect()
    }
}

async fn open(variables: &[(&'static str, String)]) -> (Context, Bus) {
    let config = Config::from_map(variables.iter().cloned()).unwrap();
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let ctx = Context::new("discord-bot", "1.2.3", config, clock, ids, Metrics::local());
    let bus = lockdown_bus::open(&ctx, Source::DiscordBot).await.unwrap();
    (ctx, bus)
}

/// Waits for a condition.
pub(crate) async fn until<F, Fut>(what: &str, condition: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = bool>,
{
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(LIMIT, waiting).await.is_ok(),
        "{what} did not come about"
    );
}

pub(crate) fn days(days: i64) -> TimeDelta {
    TimeDelta::days(days)
}
