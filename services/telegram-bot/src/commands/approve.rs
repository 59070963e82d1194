//! People whom locks, the blocklist and the limit of floods leave alone: they bear a label, for which those rules ask.

use super::deed::Approval;
use super::parse::{Command, Fault};
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
        let words = if what == Approval::List {
            let page = self.bearers(guild, by).await?;
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

    async fn bearers(&self, guild: &GuildId, by: &UserId) -> Result<Page, Stop> {
        let params = [("name", APPROVED.to_owned())];
        let query = [("limit", MOST.to_string())];
        let route = Route {
            params: &params,
            query: &query,
            ..Route::new(guild, by, "listBearers")
        };
        let body = self.asking.route(route).await?.body.unwrap_or_default();
        Page::deserialize(&body).map_err(|error| Stop::Again(error.to_string()))
    }
}
