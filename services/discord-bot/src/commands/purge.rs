//! `/purge`: messages of one channel or of all, by what they are.

use super::Commands;
use super::answers::{Told, exact};
use super::input::Input;
use crate::effects::permissions::{MANAGE_MESSAGES, READ_MESSAGE_HISTORY};
use crate::intake::Channel;
use crate::read;
use crate::rest::RestError;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use futures_util::stream;
use lockdown_events::ModerationDeed;
use lockdown_moderation::Limits;
use lockdown_moderation::words::Tongue;
use serde_json::Value;

/// What is looked through in one channel, in hundreds of messages.
const PAGES: usize = 20;
/// What one command takes away.
const MOST: u64 = 1_000;
const CHANNELS_AT_ONCE: usize = 4;
/// Channels in which something is said: text, voice, announcements, threads, stages.
const SPOKEN: [u64; 7] = [0, 2, 5, 10, 11, 12, 13];

/// Which messages are meant. Pinned ones never are.
#[derive(Debug, Default)]
struct Filter {
    user: Option<u64>,
    /// In small letters.
    text: Option<String>,
    bots: bool,
    invites: bool,
    attachments: bool,
    /// The oldest that may be taken.
    from: Option<u64>,
}

/// What was found in a channel.
struct Found {
    channel: u64,
    /// Newest first.
    messages: Vec<u64>,
    trouble: Option<RestError>,
}

/// What was taken away.
#[derive(Debug, Default)]
struct Taken {
    deleted: u64,
    /// In how many channels.
    places: u64,
    /// What else is to be said of it.
    lines: Vec<String>,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn purge(&self, input: &Input) -> Result<Told, String> {
        let filter = Filter::of(input)?;
        let channels = if input.flag("everywhere") == Some(true) {
            self.readable(input)
        } else {
            let channel = self.place(input);
            self.may(input, channel, MANAGE_MESSAGES, READ_MESSAGE_HISTORY)?;
            vec![channel]
        };
        let most = input.number("count").unwrap_or(0);
        let taken = self.take_away(input, channels, &filter, most).await?;
        Ok(taken.told(input.tongue))
    }

    /// What one person said last, wherever it was.
    pub(super) async fn clean(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        input.user()?;
        let most = input.number("count").filter(|most| (1..=MOST).contains(most));
        let most = most.ok_or_else(|| tongue.say("clean.count", &[("most", &MOST)]))?;
        let channels = self.readable(input);
        if channels.is_empty() {
            return Err(tongue.say("clean.nowhere", &[]));
        }
        let filter = Filter {
            user: input.number("user"),
            ..Filter::default()
        };
        let taken = self.take_away(input, channels, &filter, most).await?;
        Ok(taken.told(tongue))
    }

    /// What the person of a command said in this time, wherever it was; in words, what came of it.
    pub(super) async fn clean_up(&self, input: &Input, window: TimeDelta) -> Vec<String> {
        let tongue = input.tongue;
        let channels = self.readable(input);
        if channels.is_empty() {
            return vec![format!("❌ {}", tongue.say("clean.nowhere", &[]))];
        }
        let filter = Filter {
            user: input.number("user"),
            from: Some(read::id_at(self.clock.now() - window)),
            ..Filter::default()
        };
        match self.take_away(input, channels, &filter, MOST).await {
            Ok(taken) => {
                let said = taken.said(tongue);
                [said].into_iter().chain(taken.lines).collect()
            }
            Err(why) => vec![format!("❌ {why}")],
        }
    }

