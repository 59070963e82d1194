//! What the bot says in chats: without a sound, as an answer where there is something to answer, and gone again when it
//! would only be in the way.

use crate::client::{CallError, Class, Client};
use crate::due::{Due, Task};
use crate::platform::{LONGEST, cut};
use crate::words::WORDS;
use lockdown_events::{ButtonPressed, ChannelId, GuildId, Message, MessageId, Platform};
use lockdown_moderation::hands::SettingsBook;
use lockdown_moderation::words::Tongue;
use lockdown_moderation::{GuildRef, Settings};
use lockdown_runtime::chain;
use std::sync::Arc;
use std::time::Duration;
use teloxide::payloads::{
    AnswerCallbackQuery, EditMessageText, SendDocument, SendDocumentSetters, SendMessage, SendMessageSetters,
    SendPhoto, SendPhotoSetters,
};
use teloxide::prelude::ChatId;
use teloxide::types::{
    self, CallbackQueryId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, ParseMode, ReplyParameters,
    ThreadId,
};

/// The longest answer to a press, in UTF-16 units.
const LONGEST_ANSWER: usize = 200;

/// The same below a picture.
const LONGEST_CAPTION: usize = 1_024;

/// Something to say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) words: String,
    /// Whether the words are Telegram's HTML.
    pub(crate) html: bool,
    pub(crate) answers: Option<MessageId>,
    pub(crate) thread: Option<ChannelId>,
    /// Rows of buttons: what stands on each and what it sends.
    pub(crate) buttons: Vec<Vec<(String, String)>>,
    /// A picture above the words, as a PNG.
    pub(crate) picture: Option<Vec<u8>>,
    /// A file with this name below the words.
    pub(crate) file: Option<(String, Vec<u8>)>,
    /// After how long it goes again; for ever without.
    pub(crate) stays: Option<Duration>,
}

#[derive(Clone)]
pub(crate) struct Speaker {
    client: Client,
    due: Due,
    book: SettingsBook,
}

// === impl Line ===

impl Line {
    /// An answer, where the message stands.
    pub(crate) fn answer(message: &Message, words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            answers: Some(message.message_id.clone()),
            thread: message.thread_id.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn staying(self, stays: Duration) -> Self {
        Self {
            stays: Some(stays),
            ..self
        }
    }

    fn markup(&self) -> Option<InlineKeyboardMarkup> {
        let button = |(label, data): &(String, String)| InlineKeyboardButton::callback(label, data);
        let rows = self.buttons.iter().map(|row| row.iter().map(button));
        (!self.buttons.is_empty()).then(|| InlineKeyboardMarkup::new(rows))
    }
}

// === impl Speaker ===

impl Speaker {
    pub(crate) fn new(client: Client, due: Due, book: SettingsBook) -> Self {
        Self { client, due, book }
    }

    /// What a community chose.
    pub(crate) async fn settings(&self, guild: &GuildId) -> Arc<Settings> {
        self.book.of(&of(guild)).await
    }

    /// Somebody chose something by a command.
    pub(crate) fn chosen(&self, guild: &GuildId) {
        self.book.changed(&of(guild));
    }

    /// The language that is spoken in a community.
    pub(crate) async fn tongue(&self, guild: &GuildId) -> &'static Tongue {
        WORDS.tongue(Some(&self.settings(guild).await.locale))
    }

    /// Says it in a community; the number under which it stands there.
    pub(crate) async fn say(&self, guild: &GuildId, line: &Line) -> Result<Option<MessageId>, CallError> {
        self.say_as(Class::Notice, guild, line).await
    }

    /// The same, in the turn of this class.
    pub(crate) async fn say_as(
        &self,
        class: Class,
        guild: &GuildId,
        line: &Line,
    ) -> Result<Option<MessageId>, CallError> {
        let chat = self.client.chat(guild)?;
        let said = match self.client.chat_of_messages(guild) {
            Ok(_) => self.send(class, chat, line).await?,
            Err(_) => {
                let beside = Line {
                    answers: None,
                    thread: None,
                    ..line.clone()
                };
                self.send(class, chat, &beside).await?
            }
        };
        if let (Some(stays), Some(message)) = (line.stays, &said) {
            let task = Task::Delete {
                // Where it stands now.
                guild: GuildId::new(&chat.0.to_string()).unwrap_or_else(|_| guild.clone()),
                message: message.clone(),
            };
            // What could not be put down stays; nobody is harmed by it.
            if let Err(error) = self
                .due
                .put(&format!("delete/{guild}/{message}"), &task, stays)
                .await
            {
                tracing::warn!(%guild, "A message of ours will stay: {}", chain(&error));
            }
        }
        Ok(said)
    }

    /// Says it in any chat, that of one person with the bot among them. Where its topic is gone it is said beside.
    pub(crate) async fn send(
        &self,
        class: Class,
        chat: ChatId,
        line: &Line,
    ) -> Result<Option<MessageId>, CallError> {
        match self.send_there(class, chat, line).await {
            Err(CallError::Refused { words, .. })
                if line.thread.is_some() && words.contains("message thread not found") =>
            {
                let beside = Line {
                    thread: None,
                    ..line.clone()
                };
                self.send_there(class, chat, &beside).await
            }
            sent => sent,
        }
    }

