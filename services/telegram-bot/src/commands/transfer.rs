//! Everything that a community chose, as a file: its settings and its rules, for another community or for a bad day.

use super::deed::Transfer;
use super::parse::{Command, is_sure};
use super::rulebook::NONE;
use super::{Commands, LOOK_STAYS, No, Said, Stop, is_alone};
use crate::ask::Route;
use crate::client::{CallError, Class};
use crate::speaker::Line;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{PlatformError, Right, Settings};
use lockdown_runtime::chain;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use teloxide::prelude::ChatId;

/// The largest file that is read, in bytes: many times what anybody writes.
const LARGEST: u64 = 1 << 20;

/// A file of ours. What it leaves out stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    #[expect(dead_code, reason = "it says what the file is, for whoever opens it")]
    platform: String,
    settings: Option<Value>,
    rules: Option<String>,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn transfer(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Transfer,
    ) -> Result<(), Stop> {
        let message = &said.message;
        let tongue = self.speaker.tongue(&message.guild_id).await;
        let words = match what {
            Transfer::Export => {
                self.export(said, tongue).await?;
                if is_alone(message) {
                    return Ok(());
                }
                tongue.say("export.sent", &[])
            }
            Transfer::Import => {
                let file = command.file.as_deref();
                let file = file.ok_or_else(|| No::Words(tongue.say("import.usage", &[])))?;
                self.import(said, file, tongue).await?;
                tongue.say("import.done", &[])
            }
            Transfer::Reset if !is_sure(command) => tongue.say("reset.usage", &[]),
            Transfer::Reset => {
                let nothing = serde_json::to_value(Settings::default());
                let nothing = nothing.map_err(|error| Stop::Again(error.to_string()))?;
                self.put(said, Some(nothing), Some(NONE.to_owned())).await?;
                self.did(said, "reset", 1).await?;
                tongue.say("reset.done", &[])
            }
        };
        self.tell_later(message, Line::answer(message, words).staying(LOOK_STAYS));
        Ok(())
    }

    /// Gives it to whoever asks, alone: it is nobody else's business.
    async fn export(&self, said: &Said, tongue: &Tongue) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let shown = self.asking.route(Route::new(guild, by, "getSettings")).await?;
        let (rules, _) = self.rules(guild, by).await?;
        let copy = json!({ "platform": "telegram", "settings": shown.body, "rules": rules });
        let text = serde_json::to_vec_pretty(&copy).map_err(|error| Stop::Again(error.to_string()))?;
        let line = Line {
            file: Some((format!("lockdown{guild}.json"), text)),
            ..Line::default()
        };
        let chat = ChatId(by.as_str().parse().unwrap_or_default());
        match self.speaker.send(Class::Notice, chat, &line).await {
            Ok(_) => self.did(said, "export", 1).await,
            Err(error) => Err(match error.platform(Right::Note) {
                PlatformError::Closed(_) | PlatformError::Gone => {
                    No::Words(tongue.say("export.start", &[])).into()
                }
                error if error.is_permanent() => No::Words(chain(&error)).into(),
                error => Stop::Again(chain(&error)),
            }),
        }
    }

    async fn import(&self, said: &Said, file: &str, tongue: &Tongue) -> Result<(), Stop> {
        let refused = |why: &str| No::Words(tongue.say("import.unreadable", &[("why", &why)]));
        let text = match self.client.file(file, LARGEST).await {
            Ok(text) => text,
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => return Err(error.into()),
            Err(error) => return Err(refused(&chain(&error)).into()),
        };
        let copy = read(&text).map_err(|why| refused(&why))?;
        self.put(said, copy.settings, copy.rules).await?;
        self.did(said, "import", 1).await
    }

    /// Puts these in force. Rules first, which the backend may refuse; settings were looked at already.
    async fn put(&self, said: &Said, settings: Option<Value>, rules: Option<String>) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        if let Some(rules) = rules {
            self.change_rules(guild, by, |_| Ok(rules.clone())).await?;
        }
        if let Some(settings) = settings {
            let change = |now: &mut Value| *now = settled(settings.clone(), now);
            self.asking.change(guild, by, change).await?;
            self.speaker.chosen(guild);
        }
        Ok(())
    }
}

fn read(text: &[u8]) -> Result<Copy, String> {
    let copy: Copy = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if let Some(settings) = &copy.settings {
        Settings::read(settings).map_err(|error| format!("{}: {}", error.path, error.message))?;
    }
    Ok(copy)
}

/// Settings as they come to a community. Where its log is and in which topic the bot speaks are its own, and not for a file
/// to say: nobody looked whether whoever sent it keeps order there.
fn settled(mut settings: Value, now: &Value) -> Value {
    settings["logChannel"] = now["logChannel"].clone();
    if settings["telegram"].is_null() {
        settings["telegram"] = json!({});
    }
    settings["telegram"]["actionTopic"] = now["telegram"]["actionTopic"].clone();
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_at_before_anything_changes() {
        let good = br#"{"platform":"telegram","settings":{"locale":"ru","logChannel":"-100666"},"rules":"version: 1\nrules: []\n"}"#;
        let copy = read(good).unwrap();
        let own = json!({ "logChannel": "-1007", "telegram": { "actionTopic": "5" } });
        let put = settled(copy.settings.unwrap(), &own);
        assert_eq!(
            (&put["logChannel"], &put["locale"]),
            (&json!("-1007"), &json!("ru"))
        );
        let read_again = Settings::read(&put).unwrap();
        assert_eq!(read_again.telegram.action_topic.unwrap().as_str(), "5");
        for (wrong, why) in [
            (&b"{}"[..], "platform"),
            (b"not json", "expected"),
            (br#"{"platform":"telegram","more":1}"#, "more"),
            (br#"{"platform":"telegram","settings":[]}"#, "object"),
            (
                br#"{"platform":"telegram","settings":{"telegram":"x"}}"#,
                "telegram",
            ),
            (br#"{"platform":"telegram","settings":{"theme":1}}"#, "theme"),
        ] {
            let said = read(wrong).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
