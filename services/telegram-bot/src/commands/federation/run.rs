//! What a federation is: its name, its people, its groups, what it goes by.

use super::{Asked, Federation, Member, Page, read};
use crate::ask::Route;
use crate::commands::parse::{Fault, is_sure, yes_or_no};
use crate::commands::{Commands, No, Stop};
use lockdown_events::GuildId;
use lockdown_moderation::Rank;
use lockdown_moderation::hands::RouteAnswer;
use lockdown_moderation::words::With;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Admins {
    owner: Member,
    admins: Vec<Member>,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn new_federation(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        if !asked.alone {
            return Err(asked.no("fed.alone"));
        }
        if asked.text().is_empty() {
            return Err(asked.no("fed.new_usage"));
        }
        let route = Route {
            body: Some(json!({ "platform": "telegram", "name": asked.text() })),
            key: Some(format!("telegram:federation:{}", asked.event)),
            ..asked.route("createFederation")
        };
        let made: Federation = read(self.of_federation(route).await?)?;
        let told: With<'_> = &[("name", &made.name), ("id", &made.id)];
        Ok(asked.tongue.say("fed.made", told))
    }

    /// Nobody does that by accident.
    pub(super) async fn delete_federation(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        if !asked.alone {
            return Err(asked.no("fed.alone"));
        }
        let own = self.owned(asked).await?;
        if !is_sure(asked.command) {
            let told: With<'_> = &[("name", &own.name), ("bans", &own.bans), ("groups", &own.guilds)];
            return Ok(asked.tongue.say("fed.delete_usage", told));
        }
        self.at(asked, "deleteFederation", &own, None).await?;
        Ok(asked.tongue.say("fed.deleted", &[("name", &own.name)]))
    }

    pub(super) async fn rename_federation(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let own = self.owned(asked).await?;
        if asked.text().is_empty() {
            return Err(asked.no("fed.rename_usage"));
        }
        let change = json!({ "name": asked.text() });
        let now = self.change(asked, &own, change).await?;
        Ok(asked.tongue.say("fed.renamed", &[("name", &now.name)]))
    }

    pub(super) async fn join_federation(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let group = self.own_group(asked).await?;
        if asked.text().is_empty() {
            return Err(asked.no("fed.join_usage"));
        }
        // What is no id is none that there is.
        let params = [("federationId", asked.text().to_owned())];
        let look = Route {
            params: &params,
            ..asked.route("getFederation")
        };
        let there: Federation = read(self.of_federation(look).await?)?;
        let route = Route {
            guild: group,
            body: Some(json!({ "federationId": there.id })),
            ..asked.route("joinFederation")
        };
        let joined: Federation = read(self.asking.route(route).await?)?;
        Ok(asked.tongue.say("fed.joined", &[("name", &joined.name)]))
    }

    pub(super) async fn leave_federation(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let route = Route {
            guild: self.own_group(asked).await?,
            ..asked.route("leaveFederation")
        };
        self.asking.route(route).await?;
        Ok(asked.tongue.say("fed.left", &[]))
    }

    pub(super) async fn federation_of_chat(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let here = self.of_group(asked, asked.group()?).await?;
        let told: With<'_> = &[("name", &here.name), ("id", &here.id)];
        Ok(asked.tongue.say("fed.chat", told))
    }

    pub(super) async fn federation_info(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let of = self.meant(asked).await?;
        let told: With<'_> = &[
            ("name", &of.name),
            ("id", &of.id),
            ("owner", &of.owner.name()),
            ("admins", &of.admins),
            ("groups", &of.guilds),
            ("bans", &of.bans),
            ("subscriptions", &of.subscriptions),
            ("subscribers", &of.subscribers),
        ];
        Ok(asked.tongue.say("fed.info", told))
    }

    pub(super) async fn federation_admins(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let of = self.meant(asked).await?;
        let answer = self.at(asked, "listFederationAdmins", &of, None).await?;
        let Admins { owner, admins } = read(answer)?;
        let admins: Vec<String> = admins.iter().map(|admin| format!("· {}", admin.name())).collect();
        let told: With<'_> = &[
            ("name", &of.name),
            ("owner", &owner.name()),
            ("admins", &admins.join("\n")),
        ];
        Ok(match admins.is_empty() {
            true => asked.tongue.say("fed.admins_none", told),
            false => asked.tongue.say("fed.admins", told),
        })
    }

    pub(super) async fn federation_admin(&self, asked: &Asked<'_>, on: bool) -> Result<String, Stop> {
        let whom = self.subject(asked.command)?.ok_or(No::Fault(Fault::Whom))?;
        let own = self.owned(asked).await?;
        let name = self.name(&whom);
        let told: With<'_> = &[("name", &name), ("federation", &own.name)];
        let (route, key) = match on {
            true => ("addFederationAdmin", "fed.promoted"),
            false => ("removeFederationAdmin", "fed.demoted"),
        };
        self.at(asked, route, &own, Some(("userId", whom.to_string())))
            .await?;
        Ok(asked.tongue.say(key, told))
    }

    pub(super) async fn leave_federation_staff(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        if asked.text().is_empty() {
            return Err(asked.no("fed.demoteme_usage"));
        }
        let of = self.meant(asked).await?;
        let oneself = ("userId", asked.by.to_string());
        self.at(asked, "removeFederationAdmin", &of, Some(oneself))
            .await?;
        Ok(asked.tongue.say("fed.demoted_me", &[("federation", &of.name)]))
    }

    pub(super) async fn federation_goes_by(&self, asked: &Asked<'_>, on: bool) -> Result<String, Stop> {
        let own = self.owned(asked).await?;
        if asked.text().is_empty() {
            let word = if on { "subfed" } else { "unsubfed" };
            return Err(No::Words(asked.tongue.say("fed.sub_usage", &[("word", &word)])).into());
        }
        let other = self.meant(asked).await?;
        let told: With<'_> = &[("name", &own.name), ("other", &other.name)];
        let (route, key) = match on {
            true => ("subscribeFederation", "fed.subscribed"),
            false => ("unsubscribeFederation", "fed.unsubscribed"),
        };
        self.at(asked, route, &own, Some(("otherId", other.id.clone())))
            .await?;
        Ok(asked.tongue.say(key, told))
    }

    pub(super) async fn federation_subscriptions(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let of = self.led(asked).await?;
        let answer = self.at(asked, "listFederationSubscriptions", &of, None).await?;
        let page: Page = read(answer)?;
        let line = |other: &Federation| format!("· {} ({})", other.name, other.id);
        let list: Vec<String> = page.federations.iter().map(line).collect();
        Ok(match list.is_empty() {
            true => asked.tongue.say("fed.subs_none", &[("name", &of.name)]),
            false => {
                let told: With<'_> = &[("name", &of.name), ("list", &list.join("\n"))];
                asked.tongue.say("fed.subs", told)
            }
        })
    }

    /// Whether reasons are demanded, or else whether the owner is told of bans.
    pub(super) async fn federation_chooses(&self, asked: &Asked<'_>, reasons: bool) -> Result<String, Stop> {
        let own = self.owned(asked).await?;
        let (word, field) = match reasons {
            true => ("fedreasons", "reasonsRequired"),
            false => ("fednotif", "ownerTold"),
        };
        let now = match asked.text() {
            "" => own,
            text => {
                let usage = || No::Words(asked.tongue.say("switch.usage", &[("word", &word)]));
                let on = yes_or_no(text).ok_or_else(usage)?;
                self.change(asked, &own, json!({ field: on })).await?
            }
        };
        let is_on = if reasons {
            now.reasons_required
        } else {
            now.owner_told
        };
        let key = format!("fed.{word}_{}", if is_on { "on" } else { "off" });
        Ok(asked.tongue.say(&key, &[("name", &now.name)]))
    }

    /// The group that is meant, where whoever asks owns it. The backend decides in the end; this says it in their words.
    async fn own_group<'a>(&self, asked: &Asked<'a>) -> Result<&'a GuildId, Stop> {
        let group = asked.group()?;
        let staff = self.administrators.of(group).await?;
        let by: i64 = asked.by.as_str().parse().unwrap_or_default();
        match staff.ranks.get(&by) {
            Some(Rank::Owner) => Ok(group),
            _ => Err(asked.no("fed.own_group")),
        }
    }

    async fn change(
        &self,
        asked: &Asked<'_>,
        own: &Federation,
        change: serde_json::Value,
    ) -> Result<Federation, Stop> {
        let params = [("federationId", own.id.clone())];
        let route = Route {
            params: &params,
            body: Some(change),
            ..asked.route("changeFederation")
        };
        read(self.of_federation(route).await?)
    }

    /// Asks by a route of a federation, with another part of its path where it has one.
    async fn at(
        &self,
        asked: &Asked<'_>,
        name: &str,
        of: &Federation,
        part: Option<(&str, String)>,
    ) -> Result<RouteAnswer, Stop> {
        let own = ("federationId", of.id.clone());
        let params: Vec<(&str, String)> = std::iter::once(own).chain(part).collect();
        let route = Route {
            params: &params,
            ..asked.route(name)
        };
        self.of_federation(route).await
    }
}
