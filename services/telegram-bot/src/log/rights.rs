//! What the bot may no more, or again: whoever moderates hears what is off by that.

use super::Log;
use crate::administrators::NEEDED;
use crate::speaker::Line;
use lockdown_events::{GuildChange, GuildUpdate};
use lockdown_runtime::chain;

impl Log {
    /// Tells it in the log chat, or in the group where it has none.
    pub(super) async fn tell_rights(&self, update: &GuildUpdate) -> Result<(), String> {
        let guild = &update.guild_id;
        let of = |what: &str| update.changes.iter().find(|change| change.what == what);
        let came_or_went = of("bot").is_some();
        let Some(change) = of("bot_rights").filter(|_| !came_or_went) else {
            return Ok(());
        };
        let tongue = self.speaker.tongue(guild).await;
        let changed = NEEDED.iter().filter_map(|right| {
            let name = right.trim_start_matches("can_");
            match had_and_has(change, name) {
                (true, false) => Some(tongue.say(&format!("off.{name}"), &[])),
                (false, true) => Some(tongue.say(&format!("on.{name}"), &[])),
                _ => None,
            }
        });
        let words = changed.collect::<Vec<_>>().join("\n");
        if words.is_empty() {
            return Ok(());
        }
        let place = self.place(guild).await;
        let chat = place.as_ref().map_or(guild, |place| &place.chat);
        let line = Line {
            words,
            ..Line::default()
        };
        if let Err(error) = self.speaker.say(chat, &line).await {
            tracing::warn!(%guild, %chat, "Could not tell what the bot may: {}", chain(&error));
        }
        Ok(())
    }
}

/// Whether the bot had a right before a change, and has it now.
fn had_and_has(change: &GuildChange, right: &str) -> (bool, bool) {
    let has = |words: &Option<String>| {
        let rights = words.as_deref().and_then(|words| words.split_once(": "));
        rights.is_some_and(|(_, rights)| rights.split(", ").any(|one| one == right))
    };
    (has(&change.before), has(&change.after))
}
