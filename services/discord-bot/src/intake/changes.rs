//! Guilds as they show themselves, and what changes in them.

use super::guilds::{Channel, Guild, Role};
use super::repair::Gaps;
use super::{Intake, Work, guild_id, guild_of};
use crate::gateway::Dispatch;
use crate::read;
use lockdown_events::{GuildChange, GuildEvent, GuildUpdate, Platform};
use serde_json::Value;

// === impl Intake ===

impl Intake {
    pub(super) fn guild_here(&self, heard: &Dispatch, body: &Value) -> Vec<Work> {
        let Some(guild) = read::id(&body["id"]) else {
            return Vec::new();
        };
        // An outage: it says nothing but its id.
        if body["unavailable"] == true {
            return Vec::new();
        }
        let before = self.guilds.put(guild, body);
        self.automod.changed(guild);
        let each = |name: &str| body[name].as_array().into_iter().flatten();
        let channels: Vec<(u64, Option<u64>)> = each("channels")
            .chain(each("threads"))
            .filter_map(|channel| Some((read::id(&channel["id"])?, read::id(&channel["last_message_id"]))))
            .collect();
        let (channels, audit) = self.places.compare(guild, &channels);
        if !channels.is_empty() || audit.is_some() {
            let gaps = Gaps {
                guild,
                channels,
                audit,
            };
            let (intake, stopping) = (self.clone(), self.stopping.clone());
            self.tasks.spawn_finite("repair", async move {
                stopping.run_until_cancelled(intake.repair(gaps)).await;
                Ok(())
            });
        }
        let now = self.guilds.get(guild).unwrap_or_default();
        let changes = match before {
            Some(before) => changes_of(&before, &now),
            // Who keeps a list of guilds learns of this one.
            None => vec![change("name", None, None, Some(&now.name))],
        };
        self.say_changes(heard, guild, changes)
    }

    pub(super) fn guild_changed(&self, heard: &Dispatch, body: &Value) -> Vec<Work> {
        let Some(guild) = read::id(&body["id"]) else {
            return Vec::new();
        };
        let before = self.guilds.put(guild, body).unwrap_or_default();
        let changes = changes_of(&before, &self.guilds.get(guild).unwrap_or_default());
        self.say_changes(heard, guild, changes)
    }

    pub(super) fn guild_gone(&self, heard: &Dispatch, body: &Value) -> Vec<Work> {
        let Some(guild) = read::id(&body["id"]) else {
            return Vec::new();
        };
        // Away, not left: everything stays as it was.
        if body["unavailable"] == true {
            tracing::info!(guild, "Guild {guild} is away for now");
            return Vec::new();
        }
        self.guilds.forget(guild);
        self.places.forget(guild);
        self.automod.forget(guild);
        self.say_changes(
            heard,
            guild,
            vec![change("bot", None, Some("member"), Some("left"))],
        )
    }

    fn say_changes(&self, heard: &Dispatch, guild: u64, changes: Vec<GuildChange>) -> Vec<Work> {
        if changes.is_empty() {
            return Vec::new();
        }
        let event = GuildEvent::Update(GuildUpdate {
            platform: Platform::Discord,
            guild_id: guild_id(guild),
            changes,
            migrated_to: None,
        });
        self.say(heard, event).into_iter().collect()
    }

    pub(super) fn role(&self, heard: &Dispatch, body: &Value) -> Vec<Work> {
        let Some(guild) = guild_of(body) else {
            return Vec::new();
        };
        let after = body["role"].is_object().then(|| Role::read(&body["role"]));
        let Some(id) = read::id(&body["role_id"]).or_else(|| read::id(&body["role"]["id"])) else {
            return Vec::new();
        };
        let changed = self.guilds.change(guild, |known| match &after {
            Some(role) => known.roles.insert(id, role.clone()),
            None => known.roles.remove(&id),
        });
        let shown = |role: &Role| format!("{} at {} with {}", role.name, role.position, role.permissions);
        let (before, after) = (changed.flatten().as_ref().map(shown), after.as_ref().map(shown));
        if before == after {
            return Vec::new();
        }
        self.automod.changed(guild);
        self.say_changes(
            heard,
            guild,
            vec![change("role", Some(id), before.as_deref(), after.as_deref())],
        )
    }

    pub(super) fn channel(&self, heard: &Dispatch, body: &Value) -> Vec<Work> {
        let (Some(guild), Some(id)) = (guild_of(body), read::id(&body["id"])) else {
            return Vec::new();
        };
        let after = (!heard.name.ends_with("DELETE")).then(|| Channel::read(body));
        let changed = self.guilds.change(guild, |known| match &after {
            Some(channel) => known.channels.insert(id, channel.clone()),
            None => known.channels.remove(&id),
        });
        let (before, after) = (changed.flatten(), after);
        let what = if heard.name.starts_with("THREAD") {
            "thread"
        } else {
            "channel"
        };
        let (before, after) = (
            before.map(|channel| channel.name),
            after.map(|channel| channel.name),
        );
        if before == after {
            return Vec::new();
        }
        if what == "channel" {
            self.automod.changed(guild);
        }
        self.say_changes(
            heard,
            guild,
            vec![change(what, Some(id), before.as_deref(), after.as_deref())],
        )
    }
}

fn change(what: &str, id: Option<u64>, before: Option<&str>, after: Option<&str>) -> GuildChange {
    GuildChange {
        what: what.to_owned(),
        id: id.map(|id| id.to_string()),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    }
}

fn changes_of(before: &Guild, after: &Guild) -> Vec<GuildChange> {
    let mut changes = Vec::new();
    if before.name != after.name {
        changes.push(change("name", None, Some(&before.name), Some(&after.name)));
    }
    if before.owner != after.owner {
        changes.push(change(
            "owner",
            None,
            Some(&before.owner.to_string()),
            Some(&after.owner.to_string()),
        ));
    }
    changes
}
