//! People whom locks, the blocklist and the limit of floods leave alone: they bear a label, for which those rules ask.

use super::deed::Approval;
use super::parse::{Command, Fault, is_sure};
use super::rulebook::APPROVED;
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::ask::{Route, Unanswered};
use crate::speaker::Line;
use lockdown_events::{GuildId, UserId};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// As many as one answer can show.
const MOST: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bearer {
    user_id: String,
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    bearers: Vec<Bearer>,
    next_cursor: Option<String>,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn approve(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Approval,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let words = if what == Approval::Show {
            let subject = self.subject(command)?.unwrap_or_else(|| by.clone());
            let name = self.name(&subject);
            let known = self.all_bearers(guild, by).await?.contains(&subject.to_string());
            let key = if known { "approved.is" } else { "approved.not" };
            tongue.say(key, &[("name", &name)])
        } else if what == Approval::Clear {
            self.unapprove_all(said, command).await?
        } else if what == Approval::List {
            let page = self.bearers(guild, by, None).await?;
            let names = page.bearers.iter().map(|bearer| match &bearer.display_name {
                Some(name) => format!("{name} ({})", bearer.user_id),
                None => bearer.user_id.clone(),
            });
            let mut names: Vec<String> = names.collect();
            names.extend(page.next_cursor.map(|_| "\u{2026}".to_owned()));
            if names.is_empty() {
                tongue.say("approved.none", &[])
            } else {
                tongue.say("approved.list", &[("list", &names.join("\n"))])
            }
        } else {
            let subject = self.subject(command)?.ok_or(No::Fault(Fault::Whom))?;
            let name = self.name(&subject);
            let params = [("userId", subject.to_string()), ("name", APPROVED.to_owned())];
            let on = what == Approval::On;
            let route = Route {
                params: &params,
                body: on.then(|| json!({ "reason": command.reason })),
                ..Route::new(guild, by, if on { "setLabel" } else { "removeLabel" })
            };
            match self.asking.route(route).await {
                Ok(_) if on => tongue.say("approved.on", &[("name", &name)]),
                Ok(_) => tongue.say("approved.off", &[("name", &name)]),
                Err(Unanswered::Refused(refused)) if !on && refused.code == "not_found" => {
                    tongue.say("approved.not", &[("name", &name)])
                }
                Err(why) => return Err(why.into()),
            }
        };
        let line = Line::answer(&said.message, words).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }

    /// All of them at once, which nobody does by accident.
    async fn unapprove_all(&self, said: &Said, command: &Command) -> Result<String, Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let bearers = self.all_bearers(guild, by).await?;
        let count = u64::try_from(bearers.len()).unwrap_or(u64::MAX);
        if !is_sure(command) {
            return Ok(tongue.count("approved.clear_usage", count, &[]));
        }
        for bearer in bearers {
            let params = [("userId", bearer), ("name", APPROVED.to_owned())];
            let route = Route {
                params: &params,
                ..Route::new(guild, by, "removeLabel")
            };
            match self.asking.route(route).await {
                Err(Unanswered::Refused(refused)) if refused.code == "not_found" => {}
                done => drop(done?),
            }
        }
        self.did(said, "unapproveall", count).await?;
        Ok(tongue.say("approved.none", &[]))
    }

    async fn all_bearers(&self, guild: &GuildId, by: &UserId) -> Result<Vec<String>, Stop> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.bearers(guild, by, after.take()).await?;
            all.extend(page.bearers.into_iter().map(|bearer| bearer.user_id));
            match page.next_cursor {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn bearers(&self, guild: &GuildId, by: &UserId, after: Option<String>) -> Result<Page, Stop> {
        let params = [("name", APPROVED.to_owned())];
        let mut query = vec![("limit", MOST.to_string())];
        query.extend(after.map(|after| ("cursor", after)));
        let route = Route {
            params: &params,
            query: &query,
            ..Route::new(guild, by, "listBearers")
        };
        let body = self.asking.route(route).await?.body.unwrap_or_default();
        Page::deserialize(&body).map_err(|error| Stop::Again(error.to_string()))
    }
}
