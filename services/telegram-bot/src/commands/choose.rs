//! What a community chooses for its door, its welcome and its rules.

use super::deed::Chosen;
use super::parse::Command;
use super::{Commands, LOOK_STAYS, No, OUTCOME_STAYS, Said, Stop};
use crate::speaker::Line;
use crate::words::seconds;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{Captcha, JoinRequests, Span, TelegramSettings};
use serde_json::{Value, json};
use std::sync::Arc;

// === impl Commands ===

impl Commands {
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
                self.asking.choose(guild, by, &change).await?;
                let mut now = (*self.speaker.settings(guild).await).clone();
                // What was just chosen is told, whether or not the bot heard of it yet.
                let mut telegram = serde_json::to_value(&now.telegram).unwrap_or_default();
                for (name, value) in change {
                    telegram[name] = value;
                }
                now.telegram = serde_json::from_value(telegram).unwrap_or(now.telegram);
                tongue.say("changed", &[("what", &state(what, &now.telegram, tongue))])
            }
            None => state(what, &self.speaker.settings(guild).await.telegram, tongue),
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
                _ => return Err(()),
            };
            let mut change = vec![("captcha", json!(kind))];
            if let Some(time) = second {
                let span: Span = time.parse().map_err(|_| ())?;
                let time = span.delta().num_seconds().unsigned_abs();
                if !TelegramSettings::TIMES.contains(&time) {
                    return Err(());
                }
                change.push(("captchaSeconds", json!(time)));
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
            vec![("joinRequests", json!(kind))]
        }
        (Chosen::Welcome, Some("off" | "no" | "false")) => vec![("welcome", Value::Null)],
        (Chosen::Welcome, Some(_)) | (Chosen::SetWelcome | Chosen::SetRules, None) => return Err(()),
        (Chosen::SetWelcome, Some(_)) => vec![("welcome", json!(text))],
        (Chosen::SetRules, Some("off" | "no")) => vec![("rules", Value::Null)],
        (Chosen::SetRules, Some(_)) => vec![("rules", json!(text))],
    }))
}

fn state(what: Chosen, chosen: &TelegramSettings, tongue: &Tongue) -> String {
    let time = tongue.span(seconds(chosen.captcha_seconds));
    match what {
        Chosen::Captcha => match chosen.captcha {
            Captcha::Off => tongue.say("captcha.state_off", &[]),
            Captcha::Button => tongue.say("captcha.state_button", &[("time", &time)]),
            Captcha::Question => tongue.say("captcha.state_question", &[("time", &time)]),
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
        Chosen::SetRules => tongue.say("rules_set", &[]),
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
    }
}
