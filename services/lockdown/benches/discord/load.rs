//! A Discord with many guilds, what is said in them, and what came of it.

use super::parts::TOKEN;
use super::{BAD, GUILDS, lasts};
use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use lockdown_bus::Bus;
use lockdown_events::{GuildId, Platform, RouteRequest, Source, UserId};
use lockdown_moderation::hands::RouteAnswer;
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::fakes::discord::FakeDiscord;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const RULES: &str = "version: 1\nrules:\n  - id: no_scam\n    events: [message]\n    when: [text.has_any(scam)]\n    \
                     then: [delete]\nlists:\n  scam: {words: [free nitro, steam gift, crypto giveaway]}\n";
const GOOD: &str = "has anybody seen the patch notes of yesterday? they changed the whole inventory again";
const FORBIDDEN: &str = "everybody gets free nitro today, just click";
/// How long it is asked for the rules to be taken.
const PATIENCE: Duration = Duration::from_secs(20);
/// For how long what was not removed yet is waited for.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// Many guilds, one channel in each.
pub(crate) struct Square {
    discord: FakeDiscord,
    clock: Clock,
    owner: u64,
    speaker: u64,
    places: Vec<(u64, u64)>,
}

/// What is said: for each message the guild and whether it is bad.
pub(crate) struct Load {
    messages: Vec<(usize, bool)>,
    /// The guild that floods, whose messages are not timed: Discord's own limits hold them up.
    flooding: Option<usize>,
}

/// What came of it, in milliseconds.
pub(crate) struct Came {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Bad messages that nobody removed.
    pub(crate) missed: f64,
}

// === impl Load ===

impl Load {
    /// Every guild says as much as the others.
    pub(crate) fn even(messages: usize) -> Self {
        Self {
            messages: (0..messages)
                .map(|at| (at % GUILDS, (at / GUILDS + at).is_multiple_of(BAD)))
                .collect(),
            flooding: None,
        }
    }

    /// Half of all comes from one guild, and all of that is bad.
    pub(crate) fn flooded(messages: usize) -> Self {
        let message = |at: usize| {
            if at.is_multiple_of(2) {
                (0, true)
            } else {
                (1 + (at / 2) % (GUILDS - 1), (at / 2).is_multiple_of(BAD))
            }
        };
        Self {
            messages: (0..messages).map(message).collect(),
            flooding: Some(0),
        }
    }
}

// === impl Square ===