    async fn take_away(
        &self,
        input: &Input,
        channels: Vec<u64>,
        filter: &Filter,
        most: u64,
    ) -> Result<Taken, String> {
        let tongue = input.tongue;
        let most = usize::try_from(most.clamp(1, MOST)).unwrap_or(1);
        let oldest = self.clock.now() - Limits::of(lockdown_events::Platform::Discord).delete_age.delta();
        let looking = stream::iter(channels).map(|channel| self.find(channel, filter, most, oldest));
        let mut found: Vec<Found> = looking.buffer_unordered(CHANNELS_AT_ONCE).collect().await;
        if let [
            Found {
                channel,
                trouble: Some(error),
                ..
            },
        ] = &found[..]
        {
            return Err(Self::trouble(tongue, error, *channel, MANAGE_MESSAGES));
        }
        keep_newest(&mut found, most);
        let audit = self.audit(input);
        let mut taken = Taken::default();
        for Found {
            channel,
            messages,
            trouble,
        } in found
        {
            if let Some(error) = trouble {
                let why = Self::trouble(tongue, &error, channel, MANAGE_MESSAGES);
                taken.lines.push(format!("❌ <#{channel}>: {why}"));
            }
            if messages.is_empty() {
                continue;
            }
            match self
                .discord
                .remove(input.guild.number, channel, &messages, &audit)
                .await
            {
                Ok(done) => {
                    let count = done.deleted as u64;
                    taken.deleted += count;
                    taken.places += 1;
                    if !done.too_old.is_empty() {
                        let old = done.too_old.len() as u64;
                        taken.lines.push(tongue.count("purge.too_old", old, &[]));
                    }
                    let deed = self.deed(input, "purge", Some(channel));
                    let user_id = filter.user.and_then(|_| input.user().ok());
                    self.record(ModerationDeed {
                        count: Some(count),
                        user_id,
                        ..deed
                    })
                    .await;
                }
                Err(error) => {
                    tracing::info!(channel, "Messages were not removed by a command: {error}");
                    taken.lines.push(format!(
                        "❌ <#{channel}>: {}",
                        exact(tongue, &error, "purge.failed")
                    ));
                }
            }
        }
        Ok(taken)
    }

    /// Every channel and thread in which the moderator may take messages away and so may we.
    fn readable(&self, input: &Input) -> Vec<u64> {
        let known = self.discord.guilds.get(input.guild.number).unwrap_or_default();
        let spoken = known
            .channels
            .iter()
            .filter(|(_, Channel { kind, .. })| SPOKEN.contains(kind));
        let mut channels: Vec<u64> = spoken
            .map(|(id, _)| *id)
            .filter(|id| {
                self.may(input, *id, MANAGE_MESSAGES, READ_MESSAGE_HISTORY)
                    .is_ok()
            })
            .collect();
        channels.sort_unstable();
        channels
    }

    async fn find(&self, channel: u64, filter: &Filter, most: usize, oldest: DateTime<Utc>) -> Found {
        let mut found = Found {
            channel,
            messages: Vec::new(),
            trouble: None,
        };
        let mut before = None;
        for _ in 0..PAGES {
            let page = match self.discord.said_before(channel, before).await {
                Ok(page) => page,
                Err(error) => {
                    found.trouble = Some(error);
                    return found;
                }
            };
            let ids: Vec<u64> = page
                .iter()
                .filter_map(|message| read::id(&message["id"]))
                .collect();
            for (id, message) in page
                .iter()
                .filter_map(|message| Some((read::id(&message["id"])?, message)))
            {
                let over = match filter.from {
                    Some(from) => id < from,
                    None => read::time_of(id) < oldest,
                };
                if over || found.messages.len() == most {
                    return found;
                }
                if filter.fits(message) {
                    found.messages.push(id);
                }
            }
            match ids.iter().min() {
                Some(last) if ids.len() == 100 => before = Some(*last),
                _ => break,
            }
        }
        found
    }
}

/// Leaves no more than so many over all channels, the newest.
fn keep_newest(found: &mut [Found], most: usize) {
    let mut all: Vec<u64> = found.iter().flat_map(|found| &found.messages).copied().collect();
    all.sort_unstable_by(|one, other| other.cmp(one));
    if let Some(last) = most.checked_sub(1).and_then(|at| all.get(at)) {
        for found in found {
            found.messages.retain(|id| id >= last);
        }
    }
}

// === impl Taken ===

impl Taken {
    fn said(&self, tongue: &Tongue) -> String {
        match (self.deleted, self.places) {
            (0, _) => tongue.say("purge.none", &[]),
            (deleted, 1) => tongue.count("purge.done", deleted, &[]),
            (deleted, places) => tongue.count("purge.done_in", deleted, &[("channels", &places)]),
        }
    }

    fn told(self, tongue: &Tongue) -> Told {
        let said = self.said(tongue);
        let told = if self.deleted == 0 {
            Told::nothing(&said)
        } else {
            Told::done(&said)
        };
        told.with_lines(self.lines)
    }
}

