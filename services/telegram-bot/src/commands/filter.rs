//! Filters: what the bot answers to words that somebody writes.

use super::deed::Filtered;
use super::parse::Command;
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::speaker::Line;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::HandlerError;
use lockdown_events::{AuthorKind, Envelope, GuildId, Message};
use lockdown_moderation::{Filter, TelegramSettings};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Said again no sooner than this, so that nobody makes the bot flood.
const PAUSE: TimeDelta = TimeDelta::seconds(15);
/// Beyond so many, those that are over are forgotten.
const MOST: usize = 1_000;

/// When each was answered last.
#[derive(Debug, Default)]
pub(crate) struct Answered(Mutex<HashMap<(GuildId, String), DateTime<Utc>>>);

// === impl Answered ===

impl Answered {
    /// Whether it is time to answer; then it was answered now.
    fn may(&self, guild: &GuildId, words: &str, now: DateTime<Utc>) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, at| now - *at < PAUSE);
        }
        let key = (guild.clone(), words.to_owned());
        if all.get(&key).is_some_and(|at| now - *at < PAUSE) {
            return false;
        }
        all.insert(key, now);
        true
    }
}

// === impl Commands ===

impl Commands {
    pub(super) async fn filter(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Filtered,
    ) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let text = command.reason.as_deref().unwrap_or_default();
        let mut filters = self.speaker.settings(guild).await.telegram.filters.clone();
        let changes = match what {
            Filtered::Show => false,
            Filtered::Set => {
                let filter = read(text).ok_or_else(|| No::Words(tongue.say("filter.usage", &[])))?;
                filters.retain(|known| known.words != filter.words);
                filters.push(filter);
                true
            }
            Filtered::Stop => {
                let words = text.trim().trim_matches('"').to_lowercase();
                let before = filters.len();
                filters.retain(|known| known.words != words);
                if filters.len() == before {
                    return Err(No::Words(tongue.say("filter.unknown", &[("words", &words)])).into());
                }
                true
            }
            Filtered::StopAll => {
                filters.clear();
                true
            }
        };
        if filters.len() > TelegramSettings::MOST_FILTERS {
            let most = TelegramSettings::MOST_FILTERS;
            return Err(No::Words(tongue.say("filter.too_many", &[("most", &most)])).into());
        }
        if changes {
            let change = [("telegram.filters", json!(filters))];
            filters = self.asking.choose(guild, by, &change).await?.telegram.filters;
            self.speaker.chosen(guild);
        }
        let words = if filters.is_empty() {
            tongue.say("filter.none", &[])
        } else {
            let names: Vec<&str> = filters.iter().map(|filter| &*filter.words).collect();
            tongue.say("filter.on", &[("list", &names.join("\n"))])
        };
        let line = Line::answer(&said.message, words).staying(LOOK_STAYS);
        self.tell_later(&said.message, line);
        Ok(())
    }

    /// Answers what is no command, where the community has an answer to it.
    pub(super) async fn answer(
        self: &Arc<Self>,
        message: &Message,
        envelope: &Envelope,
    ) -> Result<(), HandlerError> {
        if message.author.kind != AuthorKind::Person {
            return Ok(());
        }
        let settings = self.speaker.settings(&message.guild_id).await;
        let Some(filter) = find(&settings.telegram.filters, message) else {
            return Ok(());
        };
        if !self
            .answered
            .may(&message.guild_id, &filter.words, self.clock.now())
        {
            return Ok(());
        }
        let line = Line::answer(message, filter.answer.clone());
        let said = Said::new(message, envelope);
        self.once(said.event, &said, || async {
            self.tell_later(message, line);
            Ok(())
        })
        .await
    }
}

/// A word, or a phrase in quotes, and what is answered.
fn read(text: &str) -> Option<Filter> {
    let text = text.trim();
    let (words, answer) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => text.split_once(char::is_whitespace)?,
    };
    let filter = Filter {
        words: words.trim().to_lowercase(),
        answer: answer.trim().to_owned(),
    };
    filter.is_good().then_some(filter)
}

/// The first that the message has as whole words.
fn find<'f>(filters: &'f [Filter], message: &Message) -> Option<&'f Filter> {
    if filters.is_empty() {
        return None;
    }
    let content = message.content.to_lowercase();
    filters.iter().find(|filter| {
        let mut places = content.match_indices(&filter.words);
        places.any(|(at, found)| {
            let before = content[..at].chars().next_back();
            let after = content[at + found.len()..].chars().next();
            ![before, after].into_iter().flatten().any(char::is_alphanumeric)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_word_or_a_phrase_and_its_answer() {
        let filter = |words: &str, answer: &str| Filter {
            words: words.to_owned(),
            answer: answer.to_owned(),
        };
        assert_eq!(read("Hello hi there"), Some(filter("hello", "hi there")));
        assert_eq!(
            read("\"Good Morning\" to you, too\nall of you"),
            Some(filter("good morning", "to you, too\nall of you"))
        );
        for wrong in ["", "hello", "\"hello there", "\"\" x", "\"hello\" "] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_not_said_again_at_once() {
        let (answered, guild) = (Answered::default(), GuildId::new("-100").unwrap());
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        assert!(answered.may(&guild, "hello", now) && answered.may(&guild, "bye", now));
        assert!(!answered.may(&guild, "hello", now + TimeDelta::seconds(14)));
        assert!(answered.may(&guild, "hello", now + TimeDelta::seconds(15)));
    }
}
