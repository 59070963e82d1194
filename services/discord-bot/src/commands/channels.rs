//! `/slowmode`, `/lock`, `/unlock`, `/lockdown`.

use super::Commands;
use super::answers::{Told, exact, until};
use super::input::Input;
use crate::case::shorten;
use crate::effects::permissions::{MANAGE_CHANNELS, MANAGE_GUILD, MANAGE_ROLES, SEND_MESSAGES, VIEW_CHANNEL};
use crate::effects::{LockError, Locked, SLOWEST, Wanted};
use crate::read;
use crate::rest::{Ask, Priority};
use crate::words::escape;
use chrono::{DateTime, Utc};
use lockdown_events::ModerationDeed;
use lockdown_moderation::words::{Tongue, With};
use lockdown_moderation::{Span, Term};
use lockdown_runtime::chain;
use serde_json::json;
use serenity::http::Route;

/// Discord's flag for a message whose links show nothing of where they lead.
const NO_PREVIEWS: u64 = 4;

// === impl Commands ===

impl Commands {
    pub(super) async fn slowmode(&self, input: &Input) -> Result<Told, String> {
        let (tongue, channel) = (input.tongue, self.place(input));
        let text = input.text("duration").unwrap_or_default();
        let seconds = slowness(tongue, &text)?;
        self.may(input, channel, MANAGE_CHANNELS, 0)?;
        let trouble = |error| Self::trouble(tongue, &error, channel, MANAGE_CHANNELS);
        let now = self.discord.raw_channel(channel).await.map_err(trouble)?;
        let before = now["rate_limit_per_user"].as_u64().unwrap_or(0);
        let place = format!("<#{channel}>");
        let said = match Span::seconds(seconds) {
            Ok(span) => tongue.say(
                "slowmode.set",
                &[("channel", &place), ("span", &tongue.span(span))],
            ),
            Err(_) => tongue.say("slowmode.off", &[("channel", &place)]),
        };
        if before == seconds {
            return Ok(Told::nothing(&said));
        }
        self.discord
            .slow_down(channel, seconds, &self.audit(input))
            .await
            .map_err(trouble)?;
        let deed = ModerationDeed {
            before: Some(before.to_string()),
            after: Some(seconds.to_string()),
            ..self.deed(input, "slowmode", Some(channel))
        };
        self.record(deed).await;
        Ok(Told::done(&said))
    }

    pub(super) async fn lock(&self, input: &Input) -> Result<Told, String> {
        let (tongue, channel) = (input.tongue, self.place(input));
        let place = format!("<#{channel}>");
        if self.is_thread(input, channel) {
            return Err(tongue.say("lock.thread", &[]));
        }
        let ends = self.term(input)?;
        self.may(input, channel, MANAGE_CHANNELS, MANAGE_ROLES)?;
        let audit = self.audit(input);
        let wanted = Wanted {
            guild: input.guild.number,
            until: ends,
            wide: false,
            audit: &audit,
        };
        // Before the lock: afterwards the bot itself may be silent there.
        let said = match input.text("message") {
            Some(text) => Some(self.announce(input, channel, &text).await),
            None => None,
        };
        let locked = self.locks.lock(channel, wanted).await;
        if !matches!(locked, Ok(Locked::Now))
            && let Some(Ok(message)) = &said
            && let Err(error) = self
                .discord
                .remove(input.guild.number, channel, &[*message], &audit)
                .await
        {
            tracing::info!(
                channel,
                "The message of a lock that did not come about stays: {error}"
            );
        }
        let locked = locked.map_err(|error| lock_trouble(tongue, &error, channel))?;
        let until = ends.map_or_else(String::new, |at| until(tongue, at));
        let with: With<'_> = &[("channel", &place), ("until", &until)];
        match locked {
            Locked::Silent => return Ok(Told::nothing(&tongue.say("lock.silent", &[("channel", &place)]))),
            Locked::Already => return Ok(Told::nothing(&tongue.say("lock.already", with))),
            Locked::Now => {}
        }
        let deed = self.deed(input, "lock", Some(channel));
        self.record(ModerationDeed {
            after: ends.map(|at| at.to_rfc3339()),
            ..deed
        })
        .await;
        let unsaid = said.and_then(Result::err).map(|why| format!("❌ {why}"));
        Ok(Told::done(&tongue.say("lock.done", with)).with_lines(unsaid))
    }

    /// Says in a channel why it is locked; the message, or why there is none.
    async fn announce(&self, input: &Input, channel: u64, text: &str) -> Result<u64, String> {
        let tongue = input.tongue;
        self.may(input, channel, SEND_MESSAGES, VIEW_CHANNEL)?;
        let text = shorten(&escape(text), 1_900);
        let body = json!({
            "content": format!("🔒 {text}"), "allowed_mentions": { "parse": [] }, "flags": NO_PREVIEWS,
            "nonce": format!("{:x}-l", input.id), "enforce_nonce": true,
        });
        let route = Route::ChannelMessages {
            channel_id: channel.into(),
        };
        let ask = Ask::post(route, channel).body(&body).priority(Priority::Sanction);
        let said = self.rest.call(ask).await;
        let said = said.map_err(|error| Self::trouble(tongue, &error, channel, SEND_MESSAGES))?;
        read::id(&said["id"]).ok_or_else(|| tongue.say("discord.away", &[]))
    }