// === impl Filter ===

impl Filter {
    fn of(input: &Input) -> Result<Self, String> {
        let from = match input.text("from") {
            // The last part of a link is the message's id.
            Some(text) => {
                let id = text.rsplit('/').next().and_then(|id| id.parse().ok());
                Some(id.ok_or_else(|| input.tongue.say("purge.from", &[]))?)
            }
            None => None,
        };
        let on = |name| input.flag(name) == Some(true);
        Ok(Self {
            user: input.number("user"),
            text: input.text("match").map(|text| text.to_lowercase()),
            bots: on("bots"),
            invites: on("invites"),
            attachments: on("attachments"),
            from,
        })
    }

    fn fits(&self, message: &Value) -> bool {
        let author = &message["author"];
        let text = || message["content"].as_str().unwrap_or_default().to_lowercase();
        let is_bot = || author["bot"] == true || message["webhook_id"].is_string();
        let filled = |name: &str| message[name].as_array().is_some_and(|list| !list.is_empty());
        message["pinned"] != true
            && self.user.is_none_or(|user| read::id(&author["id"]) == Some(user))
            && self.text.as_ref().is_none_or(|wanted| text().contains(wanted))
            && (!self.bots || is_bot())
            && (!self.invites || has_invite(&text()))
            && (!self.attachments || filled("attachments"))
    }
}

/// An invite as Discord writes them, with or without its scheme.
fn has_invite(text: &str) -> bool {
    [
        "discord.gg/",
        "discord.com/invite/",
        "discordapp.com/invite/",
        "dsc.gg/",
    ]
    .iter()
    .any(|host| text.contains(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_filter_takes_what_is_meant_and_nothing_else() {
        let message = |over: Value| {
            let mut message =
                json!({ "id": "9", "author": { "id": "5" }, "content": "Hello World", "attachments": [] });
            for (name, value) in over.as_object().unwrap() {
                message[name] = value.clone();
            }
            message
        };
        let plain = || Filter::default();
        let bot = json!({ "author": { "id": "6", "bot": true } });
        for (filter, over, fits) in [
            (plain(), json!({}), true),
            (plain(), json!({ "pinned": true }), false),
            (
                Filter {
                    user: Some(5),
                    ..plain()
                },
                json!({}),
                true,
            ),
            (
                Filter {
                    user: Some(6),
                    ..plain()
                },
                json!({}),
                false,
            ),
            (
                Filter {
                    text: Some("o wor".into()),
                    ..plain()
                },
                json!({}),
                true,
            ),
            (
                Filter {
                    text: Some("bye".into()),
                    ..plain()
                },
                json!({}),
                false,
            ),
            (
                Filter {
                    bots: true,
                    ..plain()
                },
                json!({}),
                false,
            ),
            (
                Filter {
                    bots: true,
                    ..plain()
                },
                bot,
                true,
            ),
            (
                Filter {
                    bots: true,
                    ..plain()
                },
                json!({ "webhook_id": "7" }),
                true,
            ),
            (
                Filter {
                    invites: true,
                    ..plain()
                },
                json!({ "content": "join Discord.GG/abc" }),
                true,
            ),
            (
                Filter {
                    invites: true,
                    ..plain()
                },
                json!({}),
                false,
            ),
            (
                Filter {
                    attachments: true,
                    ..plain()
                },
                json!({ "attachments": [{ "id": "1" }] }),
                true,
            ),
            (
                Filter {
                    attachments: true,
                    ..plain()
                },
                json!({}),
                false,
            ),
        ] {
            assert_eq!(filter.fits(&message(over.clone())), fits, "{filter:?} {over}");
        }
    }

    #[test]
    fn over_all_channels_the_newest_go() {
        let found = |channel, messages: &[u64]| Found {
            channel,
            messages: messages.to_vec(),
            trouble: None,
        };
        let mut all = [found(1, &[9, 5, 1]), found(2, &[8, 7])];
        keep_newest(&mut all, 3);
        assert_eq!(
            (&all[0].messages[..], &all[1].messages[..]),
            (&[9][..], &[8, 7][..])
        );
        let mut few = [found(1, &[9])];
        keep_newest(&mut few, 3);
        assert_eq!(few[0].messages, [9]);
    }
}
