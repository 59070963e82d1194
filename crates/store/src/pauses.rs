//! Rules that do nothing for a while, since they acted too often.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls};
use crate::error::StoreError;
use crate::guilds::GuildKey;
use crate::policies::PolicyId;
use chrono::{DateTime, Utc};

row! {
    pub RulePause {
        guild_id: GuildKey,
        policy_id: PolicyId,
        rule: String,
        /// Of the policy: under another one the rule is not paused.
        version: u64,
        paused_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    }
}

sqls! {
    // Of many who pause it at once, one is the first.
    PAUSE = "INSERT INTO rule_pauses (guild_id, policy_id, rule, version, paused_at, ends_at) \
            VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (guild_id, policy_id, rule) DO UPDATE SET version = excluded.version, \
            paused_at = excluded.paused_at, ends_at = excluded.ends_at \
        WHERE rule_pauses.ends_at <= excluded.paused_at OR rule_pauses.version <> excluded.version";
    PAUSED = "SELECT guild_id, policy_id, rule, version, paused_at, ends_at FROM rule_pauses \
        WHERE guild_id = $1 AND ends_at > $2 ORDER BY policy_id, rule";
    RESUME = "DELETE FROM rule_pauses WHERE guild_id = $1 AND policy_id = $2 AND rule = $3";
}

// === impl Conn ===

impl Conn {
    /// Rules of a guild that are paused now.
    pub async fn paused_rules(
        &mut self,
        guild: GuildKey,
        now: DateTime<Utc>,
    ) -> Result<Vec<RulePause>, StoreError> {
        self.query(&PAUSED).bind(guild).bind(now).all().await
    }
}

// === impl Tx ===

impl Tx {
    /// Pauses a rule; `false` when it is paused already.
    pub async fn pause_rule(&mut self, pause: &RulePause) -> Result<bool, StoreError> {
        let query = self
            .query(&PAUSE)
            .bind(pause.guild_id)
            .bind(pause.policy_id)
            .bind(pause.rule.as_str())
            .bind(pause.version)
            .bind(pause.paused_at)
            .bind(pause.ends_at);
        Ok(query.execute().await? == 1)
    }

    /// Has a rule act again; `false` when it was not paused.
    pub async fn resume_rule(
        &mut self,
        guild: GuildKey,
        policy: PolicyId,
        rule: &str,
    ) -> Result<bool, StoreError> {
        let query = self.query(&RESUME).bind(guild).bind(policy).bind(rule);
        Ok(query.execute().await? == 1)
    }
}