impl Square {
    pub(crate) async fn build(guilds: usize) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let discord = FakeDiscord::start_at(clock.clone()).await?;
        let bot = discord.add_bot(TOKEN, "lockdown");
        let (owner, speaker) = (discord.person("Owner"), discord.person("Ana"));
        let place = |number| {
            let guild = discord.guild(&format!("Town {number}"), owner);
            let channel = discord.channel(guild, "general");
            discord.invite(guild, bot);
            discord.join(guild, speaker);
            (guild, channel)
        };
        let places = (0..guilds).map(place).collect();
        Ok(Self {
            discord,
            clock,
            owner,
            speaker,
            places,
        })
    }

    pub(crate) fn url(&self) -> String {
        self.discord.url()
    }

    pub(crate) fn guilds(&self) -> impl Iterator<Item = u64> {
        self.places.iter().map(|(guild, _)| *guild)
    }

    /// Each guild's owner puts the rules in force, as the dashboard would.
    pub(crate) async fn put_rules(&self, redis: &str) -> anyhow::Result<()> {
        let config = Config::from_map([("REDIS_URL", redis)]).context("the configuration is wrong")?;
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let ctx = Context::new("bench", "bench", config, clock, ids, Metrics::local());
        let bus: Bus = lockdown_bus::open(&ctx, Source::Backend).await?;
        for guild in self.guilds() {
            let question = RouteRequest {
                platform: Platform::Discord,
                guild_id: GuildId::new(&guild.to_string()).context("an id")?,
                moderator_id: UserId::new(&self.owner.to_string()).context("an id")?,
                route: "putRules".to_owned(),
                params: [].into(),
                query: [].into(),
                if_match: None,
                body: Some(json!(RULES)),
                key: None,
            };
            let answer: RouteAnswer = bus.requests().ask("route", &question, PATIENCE).await?;
            ensure!(answer.status == 200, "the rules were not taken: {answer:?}");
        }
        // Until a message is removed in each guild, its rules are not in force yet.
        for (_, channel) in &self.places {
            self.until_removed(*channel).await?;
        }
        ctx.shutdown.request("done");
        ctx.tasks.all_ended().await;
        Ok(())
    }

    async fn until_removed(&self, channel: u64) -> anyhow::Result<()> {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let message = self.discord.say(self.speaker, channel, FORBIDDEN);
            for _ in 0..100 {
                if !self.discord.has_message(channel, message) {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        anyhow::bail!("the rules are not in force after {PATIENCE:?}")
    }

    /// Says it all at a steady rate, waits until what is bad is gone, and tells how long that took.
    pub(crate) async fn say(&self, load: &Load) -> anyhow::Result<Came> {
        let (discord, total) = (&self.discord, load.messages.len());
        let already = discord.requests().len();
        let (began, all) = (Instant::now(), lasts(total));
        let mut bad: HashMap<u64, (usize, DateTime<Utc>)> = HashMap::new();
        for (at, (guild, is_bad)) in load.messages.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "far fewer than a float counts exactly")]
            let due = all.mul_f64(at as f64 / total as f64);
            let ahead = due.saturating_sub(began.elapsed());
            if ahead > Duration::from_millis(1) {
                tokio::time::sleep(ahead).await;
            }
            let (_, channel) = self.places[*guild];
            let text = if *is_bad { FORBIDDEN } else { GOOD };
            let said = self.clock.now();
            let id = discord.say(self.speaker, channel, text);
            if *is_bad {
                bad.insert(id, (*guild, said));
            }
            // Discord answers in the same process: it gets its turn.
            tokio::task::yield_now().await;
        }
        let late = began.elapsed().saturating_sub(all);
        if late > Duration::from_secs(1) {
            eprintln!("bench: the messages were said {late:.1?} later than they should have been");
        }
        let since = Instant::now();
        let left = || {
            let still = |(id, (guild, _)): (&u64, &(usize, DateTime<Utc>))| {
                discord.has_message(self.places[*guild].1, *id)
            };
            bad.iter().filter(|one| still((one.0, one.1))).count()
        };
        while left() > 0 && since.elapsed() < AFTERWARDS {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let missed = left();
        let mut took: Vec<f64> = Vec::new();
        for request in discord.requests().iter().skip(already) {
            for id in removed(&request.method, &request.path, &request.body) {
                if let Some((guild, said)) = bad.remove(&id)
                    && load.flooding != Some(guild)
                {
                    let micros = (request.at - said).num_microseconds().unwrap_or(i64::MAX);
                    #[expect(clippy::cast_precision_loss, reason = "a wait is far shorter")]
                    took.push(micros as f64 / 1_000.0);
                }
            }
        }
        ensure!(!took.is_empty(), "nothing was removed");
        took.sort_by(f64::total_cmp);
        let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
        #[expect(clippy::cast_precision_loss, reason = "far fewer than a float counts exactly")]
        let missed = missed as f64;
        Ok(Came {
            p50: at(50),
            p99: at(99),
            missed,
        })
    }

    /// Requests that Discord answered with 401, 403 or 429.
    pub(crate) fn refused(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than a float counts exactly")]
        let refused = self.discord.invalid_requests() as f64;
        refused
    }
}

/// The messages that a request removes.
fn removed(method: &str, path: &str, body: &Value) -> Vec<u64> {
    let parts: Vec<&str> = path.split('/').collect();
    let number = |text: &str| text.parse().ok();
    match (method, parts.as_slice()) {
        ("DELETE", ["channels", _, "messages", id]) => number(id).into_iter().collect(),
        ("POST", ["channels", _, "messages", "bulk-delete"]) => {
            let ids = body["messages"].as_array().into_iter().flatten();
            ids.filter_map(|id| number(id.as_str()?)).collect()
        }
        _ => Vec::new(),
    }
}
