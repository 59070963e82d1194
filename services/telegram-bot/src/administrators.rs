//! Who keeps order in a chat. Asked for once, then kept until a change is told of, or for ten minutes.

use crate::client::{CallError, Class, Client, GetAdministrators};
use crate::reading::{Record, rights_of};
use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Bus, Heard, ListenOptions};
use lockdown_events::{Event, GuildEvent, GuildId, UserEvent, UserId};
use lockdown_moderation::{Rank, Right, Rights};
use lockdown_runtime::{Clock, Context};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use teloxide::payloads::GetChat;

/// A change that nobody told us of is noticed after this.
const FRESH: TimeDelta = TimeDelta::minutes(10);

pub(crate) struct Administrators {
    client: Client,
    clock: Clock,
    chats: Mutex<HashMap<GuildId, Arc<Slot>>>,
}

/// Holds those who ask at the same time to one call. A chat that is forgotten gets a new one, so that an answer that was
/// under way at that moment is not kept.
type Slot = tokio::sync::Mutex<Option<(DateTime<Utc>, Arc<Staff>)>>;

/// Those who keep order.
#[derive(Debug, Default)]
pub(crate) struct Staff {
    pub(crate) ranks: HashMap<i64, Rank>,
    /// In the order in which Telegram names them.
    pub(crate) keepers: Vec<Keeper>,
    /// The channel whose posts come into the group.
    pub(crate) linked: Option<i64>,
    pub(crate) title: Option<String>,
}

/// One of them, as others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keeper {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) bot: bool,
    /// Hides behind the group.
    pub(crate) hidden: bool,
    /// What they may, by Telegram's names. Owners may everything.
    pub(crate) rights: Vec<&'static str>,
}

/// The rights that one administrator can give another.
pub(crate) const GIVEN: [&str; 12] = [
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_pin_messages",
    "can_manage_topics",
    "can_promote_members",
];

/// The rights without which the bot cannot do something that a community may have chosen.
pub(crate) const NEEDED: [&str; 4] = [
    "can_delete_messages",
    "can_restrict_members",
    "can_invite_users",
    "can_pin_messages",
];

/// An administrator that hides behind the group, and the linked channel: they stand above others, and what they may is not
/// known.
pub(crate) const HIDDEN: Rank = Rank::Member {
    position: 1,
    administrator: false,
    rights: Rights::of(&[Right::Note]),
};

// === impl Administrators ===

impl Administrators {
    pub(crate) fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            chats: Mutex::default(),
        }
    }

    /// Hears of the changes that other processes read, until this one stops.
    pub(crate) async fn hear(self: &Arc<Self>, ctx: &Context, bus: &Bus) -> anyhow::Result<()> {
        let mut heard = bus
            .live()
            .subscribe(&["user:updated", "guild:update"], &ListenOptions::default())
            .await
            .context("could not listen for changed administrators")?;
        let (stopping, hearing) = (ctx.shutdown.clone(), Arc::clone(self));
        ctx.tasks.spawn("administrators", async move {
            let stop = stopping.soft_token();
            while let Some(said) = stop.run_until_cancelled(heard.next()).await {
                match said {
                    Some(Heard::Said(said)) => {
                        if let Ok(Ok(event)) = said.envelope().map(|envelope| envelope.event()) {
                            hearing.note(&event);
                        }
                    }
                    // Which ones changed is not known.
                    Some(Heard::Missed { .. }) => hearing.chats().clear(),
                    None => break,
                }
            }
            stopping.soft().await;
            Ok(())
        });
        Ok(())
    }

    /// Something may have changed in a chat: the next who asks looks.
    pub(crate) fn note(&self, event: &Event) {
        let guild = match event {
            Event::User(UserEvent::Updated(change)) if change.administrator.is_some() => &change.guild_id,
            Event::Guild(GuildEvent::Update(update)) => &update.guild_id,
            _ => return,
        };
        self.chats().remove(guild);
    }

    /// Whoever asks next asks Telegram.
    pub(crate) fn forget(&self, guild: &GuildId) {
        self.chats().remove(guild);
    }

    fn chats(&self) -> MutexGuard<'_, HashMap<GuildId, Arc<Slot>>> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn of(&self, guild: &GuildId) -> Result<Arc<Staff>, CallError> {
        let slot = Arc::clone(self.chats().entry(guild.clone()).or_default());
        let mut kept = slot.lock().await;
        let now = self.clock.now();
        if let Some((at, staff)) = &*kept
            && now - *at < FRESH
        {
            return Ok(Arc::clone(staff));
        }
        let staff = Arc::new(self.look(guild).await?);
        *kept = Some((now, Arc::clone(&staff)));
        Ok(staff)
    }

    async fn look(&self, guild: &GuildId) -> Result<Staff, CallError> {
        let chat = self.client.chat(guild)?;
        let administrators = self.client.call(Class::Sanction, chat, |chat| GetAdministrators {
            chat_id: chat.0,
            return_bots: true,
        });
        let about = self.client.call(Class::Sanction, chat, GetChat::new);
        let (administrators, about) = tokio::try_join!(administrators, about)?;
        let (mut ranks, mut keepers) = (HashMap::new(), Vec::new());
        if let Value::Array(members) = administrators {
            for mut member in members.into_iter().filter_map(Record::of) {
                if let Some(keeper) = Keeper::of(&mut member) {
                    ranks.insert(keeper.id, rank(member));
                    keepers.push(keeper);
                }
            }
        }
        Ok(Staff {
            ranks,
            keepers,
            linked: about["linked_chat_id"].as_i64(),
            title: about["title"].as_str().map(str::to_owned),
        })
    }

    /// Whether rules keep away from this person or channel.
    pub(crate) async fn is_staff(&self, guild: &GuildId, user: &UserId) -> Result<bool, CallError> {
        let Ok(id) = user.as_str().parse::<i64>() else {
            return Ok(false);
        };
        if user.as_str() == guild.as_str() {
            return Ok(true);
        }
        let staff = self.of(guild).await?;
        Ok(staff.linked == Some(id) || staff.ranks.contains_key(&id))
    }
}

