//! Who is banned in a federation.

use super::csv::{self, Line};
use super::{Answer, Asked, Federation, read};
use crate::ask::Route;
use crate::client::CallError;
use crate::commands::parse::Fault;
use crate::commands::{Commands, No, Stop};
use lockdown_events::UserId;
use lockdown_moderation::words::With;
use lockdown_runtime::chain;
use serde::Deserialize;
use serde_json::json;

/// The largest file that is read, in bytes: many times the longest list.
const LARGEST: u64 = 1 << 20;
/// As many as the backend takes over, and shows, at once.
const AT_ONCE: usize = 500;
const PAGE: &str = "200";
/// How many of those who were not taken are named.
const NAMED: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ban {
    user_id: String,
    display_name: Option<String>,
    reason: Option<String>,
    banned_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bans {
    bans: Vec<Ban>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Reach {
    guilds: u64,
}

#[derive(Deserialize)]
struct Imported {
    added: u64,
    changed: u64,
    refused: Vec<NotTaken>,
}

#[derive(Deserialize)]
struct NotTaken {
    place: usize,
    detail: String,
}

#[derive(Deserialize)]
struct Theirs {
    bans: Vec<ByWhom>,
}

#[derive(Deserialize)]
struct ByWhom {
    federation: String,
    reason: Option<String>,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn federation_ban(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let whom = self.subject(asked.command)?.ok_or(No::Fault(Fault::Whom))?;
        let of = self.led(asked).await?;
        let params = [("federationId", of.id.clone()), ("userId", whom.to_string())];
        let reason = Some(asked.text()).filter(|text| !text.is_empty());
        let route = Route {
            params: &params,
            body: Some(json!({ "reason": reason })),
            ..asked.route("banInFederation")
        };
        let answer = self.of_federation(route).await?;
        let key = match answer.status {
            201 => "fed.banned",
            _ => "fed.banned_again",
        };
        let Reach { guilds } = read(answer)?;
        let told: With<'_> = &[("name", &self.name(&whom)), ("federation", &of.name)];
        Ok(asked.tongue.count(key, guilds, told))
    }

    pub(super) async fn federation_unban(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let whom = self.subject(asked.command)?.ok_or(No::Fault(Fault::Whom))?;
        let of = self.led(asked).await?;
        let params = [("federationId", of.id.clone()), ("userId", whom.to_string())];
        let reason = Some(asked.text()).filter(|text| !text.is_empty());
        let query: Vec<(&str, String)> = reason
            .map(|reason| ("reason", reason.to_owned()))
            .into_iter()
            .collect();
        let route = Route {
            params: &params,
            query: &query,
            ..asked.route("unbanInFederation")
        };
        let Reach { guilds } = read(self.of_federation(route).await?)?;
        let told: With<'_> = &[("name", &self.name(&whom)), ("federation", &of.name)];
        Ok(asked.tongue.count("fed.unbanned", guilds, told))
    }

    /// Everybody who is banned, as a file.
    pub(super) async fn federation_list(&self, asked: &Asked<'_>, export: bool) -> Result<Answer, Stop> {
        let form = asked.text().to_lowercase();
        if !matches!((form.as_str(), export), ("" | "csv", _) | ("json", false)) {
            return Err(asked.no("fed.list_usage"));
        }
        let of = self.led(asked).await?;
        let bans = self.bans_of(asked, &of).await?;
        if bans.is_empty() {
            return Ok(Answer::Words(
                asked.tongue.say("fed.list_none", &[("name", &of.name)]),
            ));
        }
        let (ending, bytes) = if form == "json" {
            let each = bans.iter().map(|ban| {
                json!({ "id": ban.user_id, "name": ban.display_name, "reason": ban.reason, "bannedAt": ban.banned_at })
            });
            let list: Vec<_> = each.collect();
            let text = serde_json::to_vec_pretty(&list).map_err(|error| Stop::Again(error.to_string()))?;
            ("json", text)
        } else {
            let line = |ban: Ban| Line {
                id: ban.user_id,
                name: ban.display_name.unwrap_or_default(),
                reason: ban.reason.unwrap_or_default(),
            };
            let lines: Vec<Line> = bans.into_iter().map(line).collect();
            ("csv", csv::write(&lines).into_bytes())
        };
        Ok(Answer::File {
            name: format!("federation-{}.{ending}", of.id),
            bytes,
        })
    }

    async fn bans_of(&self, asked: &Asked<'_>, of: &Federation) -> Result<Vec<Ban>, Stop> {
        let params = [("federationId", of.id.clone())];
        let (mut bans, mut after) = (Vec::new(), None);
        loop {
            let query: Vec<(&str, String)> = [("limit", PAGE.to_owned())]
                .into_iter()
                .chain(after.take().map(|cursor| ("cursor", cursor)))
                .collect();
            let route = Route {
                params: &params,
                query: &query,
                ..asked.route("listFederationBans")
            };
            let page: Bans = read(self.of_federation(route).await?)?;
            bans.extend(page.bans);
            after = page.next_cursor;
            if after.is_none() {
                return Ok(bans);
            }
        }
    }

    /// Takes a list over, piece by piece: what a piece that was taken over before says again changes nothing.
    pub(super) async fn federation_import(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let tongue = asked.tongue;
        let file = asked.command.file.as_deref();
        let file = file.ok_or_else(|| asked.no("fed.import_usage"))?;
        let of = self.led(asked).await?;
        let unreadable = |why: &str| No::Words(tongue.say("import.unreadable", &[("why", &why)]));
        let bytes = match self.client.file(file, LARGEST).await {
            Ok(bytes) => bytes,
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => return Err(error.into()),
            Err(error) => return Err(unreadable(&chain(&error)).into()),
        };
        let lines = csv::read(&bytes).map_err(|error| unreadable(&error.to_string()))?;
        let params = [("federationId", of.id.clone())];
        let (mut added, mut changed, mut refused) = (0, 0, Vec::new());
        for (number, piece) in lines.chunks(AT_ONCE).enumerate() {
            // What cannot even be a number is not asked about.
            let (asks, not): (Vec<_>, Vec<_>) = piece.iter().partition(|line| UserId::new(&line.id).is_ok());
            refused.extend(
                not.iter()
                    .map(|line| (line.id.clone(), tongue.say("fed.no_id", &[]))),
            );
            if asks.is_empty() {
                continue;
            }
            let bans: Vec<_> = asks
                .iter()
                .map(|line| {
                    let reason = Some(&line.reason).filter(|reason| !reason.is_empty());
                    json!({ "userId": line.id, "reason": reason })
                })
                .collect();
            let route = Route {
                params: &params,
                body: Some(json!({ "bans": bans })),
                key: Some(format!("telegram:fedimport:{}:{number}", asked.event)),
                ..asked.route("importFederationBans")
            };
            let taken: Imported = read(self.of_federation(route).await?)?;
            added += taken.added;
            changed += taken.changed;
            let named = taken.refused.into_iter();
            refused.extend(named.filter_map(|not| Some((asks.get(not.place)?.id.clone(), not.detail))));
        }
        let told: With<'_> = &[
            ("name", &of.name),
            ("added", &added),
            ("changed", &changed),
            ("refused", &refused.len()),
        ];
        let mut words = tongue.say("fed.imported", told);
        for (id, why) in refused.iter().take(NAMED) {
            words.push_str(&format!("\n· {id}: {why}"));
        }
        Ok(words)
    }

    /// By which federations somebody is banned, and why.
    pub(super) async fn federation_stat(&self, asked: &Asked<'_>) -> Result<String, Stop> {
        let whom = self.subject(asked.command)?;
        let whom = whom.filter(|whom| whom != asked.by);
        let theirs: Theirs = match &whom {
            None => read(self.of_federation(asked.route("listOwnFederationBans")).await?)?,
            Some(whom) => {
                let params = [("userId", whom.to_string())];
                let route = Route {
                    guild: asked.group()?,
                    params: &params,
                    ..asked.route("listFederationBansOf")
                };
                read(self.asking.route(route).await?)?
            }
        };
        let name = self.name(whom.as_ref().unwrap_or(asked.by));
        let line = |by: &ByWhom| match &by.reason {
            Some(reason) => format!("· {}: {reason}", by.federation),
            None => format!("· {}", by.federation),
        };
        let list: Vec<String> = theirs.bans.iter().map(line).collect();
        Ok(match list.is_empty() {
            true => asked.tongue.say("fed.stat_none", &[("name", &name)]),
            false => {
                let told: With<'_> = &[("name", &name), ("list", &list.join("\n"))];
                asked.tongue.say("fed.stat", told)
            }
        })
    }
}
