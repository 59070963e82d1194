//! How people stand on a platform: whoever decides asks, and the bot that can look answers.

use crate::authority::{Grant, Rank, Rights};
use crate::desk::{Facts, Ranks};
use crate::platform::{Keepers, Missing, Platform, PlatformError};
use crate::who::{Actor, GuildRef, UserRef};
use anyhow::Context as _;
use async_trait::async_trait;
use futures_util::future::join_all;
use lockdown_bus::{Answering, Asked, Bus};
use lockdown_events::{GuildId, RanksRequest, RequestError, RoleId, UserId};
use lockdown_runtime::chain;
use lockdown_store::roles::{Given, OnePerson};
use lockdown_store::{Store, StoreError, in_read};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Somebody waits for the decision: a bot that has not answered by then is taken for one that cannot.
const PATIENCE: Duration = Duration::from_secs(3);
/// More than anybody who asks has to know at once.
const MOST: usize = 100;

/// The answer to `request:ranks:{platform}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    bot: Standing,
    /// In the order asked.
    people: Vec<Standing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keepers: Option<Keepers>,
}

/// How one stands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    user_id: UserId,
    #[serde(flatten)]
    place: Place,
    #[serde(default)]
    roles: Vec<RoleId>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "standing")]
enum Place {
    Unknown,
    Absent,
    Member {
        position: u32,
        administrator: bool,
        rights: Vec<String>,
    },
    Owner,
}

/// Asks the bots how people stand on their platform, and our own roles beside them.
pub struct AskedRanks {
    bus: Bus,
    store: Store,
}

/// What was given in a guild, and to whom of those who are asked about, in their order.
#[derive(Default)]
struct Ours {
    given: Given,
    people: Vec<OnePerson>,
}

/// Answers for this platform until it is stopped.
pub(super) async fn answer(bus: &Bus, platform: Arc<dyn Platform>) -> anyhow::Result<Answering> {
    let name = format!("ranks:{}", platform.limits().platform);
    let answering = bus
        .requests()
        .answer_looking(&name, move |asked: Asked<RanksRequest>| {
            let platform = Arc::clone(&platform);
            async move { look(&*platform, asked.data).await }
        });
    answering
        .await
        .context("could not listen to questions about ranks")
}

async fn look(platform: &dyn Platform, asked: RanksRequest) -> Result<Told, RequestError> {
    if asked.user_ids.len() > MOST {
        return Err(RequestError {
            code: "too_many".to_owned(),
            message: format!("at most {MOST} people are looked up at once"),
        });
    }
    let guild = &asked.guild_id;
    let people = asked
        .user_ids
        .into_iter()
        .map(|user| stands(platform, guild, user));
    let keepers = async {
        let keepers = match asked.keepers {
            true => platform.keepers(guild).await,
            false => Ok(None),
        };
        keepers.unwrap_or_else(|error| {
            tracing::warn!("Could not read who keeps order: {}", chain(&error));
            None
        })
    };
    let (bot, people, keepers) = futures_util::join!(platform.own_rank(guild), join_all(people), keepers);
    let bot = Standing {
        user_id: platform.own_id().clone(),
        place: Place::from(read(bot)),
        roles: Vec::new(),
    };
    Ok(Told { bot, people, keepers })
}

async fn stands(platform: &dyn Platform, guild: &GuildId, user: UserId) -> Standing {
    let (rank, roles) = match platform.member(guild, &user).await {
        Ok(Some(member)) => (member.rank, member.roles),
        Ok(None) => (Rank::Absent, Vec::new()),
        Err(error) => (read(Err(error)), Vec::new()),
    };
    Standing {
        user_id: user,
        place: Place::from(rank),
        roles,
    }
}

fn read(rank: Result<Rank, PlatformError>) -> Rank {
    match rank {
        Ok(rank) => rank,
        Err(PlatformError::NotFound(Missing::Member | Missing::Person) | PlatformError::Gone) => Rank::Absent,
        Err(error) => {
            tracing::warn!("Could not read how somebody stands: {}", chain(&error));
            Rank::Unknown
        }
    }
}

// === impl Place ===

impl From<Rank> for Place {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::Unknown => Self::Unknown,
            Rank::Absent => Self::Absent,
            Rank::Owner => Self::Owner,
            Rank::Member {
                position,
                administrator,
                rights,
            } => Self::Member {
                position,
                administrator,
                rights: rights.iter().map(|right| right.as_str().to_owned()).collect(),
            },
        }
    }
}

