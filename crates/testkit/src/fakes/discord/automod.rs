//! Discord's own AutoMod, as people use it. What its rules stop is `rest/automod.rs`.

use super::gateway::Audience;
use super::rest::{make_automod_rule, remove_automod_rule, updated};
use super::{FakeDiscord, lock};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

// === impl FakeDiscord ===

impl FakeDiscord {
    /// The rules of a guild, the oldest first.
    pub fn automod_rules(&self, guild: u64) -> Vec<Value> {
        let world = lock(&self.world);
        let rules = world
            .guilds
            .get(&guild)
            .map(|state| state.automod.values().cloned());
        rules.into_iter().flatten().collect()
    }

    /// Somebody makes a rule that blocks these words; its id.
    ///
    /// # Panics
    ///
    /// When the guild has as many as it may have.
    pub fn automod_rule_by(&self, moderator: u64, guild: u64, name: &str, words: &[&str]) -> u64 {
        let body = json!({
            "name": name, "trigger_type": 1, "trigger_metadata": { "keyword_filter": words }, "enabled": true,
            "actions": [{ "type": 1, "metadata": {} }],
        });
        let made = make_automod_rule(&mut lock(&self.world), moderator, guild, &body);
        let id = made.ok().and_then(|rule| super::world::number(&rule["id"]));
        id.expect("the guild has no room for one more rule")
    }

    /// Somebody takes a rule away.
    pub fn remove_automod_rule(&self, guild: u64, rule: u64) {
        remove_automod_rule(&mut lock(&self.world), guild, rule);
    }

    /// Discord's own AutoMod stopped what somebody wanted to say; it tells so once for each of the rule's actions.
    pub fn automod_blocks(&self, guild: u64, channel: u64, user: u64, text: &str, actions: &[u8]) {
        let mut world = lock(&self.world);
        let rule = world.id();
        for action in actions {
            let body = json!({
                "guild_id": guild.to_string(), "channel_id": channel.to_string(), "user_id": user.to_string(),
                "rule_id": rule.to_string(), "rule_trigger_type": 1, "action": { "type": action, "metadata": {} },
                "content": text, "matched_keyword": text, "matched_content": text,
            });
            world.emit(
                guild,
                Audience::AutoModeration,
                "AUTO_MODERATION_ACTION_EXECUTION",
                &body,
            );
        }
    }

    /// Discord's own AutoMod silences somebody.
    pub fn automod_times_out(&self, guild: u64, user: u64, until: DateTime<Utc>, rule: &str) {
        let mut world = lock(&self.world);
        if let Some(member) = world
            .guilds
            .get_mut(&guild)
            .and_then(|state| state.members.get_mut(&user))
        {
            member.muted_until = Some(until);
        }
        updated(&mut world, guild, user);
        let options = json!({ "auto_moderation_rule_name": rule, "auto_moderation_rule_trigger_type": "1" });
        super::rest::log(
            &mut world,
            guild,
            user,
            145,
            Some(user),
            json!({ "options": options }),
        );
    }
}