// === impl Staff ===

impl Staff {
    pub(crate) fn keeper(&self, id: i64) -> Option<&Keeper> {
        self.keepers.iter().find(|keeper| keeper.id == id)
    }

    /// Whether somebody has this right, by Telegram's name.
    pub(crate) fn has(&self, id: i64, right: &str) -> bool {
        self.keeper(id)
            .is_some_and(|keeper| keeper.rights.contains(&right))
    }
}

// === impl Keeper ===

impl Keeper {
    fn of(member: &mut Record) -> Option<Self> {
        let mut user = member.record("user")?;
        let id = user.number("id")?;
        Some(Self {
            id,
            name: user.name().unwrap_or_else(|| id.to_string()),
            bot: user.flag("is_bot"),
            hidden: member.is_set("is_anonymous"),
            rights: GIVEN
                .into_iter()
                .filter(|right| member.is("status", "creator") || member.is_set(right))
                .collect(),
        })
    }
}

/// The rank of a `ChatMember`.
pub(crate) fn rank(mut member: Record) -> Rank {
    match member.text("status").as_deref() {
        Some("creator") => Rank::Owner,
        Some("administrator") => Rank::Member {
            position: 1,
            administrator: false,
            rights: rights_of(&mut member),
        },
        Some("left" | "kicked") | None => Rank::Absent,
        Some("restricted") if !member.flag("is_member") => Rank::Absent,
        Some(_) => Rank::PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdown_events::Source;
    use lockdown_runtime::{Config, Ids, Metrics};
    use lockdown_testkit::fakes::FakeTelegram;
    use lockdown_testkit::fakes::telegram::{Permissions, Status};
    use lockdown_testkit::servers;
    use serde_json::json;
    use std::time::Duration;

    const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A process of the bot, as far as it knows who keeps order.
    async fn process(settings: &[(&str, String)]) -> (Context, Bus, Arc<Administrators>) {
        let config = Config::from_map(settings.iter().cloned()).unwrap();
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let ctx = Context::new("telegram-bot", "1.2.3", config, clock, ids, Metrics::local());
        let bus = lockdown_bus::open(&ctx, Source::TelegramBot).await.unwrap();
        let telegram = &ctx.config.telegram;
        let client = Client::new(
            telegram.token.as_ref().unwrap(),
            telegram.api_url.as_ref(),
            ctx.clock.clone(),
        );
        let known = Arc::new(Administrators::new(client.unwrap(), ctx.clock.clone()));
        known.hear(&ctx, &bus).await.unwrap();
        (ctx, bus, known)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_demotion_that_one_process_reads_counts_in_the_others() {
        let telegram = FakeTelegram::start().await.unwrap();
        let bot = telegram.add_bot(TOKEN, "lockdown");
        let owner = telegram.add_person("Olga", None);
        let chat = telegram.add_supergroup("Town", owner);
        let rights = Status::administrator(Permissions::administrator());
        telegram.set_status(chat, owner, bot, rights.clone());
        let mallory = telegram.add_person("Mallory", None);
        telegram.set_status(chat, owner, mallory, rights);
        let (redis, data) = (servers::redis_private(), tempfile::tempdir().unwrap());
        let settings = [
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("REDIS_URL", redis.url()),
            ("TELEGRAM_TOKEN", TOKEN.to_owned()),
            ("TELEGRAM_API_URL", telegram.url()),
        ];
        let (here, bus, reads) = process(&settings).await;
        let (there, _other, hears) = process(&settings).await;
        let guild = GuildId::new(&chat.to_string()).unwrap();
        let user = UserId::new(&mallory.to_string()).unwrap();
        for known in [&reads, &hears] {
            assert!(known.is_staff(&guild, &user).await.unwrap());
        }
        telegram.set_status(chat, owner, mallory, Status::Member);
        // Without being told, it is not noticed for minutes.
        assert!(hears.is_staff(&guild, &user).await.unwrap());
        let change =
            json!({ "platform": "telegram", "guildId": guild, "userId": user, "administrator": false });
        let event = Event::User(UserEvent::Updated(serde_json::from_value(change).unwrap()));
        reads.note(&event);
        bus.publish(&event).await.unwrap();
        assert!(!reads.is_staff(&guild, &user).await.unwrap());
        let heard = async {
            while hears.is_staff(&guild, &user).await.unwrap() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, heard).await;
        heard.expect("the other process hears of it");
        for ctx in [here, there] {
            ctx.shutdown.request("test");
            ctx.tasks.all_ended().await;
            assert_eq!(ctx.tasks.failure(), None);
        }
    }
}
