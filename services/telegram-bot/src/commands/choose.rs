//! What a community chooses for its door, its welcome and its rules.

use super::deed::Chosen;
use super::parse::Command;
use super::{Commands, LOOK_STAYS, No, OUTCOME_STAYS, Said, Stop};
use crate::client::CallError;
use crate::speaker::Line;
use crate::words::seconds;
use lockdown_events::GuildId;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{
    Captcha, JoinRequests, LogCategory, Platform as _, Settings, SpamAction, Span, TelegramSettings,
};
use lockdown_runtime::chain;
use serde_json::{Value, json};
use std::sync::Arc;

// === impl Commands ===

impl Commands {
    /// Has decisions told in another chat, if whoever wants it keeps order there, too: what is told there is nobody
    /// else's business.
    pub(super) async fn set_log(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let usage = || No::Words(tongue.say("log.usage", &[]));
        let text = command.reason.as_deref().unwrap_or_default().trim();
        let chat = match text.parse::<i64>() {
            Ok(id) if id < 0 => GuildId::new(text).map_err(|_| usage())?,
            _ => self.public(text).await?.ok_or_else(usage)?,
        };
        let no_chat = |error: CallError| No::Words(tongue.say("log.no_chat", &[("why", &chain(&error))]));
        let staff = match self.administrators.of(&chat).await {
            Ok(staff) => staff,
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => return Err(error.into()),
            Err(error) => return Err(no_chat(error).into()),
        };
        let id: i64 = by.as_str().parse().unwrap_or_default();
        if !staff.ranks.contains_key(&id) {
            return Err(No::Words(tongue.say("lacks_log_chat", &[])).into());
        }
        let title = self.telegram.title(guild).await.unwrap_or_default();
        let here = Line {
            words: tongue.say("log.here", &[("chat", &title)]),
            ..Line::default()
        };
        if let Err(error) = self.speaker.say(&chat, &here).await {
            return Err(no_chat(error).into());
        }
        self.asking
            .choose(guild, by, &[("logChannel", json!(chat))])
            .await?;
        self.speaker.chosen(guild);
        let name = staff.title.clone().unwrap_or_else(|| chat.to_string());
        let what = tongue.say("log.on", &[("chat", &name)]);
        let words = tongue.say("changed", &[("what", &what)]);
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }

