//! Rules that acted too often: they pause, everywhere at once, until a while has passed or somebody changes the rules.

use super::error::{DeskError, Stop};
use super::tell::Entry;
use super::{Desk, guild, held, rows, rules};
use crate::who::{Actor, GuildRef};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::CorrelationId;
use lockdown_store::guilds::Guild;
use lockdown_store::pauses::RulePause;
use lockdown_store::policies::PolicyId;
use lockdown_store::{Conn, StoreError, Tx, in_read, in_tx};
use serde_json::{Value, json};

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

/// Who has which rule act again.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumeAsk {
    pub by: Actor,
    pub guild: GuildRef,
    pub rule: String,
    pub chain: Option<CorrelationId>,
}

/// What is done to a rule, and by whom.
struct Told<'a> {
    by: &'a Actor,
    act: &'static str,
    rule: &'a str,
    body: Value,
    chain: Option<&'a CorrelationId>,
}

// === impl Desk ===

impl Desk {
    /// Pauses a rule and tells every worker; `false` when it is paused already.
    pub async fn pause_rule(&self, ask: &PauseAsk) -> Result<bool, DeskError> {
        let paused = in_tx!(self.store, |tx| {
            let guild = held(tx, &ask.guild).await?;
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
            let told = Told {
                by: &Actor::System,
                act: "rules:pause",
                rule: &ask.rule,
                body: json!({ "version": ask.version, "until": pause.ends_at }),
                chain: ask.chain.as_ref(),
            };
            self.tell_pause(tx, &guild, told, now).await?;
            Ok::<_, Stop>(true)
        })?;
        Ok(paused)
    }

    /// The rules of a guild that do nothing for now, of the version that is in force.
    pub async fn paused_rules(&self, of: &GuildRef) -> Result<Vec<RulePause>, DeskError> {
        let now = self.clock.now();
        Ok(in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            Ok::<_, Stop>(paused(conn, &guild, now).await?)
        })?)
    }

    /// Has a paused rule act again before its time, and tells every worker; `false` when it is not paused.
    pub async fn resume_rule(&self, ask: &ResumeAsk) -> Result<bool, DeskError> {
        Ok(in_tx!(self.store, |tx| {
            let guild = held(tx, &ask.guild).await?;
            let now = self.clock.now();
            let paused = paused(tx, &guild, now).await?;
            let Some(pause) = paused.into_iter().find(|pause| pause.rule == ask.rule) else {
                return Ok(false);
            };
            tx.resume_rule(guild.id, pause.policy_id, &pause.rule).await?;
            let told = Told {
                by: &ask.by,
                act: "rules:resume",
                rule: &ask.rule,
                body: json!({ "version": pause.version }),
                chain: ask.chain.as_ref(),
            };
            self.tell_pause(tx, &guild, told, now).await?;
            Ok::<_, Stop>(true)
        })?)
    }

    async fn tell_pause(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        told: Told<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Stop> {
        self.tell_config(tx, guild, "rules", told.chain, now).await?;
        let by = rows::name(tx, self, told.by, now).await?;
        let entry = Entry {
            by: &by,
            act: told.act,
            subject: format!("rule:{}", told.rule),
            body: told.body,
            personal: None,
        };
        self.audit(tx, guild, entry, told.chain, now).await
    }
}

/// Those of the newest version: under another one a rule is not paused.
async fn paused(conn: &mut Conn, guild: &Guild, now: DateTime<Utc>) -> Result<Vec<RulePause>, StoreError> {
    let policy = conn
        .policy_by_name(guild.community_id, &rules::name(guild.id))
        .await?;
    let Some(policy) = policy else {
        return Ok(Vec::new());
    };
    let mut pauses = conn.paused_rules(guild.id, now).await?;
    pauses.retain(|pause| (pause.policy_id, pause.version) == (policy.id, policy.head_version));
    Ok(pauses)
}
