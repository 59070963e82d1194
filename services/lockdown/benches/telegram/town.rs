//! Groups with a blocklist, and what people say in them.

use crate::serve::{Served, TOKEN};
use anyhow::{Context as _, bail};
use lockdown_testkit::fakes::FakeTelegram;
use lockdown_testkit::fakes::telegram::{Limit, Permissions, Status};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);
const BAD: &str = "free nitro for everybody";
const GOOD: &str = "when is the next meeting, and who brings the tea?";
/// Of so many messages one is bad.
const ONE_OF: u32 = 50;

pub(crate) struct Town {
    telegram: FakeTelegram,
    bot: i64,
    owner: i64,
    /// Whoever says something bad in one of these is banned; in the second all the others talk too.
    strict: i64,
    crowded: i64,
    chats: Vec<i64>,
    /// Somebody in each of the chats.
    people: Vec<i64>,
    _served: Served,
}

/// A Telegram with the bot's account and somebody who owns groups.
pub(crate) async fn telegram() -> anyhow::Result<(FakeTelegram, i64)> {
    let telegram = FakeTelegram::start().await?;
    let bot = telegram.add_bot(TOKEN, "lockdown");
    Ok((telegram, bot))
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, is: impl Fn() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is() {
        if begun.elapsed() > PATIENCE {
            bail!("not yet: {what}");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

// === impl Town ===

impl Town {
    pub(crate) async fn found(count: usize) -> anyhow::Result<Self> {
        let (telegram, bot) = telegram().await?;
        let owner = telegram.add_person("Olga", Some("olga"));
        let served = Served::start(&["whole", &telegram.url()])?;
        until("the bot asks for updates", || {
            !telegram.calls("getUpdates").is_empty()
        })
        .await?;
        let group = |name: &str| {
            let chat = telegram.add_supergroup(name, owner);
            let rights = Status::administrator(Permissions::administrator());
            telegram.set_status(chat, owner, bot, rights);
            chat
        };
        let (strict, crowded) = (group("Strict"), group("Crowded"));
        let chats: Vec<i64> = (0..count)
            .map(|number| group(&format!("Town {number}")))
            .collect();
        let people = chats.iter().map(|chat| {
            let person = telegram.add_person("Paul", None);
            telegram.join(*chat, person);
            person
        });
        let people = people.collect();
        let town = Self {
            telegram,
            bot,
            owner,
            strict,
            crowded,
            chats,
            people,
            _served: served,
        };
        for chat in [strict, crowded] {
            town.command(chat, "/addblocklist free nitro", "1 entry").await?;
            town.command(chat, "/blocklistmode ban", "ban").await?;
        }
        for chat in &town.chats {
            town.command(*chat, "/addblocklist free nitro", "1 entry").await?;
        }
        // Who judges has heard of the rules.
        for (chat, person) in town.chats.iter().zip(&town.people) {
            town.heard(*chat, *person).await?;
        }
        for chat in [strict, crowded] {
            let first = town.telegram.add_person("First", None);
            town.telegram.join(chat, first);
            town.heard(chat, first).await?;
        }
        for person in &town.people {
            town.telegram.add_member(crowded, owner, *person);
        }
        Ok(town)
    }

    /// The owner commands it until the bot answers with these words: a group that has just come is not known at once.
    async fn command(&self, chat: i64, text: &str, words: &str) -> anyhow::Result<()> {
        for _ in 0..50 {
            self.telegram.say(chat, self.owner, text);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(2) {
                let said = self.telegram.said(chat, self.bot);
                if said.iter().any(|said| said.contains(words)) {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        bail!(
            "the bot does not answer `{text}`: {:?}",
            self.telegram.said(chat, self.bot)
        )
    }

    /// Somebody says something bad until it goes.
    async fn heard(&self, chat: i64, person: i64) -> anyhow::Result<()> {
        for _ in 0..50 {
            let message = self.telegram.say(chat, person, BAD);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(2) {
                if self.telegram.message(chat, message).is_none() {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        bail!("the rules of {chat} do not judge")
    }

    /// Spam of so many people at once in one chat: the seconds until all of it is gone and all of them are banned, while each
    /// of them is told, as fast as Telegram lets us tell.
    pub(crate) async fn flood(&self, count: usize) -> anyhow::Result<f64> {
        let crowd: Vec<i64> = (0..count)
            .map(|number| {
                let person = self.telegram.add_person(&format!("Crowd {number}"), None);
                self.telegram.add_member(self.strict, self.owner, person);
                self.telegram.start_bot(person, self.bot);
                person
            })
            .collect();
        until("all who came are known", || self.telegram.waiting(self.bot) == 0).await?;
        self.telegram.limit(Limit::sends());
        let begun = Instant::now();
        let spam: Vec<i64> = crowd
            .iter()
            .map(|person| self.telegram.say(self.strict, *person, BAD))
            .collect();
        until("the spam is gone and its authors are banned", || {
            let gone = |message: &i64| self.telegram.message(self.strict, *message).is_none();
            let banned = |person: &i64| self.telegram.status(self.strict, *person).is_banned();
            // The last first: they are the likeliest to be left.
            spam.iter().rev().all(gone) && crowd.iter().rev().all(banned)
        })
        .await?;
        let took = begun.elapsed().as_secs_f64();
        self.telegram.limit(Vec::new());
        Ok(took)
    }

    /// Spam behind so many harmless messages of the same chat: for each time, the milliseconds from when it was posted until it is
    /// gone and its author is banned.
    pub(crate) async fn spam_in_a_crowd(&self, times: usize, crowd: usize) -> anyhow::Result<Vec<f64>> {
        let mut waited = Vec::with_capacity(times);
        for number in 0..times {
            let spammer = self.telegram.add_person(&format!("Spammer {number}"), None);
            self.telegram.join(self.crowded, spammer);
            until("who came is known", || self.telegram.waiting(self.bot) == 0).await?;
            for number in 0..crowd {
                let person = self.people[number % self.people.len()];
                self.telegram.say(self.crowded, person, GOOD);
            }
            let begun = Instant::now();
            let spam = self.telegram.say(self.crowded, spammer, BAD);
            until("the spammer is banned", || {
                self.telegram.message(self.crowded, spam).is_none()
                    && self.telegram.status(self.crowded, spammer).is_banned()
            })
            .await?;
            waited.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(waited)
    }

    /// Messages at a steady rate in all chats: for each bad one, the milliseconds from when it was posted until its deletion was
    /// asked for.
    pub(crate) async fn bad_among_good(&self, per_second: u32, lasts: Duration) -> anyhow::Result<Vec<f64>> {
        let count = per_second * u32::try_from(lasts.as_secs()).context("a short time")?;
        let gap = Duration::from_secs(1) / per_second;
        let before = self.telegram.requests().len();
        let (begun, mut bad) = (Instant::now(), HashMap::new());
        for number in 0..count {
            tokio::time::sleep_until((begun + gap * number).into()).await;
            let at = number as usize % self.chats.len();
            let (chat, person) = (self.chats[at], self.people[at]);
            // One of each fifty, in another chat each time.
            let is_bad = number % ONE_OF == (number / ONE_OF) % ONE_OF;
            let now = self.telegram.now();
            let message = self.telegram.say(chat, person, if is_bad { BAD } else { GOOD });
            if is_bad {
                bad.insert((chat, message), now);
            }
        }
        until("what is bad is gone", || {
            bad.keys()
                .all(|(chat, message)| self.telegram.message(*chat, *message).is_none())
        })
        .await?;
        let mut waited = Vec::with_capacity(bad.len());
        for call in &self.telegram.requests()[before..] {
            let chat = call.params["chat_id"].as_i64().unwrap_or_default();
            let messages = match call.method.as_str() {
                "deletemessage" => std::slice::from_ref(&call.params["message_id"]),
                "deletemessages" => call.params["message_ids"]
                    .as_array()
                    .map_or(&[][..], Vec::as_slice),
                _ => continue,
            };
            for message in messages.iter().filter_map(serde_json::Value::as_i64) {
                if let Some(posted) = bad.remove(&(chat, message)) {
                    let micros = (call.at - posted).num_microseconds().unwrap_or(i64::MAX);
                    waited.push(micros as f64 / 1_000.0);
                }
            }
        }
        Ok(waited)
    }
}
