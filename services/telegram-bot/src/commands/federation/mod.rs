//! Federations: bans that groups of several owners share. All of it is asked of the backend, which knows who may what; it can be
//! commanded in a group and to the bot alone.
//!
//! - `run.rs`: making one, its people, its groups, what it goes by. `bans.rs`: who is banned. `csv.rs`: lists in files.
//! - `told.rs`: what is said in a group when somebody goes.

mod bans;
mod csv;
mod run;
mod told;

use super::deed::Federated;
use super::parse::Command;
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::ask::{Route, Unanswered};
use crate::client::Class;
use crate::speaker::Line;
use lockdown_events::{EventId, GuildId, Message, UserId};
use lockdown_moderation::hands::RouteAnswer;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{PlatformError, Right};
use lockdown_runtime::chain;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use teloxide::prelude::ChatId;

/// Whoever asks for much at once is let wait: so often, and so long each time.
const TRIES: u32 = 30;
const REST: Duration = Duration::from_secs(1);

/// Something that is commanded.
struct Asked<'a> {
    command: &'a Command,
    event: EventId,
    by: &'a UserId,
    /// The group that it is said in, or that is meant.
    group: Option<&'a GuildId>,
    /// Whether it is said to the bot alone.
    alone: bool,
    /// The group, or the chat with the bot where none is meant.
    place: GuildId,
    tongue: &'static Tongue,
}

/// What is answered.
enum Answer {
    Words(String),
    /// For whoever asks, alone.
    File {
        name: String,
        bytes: Vec<u8>,
    },
}

/// As much of one as is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Federation {
    id: String,
    name: String,
    owner: Member,
    own: bool,
    reasons_required: bool,
    owner_told: bool,
    admins: u64,
    guilds: u64,
    bans: u64,
    subscriptions: u64,
    subscribers: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    user_id: String,
    username: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    federations: Vec<Federation>,
}

// === impl Asked ===

impl<'a> Asked<'a> {
    /// What stands behind the word.
    fn text(&self) -> &'a str {
        self.command.reason.as_deref().unwrap_or_default().trim()
    }

    fn route<'r>(&'r self, name: &'r str) -> Route<'r> {
        Route::new(&self.place, self.by, name)
    }

    fn no(&self, key: &str) -> Stop {
        No::Words(self.tongue.say(key, &[])).into()
    }

    fn group(&self) -> Result<&'a GuildId, Stop> {
        self.group.ok_or_else(|| self.no("connect.none"))
    }
}

// === impl Member ===

impl Member {
    fn name(&self) -> String {
        let name = self.display_name.as_deref().or(self.username.as_deref());
        match name {
            Some(name) => format!("{name} ({})", self.user_id),
            None => self.user_id.clone(),
        }
    }
}

// === impl Commands ===

impl Commands {
    pub(super) async fn federation_here(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Federated,
    ) -> Result<(), Stop> {
        let message = &said.message;
        let asked = Asked {
            command,
            event: said.event,
            by: &message.author_id,
            group: Some(&message.guild_id),
            alone: false,
            place: message.guild_id.clone(),
            tongue: self.speaker.tongue(&message.guild_id).await,
        };
        let words = match self.federation(&asked, what).await? {
            Answer::Words(words) => words,
            Answer::File { name, bytes } => {
                self.hand_over(&asked, name, bytes).await?;
                asked.tongue.say("export.sent", &[])
            }
        };
        self.tell_later(message, Line::answer(message, words).staying(LOOK_STAYS));
        Ok(())
    }

    /// The same to the bot alone, where no group has to be meant; what is to be answered.
    pub(super) async fn federation_alone(
        self: &Arc<Self>,
        message: &Message,
        event: EventId,
        what: Federated,
        command: &Command,
        tongue: &'static Tongue,
    ) -> Result<Option<String>, Stop> {
        let by = &message.author_id;
        let group = self.connected(by).await?;
        let asked = Asked {
            command,
            event,
            by,
            group: group.as_ref(),
            alone: true,
            place: group.clone().unwrap_or_else(|| message.guild_id.clone()),
            tongue,
        };
        Ok(match self.federation(&asked, what).await? {
            Answer::Words(words) => Some(words),
            Answer::File { name, bytes } => {
                self.hand_over(&asked, name, bytes).await?;
                None
            }
        })
    }

