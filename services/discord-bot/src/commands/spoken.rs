//! Commands that are said in a channel, to the bot by its name: `@LOCKDOWN mute @ana 2h spam`. What is said to it reaches it
//! also without the intent for contents. The answer is an answer to the message.

use super::input::Input;
use super::list::{self, Opt};
use super::{Commands, Told};
use crate::effects::permissions::STAFF;
use crate::read;
use crate::rest::{Ask, Priority};
use serde_json::{Value, json};
use serenity::http::Route;

/// Words of a duration that do not begin with a digit.
const LASTING: [&str; 3] = ["forever", "perm", "permanent"];

/// What was said to the bot, after its name; `None` when it was not meant.
pub(crate) fn addressed(message: &Value, own: u64) -> Option<&str> {
    let text = message["content"].as_str()?.trim_start();
    let rest = text.strip_prefix("<@")?;
    let rest = rest.strip_prefix('!').unwrap_or(rest);
    let rest = rest.strip_prefix(&own.to_string())?.strip_prefix('>')?;
    let person = message["author"]["bot"] != true && message["webhook_id"].is_null();
    Some(rest.trim()).filter(|rest| person && !rest.is_empty())
}

/// The command that these words are, and its options as Discord would send them; `None` when they are none.
pub(super) fn command(words: &str) -> Option<(String, Vec<Value>)> {
    let (first, rest) = next(words);
    let first = first.trim_start_matches(['/', '!']).to_lowercase();
    let (path, options, rest) = match list::options(&first, None) {
        Some(options) => (first, options, rest),
        None => {
            let (second, rest) = next(rest);
            let second = second.to_lowercase();
            let options = list::options(&first, Some(&second))?;
            (format!("{first} {second}"), options, rest)
        }
    };
    let mut found = Vec::new();
    let mut rest = rest;
    for option in options {
        if let Some((value, after)) = take(option, rest) {
            found.push(json!({ "name": option.name, "value": value }));
            rest = after;
        }
    }
    Some((path, found))
}

/// The value of an option that stands at the beginning of what is left, and what is left then.
fn take<'a>(option: &Opt, rest: &'a str) -> Option<(Value, &'a str)> {
    let (word, after) = next(rest);
    if word.is_empty() {
        return None;
    }
    match option.kind {
        list::USER | list::CHANNEL | list::ROLE => {
            let id = word
                .trim_start_matches(['<', '@', '!', '#', '&'])
                .trim_end_matches('>');
            // A number alone is an id only where it is as long as one.
            let is_id = id.len() >= 15 && id.bytes().all(|digit| digit.is_ascii_digit());
            is_id.then_some((json!(id), after))
        }
        list::NUMBER => {
            let number = word.trim_start_matches('#').parse::<u64>().ok()?;
            Some((json!(number), after))
        }
        list::FLAG => (word == option.name).then_some((json!(true), after)),
        list::FILE => None,
        _ if option.name == "duration" => duration(option, rest),
        // `unmute @ana in 2h`
        _ if option.name == "in" => (word == "in").then(|| duration(option, after)).flatten(),
        _ if !option.choices.is_empty() => option.choices.contains(&word).then_some((json!(word), after)),
        _ => Some((json!(rest), "")),
    }
}

/// A word that can only be a duration, or any where one is needed.
fn duration<'a>(option: &Opt, rest: &'a str) -> Option<(Value, &'a str)> {
    let (word, after) = next(rest);
    let looks = word.starts_with(|c: char| c.is_ascii_digit()) || LASTING.contains(&word);
    (looks || option.needed).then_some((json!(word), after))
}

