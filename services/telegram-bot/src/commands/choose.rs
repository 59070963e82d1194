//! What a community chooses for its door, its welcome and its rules.

use super::deed::{Chosen, Listed, Switch};
use super::parse::{Command, yes_or_no};
use super::{Commands, LOOK_STAYS, No, OUTCOME_STAYS, Said, Stop, ladder, topic};
use crate::administrators::NEEDED;
use crate::client::CallError;
use crate::speaker::Line;
use crate::words::seconds;
use lockdown_events::GuildId;
use lockdown_moderation::words::{Tongue, With};
use lockdown_moderation::{
    Captcha, CaptchaLate, JoinRequests, Platform as _, Settings, SpamAction, Span, TelegramSettings,
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
        let chat = self.chat_named(text).await?.ok_or_else(usage)?;
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

    /// A chat by its number or its public name.
    pub(super) async fn chat_named(&self, text: &str) -> Result<Option<GuildId>, Stop> {
        match text.parse::<i64>() {
            Ok(id) if id < 0 => Ok(GuildId::new(text).ok()),
            _ => self.public(text).await,
        }
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

    /// What is off since the bot may not do it, and all that was chosen by commands.
    pub(super) async fn overview(self: &Arc<Self>, said: &Said) -> Result<(), Stop> {
        let guild = &said.message.guild_id;
        let tongue = self.speaker.tongue(guild).await;
        let settings = self.speaker.settings(guild).await;
        let chosen = [
            Chosen::Captcha,
            Chosen::Requests,
            Chosen::Welcome,
            Chosen::Goodbye,
            Chosen::Spam,
            Chosen::UnsetLog,
        ];
        let staff = self.administrators.of(guild).await?;
        let lacks = |right: &&&str| !staff.has(self.client.own(), right);
        let off = |right: &&str| tongue.say(&format!("off.{}", right.trim_start_matches("can_")), &[]);
        let mut lines: Vec<String> = NEEDED.iter().filter(lacks).map(off).collect();
        lines.extend(chosen.map(|what| state(what, &settings, tongue)));
        lines.push(ladder::state(settings.ladder.as_ref(), tongue));
        lines.extend(Switch::ALL.map(|switch| switch.state(&settings.telegram, tongue)));
        lines.push(topic::state(&settings.telegram, tongue));
        lines.extend(Listed::ALL.map(|listed| listed.state(&settings, tongue)));
        let line = Line::answer(&said.message, lines.join("\n")).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
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
    let Some(word) = first.as_deref() else {
        return match what {
            Chosen::SetWelcome | Chosen::SetGoodbye | Chosen::SetRules => Err(()),
            Chosen::UnsetLog => Ok(Some(vec![("logChannel", Value::Null)])),
            _ => Ok(None),
        };
    };
    let on = yes_or_no(word);
    let off = on == Some(false);
    let own_words = |path| vec![(path, if off { Value::Null } else { json!(text) })];
    Ok(Some(match what {
        Chosen::ShowRules => return Ok(None),
        Chosen::Captcha => {
            let kind = match (on, word) {
                (Some(true), _) | (_, "button") => Captcha::Button,
                (Some(false), _) => Captcha::Off,
                (_, "question" | "math") => Captcha::Question,
                (_, "picture" | "image" | "text") => Captcha::Picture,
                _ => return Err(()),
            };
            let mut change = vec![("telegram.captcha", json!(kind))];
            if let Some(time) = second {
                change.push(("telegram.captchaSeconds", captcha_time(&time)?));
            }
            change
        }
        Chosen::CaptchaKick => {
            let late = if on.ok_or(())? {
                CaptchaLate::Kick
            } else {
                CaptchaLate::Mute
            };
            vec![("telegram.captchaLate", json!(late))]
        }
        Chosen::CaptchaKickTime => vec![
            ("telegram.captchaLate", json!(CaptchaLate::Kick)),
            ("telegram.captchaSeconds", captcha_time(word)?),
        ],
        Chosen::CaptchaMuteTime if off => vec![("telegram.captchaLate", json!(CaptchaLate::Mute))],
        Chosen::CaptchaMuteTime => vec![
            ("telegram.captchaLate", json!(CaptchaLate::Free)),
            ("telegram.captchaSeconds", captcha_time(word)?),
        ],
        Chosen::CaptchaText => {
            let fits = text.encode_utf16().count() <= TelegramSettings::LONGEST_BUTTON;
            fits.then(|| own_words("telegram.captchaButton")).ok_or(())?
        }
        Chosen::Requests => {
            let kind = match word {
                "approve" => JoinRequests::Approve,
                "decline" => JoinRequests::Decline,
                "queue" | "off" => JoinRequests::Queue,
                "captcha" => JoinRequests::Captcha,
                _ => return Err(()),
            };
            vec![("telegram.joinRequests", json!(kind))]
        }
        Chosen::Welcome | Chosen::Goodbye if !off => return Err(()),
        Chosen::Welcome => vec![("telegram.welcome", Value::Null)],
        Chosen::Goodbye => vec![("telegram.goodbye", Value::Null)],
        Chosen::SetWelcome => vec![("telegram.welcome", json!(text))],
        Chosen::SetGoodbye => vec![("telegram.goodbye", json!(text))],
        Chosen::SetRules => own_words("telegram.rules"),
        Chosen::Spam => {
            let action = match word {
                "nothing" | "off" | "no" => SpamAction::Nothing,
                "mute" => SpamAction::Mute,
                "ban" => SpamAction::Ban,
                _ => return Err(()),
            };
            vec![("telegram.spamAction", json!(action))]
        }
        Chosen::UnsetLog => vec![("logChannel", Value::Null)],
    }))
}

/// The seconds that somebody has at the door.
fn captcha_time(text: &str) -> Result<Value, ()> {
    let span: Span = text.parse().map_err(|_| ())?;
    let time = span.delta().num_seconds().unsigned_abs();
    let fits = TelegramSettings::TIMES.contains(&time);
    fits.then(|| json!(time)).ok_or(())
}

fn state(what: Chosen, settings: &Settings, tongue: &Tongue) -> String {
    let chosen = &settings.telegram;
    match what {
        Chosen::Captcha
        | Chosen::CaptchaKick
        | Chosen::CaptchaKickTime
        | Chosen::CaptchaMuteTime
        | Chosen::CaptchaText => captcha(chosen, tongue),
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
        Chosen::Goodbye | Chosen::SetGoodbye => match &chosen.goodbye {
            Some(text) => tongue.say("goodbye.on", &[("text", text)]),
            None => tongue.say("goodbye.off", &[]),
        },
        Chosen::Spam => match chosen.spam_action {
            SpamAction::Nothing => tongue.say("spam.mode_nothing", &[]),
            SpamAction::Mute => tongue.say("spam.mode_mute", &[]),
            SpamAction::Ban => tongue.say("spam.mode_ban", &[]),
        },
        Chosen::SetRules => tongue.say("rules_set", &[]),
        Chosen::UnsetLog => match &settings.log_channel {
            Some(chat) => tongue.say("log.on", &[("chat", chat)]),
            None => tongue.say("log.off", &[]),
        },
        Chosen::ShowRules => {
            let rules = chosen.rules.clone();
            rules.unwrap_or_else(|| tongue.say("no_rules", &[]))
        }
    }
}

/// What is asked at the door, and what becomes of who does not answer.
fn captcha(chosen: &TelegramSettings, tongue: &Tongue) -> String {
    let time = tongue.span(seconds(chosen.captcha_seconds));
    let asked = match chosen.captcha {
        Captcha::Off => tongue.say("captcha.state_off", &[]),
        Captcha::Button => tongue.say("captcha.state_button", &[("time", &time)]),
        Captcha::Question => tongue.say("captcha.state_question", &[("time", &time)]),
        Captcha::Picture => tongue.say("captcha.state_picture", &[("time", &time)]),
    };
    let late = match chosen.captcha_late {
        CaptchaLate::Kick => tongue.say("captcha.late_kick", &[]),
        CaptchaLate::Mute => tongue.say("captcha.late_mute", &[]),
        CaptchaLate::Free => tongue.say("captcha.late_free", &[]),
    };
    let button = chosen.captcha_button.as_ref();
    let button = button.map(|text| tongue.say("captcha.state_text", &[("text", text)]));
    [Some(asked), Some(late), button]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

fn usage(what: Chosen, tongue: &Tongue) -> String {
    let (shortest, longest) = (
        tongue.span(seconds(*TelegramSettings::TIMES.start())),
        tongue.span(seconds(*TelegramSettings::TIMES.end())),
    );
    match what {
        Chosen::Captcha => tongue.say("captcha.usage", &[("shortest", &shortest), ("longest", &longest)]),
        Chosen::CaptchaKick | Chosen::CaptchaKickTime | Chosen::CaptchaMuteTime | Chosen::CaptchaText => {
            let most = &TelegramSettings::LONGEST_BUTTON;
            let told: With<'_> = &[("shortest", &shortest), ("longest", &longest), ("most", most)];
            tongue.say("captcha.late_usage", told)
        }
        Chosen::Requests => tongue.say("requests.usage", &[]),
        Chosen::Welcome | Chosen::SetWelcome => tongue.say("welcome.usage", &[]),
        Chosen::Goodbye | Chosen::SetGoodbye => tongue.say("goodbye.usage", &[]),
        Chosen::SetRules | Chosen::ShowRules => tongue.say("no_rules", &[]),
        Chosen::Spam => tongue.say("spam.mode_usage", &[]),
        Chosen::UnsetLog => tongue.say("log.usage", &[]),
    }
}
