//! What Discord's own AutoMod stopped, for the moderators to see: many together, so that whoever floods it does not flood
//! the log. Each lies on a board of the bus until it is told, and whichever process looks then tells it.

use super::{ModLog, embed, of};
use crate::effects::permissions::MANAGE_GUILD;
use crate::rest::{Ask, Priority, RestError};
use crate::words::WORDS;
use anyhow::Context as _;
use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, Posted, Received, Start};
use lockdown_events::{Event, MessageEvent, MessageFlagged, Platform};
use lockdown_runtime::{Context, chain};
use serenity::http::Route;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

const GROUP: &str = "discord.stopped";
const BOARD: &str = "discord/stopped";
/// What comes within this is told together.
const SWEEP: Duration = Duration::from_secs(2);
/// What could not be told is told after so long.
const AGAIN: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 500;
/// Of what somebody wanted to say, so many characters.
const TEXT: usize = 300;

// === impl ModLog ===

impl ModLog {
    /// Tells of what AutoMod stops until the process stops.
    pub(crate) async fn tell_of_stopped(&self, ctx: &Context, bus: &Bus) -> anyhow::Result<()> {
        let taking = bus.clone();
        let handler = Handler::new("stopped", ["message:flagged"], move |received: Arc<Received>| {
            let bus = taking.clone();
            async move { put_down(&bus, &received).await }
        });
        let options = ConsumerOptions::default();
        bus.consume(
            GroupName::new(GROUP)?,
            &Start::Oldest,
            vec![handler.side_by_side()],
            options,
        )
        .await
        .context("could not consume what AutoMod stopped")?;
        let (log, stopping) = (self.clone(), ctx.shutdown.soft_token());
        ctx.tasks.spawn("stopped", async move {
            stopping.run_until_cancelled(log.keep_telling()).await;
            Ok(())
        });
        Ok(())
    }

    async fn keep_telling(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let due = match self.bus.engine().put_off_due(BOARD, AGAIN, AT_ONCE).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::debug!("Could not look for what AutoMod stopped: {}", chain(&error));
                    continue;
                }
            };
            let mut guilds: BTreeMap<u64, Vec<(Posted, MessageFlagged)>> = BTreeMap::new();
            for posted in due {
                let flagged: Option<MessageFlagged> = serde_json::from_str(&posted.text).ok();
                let guild = flagged
                    .as_ref()
                    .and_then(|flagged| flagged.guild_id.as_str().parse().ok());
                match (flagged, guild) {
                    (Some(flagged), Some(guild)) => guilds.entry(guild).or_default().push((posted, flagged)),
                    _ => self.take_off(&posted).await,
                }
            }
            for (guild, mut stopped) in guilds {
                // By their ids, which begin with the time.
                stopped.sort_by(|(one, _), (other, _)| one.item.cmp(&other.item));
                self.see_to(guild, &stopped).await;
            }
        }
    }

    async fn see_to(&self, guild: u64, stopped: &[(Posted, MessageFlagged)]) {
        match self.tell_stopped(guild, stopped).await {
            Ok(()) => {}
            // What Discord refuses, it refuses again.
            Err(error @ RestError::Refused { .. }) => {
                tracing::warn!(
                    guild,
                    "What AutoMod stopped is not in the moderators' log: {error}"
                );
            }
            Err(error) => {
                tracing::info!(guild, "What AutoMod stopped is told later: {error}");
                return;
            }
        }
        for (posted, _) in stopped {
            self.take_off(posted).await;
        }
    }

    async fn take_off(&self, posted: &Posted) {
        if let Err(error) = self.bus.engine().unpost(BOARD, &posted.item).await {
            tracing::debug!("Could not take off what AutoMod stopped: {}", chain(&error));
        }
    }

    async fn tell_stopped(&self, guild: u64, stopped: &[(Posted, MessageFlagged)]) -> Result<(), RestError> {
        let Some((first, flagged)) = stopped.first() else {
            return Ok(());
        };
        if !self.knows(guild).await? {
            return Ok(());
        }
        let settings = self.book.of(&of(&flagged.guild_id)).await;
        let log = self.channel(guild, &settings);
        let Some(log) = log.filter(|log| self.is_open(guild, *log)) else {
            return Ok(());
        };
        let mut names: HashMap<&str, String> = HashMap::new();
        let mut lines = Vec::with_capacity(stopped.len());
        for (_, flagged) in stopped {
            let rule = match (&flagged.rules[..], names.get(&*flagged.rule_id)) {
                ([], Some(known)) => known.clone(),
                ([], None) => {
                    let name = self.name_of(guild, &flagged.rule_id).await;
                    names.insert(&flagged.rule_id, name.clone());
                    name
                }
                (rules, _) => rules.join(", "),
            };
            lines.push((flagged, rule));
        }
        let body = embed::stopped(WORDS.tongue(Some(&settings.locale)), &lines);
        let nonce = first.item.replace('-', "");
        let nonce = nonce.get(nonce.len().saturating_sub(25)..).unwrap_or_default();
        self.post(log, &body, nonce).await.map(drop)
    }

    /// What a rule that people made is called; its id, where Discord does not say it.
    async fn name_of(&self, guild: u64, rule: &str) -> String {
        let held = self.discord.guilds.own_permissions(guild);
        let id = rule.parse::<u64>().ok().filter(|id| *id > 0);
        let Some(id) = id.filter(|_| held.is_some_and(|held| held & MANAGE_GUILD != 0)) else {
            return rule.to_owned();
        };
        let route = Route::GuildAutomodRule {
            guild_id: guild.into(),
            rule_id: id.into(),
        };
        let ask = Ask::get(route, guild).priority(Priority::Notice);
        let found = self.discord.rest.call(ask).await.unwrap_or_default();
        found["name"].as_str().unwrap_or(rule).to_owned()
    }
}

async fn put_down(bus: &Bus, received: &Received) -> Result<(), HandlerError> {
    let Event::Message(MessageEvent::Flagged(flagged)) = &received.event else {
        return Ok(());
    };
    if flagged.platform != Platform::Discord {
        return Ok(());
    }
    let kept = MessageFlagged {
        content: flagged.content.chars().take(TEXT).collect(),
        ..flagged.clone()
    };
    let text = serde_json::to_string(&kept).unwrap_or_default();
    // In the order of time.
    let (at, id) = (
        received.envelope.timestamp.timestamp_micros(),
        received.envelope.event_id,
    );
    let item = format!("{at:016x}-{id}");
    let posted = bus.engine().post(BOARD, &item, &text, Duration::ZERO).await;
    posted
        .map(drop)
        .map_err(|error| HandlerError::Again(chain(&error)))
}