fn next(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

// === impl Commands ===

impl Commands {
    /// Answers somebody who spoke to the bot in a channel.
    pub(super) async fn take_spoken(&self, guild: u64, channel: u64, message: &Value) {
        let Some(words) = addressed(message, self.own) else {
            return;
        };
        let Some((path, options)) = command(words) else {
            return;
        };
        let Some(author) = read::id(&message["author"]["id"]) else {
            return;
        };
        let roles = crate::intake::role_ids(&message["member"]);
        let held = self
            .discord
            .guilds
            .permissions_in(guild, channel, author, &roles)
            .unwrap_or(0);
        let Some(mut input) = Input::spoken(message, (guild, channel, author), roles, held) else {
            return;
        };
        input.path = path;
        input.put_options(options);
        let settings = self.book.of(&super::of(&input.guild.id)).await;
        input.tongue = crate::words::WORDS.tongue(Some(&settings.locale));
        input.zone = self.zone(&input).await;
        let told = self.answer(&input).await;
        // Whoever keeps no order could have the bot say something as often as they like.
        if told.is_refusal() && held & STAFF == 0 {
            return;
        }
        self.say(&input, &told).await;
    }

    async fn say(&self, input: &Input, told: &Told) {
        let parts = std::iter::once(told.text()).chain(told.more());
        for (at, text) in parts.enumerate() {
            if !self.say_in_channel(input, at, &text, true).await {
                return;
            }
        }
    }

    /// An answer, or a part of one, for all to see; to the message that asked for it, where there is one.
    pub(super) async fn say_in_channel(&self, input: &Input, at: usize, text: &str, answers: bool) -> bool {
        let mut body = json!({
            "content": text, "allowed_mentions": { "parse": [], "replied_user": false },
            "nonce": format!("{:x}-{at}", input.id), "enforce_nonce": true,
        });
        if answers {
            body["message_reference"] =
                json!({ "message_id": input.id.to_string(), "fail_if_not_exists": false });
        }
        let channel = input.channel.number;
        let route = Route::ChannelMessages {
            channel_id: channel.into(),
        };
        let ask = Ask::post(route, channel).body(&body).priority(Priority::Notice);
        let said = self.rest.call(ask).await;
        if let Err(error) = &said {
            tracing::info!("An answer did not reach the moderator: {error}");
        }
        said.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_called_is_addressed() {
        let said = |content: &str| json!({ "content": content, "author": { "id": "5" }, "webhook_id": null });
        assert_eq!(addressed(&said(" <@9> ban 5"), 9), Some("ban 5"));
        assert_eq!(addressed(&said("<@!9> ban"), 9), Some("ban"));
        for other in ["<@91> ban", "hello <@9> ban", "<@9>", "ban", ""] {
            assert_eq!(addressed(&said(other), 9), None, "{other}");
        }
        let mut bot = said("<@9> ban 5");
        bot["author"]["bot"] = json!(true);
        assert_eq!(addressed(&bot, 9), None);
    }

    #[test]
    fn words_are_options_in_their_order() {
        let ana = "123456789012345678";
        let check = |words: &str, path: &str, expected: &[(&str, Value)]| {
            let (found, options) = command(words).unwrap();
            let options: Vec<(String, Value)> = options
                .iter()
                .map(|option| {
                    (
                        option["name"].as_str().unwrap().to_owned(),
                        option["value"].clone(),
                    )
                })
                .collect();
            let expected: Vec<(String, Value)> = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect();
            assert_eq!((found.as_str(), options), (path, expected), "{words}");
        };
        check(
            &format!("mute <@{ana}> 2h too  loud"),
            "mute",
            &[
                ("user", json!(ana)),
                ("duration", json!("2h")),
                ("reason", json!("too  loud")),
            ],
        );
        check(
            &format!("unmute {ana} in 2h sorry"),
            "unmute",
            &[
                ("user", json!(ana)),
                ("in", json!("2h")),
                ("reason", json!("sorry")),
            ],
        );
        check(
            &format!("unmute {ana} in error"),
            "unmute",
            &[("user", json!(ana)), ("reason", json!("in error"))],
        );
        check(
            &format!("/Ban {ana} spam"),
            "ban",
            &[("user", json!(ana)), ("reason", json!("spam"))],
        );
        check("case view #17", "case view", &[("number", json!(17))]);
        check("case list warn", "case list", &[("type", json!("warn"))]);
        check("slowmode off", "slowmode", &[("duration", json!("off"))]);
        check("ban mallory", "ban", &[("reason", json!("mallory"))]);
        assert_eq!(command("hello there"), None);
        assert_eq!(command("case"), None);
    }
}