    async fn federation(&self, asked: &Asked<'_>, what: Federated) -> Result<Answer, Stop> {
        let words = match what {
            Federated::New => self.new_federation(asked).await?,
            Federated::Delete => self.delete_federation(asked).await?,
            Federated::Rename => self.rename_federation(asked).await?,
            Federated::Join => self.join_federation(asked).await?,
            Federated::Leave => self.leave_federation(asked).await?,
            Federated::Chat => self.federation_of_chat(asked).await?,
            Federated::Info => self.federation_info(asked).await?,
            Federated::Admins => self.federation_admins(asked).await?,
            Federated::Promote | Federated::Demote => {
                self.federation_admin(asked, what == Federated::Promote).await?
            }
            Federated::DemoteMe => self.leave_federation_staff(asked).await?,
            Federated::Subscribe | Federated::Unsubscribe => {
                self.federation_goes_by(asked, what == Federated::Subscribe)
                    .await?
            }
            Federated::Subscriptions => self.federation_subscriptions(asked).await?,
            Federated::Reasons | Federated::Told => {
                self.federation_chooses(asked, what == Federated::Reasons).await?
            }
            Federated::Ban => self.federation_ban(asked).await?,
            Federated::Unban => self.federation_unban(asked).await?,
            Federated::Import => self.federation_import(asked).await?,
            Federated::Stat => self.federation_stat(asked).await?,
            Federated::List | Federated::Export => {
                return self.federation_list(asked, what == Federated::Export).await;
            }
        };
        Ok(Answer::Words(words))
    }

    /// Gives a file to whoever asks, alone: it is nobody else's business.
    async fn hand_over(&self, asked: &Asked<'_>, name: String, bytes: Vec<u8>) -> Result<(), Stop> {
        let line = Line {
            file: Some((name, bytes)),
            ..Line::default()
        };
        let chat = ChatId(asked.by.as_str().parse().unwrap_or_default());
        let sent = self.speaker.send(Class::Notice, chat, &line).await;
        sent.map(drop).map_err(|error| match error.platform(Right::Note) {
            PlatformError::Closed(_) | PlatformError::Gone => asked.no("export.start"),
            error if error.is_permanent() => No::Words(chain(&error)).into(),
            error => Stop::Again(chain(&error)),
        })
    }

    /// Asks by a route that is of no group.
    async fn of_federation(&self, route: Route<'_>) -> Result<RouteAnswer, Stop> {
        let mut tries = 0;
        loop {
            tries += 1;
            let again = Route {
                body: route.body.clone(),
                if_match: None,
                key: route.key.clone(),
                ..route
            };
            match self.asking.route(again).await {
                Err(Unanswered::Refused(refused)) if refused.code == "rate_limited" && tries < TRIES => {
                    self.clock.sleep(REST).await;
                }
                Err(why) => return Err(why.into()),
                Ok(answer) => return Ok(answer),
            }
        }
    }

    /// The one by whose right it is commanded: in a group that which the group is in, alone the own, or the only one that
    /// somebody administers.
    async fn led(&self, asked: &Asked<'_>) -> Result<Federation, Stop> {
        if let (Some(group), false) = (asked.group, asked.alone) {
            let here = self.federations(asked, Some(group)).await?;
            let here = here.into_iter().next();
            return here.ok_or_else(|| asked.no("fed.none_here"));
        }
        let mut led = self.federations(asked, None).await?;
        match led.iter().position(|federation| federation.own) {
            Some(own) => Ok(led.swap_remove(own)),
            None if led.len() == 1 => Ok(led.remove(0)),
            None => Err(asked.no("fed.none_led")),
        }
    }

    /// The one that somebody owns.
    async fn owned(&self, asked: &Asked<'_>) -> Result<Federation, Stop> {
        let led = self.federations(asked, None).await?;
        let own = led.into_iter().find(|federation| federation.own);
        own.ok_or_else(|| asked.no("fed.none_own"))
    }

    /// The one whose id is given, else the one of the group, else the one that somebody leads.
    async fn meant(&self, asked: &Asked<'_>) -> Result<Federation, Stop> {
        let id = asked.text();
        if !id.is_empty() {
            let params = [("federationId", id.to_owned())];
            let route = Route {
                params: &params,
                ..asked.route("getFederation")
            };
            return read(self.of_federation(route).await?);
        }
        match asked.group.filter(|_| !asked.alone) {
            Some(group) => self.of_group(asked, group).await,
            None => self.led(asked).await,
        }
    }

    /// The one that a group is in, for those who lead it and those who keep order in the group.
    async fn of_group(&self, asked: &Asked<'_>, group: &GuildId) -> Result<Federation, Stop> {
        if let Some(here) = self.federations(asked, Some(group)).await?.into_iter().next() {
            return Ok(here);
        }
        let route = Route {
            guild: group,
            ..asked.route("getGuildFederation")
        };
        read(self.asking.route(route).await?)
    }

    /// Those that somebody owns or administers, or of them the one that a group is in.
    async fn federations(&self, asked: &Asked<'_>, group: Option<&GuildId>) -> Result<Vec<Federation>, Stop> {
        let query: Vec<(&str, String)> = group
            .map(|group| ("guildId", group.to_string()))
            .into_iter()
            .chain([("limit", "200".to_owned())])
            .collect();
        let route = Route {
            query: &query,
            ..asked.route("listFederations")
        };
        let page: Page = read(self.of_federation(route).await?)?;
        Ok(page.federations)
    }
}

fn read<T: DeserializeOwned>(answer: RouteAnswer) -> Result<T, Stop> {
    T::deserialize(answer.body.unwrap_or_default()).map_err(|error| Stop::Again(error.to_string()))
}
