//! The settings of a guild: what moderators chose, and changing it.

use super::error::{DeskError, Refused, Stop};
use super::rows;
use super::rules::Seen;
use super::tell::Entry;
use super::{Desk, guild, held};
use crate::settings::Settings;
use crate::who::{Actor, GuildRef};
use lockdown_events::{CorrelationId, Event, GuildConfig, GuildEvent};
use lockdown_store::dbx::Json;
use lockdown_store::settings::GuildSettings;
use lockdown_store::{Tx, in_read, in_tx};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Members that have a column of their own.
const COLUMNS: [&str; 3] = ["locale", "timezone", "messageDays"];

/// Who changes the settings of which guild. Whoever calls has seen that they may.
#[derive(Debug, Clone)]
pub struct SettingsAsk {
    pub by: Actor,
    pub guild: GuildRef,
    /// The version that they have seen; every change of the settings or of the rules makes a new one.
    pub seen: Seen,
    pub chain: Option<CorrelationId>,
}

// === impl Desk ===

impl Desk {
    /// What was chosen for a guild, and the version of its configuration.
    pub async fn settings(&self, of: &GuildRef) -> Result<(Settings, u64), DeskError> {
        let kept = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            Ok::<_, Stop>(conn.guild_settings(guild.id).await?)
        })?;
        let kept = kept.ok_or_else(|| Refused::UnknownGuild(of.clone()))?;
        let version = kept.config_version;
        Ok((read(&kept)?, version))
    }

    /// Writes what was chosen, and tells all who go by it; answers the new version, or the old one where nothing changed.
    pub async fn change_settings(&self, ask: &SettingsAsk, chosen: &Settings) -> Result<u64, DeskError> {
        Ok(in_tx!(self.store, |tx| { self.choose(tx, ask, chosen).await })?)
    }

    async fn choose(&self, tx: &mut Tx, ask: &SettingsAsk, chosen: &Settings) -> Result<u64, Stop> {
        let now = self.clock.now();
        let guild = held(tx, &ask.guild).await?;
        let unknown = || Refused::UnknownGuild(ask.guild.clone());
        let kept = tx.guild_settings(guild.id).await?.ok_or_else(unknown)?;
        let current = kept.config_version;
        if !ask.seen.holds(current) {
            return Err(Refused::StaleSettings(current).into());
        }
        // What cannot be read is replaced as a whole.
        let before = read(&kept).ok();
        let (before, after) = (before.as_ref().map(members), members(chosen));
        let names = after.keys().chain(before.iter().flat_map(Map::keys));
        let differs = |name: &&String| {
            before
                .as_ref()
                .is_none_or(|before| before.get(*name) != after.get(*name))
        };
        let changed: BTreeSet<String> = names.filter(differs).cloned().collect();
        if changed.is_empty() {
            return Ok(current);
        }
        let mut rest = after;
        rest.retain(|name, _| !COLUMNS.contains(&name.as_str()));
        let written = GuildSettings {
            locale: chosen.locale.clone(),
            timezone: chosen.timezone.clone(),
            message_days: chosen.message_days,
            settings: Json(Value::Object(rest)),
            ..kept
        };
        let version = tx.set_guild_settings(&written).await?;
        let version = version.ok_or(Refused::StaleSettings(current))?;
        let told = GuildEvent::Config(GuildConfig {
            platform: guild.platform,
            guild_id: guild.native_id.clone(),
            version,
            rule_set_hash: None,
            changed: vec!["settings".to_owned()],
        });
        self.publish(tx, guild.id, &Event::Guild(told), ask.chain.as_ref(), now)
            .await?;
        let by = rows::name(tx, self, &ask.by, now).await?;
        let entry = Entry {
            by: &by,
            act: "settings:change",
            subject: format!("settings:{version}"),
            body: json!({ "changed": changed }),
            personal: None,
        };
        self.audit(tx, &guild, entry, ask.chain.as_ref(), now).await?;
        Ok(version)
    }
}

/// As they are kept, with the defaults of what was never chosen.
pub(super) fn read(kept: &GuildSettings) -> Result<Settings, Refused> {
    let settings: Settings = serde_json::from_value(kept.settings.0.clone())
        .map_err(|error| Refused::BadSettings(error.to_string()))?;
    Ok(Settings {
        locale: kept.locale.clone(),
        timezone: kept.timezone.clone(),
        message_days: kept.message_days,
        ..settings
    })
}

fn members(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => Map::new(),
    }
}
