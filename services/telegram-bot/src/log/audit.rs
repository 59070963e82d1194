//! What was done to the community itself: modes that begin and end, and what the filter is taught.

use super::{Log, PRESS};
use crate::ask::Route;
use crate::speaker::Line;
use lockdown_events::{AuditLogged, GuildId, UserId};
use lockdown_moderation::LogCategory;
use lockdown_moderation::words::Tongue;
use serde_json::Value;

// === impl Log ===

impl Log {
    /// Tells of an entry of the audit log.
    pub(super) async fn tell_entry(&self, entry: &AuditLogged) -> Result<(), String> {
        let guild = &entry.guild_id;
        let (of, what) = entry
            .subject
            .split_once(':')
            .unwrap_or((entry.subject.as_str(), ""));
        match (entry.act.as_str(), of) {
            (_, "case") => match what.parse() {
                Ok(case) => return self.tell_again(guild, case).await,
                Err(_) => return Ok(()),
            },
            ("mode:raise" | "mode:end", _) => self.tell_mode(entry, what).await,
            ("lesson:spam" | "lesson:ham" | "lesson:forget", _) => self.tell_lesson(entry, what).await,
            _ => {}
        }
        Ok(())
    }

    async fn tell_mode(&self, entry: &AuditLogged, mode: &str) {
        let guild = &entry.guild_id;
        let tongue = self.speaker.tongue(guild).await;
        let name = tongue.find(&format!("mode.{mode}"));
        let (mode, by) = (name.unwrap_or_else(|| mode.to_owned()), self.by(tongue, entry));
        let words = match entry.act.as_str() {
            "mode:end" if entry.actor == "system" => tongue.say("log.mode_over", &[("mode", &mode)]),
            "mode:end" => tongue.say("log.mode_ended", &[("mode", &mode), ("by", &by)]),
            _ => match self.mode_lasts(guild).await {
                Some(until) => {
                    let until = super::shown(&until);
                    tongue.say(
                        "log.mode_until",
                        &[("mode", &mode), ("by", &by), ("until", &until)],
                    )
                }
                None => tongue.say("log.mode", &[("mode", &mode), ("by", &by)]),
            },
        };
        self.note(guild, LogCategory::Raids, words).await;
    }

    /// Until when the community is in its mode, as far as that is known. The bot asks in its own name.
    async fn mode_lasts(&self, guild: &GuildId) -> Option<String> {
        let own = UserId::new(&self.client.own().to_string()).ok()?;
        let listed = self.asking.route(Route::new(guild, &own, "listModes")).await;
        let body: Value = listed.ok()?.body?;
        body["modes"][0]["endsAt"].as_str().map(str::to_owned)
    }

    async fn tell_lesson(&self, entry: &AuditLogged, lesson: &str) {
        let tongue = self.speaker.tongue(&entry.guild_id).await;
        let key = match entry.act.as_str() {
            "lesson:spam" => "log.lesson_spam",
            "lesson:ham" => "log.lesson_ham",
            _ if lesson.is_empty() => "log.lessons_gone",
            _ => "log.lesson_gone",
        };
        let line = Line {
            words: tongue.say(key, &[("by", &self.by(tongue, entry))]),
            buttons: match entry.act.as_str() {
                "lesson:forget" => Vec::new(),
                _ => vec![vec![take_back(tongue, &entry.guild_id, lesson)]],
            },
            ..Line::default()
        };
        self.note_line(&entry.guild_id, LogCategory::Rules, line).await;
    }

    /// Who it was, as people are called.
    fn by(&self, tongue: &Tongue, entry: &AuditLogged) -> String {
        match (&entry.actor_id, entry.actor.strip_prefix("rule:")) {
            (Some(person), _) => self.name(person.as_str()),
            (None, Some(rule)) => tongue.say("log.rule", &[("rule", &rule)]),
            (None, None) => entry.actor.clone(),
        }
    }
}

/// A button by which a lesson is taken back.
pub(crate) fn take_back(tongue: &Tongue, guild: &GuildId, lesson: &str) -> (String, String) {
    // Telegram takes 64 bytes.
    let data = format!("{PRESS}lesson:{}:{guild}", lesson.replace('-', ""));
    (tongue.say("spam.take_back", &[]), data)
}
