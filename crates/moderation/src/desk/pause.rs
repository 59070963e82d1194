//! Rules that acted too often: they pause, everywhere at once, until a while has passed or somebody changes the rules.

use super::error::{DeskError, Stop};
use super::tell::Entry;
use super::{Desk, guild, rows};
use crate::who::{Actor, GuildRef};
use chrono::TimeDelta;
use lockdown_events::{CorrelationId, Event, GuildConfig, GuildEvent};
use lockdown_store::in_tx;
use lockdown_store::pauses::RulePause;
use lockdown_store::policies::PolicyId;
use serde_json::json;

/// For so long a rule pauses that acted too often: long enough for somebody to look at it.
pub const RULE_PAUSE: TimeDelta = TimeDelta::hours(1);

/// Which rule of which version acted too often.
#[derive(Debug, Clone, PartialEq)]
pub struct PauseAsk {
    pub guild: GuildRef,
    pub policy: PolicyId,
    pub version: u64,
    pub rule: String,
    pub chain: Option<CorrelationId>,
}

// === impl Desk ===

impl Desk {
    /// Pauses a rule and tells every worker; `false` when it is paused already.
    pub async fn pause_rule(&self, ask: &PauseAsk) -> Result<bool, DeskError> {
        let paused = in_tx!(self.store, |tx| {
            let guild = guild(tx, &ask.guild).await?;
            tx.hold_cases(guild.id).await?;
            let now = self.clock.now();
            let pause = RulePause {
                guild_id: guild.id,
                policy_id: ask.policy,
                rule: ask.rule.clone(),
                version: ask.version,
                paused_at: now,
                ends_at: now + RULE_PAUSE,
            };
            if !tx.pause_rule(&pause).await? {
                return Ok(false);
            }
            let Some(config) = tx.next_config_version(guild.id).await? else {
                return Ok(false);
            };
            let told = GuildEvent::Config(GuildConfig {
                platform: guild.platform,
                guild_id: guild.native_id.clone(),
                version: config,
                rule_set_hash: None,
                changed: vec!["rules".to_owned()],
            });
            self.publish(tx, guild.id, &Event::Guild(told), ask.chain.as_ref(), now)
                .await?;
            let by = rows::name(tx, self, &Actor::System, now).await?;
            let entry = Entry {
                by: &by,
                act: "rules:pause",
                subject: format!("rule:{}", ask.rule),
                body: json!({ "version": ask.version, "until": pause.ends_at }),
                personal: None,
            };
            self.audit(tx, &guild, entry, ask.chain.as_ref(), now).await?;
            Ok::<_, Stop>(true)
        })?;
        Ok(paused)
    }
}
