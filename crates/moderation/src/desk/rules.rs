//! The rules of a community: what they say, what they said, and who changed them.
//!
//! They are one policy of the store for each guild, which judges all of it. What has not passed the check gets no version.

use super::error::{DeskError, Refused, Stop};
use super::rows::{self, People};
use super::tell::Entry;
use super::{Desk, guild, held};
use crate::hands::{PausedRule, RulesTold};
use crate::who::{Actor, GuildRef};
use chrono::{DateTime, Utc};
use lockdown_events::{CorrelationId, Event, GuildConfig, GuildEvent, Platform};
use lockdown_policy::{Diagnostic, RuleSet, Source, Surroundings, check};
use lockdown_store::guilds::{Guild, GuildKey};
use lockdown_store::policies::{
    Change, Changed, Place, Policy, PolicyBinding, PolicyId, PolicyMode, PolicyState,
};
use lockdown_store::{Tx, in_read, in_tx};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// By which faults name the text, wherever it came from.
const FILE: &str = "rules.yaml";

/// Rules that can judge, with their text. Only [`GoodRules::check`] makes them.
#[derive(Debug, Clone)]
pub struct GoodRules {
    text: String,
    rules: Arc<RuleSet>,
    warnings: Vec<Diagnostic>,
}

/// Who changes the rules of which guild. Whoever calls has seen that they may.
#[derive(Debug, Clone)]
pub struct RulesAsk {
    pub by: Actor,
    pub guild: GuildRef,
    pub seen: Seen,
    pub note: Option<String>,
    pub chain: Option<CorrelationId>,
}

/// What must stand for a change to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Whatever,
    /// There are rules.
    Some,
    /// The newest version is one of these; 0 is none.
    OneOf(Vec<u64>),
}

/// What the rules were from some time on.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesVersion {
    pub version: u64,
    pub text: String,
}

/// A change, without the text.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesChange {
    pub version: u64,
    /// Of the text.
    pub sha256: Vec<u8>,
    pub by: Actor,
    pub note: Option<String>,
    /// The version whose text came back with this one.
    pub restores: Option<u64>,
    pub at: DateTime<Utc>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruled {
    /// By a new version.
    Changed(u64),
    /// They say so already, since this version.
    Same(u64),
}

// === impl GoodRules ===

impl GoodRules {
    /// Reads and compiles a text, which may take as long as it is; on refusal answers every fault.
    pub fn check(text: &str, platform: Platform) -> Result<Self, Vec<Diagnostic>> {
        let surroundings = Surroundings {
            platforms: vec![platform],
            ..Surroundings::default()
        };
        let checked = check(&Source::new(FILE, text), &surroundings);
        match checked.rules {
            None => Err(checked.diagnostics),
            Some(rules) => Ok(Self {
                text: text.to_owned(),
                rules,
                warnings: checked.diagnostics,
            }),
        }
    }

    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}

// === impl Seen ===

impl Seen {
    /// Whether it stands at this version.
    pub fn holds(&self, head: u64) -> bool {
        match self {
            Self::Whatever => true,
            Self::Some => head > 0,
            Self::OneOf(versions) => versions.contains(&head),
        }
    }
}

// === impl Ruled ===

impl Ruled {
    pub fn version(self) -> u64 {
        match self {
            Self::Changed(version) | Self::Same(version) => version,
        }
    }
}

// === impl Desk ===