    async fn send_there(
        &self,
        class: Class,
        chat: ChatId,
        line: &Line,
    ) -> Result<Option<MessageId>, CallError> {
        let number = |text: &str| text.parse().ok().map(types::MessageId);
        let to = line.answers.as_ref().and_then(|to| number(to.as_str()));
        let thread = line.thread.as_ref().and_then(|thread| number(thread.as_str()));
        let words = cut(&line.words, LONGEST);
        let markup = line.markup();
        let make = |place: ChatId| {
            let mut sent = SendMessage::new(place, words.clone()).disable_notification(true);
            // What it answers stayed behind where the chat has moved.
            let to = to.filter(|_| place == chat);
            sent.reply_parameters = to.map(|to| ReplyParameters::new(to).allow_sending_without_reply());
            sent.message_thread_id = thread.map(ThreadId);
            sent.parse_mode = line.html.then_some(ParseMode::Html);
            sent.reply_markup = markup.clone().map(Into::into);
            sent
        };
        let caption = cut(&line.words, LONGEST_CAPTION);
        let said = if let Some((name, file)) = &line.file {
            let give = |chat| {
                let file = InputFile::memory(file.clone()).file_name(name.clone());
                let mut sent = SendDocument::new(chat, file).disable_notification(true);
                sent.caption = Some(caption.clone()).filter(|caption| !caption.is_empty());
                sent.message_thread_id = thread.map(ThreadId);
                sent
            };
            self.client.upload(class, chat, give).await?
        } else if let Some(picture) = &line.picture {
            let show = |chat| {
                let file = InputFile::memory(picture.clone()).file_name("picture.png");
                let mut sent = SendPhoto::new(chat, file).disable_notification(true);
                sent.caption = Some(caption.clone());
                sent.message_thread_id = thread.map(ThreadId);
                sent.parse_mode = line.html.then_some(ParseMode::Html);
                sent.reply_markup = markup.clone().map(Into::into);
                sent
            };
            self.client.upload(class, chat, show).await?
        } else {
            self.client.call(class, chat, make).await?
        };
        let id = said["message_id"].as_i64();
        Ok(id.and_then(|id| MessageId::new(&id.to_string()).ok()))
    }

    /// Changes what stands there.
    pub(crate) async fn change(
        &self,
        guild: &GuildId,
        message: &MessageId,
        line: &Line,
    ) -> Result<(), CallError> {
        let chat = self.client.chat_of_messages(guild)?;
        let Ok(number) = message.as_str().parse() else {
            return Ok(());
        };
        let (words, markup) = (cut(&line.words, LONGEST), line.markup());
        let make = |chat: ChatId| {
            let mut edit = EditMessageText::new(chat, types::MessageId(number), words.clone());
            edit.parse_mode = line.html.then_some(ParseMode::Html);
            edit.reply_markup.clone_from(&markup);
            edit
        };
        match self.client.call(Class::Delete, chat, make).await {
            Err(CallError::Refused { words, .. }) if words.contains("not modified") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Answers whoever pressed a button, alone. Telegram waits for it a short while only, so that it fails is no loss.
    pub(crate) async fn answer(&self, pressed: &ButtonPressed, words: &str) {
        let (Some(query), Ok(chat)) = (&pressed.query_id, pressed.channel_id.as_str().parse()) else {
            return;
        };
        let words = cut(words, LONGEST_ANSWER);
        let make = |_| {
            let mut answer = AnswerCallbackQuery::new(CallbackQueryId(query.clone()));
            if !words.is_empty() {
                answer.text = Some(words.clone());
                answer.show_alert = Some(true);
            }
            answer
        };
        if let Err(error) = self.client.call(Class::Sanction, ChatId(chat), make).await {
            tracing::debug!("Could not answer a press: {error}");
        }
    }
}

fn of(guild: &GuildId) -> GuildRef {
    GuildRef {
        platform: Platform::Telegram,
        id: guild.clone(),
    }
}

/// A text within Telegram's HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A name from which nobody can be led anywhere: what would be a link or a mention in it is broken by letters that nobody sees.
/// Who comes with an advertisement for a name does not have it said again by us.
pub(crate) fn unlinked(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for letter in name.chars() {
        plain.push(letter);
        if matches!(letter, '.' | '@' | '/' | ':' | '\u{3002}') {
            plain.push('\u{2060}');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere() {
        assert_eq!(unlinked("Eve Smith-Jones 2"), "Eve Smith-Jones 2");
        let led = [
            "t.me/spam",
            "@spam",
            "https://spam.example",
            "tg://resolve?domain=x",
        ];
        for name in led {
            let plain = unlinked(name);
            for part in ["t.me/", "@s", "://", "spam.ex"] {
                assert!(!plain.contains(part), "{plain:?}");
            }
            assert_eq!(plain.replace('\u{2060}', ""), name);
        }
    }
}
