//! The buttons of the log.

use super::{Log, PRESS};
use crate::ask::{Route, Unanswered};
use crate::speaker::Line;
use lockdown_events::{ButtonPressed, GuildId};
use lockdown_moderation::words::Tongue;
use lockdown_runtime::chain;
use serde_json::{Value, json};
use std::time::Duration;

/// What came of `notSpam`.
pub(crate) fn not_spam(tongue: &Tongue, done: &Value) -> String {
    let undone = undone_words(tongue, &done["undone"]);
    let learned = match done["learned"].as_array() {
        Some(learned) if !learned.is_empty() => "spam.learned_ham",
        _ => "spam.lost",
    };
    format!("{undone} {}", tongue.say(learned, &[]))
}

/// What an undo did.
fn undone_words(tongue: &Tongue, body: &Value) -> String {
    let results = body["results"].as_array().cloned().unwrap_or_default();
    let done = results
        .iter()
        .filter(|step| step["code"].is_null() && step["already"] != true);
    let done: Vec<String> = done
        .filter_map(|step| step["action"].as_str())
        .map(|action| {
            let named = tongue.find(&format!("action.{action}"));
            named.unwrap_or_else(|| action.to_owned())
        })
        .collect();
    if done.is_empty() {
        let nothing = tongue.say("log.nothing_undone", &[]);
        return match results.iter().find_map(|step| step["detail"].as_str()) {
            Some(why) => format!("{nothing} {why}"),
            None => nothing,
        };
    }
    tongue.say("log.undone", &[("what", &done.join(", "))])
}

// === impl Log ===

impl Log {
    pub(super) async fn pressed(&self, pressed: &ButtonPressed) -> Result<(), String> {
        let Some(data) = pressed.data.strip_prefix(PRESS) else {
            return Ok(());
        };
        let mut parts = data.splitn(3, ':');
        let (Some(what), Some(number), Some(guild)) = (parts.next(), parts.next(), parts.next()) else {
            return Ok(());
        };
        let Ok(guild) = GuildId::new(guild) else {
            return Ok(());
        };
        let tongue = self.speaker.tongue(&guild).await;
        let answered = self.answer(tongue, &guild, pressed, what, number).await;
        let words = match answered {
            Ok(words) => words,
            Err(Unanswered::Away(words)) => return Err(words),
            Err(refused) => refused.words(tongue),
        };
        self.speaker.answer(pressed, &words).await;
        Ok(())
    }

    /// Does what a button says, with the rights that whoever pressed it has in the community.
    async fn answer(
        &self,
        tongue: &Tongue,
        guild: &GuildId,
        pressed: &ButtonPressed,
        what: &str,
        number: &str,
    ) -> Result<String, Unanswered> {
        let params = [("caseNumber", number.to_owned())];
        let route = |name| Route {
            params: &params,
            ..Route::new(guild, &pressed.user_id, name)
        };
        if what == "lesson" {
            let params = [("id", number.to_owned())];
            let route = Route {
                params: &params,
                ..Route::new(guild, &pressed.user_id, "forgetLesson")
            };
            self.asking.route(route).await?;
            return Ok(tongue.say("spam.taken_back", &[]));
        }
        if what == "notspam" {
            let key = format!("telegram:notspam:{guild}:{number}:{}", pressed.user_id);
            let route = Route {
                body: Some(json!({})),
                key: Some(key),
                ..route("notSpam")
            };
            let done = self.asking.route(route).await?.body.unwrap_or_default();
            return Ok(not_spam(tongue, &done));
        }
        if what == "undo" {
            let undone = self
                .asking
                .route(Route {
                    body: Some(json!({})),
                    // Pressed twice it is one undo.
                    key: Some(format!("telegram:undo:{guild}:{number}:{}", pressed.user_id)),
                    ..route("undoCase")
                })
                .await?;
            return Ok(undone_words(tongue, &undone.body.unwrap_or_default()));
        }
        let shown = self.asking.route(route("explainCase")).await?;
        let body = shown.body.unwrap_or_default();
        let words = body["explanation"].as_str().unwrap_or_default().to_owned();
        if what == "explain" {
            // More than fits into an answer to a press, so it is said below the line.
            let line = Line {
                words,
                answers: Some(pressed.message_id.clone()),
                stays: Some(Duration::from_secs(300)),
                ..Line::default()
            };
            let chat = GuildId::new(pressed.channel_id.as_str());
            if let Ok(chat) = chat
                && let Err(error) = self.speaker.say(&chat, &line).await
            {
                tracing::warn!(%guild, "Could not explain a case: {}", chain(&error));
            }
            return Ok(String::new());
        }
        Ok(words)
    }
}