impl Desk {
    /// The newest rules, or those of a version; `None` where there are none.
    pub async fn rules(
        &self,
        of: &GuildRef,
        version: Option<u64>,
    ) -> Result<Option<RulesVersion>, DeskError> {
        let found = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let policy = conn.policy_by_name(guild.community_id, &name(guild.id)).await?;
            let Some(policy) = policy else { return Ok(None) };
            let version = version.unwrap_or(policy.head_version);
            Ok::<_, Stop>(conn.policy_version(policy.id, version).await?)
        })?;
        Ok(found.map(|found| RulesVersion {
            version: found.version,
            text: found.body,
        }))
    }

    /// What judges in a guild as a whole; nothing where its rules are only tried, or there are none.
    pub async fn rules_in_force(&self, of: &GuildRef) -> Result<RulesTold, DeskError> {
        let now = self.clock.now();
        Ok(in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let (own, mut told) = (name(guild.id), RulesTold::default());
            for policy in conn.policies_in_force(guild.id).await? {
                match policy.channel_native_id {
                    Place::Channel(id) => told.apart.push(id),
                    Place::Guild if policy.name == own && policy.mode == PolicyMode::Enforce => {
                        let version = conn.policy_version(policy.policy_id, policy.version).await?;
                        let Some(version) = version else { continue };
                        (told.version, told.text) = (version.version, version.body);
                        let pauses = conn.paused_rules(guild.id, now).await?.into_iter();
                        let of_this = pauses.filter(|pause| {
                            (pause.policy_id, pause.version) == (policy.policy_id, policy.version)
                        });
                        let paused = of_this.map(|pause| PausedRule {
                            rule: pause.rule,
                            until: pause.ends_at,
                        });
                        told.paused = paused.collect();
                    }
                    Place::Guild => {}
                }
            }
            Ok::<_, Stop>(told)
        })?)
    }

    /// A page of changes, newest first: those before a version, or the first ones.
    pub async fn rule_changes(
        &self,
        of: &GuildRef,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<RulesChange>, DeskError> {
        let changes = in_read!(self.store, |conn| {
            let guild = guild(conn, of).await?;
            let policy = conn.policy_by_name(guild.community_id, &name(guild.id)).await?;
            let Some(policy) = policy else {
                return Ok(Vec::new());
            };
            let rows = conn.policy_changes(policy.id, before, limit).await?;
            let authors: BTreeSet<_> = rows
                .iter()
                .filter_map(|row| rows::identity(&row.author))
                .collect();
            let people = People::known(conn, authors).await?;
            let changes = rows.into_iter().map(|row| RulesChange {
                version: row.version,
                sha256: row.sha256,
                by: people.actor(&row.author),
                note: row.note,
                restores: row.restores,
                at: row.created_at,
            });
            Ok::<_, Stop>(changes.collect())
        })?;
        Ok(changes)
    }

    /// Puts rules in force, and tells the workers. `restores` is the version whose text they are, if they are an old one's.
    pub async fn change_rules(
        &self,
        ask: &RulesAsk,
        rules: &GoodRules,
        restores: Option<u64>,
    ) -> Result<Ruled, DeskError> {
        let ruled = in_tx!(self.store, |tx| { self.rule(tx, ask, rules, restores).await })?;
        if matches!(ruled, Ruled::Same(_)) {
            // The one who made it so may not be done yet.
            self.store.settled().await.map_err(DeskError::Store)?;
        }
        Ok(ruled)
    }

    async fn rule(
        &self,
        tx: &mut Tx,
        ask: &RulesAsk,
        rules: &GoodRules,
        restores: Option<u64>,
    ) -> Result<Ruled, Stop> {
        let now = self.clock.now();
        // The policy is this guild's alone, so its lock is that of the policy.
        let guild = held(tx, &ask.guild).await?;
        let policy = self.policy(tx, &guild, now).await?;
        let head = policy.head_version;
        if !ask.seen.holds(head) {
            return Err(Refused::StaleRules(head).into());
        }
        let newest = tx.policy_version(policy.id, head).await?;
        if newest.is_some_and(|newest| newest.body == rules.text) {
            return Ok(Ruled::Same(head));
        }
        let by = rows::name(tx, self, &ask.by, now).await?;
        let change = Change {
            author: &by.text,
            note: ask.note.as_deref(),
            seen: head,
            at: now,
        };
        let changed = match restores {
            None => tx.change_policy(policy.id, &rules.text, &change).await?,
            Some(version) => tx.restore_policy(policy.id, version, &change).await?,
        };
        let version = match changed {
            Changed::To(version) => version,
            Changed::Stale { head } => return Err(Refused::StaleRules(head).into()),
            Changed::Unknown => return Err(Refused::UnknownRules(restores.unwrap_or(head)).into()),
        };
        let bindings = tx.policy_bindings(guild.id).await?;
        let bound = bindings
            .into_iter()
            .find(|bound| bound.policy_id == policy.id && bound.channel_native_id == Place::Guild);
        // Where they were only to be tried, they still are.
        let binding = bound.unwrap_or(PolicyBinding {
            guild_id: guild.id,
            channel_native_id: Place::Guild,
            policy_id: policy.id,
            version: None,
            shadow_version: None,
            mode: PolicyMode::Enforce,
        });
        tx.bind_policy(&PolicyBinding {
            version: None,
            ..binding
        })
        .await?;
        let config = tx.next_config_version(guild.id).await?;
        let config = config.ok_or_else(|| Refused::UnknownGuild(ask.guild.clone()))?;
        let told = GuildEvent::Config(GuildConfig {
            platform: guild.platform,
            guild_id: guild.native_id.clone(),
            version: config,
            rule_set_hash: Some(rules.rules.hash().to_owned()),
            changed: vec!["rules".to_owned()],
        });
        self.publish(tx, guild.id, &Event::Guild(told), ask.chain.as_ref(), now)
            .await?;
        let entry = Entry {
            by: &by,
            act: if restores.is_some() {
                "rules:restore"
            } else {
                "rules:change"
            },
            subject: format!("rules:{version}"),
            body: json!({ "restores": restores, "ruleSetHash": rules.rules.hash(), "rules": rules.rules.len() }),
            personal: None,
        };
        self.audit(tx, &guild, entry, ask.chain.as_ref(), now).await?;
        Ok(Ruled::Changed(version))
    }

    /// The guild's own, made when there is none.
    async fn policy(&self, tx: &mut Tx, guild: &Guild, now: DateTime<Utc>) -> Result<Policy, Stop> {
        let name = name(guild.id);
        if let Some(policy) = tx.policy_by_name(guild.community_id, &name).await? {
            return Ok(policy);
        }
        let policy = Policy {
            id: PolicyId(self.ids.next()),
            community_id: guild.community_id,
            name,
            head_version: 0,
            state: PolicyState::Active,
            created_at: now,
        };
        tx.insert_policy(&policy).await?;
        Ok(policy)
    }
}

/// Not by the platform's id, which a group may change; and not one for the community, whose guilds have different admins.
pub(super) fn name(guild: GuildKey) -> String {
    format!("rules:{guild}")
}