    /// The number of a public chat.
    async fn public(&self, text: &str) -> Result<Option<GuildId>, Stop> {
        let Some(name) = text.strip_prefix('@').filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        match self.client.public(name).await {
            Ok(id) => Ok(GuildId::new(&id.to_string()).ok()),
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    pub(super) async fn choose(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Chosen,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let text = command.reason.as_deref().unwrap_or_default();
        let change = change(what, text).map_err(|()| No::Words(usage(what, tongue)))?;
        let words = match change {
            Some(change) => {
                let size = change.iter().filter_map(|(_, value)| value.as_str());
                if size
                    .clone()
                    .any(|text| text.encode_utf16().count() > TelegramSettings::LONGEST)
                {
                    return Err(
                        No::Words(tongue.say("too_long", &[("most", &TelegramSettings::LONGEST)])).into(),
                    );
                }
                let now = self.asking.choose(guild, by, &change).await?;
                self.speaker.chosen(guild);
                tongue.say("changed", &[("what", &state(what, &now, tongue))])
            }
            None => state(what, &*self.speaker.settings(guild).await, tongue),
        };
        let stays = if what == Chosen::ShowRules {
            OUTCOME_STAYS
        } else {
            LOOK_STAYS
        };
        self.tell_later(&said.message, Line::answer(&said.message, words).staying(stays));
        Ok(())
    }
}

/// What shall be otherwise; nothing where somebody only asks.
fn change(what: Chosen, text: &str) -> Result<Option<Vec<(&'static str, Value)>>, ()> {
    let mut parts = text.split_whitespace().map(str::to_lowercase);
    let (first, second) = (parts.next(), parts.next());
    let first = first.as_deref();
    Ok(Some(match (what, first) {
        (Chosen::ShowRules, _) | (Chosen::Captcha | Chosen::Requests | Chosen::Welcome, None) => {
            return Ok(None);
        }
        (Chosen::Captcha, Some(word)) => {
            let kind = match word {
                "off" | "no" | "false" => Captcha::Off,
                "on" | "yes" | "true" | "button" => Captcha::Button,
                "question" | "math" => Captcha::Question,
                "picture" | "image" | "text" => Captcha::Picture,
                _ => return Err(()),
            };
            let mut change = vec![("telegram.captcha", json!(kind))];
            if let Some(time) = second {
                let span: Span = time.parse().map_err(|_| ())?;
                let time = span.delta().num_seconds().unsigned_abs();
                if !TelegramSettings::TIMES.contains(&time) {
                    return Err(());
                }
                change.push(("telegram.captchaSeconds", json!(time)));
            }
            change
        }
        (Chosen::Requests, Some(word)) => {
            let kind = match word {
                "approve" => JoinRequests::Approve,
                "decline" => JoinRequests::Decline,
                "queue" | "off" => JoinRequests::Queue,
                "captcha" => JoinRequests::Captcha,
                _ => return Err(()),
            };
            vec![("telegram.joinRequests", json!(kind))]
        }
        (Chosen::Welcome, Some("off" | "no" | "false")) => vec![("telegram.welcome", Value::Null)],
        (Chosen::Welcome, Some(_)) | (Chosen::SetWelcome | Chosen::SetRules, None) => return Err(()),
        (Chosen::SetWelcome, Some(_)) => vec![("telegram.welcome", json!(text))],
        (Chosen::SetRules, Some("off" | "no")) => vec![("telegram.rules", Value::Null)],
        (Chosen::LogCategories | Chosen::Spam, None) => return Ok(None),
        (Chosen::Spam, Some(word)) => {
            let action = match word {
                "nothing" | "off" | "no" => SpamAction::Nothing,
                "mute" => SpamAction::Mute,
                "ban" => SpamAction::Ban,
                _ => return Err(()),
            };
            vec![("telegram.spamAction", json!(action))]
        }
        (Chosen::LogCategories, Some(_)) => {
            let words = text.to_lowercase();
            let wanted: Vec<LogCategory> = match words.as_str() {
                "all" => LogCategory::ALL.to_vec(),
                "none" => Vec::new(),
                words => {
                    let known =
                        |word: &str| LogCategory::ALL.into_iter().find(|known| known.as_str() == word);
                    let words = words.split([' ', ',', '\n']).filter(|word| !word.is_empty());
                    words
                        .map(|word| known(word).ok_or(()))
                        .collect::<Result<_, ()>>()?
                }
            };
            vec![("telegram.logCategories", json!(wanted))]
        }
        (Chosen::UnsetLog, _) => vec![("logChannel", Value::Null)],
        (Chosen::SetRules, Some(_)) => vec![("telegram.rules", json!(text))],
    }))
}

fn state(what: Chosen, settings: &Settings, tongue: &Tongue) -> String {
    let chosen = &settings.telegram;
    let time = tongue.span(seconds(chosen.captcha_seconds));
    match what {
        Chosen::Captcha => match chosen.captcha {
            Captcha::Off => tongue.say("captcha.state_off", &[]),
            Captcha::Button => tongue.say("captcha.state_button", &[("time", &time)]),
            Captcha::Question => tongue.say("captcha.state_question", &[("time", &time)]),
            Captcha::Picture => tongue.say("captcha.state_picture", &[("time", &time)]),
        },
        Chosen::Requests => match chosen.join_requests {
            JoinRequests::Queue => tongue.say("requests.queue", &[]),
            JoinRequests::Approve => tongue.say("requests.approve", &[]),
            JoinRequests::Decline => tongue.say("requests.decline", &[]),
            JoinRequests::Captcha => tongue.say("requests.captcha", &[]),
        },
        Chosen::Welcome | Chosen::SetWelcome => match &chosen.welcome {
            Some(text) => tongue.say("welcome.on", &[("text", text)]),
            None => tongue.say("welcome.off", &[]),
        },
        Chosen::Spam => match chosen.spam_action {
            SpamAction::Nothing => tongue.say("spam.mode_nothing", &[]),
            SpamAction::Mute => tongue.say("spam.mode_mute", &[]),
            SpamAction::Ban => tongue.say("spam.mode_ban", &[]),
        },
        Chosen::SetRules => tongue.say("rules_set", &[]),
        Chosen::UnsetLog => tongue.say("log.off", &[]),
        Chosen::LogCategories => {
            let names = |told: bool| {
                let categories = LogCategory::ALL.into_iter();
                let categories = categories.filter(|known| chosen.log_categories.contains(known) == told);
                let names: Vec<&str> = categories.map(LogCategory::as_str).collect();
                if names.is_empty() {
                    tongue.say("log.none", &[])
                } else {
                    names.join(", ")
                }
            };
            let all = LogCategory::ALL.map(LogCategory::as_str).join(", ");
            tongue.say(
                "log.categories",
                &[("on", &names(true)), ("off", &names(false)), ("all", &all)],
            )
        }
        Chosen::ShowRules => {
            let rules = chosen.rules.clone();
            rules.unwrap_or_else(|| tongue.say("no_rules", &[]))
        }
    }
}

fn usage(what: Chosen, tongue: &Tongue) -> String {
    let (shortest, longest) = (
        tongue.span(seconds(*TelegramSettings::TIMES.start())),
        tongue.span(seconds(*TelegramSettings::TIMES.end())),
    );
    match what {
        Chosen::Captcha => tongue.say("captcha.usage", &[("shortest", &shortest), ("longest", &longest)]),
        Chosen::Requests => tongue.say("requests.usage", &[]),
        Chosen::Welcome | Chosen::SetWelcome => tongue.say("welcome.usage", &[]),
        Chosen::SetRules | Chosen::ShowRules => tongue.say("no_rules", &[]),
        Chosen::Spam => tongue.say("spam.mode_usage", &[]),
        Chosen::UnsetLog | Chosen::LogCategories => state(what, &Settings::default(), tongue),
    }
}
