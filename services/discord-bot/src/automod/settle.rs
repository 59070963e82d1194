//! What stands in a guild is compared with what is wanted, and made so.

use super::plan::{self, Around, Left, Plan, Why};
use super::wire::{Found, Standing, asks_for};
use super::{AutoMod, Shared, Trouble};
use crate::effects::permissions::MANAGE_GUILD;
use crate::modlog::of;
use crate::rest::{Ask, RestError};
use crate::words::WORDS;
use lockdown_bus::{EngineError, Standing as Mark};
use lockdown_events::{GuildId, Platform, RulesRequest};
use lockdown_moderation::hands::RulesTold;
use lockdown_policy::{Native, Source, native};
use lockdown_runtime::chain;
use serde_json::Value;
use serenity::http::Route;
use std::collections::BTreeMap;
use std::time::Duration;

/// For so long one process alone sees to a guild.
const ALONE: Duration = Duration::from_secs(60);
const ASKED: Duration = Duration::from_secs(5);
const KEPT: Duration = Duration::from_secs(3_650 * 24 * 3600);
/// The place of a community's rules, for messages about them.
const FILE: &str = "rules.yaml";
/// For Discord's own audit log.
const WHY: &str = "the rules of this server";

// === impl AutoMod ===

impl AutoMod {
    /// Makes AutoMod what it is to be; says whether the guild wants it.
    pub(super) async fn settle(&self, guild: u64) -> Result<bool, Trouble> {
        let Shared {
            discord, bus, book, ..
        } = &*self.shared;
        let Ok(id) = GuildId::new(&guild.to_string()) else {
            return Ok(false);
        };
        if !discord.guilds.hears(guild) {
            return Ok(false);
        }
        let settings = book.of(&of(&id)).await;
        let wants = settings.discord.auto_mod;
        if !wants && !self.state().ours.contains(&guild) {
            self.state().known.remove(&guild);
            return Ok(false);
        }
        match discord.guilds.own_permissions(guild) {
            // Whoever shows the guild has it looked at.
            None => return Ok(wants),
            Some(held) if held & MANAGE_GUILD == 0 => {
                self.lacks(guild, "the bot lacks the permission Manage Server");
                return Ok(wants);
            }
            Some(_) => {}
        }
        let told = if wants {
            self.rules(&id).await?
        } else {
            RulesTold::default()
        };
        let (name, value) = (
            format!("{}/{guild}", self.shared.board),
            format!("{:x}", fastrand::u64(..)),
        );
        if bus
            .engine()
            .mark(&name, &value, ALONE, Mark::Absent)
            .await?
            .is_some()
        {
            return Err(Trouble::Busy);
        }
        let tongue = WORDS.tongue(Some(&settings.locale));
        let saying = tongue.say("automod.blocked", &[]);
        let bringing = self.bring_about(guild, &told, &saying);
        let done = self.shared.stopping.run_until_cancelled(bringing).await;
        // It ends by itself too, which the next process would have to wait for.
        if let Err(error) = bus.engine().unmark(&name, &value).await {
            tracing::debug!(guild, "Could not end a turn: {}", chain(&error));
        }
        done.unwrap_or(Err(Trouble::Stopping))?;
        let mut state = self.state();
        state.lacking.remove(&guild);
        if !wants {
            state.known.remove(&guild);
        }
        Ok(wants)
    }

    async fn rules(&self, guild: &GuildId) -> Result<RulesTold, Trouble> {
        let question = RulesRequest {
            platform: Platform::Discord,
            guild_id: guild.clone(),
        };
        let asked = self.shared.bus.requests().ask("rules", &question, ASKED).await;
        asked.map_err(|error| Trouble::Rules(chain(&error)))
    }