impl From<&Place> for Rank {
    fn from(place: &Place) -> Self {
        match place {
            Place::Unknown => Self::Unknown,
            Place::Absent => Self::Absent,
            Place::Owner => Self::Owner,
            Place::Member {
                position,
                administrator,
                rights,
            } => Self::Member {
                position: *position,
                administrator: *administrator,
                rights: Rights::named(rights.iter().map(String::as_str)),
            },
        }
    }
}

// === impl AskedRanks ===

impl AskedRanks {
    pub fn new(bus: Bus, store: Store) -> Self {
        Self { bus, store }
    }

    /// All who keep order in a community by the platform; `None` where that cannot be told, and where some do by us, who are
    /// asked about one by one.
    pub async fn keepers(&self, guild: &GuildRef) -> Option<Keepers> {
        let (told, ours) = futures_util::join!(self.ask(guild, &[], true), self.ours(guild, &[]));
        let only_theirs = ours.is_ok_and(|ours| ours.given.is_empty());
        told?.keepers.filter(|_| only_theirs)
    }

    async fn ask(&self, guild: &GuildRef, people: &[&UserRef], keepers: bool) -> Option<Told> {
        let question = RanksRequest {
            guild_id: guild.id.clone(),
            user_ids: people.iter().map(|who| who.id.clone()).collect(),
            keepers,
        };
        let name = format!("ranks:{}", guild.platform);
        match self
            .bus
            .requests()
            .ask::<_, Told>(&name, &question, PATIENCE)
            .await
        {
            Ok(told) if told.people.len() == people.len() => Some(told),
            Ok(_) => {
                tracing::warn!(
                    "The {} bot answered for others than those asked for",
                    guild.platform
                );
                None
            }
            Err(error) => {
                tracing::warn!(
                    "The {} bot does not say how people stand: {}",
                    guild.platform,
                    chain(&error)
                );
                None
            }
        }
    }

    /// What our roles let these people do there, whichever roles they have on the platform.
    async fn ours(&self, guild: &GuildRef, people: &[&UserRef]) -> Result<Ours, StoreError> {
        in_read!(self.store, |conn| {
            let mut ours = Ours {
                given: conn.given_in(guild.platform, &guild.id).await?,
                people: Vec::new(),
            };
            if !ours.given.is_empty() {
                for who in people {
                    ours.people.push(conn.one_person(who.platform, &who.id).await?);
                }
            }
            Ok::<_, StoreError>(ours)
        })
    }
}

// === impl Ours ===

impl Ours {
    fn grant(&self, place: usize, roles: &[RoleId]) -> Option<Grant> {
        let held = self
            .given
            .to(self.people.get(place)?, roles.iter().map(RoleId::as_str));
        let rights = Rights::named(held.words.iter().map(String::as_str));
        let position = u32::try_from(held.position).unwrap_or(u32::MAX);
        (position > 0 || !rights.is_empty()).then_some(Grant { position, rights })
    }
}

#[async_trait]
impl Facts for AskedRanks {
    async fn ranks(&self, guild: &GuildRef, doer: &Actor, subject: &UserRef) -> Ranks {
        let person = doer.person();
        let asked: Vec<&UserRef> = std::iter::once(subject).chain(person).collect();
        let (told, ours) = futures_util::join!(self.ask(guild, &asked, false), self.ours(guild, &asked));
        let ours = ours.unwrap_or_else(|error| {
            tracing::warn!("Could not read who has roles of ours: {}", chain(&error));
            Ours::default()
        });
        let stands = |place: usize| told.as_ref().and_then(|told| told.people.get(place));
        let rank = |of: Option<&Standing>| of.map_or(Rank::Unknown, |of| Rank::from(&of.place));
        let grant = |place| ours.grant(place, stands(place).map_or(&[], |of| &of.roles));
        Ranks {
            doer: rank(stands(1)),
            doer_grant: grant(1),
            subject: rank(stands(0)),
            subject_grant: grant(0),
            bot: told
                .as_ref()
                .map(|told| UserRef::new(guild.platform, told.bot.user_id.clone())),
            bot_rank: rank(told.as_ref().map(|told| &told.bot)),
        }
    }
}