    pub(super) async fn unlock(&self, input: &Input) -> Result<Told, String> {
        let (tongue, channel) = (input.tongue, self.place(input));
        let place = format!("<#{channel}>");
        self.may(input, channel, MANAGE_CHANNELS, MANAGE_ROLES)?;
        let opened = self
            .locks
            .unlock(input.guild.number, channel, &self.audit(input))
            .await;
        if !opened.map_err(|error| lock_trouble(tongue, &error, channel))? {
            return Ok(Told::nothing(
                &tongue.say("unlock.not_locked", &[("channel", &place)]),
            ));
        }
        self.record(self.deed(input, "unlock", Some(channel))).await;
        Ok(Told::done(&tongue.say("unlock.done", &[("channel", &place)])))
    }

    pub(super) async fn lockdown_start(&self, input: &Input) -> Result<Told, String> {
        let (tongue, guild) = (input.tongue, input.guild.number);
        let ends = self.term(input)?;
        self.may(input, input.channel.number, MANAGE_CHANNELS, MANAGE_ROLES)?;
        let audit = self.audit(input);
        let again = self.locks.is_closed(guild);
        self.locks
            .close(guild, ends, false)
            .await
            .map_err(|error| lock_trouble(tongue, &error, 0))?;
        let (mut locked, mut failed) = (0, Vec::new());
        for channel in self.discord.guilds.get(guild).unwrap_or_default().spoken() {
            let wanted = Wanted {
                guild,
                until: None,
                wide: true,
                audit: &audit,
            };
            let lacks = self.may(input, channel, MANAGE_CHANNELS, MANAGE_ROLES).err();
            let outcome = match lacks {
                Some(why) => Err(why),
                None => self
                    .locks
                    .lock(channel, wanted)
                    .await
                    .map_err(|error| lock_trouble(tongue, &error, channel)),
            };
            match outcome {
                Ok(Locked::Now) => locked += 1,
                Ok(Locked::Already | Locked::Silent) => {}
                Err(why) => failed.push(format!("❌ <#{channel}>: {why}")),
            }
        }
        let until = ends.map_or_else(String::new, |at| until(tongue, at));
        if !again || locked > 0 {
            let deed = self.deed(input, "lockdown_start", None);
            let after = ends.map(|at| at.to_rfc3339());
            self.record(ModerationDeed {
                count: Some(locked),
                after,
                ..deed
            })
            .await;
        }
        let said = tongue.count("lockdown.started", locked, &[("until", &until)]);
        let mut lines = failed;
        if self
            .discord
            .guilds
            .own_permissions(guild)
            .is_some_and(|held| held & MANAGE_GUILD == 0)
        {
            lines.push(tongue.say("lockdown.invites_open", &[]));
        }
        let told = if again && locked == 0 {
            Told::nothing(&said)
        } else {
            Told::done(&said)
        };
        Ok(told.with_lines(lines))
    }

    pub(super) async fn lockdown_end(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        self.may(input, input.channel.number, MANAGE_CHANNELS, MANAGE_ROLES)?;
        let Some((opened, trouble)) = self.locks.reopen(input.guild.number, &self.audit(input)).await else {
            return Ok(Told::nothing(&tongue.say("lockdown.not_closed", &[])));
        };
        let opened = opened as u64;
        let deed = self.deed(input, "lockdown_end", None);
        self.record(ModerationDeed {
            count: Some(opened),
            ..deed
        })
        .await;
        let told = Told::done(&tongue.count("lockdown.ended", opened, &[]));
        let again = trouble.map(|error| {
            tracing::warn!(
                "A channel of a closed guild could not be opened: {}",
                chain(&error)
            );
            format!("❌ {}", tongue.say("lockdown.later", &[]))
        });
        Ok(told.with_lines(again))
    }

    /// The channel that is meant: this one, when none is named.
    pub(super) fn place(&self, input: &Input) -> u64 {
        input.number("channel").unwrap_or(input.channel.number)
    }

    fn is_thread(&self, input: &Input, channel: u64) -> bool {
        let known = self.discord.guilds.channel(input.guild.number, channel);
        known.is_some_and(|known| known.above.is_some())
    }

    /// When what is asked for shall end; `None`: when somebody ends it.
    fn term(&self, input: &Input) -> Result<Option<DateTime<Utc>>, String> {
        match input.text("duration") {
            Some(text) => self.until(input, &text).map(Term::at),
            None => Ok(None),
        }
    }
}

/// `30`, `30s`, `5m`, `off`: seconds where no unit is given, as everywhere for slowmode.
fn slowness(tongue: &Tongue, text: &str) -> Result<u64, String> {
    let seconds = match text.trim().to_lowercase().as_str() {
        "off" | "0" | "none" | "no" => 0,
        text => match text.parse() {
            Ok(seconds) => seconds,
            Err(_) => {
                let span: Result<Span, _> = text.parse();
                span.map_err(|error| exact(tongue, &error, "duration.wrong"))?
                    .as_seconds()
            }
        },
    };
    if seconds > SLOWEST {
        return Err(tongue.say("slowmode.limit", &[]));
    }
    Ok(seconds)
}

fn lock_trouble(tongue: &Tongue, error: &LockError, channel: u64) -> String {
    match error {
        LockError::Rest(error) => Commands::trouble(tongue, error, channel, MANAGE_ROLES),
        LockError::Board(_) | LockError::Unreadable => {
            tracing::warn!(channel, "A channel is not locked: {}", chain(error));
            exact(tongue, &error, "lock.unsafe")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WORDS;

    #[test]
    fn a_bare_number_is_seconds() {
        let read = |text| slowness(WORDS.tongue(None), text);
        for (text, seconds) in [("30", 30), ("0", 0), ("off", 0), (" 5m ", 300), ("6h", 21_600)] {
            assert_eq!(read(text), Ok(seconds), "{text}");
        }
        assert!(read("7h").unwrap_err().contains("6 hours"));
        assert!(read("21601").is_err() && read("soon").is_err() && read("-5").is_err());
    }
}
