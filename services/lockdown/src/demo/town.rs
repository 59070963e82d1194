//! The community: who is in it, on both platforms, and what its owner has chosen.

use anyhow::{Context as _, bail};
use chrono::DateTime;
use lockdown_bus::{AskError, Bus};
use lockdown_events::{GuildId, Platform, RouteRequest, UserId};
use lockdown_moderation::hands::RouteAnswer;
use lockdown_testkit::fakes::discord::FakeDiscord;
use lockdown_testkit::fakes::telegram::{FakeTelegram, Permissions, Status};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// As long as anything may take: the machine may be busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const RULES: &str = include_str!("rules.yml");
/// Discord's permissions of a moderator: kick, ban, delete messages, time out.
const MODERATOR: u64 = (1 << 1) | (1 << 2) | (1 << 13) | (1 << 40);

pub(super) struct Town {
    pub(super) discord: FakeDiscord,
    pub(super) telegram: FakeTelegram,
    pub(super) bot: u64,
    telegram_bot: i64,
    pub(super) guild: u64,
    pub(super) general: u64,
    pub(super) help: u64,
    pub(super) chat: i64,
    /// The owner on Discord, and on Telegram.
    pub(super) olga: u64,
    pub(super) oleg: i64,
    /// A moderator.
    pub(super) mia: u64,
    pub(super) ana: u64,
    pub(super) ben: u64,
    pub(super) dave: u64,
    pub(super) eve: u64,
    pub(super) mallory: u64,
    pub(super) rosa: i64,
    pub(super) vlad: i64,
}

// === impl Town ===

impl Town {
    pub(super) async fn build() -> anyhow::Result<Self> {
        let discord = FakeDiscord::start()
            .await
            .context("the made-up Discord does not start")?;
        let bot = discord.add_bot(super::DISCORD, "lockdown");
        let [olga, mia, ana, ben, dave, eve, mallory] =
            ["olga", "mia", "ana", "ben", "dave", "eve", "mallory"].map(|name| discord.person(name));
        let guild = discord.guild("Harbour", olga);
        let [general, help] = ["general", "help"].map(|name| discord.channel(guild, name));
        discord.channel(guild, "mod-logs");
        let moderators = discord.role(guild, "moderators", 10, MODERATOR);
        for person in [mia, ana, ben, dave, eve, mallory] {
            discord.join(guild, person);
        }
        discord.give(guild, mia, moderators);

        let telegram = FakeTelegram::start()
            .await
            .context("the made-up Telegram does not start")?;
        let telegram_bot = telegram.add_bot(super::TELEGRAM, "lockdown_bot");
        let [oleg, rosa, vlad] = ["Oleg", "Rosa", "Vlad"].map(|name| telegram.add_person(name, Some(name)));
        let chat = telegram.add_supergroup("Harbour", oleg);
        Ok(Self {
            discord,
            telegram,
            bot,
            telegram_bot,
            guild,
            general,
            help,
            chat,
            olga,
            oleg,
            mia,
            ana,
            ben,
            dave,
            eve,
            mallory,
            rosa,
            vlad,
        })
    }

    /// Who is who, by the ids that events have.
    pub(super) fn names(&self) -> HashMap<(Platform, String), &'static str> {
        let of_discord = [
            (self.olga, "olga"),
            (self.mia, "mia"),
            (self.ana, "ana"),
            (self.ben, "ben"),
            (self.dave, "dave"),
            (self.eve, "eve"),
            (self.mallory, "mallory"),
        ];
        let of_telegram = [(self.oleg, "Oleg"), (self.rosa, "Rosa"), (self.vlad, "Vlad")];
        let discord = of_discord.map(|(id, name)| ((Platform::Discord, id.to_string()), name));
        let telegram = of_telegram.map(|(id, name)| ((Platform::Telegram, id.to_string()), name));
        discord.into_iter().chain(telegram).collect()
    }

    /// What Discord's clients make of a text: names for people, no marks for times.
    pub(super) fn readable(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for ((_, id), name) in self.names() {
            text = text
                .replace(&format!("<@{id}>"), &format!("@{name}"))
                .replace(&id, name);
        }
        let mut parts = text.split("<t:");
        let mut shown = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (mark, rest) = part.split_once('>').unwrap_or((part, ""));
            let seconds = mark.split(':').next().and_then(|seconds| seconds.parse().ok());
            let at = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            let at = at.map_or_else(|| mark.to_owned(), |at| at.format("%H:%M UTC").to_string());
            shown.push_str(&at);
            shown.push_str(rest);
        }
        shown
    }

    /// The bots come in, and the owners put rules in force.
    pub(super) async fn open(&self, bus: &Bus) -> anyhow::Result<()> {
        self.until("both bots are there", || {
            self.discord.connected() == 1 && !self.telegram.calls("getUpdates").is_empty()
        })
        .await?;
        self.discord.invite(self.guild, self.bot);
        let rights = Status::administrator(Permissions::administrator());
        self.telegram
            .set_status(self.chat, self.oleg, self.telegram_bot, rights);
        for person in [self.rosa, self.vlad] {
            self.telegram.join(self.chat, person);
        }
        for platform in [Platform::Discord, Platform::Telegram] {
            let put = tokio::time::timeout(PATIENCE, async {
                loop {
                    match self
                        .ask(bus, platform, "putRules", Some(Value::from(RULES)))
                        .await
                    {
                        Ok(answer) => return Ok(answer),
                        // The backend hears of the community, and the bot of its owner, in a moment.
                        Err(AskError::Refused(refused))
                            if ["unknown_guild", "rank_unknown", "forbidden"]
                                .contains(&refused.code.as_str()) =>
                        {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                        Err(error) => return Err(error),
                    }
                }
            });
            let put = put.await.context("the rules were not taken in time")?;
            put.with_context(|| format!("the rules for {platform} were refused"))?;
        }
        Ok(())
    }

    /// The owner asks the backend, as bots do for those who give them commands.
    pub(super) async fn ask(
        &self,
        bus: &Bus,
        platform: Platform,
        route: &str,
        body: Option<Value>,
    ) -> Result<RouteAnswer, AskError> {
        let (guild, owner) = match platform {
            Platform::Discord => (self.guild.to_string(), self.olga.to_string()),
            Platform::Telegram => (self.chat.to_string(), self.oleg.to_string()),
        };
        let question = RouteRequest {
            platform,
            guild_id: GuildId::new(&guild).expect("the fakes number as the platforms do"),
            moderator_id: UserId::new(&owner).expect("the fakes number as the platforms do"),
            route: route.to_owned(),
            params: [].into(),
            query: [].into(),
            if_match: None,
            body,
            key: None,
        };
        bus.requests().ask("route", &question, PATIENCE).await
    }

    /// Waits until it is so.
    pub(super) async fn until(&self, what: &str, is: impl Fn() -> bool) -> anyhow::Result<()> {
        let waiting = async {
            while !is() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(()) => Ok(()),
            Err(_) => bail!("it did not come about in time that {what}"),
        }
    }
}