    /// Compares what stands with what is wanted, and changes what differs.
    async fn bring_about(&self, guild: u64, told: &RulesTold, saying: &str) -> Result<(), Trouble> {
        let discord = &self.shared.discord;
        let list = discord.rest.call(Ask::get(rules_of(guild), guild)).await?;
        let found = Found::of(&list, discord.guilds.own());
        let Plan { wanted, mut left } = self.plan(guild, told, &found);
        let mut known = self.state().known.get(&guild).cloned().unwrap_or_default();
        known.made_of.clear();
        let bodies = (1..).zip(&wanted).map(|(number, wanted)| {
            let name = wanted.name(number);
            (wanted.body(&name, saying), name, &wanted.rules)
        });
        let bodies: Vec<(Value, String, &Vec<String>)> = bodies.collect();
        if !bodies.is_empty() {
            // First: what stands there is found again by the next process.
            self.note(guild, true).await?;
        }
        let mut standing: BTreeMap<&str, &Standing> = BTreeMap::new();
        for rule in &found.ours {
            let wanted = bodies.iter().any(|(_, name, _)| *name == rule.name);
            if wanted && !standing.contains_key(rule.name.as_str()) {
                standing.insert(&rule.name, rule);
            } else {
                // Twice the same, or wanted no more.
                self.remove(guild, rule.id).await?;
            }
        }
        for (body, name, rules) in &bodies {
            let asked = asks_for(body);
            let there = standing.get(name.as_str()).copied();
            let refused = known.refused.get(name).filter(|(refused, _)| *refused == asked);
            if let Some((_, why)) = refused {
                for rule in *rules {
                    left.insert(rule.clone(), Left::All(Why::Refused(why.clone())));
                }
                continue;
            }
            known.refused.remove(name);
            let id = match there {
                Some(there) if there.does == asked => there.id,
                Some(there) if known.as_told.get(name) == Some(&(asked.clone(), there.does.clone())) => {
                    there.id
                }
                _ => match self.put(guild, there, body).await {
                    Ok(now) => {
                        let Some(now) = Standing::of(&now, discord.guilds.own()) else {
                            continue;
                        };
                        known.as_told.insert(name.clone(), (asked, now.does));
                        now.id
                    }
                    Err(RestError::Refused { message, code, .. }) if !matches!(code, 50_001 | 50_013) => {
                        tracing::warn!(guild, "AutoMod does not take {name}: {message} ({code})");
                        for rule in *rules {
                            left.insert(rule.clone(), Left::All(Why::Refused(message.clone())));
                        }
                        known.refused.insert(name.clone(), (asked, message));
                        // What it did before is not what the rules say now.
                        if let Some(there) = there {
                            self.remove(guild, there.id).await?;
                        }
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                },
            };
            known.made_of.insert(id, (*rules).clone());
            // At once: it may stop somebody now.
            self.state()
                .known
                .entry(guild)
                .or_default()
                .made_of
                .insert(id, (*rules).clone());
        }
        if bodies.is_empty() {
            self.note(guild, false).await?;
        }
        if known.left != left {
            let rules: Vec<&str> = left.keys().map(String::as_str).collect();
            let of = bodies.len();
            tracing::info!(
                guild,
                of,
                "AutoMod has what fits; left to the bot, as a whole or in part: {}",
                rules.join(", ")
            );
        }
        known.left = left;
        self.state().known.insert(guild, known);
        Ok(())
    }

    fn plan(&self, guild: u64, told: &RulesTold, found: &Found) -> Plan {
        let source = Source::new(FILE, &told.text);
        let mut rules: Vec<Native> = if told.text.is_empty() {
            Vec::new()
        } else {
            native(&source, Platform::Discord)
        };
        rules.retain(|rule| !told.paused.iter().any(|paused| paused.rule == rule.rule));
        let apart: Vec<u64> = told
            .apart
            .iter()
            .filter_map(|id| id.as_str().parse().ok())
            .collect();
        let around = Around {
            keyword_rules: found.keyword_rules,
            mention_rules: found.mention_rules,
            apart: &apart,
        };
        let known = self.shared.discord.guilds.get(guild).unwrap_or_default();
        plan::plan(&rules, (guild, &known), &around)
    }

    async fn put(&self, guild: u64, there: Option<&Standing>, body: &Value) -> Result<Value, RestError> {
        let ask = match there {
            Some(there) => Ask::patch(rule_of(guild, there.id), guild),
            None => Ask::post(rules_of(guild), guild),
        };
        self.shared.discord.rest.call(ask.body(body).audit(WHY)).await
    }

    async fn remove(&self, guild: u64, rule: u64) -> Result<(), RestError> {
        let ask = Ask::delete(rule_of(guild, rule), guild).audit(WHY);
        match self.shared.discord.rest.call(ask).await {
            Err(RestError::Refused { status: 404, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Remembers beyond this process whether rules of ours stand in a guild.
    async fn note(&self, guild: u64, stand: bool) -> Result<(), EngineError> {
        if self.state().ours.contains(&guild) == stand {
            return Ok(());
        }
        let (engine, item) = (self.shared.bus.engine(), guild.to_string());
        if stand {
            engine.post(&self.shared.board, &item, "", KEPT).await?;
            self.state().ours.insert(guild);
        } else {
            engine.unpost(&self.shared.board, &item).await?;
            self.state().ours.remove(&guild);
        }
        Ok(())
    }
}

fn rules_of(guild: u64) -> Route<'static> {
    Route::GuildAutomodRules {
        guild_id: guild.into(),
    }
}

fn rule_of(guild: u64, rule: u64) -> Route<'static> {
    Route::GuildAutomodRule {
        guild_id: guild.into(),
        rule_id: rule.into(),
    }
}
