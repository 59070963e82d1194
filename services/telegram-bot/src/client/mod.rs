//! Calls to Telegram: typed on the way out, read as they are on the way back.
//!
//! The library sends and tells errors apart; its own types for answers would fail on whatever is newer than they are.
//! Each call has a [`Class`], by which the limiter lets sanctions overtake deletions, and those notices.

mod error;
mod limiter;
mod methods;

pub(crate) use error::CallError;
pub(crate) use limiter::Class;
pub(crate) use methods::{
    AnswerJoinQuery, DeleteReactions, GetAdministrators, Promote, RawUpdates, Restrict, SetPermissions,
    SetWebhook,
};

use anyhow::Context as _;
use limiter::{Limiter, Pass};
use lockdown_events::GuildId;
use lockdown_runtime::{Clock, Secret, SecretUrl};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use teloxide::RequestError;
use teloxide::net::Download as _;
use teloxide::payloads::{
    CloseForumTopic, DeleteMessages, EditMessageText, GetChat, GetFile, PinChatMessage, UnpinChatMessage,
};
use teloxide::prelude::{Bot, Request as _};
use teloxide::requests::{JsonRequest, MultipartPayload, MultipartRequest, Payload};
use teloxide::types::{ChatId, FileId, InputFile, Recipient};

/// Telegram answers a call within a second or two. After a fault of its own the library rests for ten before it says so:
/// whoever waits for a sanction has given up by then.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a poll is held open by Telegram, and how long we wait for it at most.
pub(crate) const POLL: Duration = Duration::from_secs(25);
const POLL_PATIENCE: Duration = Duration::from_secs(40);
/// A wait that Telegram asks for is waited out here up to this; whoever asked for the call decides about a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(40);
/// How often one call is tried after waits.
const TRIES: u32 = 5;

/// Methods that name messages by their numbers.
const OF_MESSAGES: [&str; 5] = [
    DeleteMessages::NAME,
    EditMessageText::NAME,
    PinChatMessage::NAME,
    UnpinChatMessage::NAME,
    CloseForumTopic::NAME,
];

/// The bot's account at Telegram. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    bot: Bot,
    /// With more patience, for polls.
    polling: Bot,
    limiter: Arc<Limiter>,
    /// Groups that became supergroups, by their former numbers.
    moved: Arc<Mutex<HashMap<i64, i64>>>,
    own: i64,
}

/// A payload of the library's, whose answer is read as it is.
struct Plain<P>(P);

impl<P: Payload> Payload for Plain<P> {
    type Output = Value;
    const NAME: &'static str = P::NAME;
}

impl<P: Serialize> Serialize for Plain<P> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<P: MultipartPayload> MultipartPayload for Plain<P> {
    fn copy_files(&self, into: &mut dyn FnMut(InputFile)) {
        self.0.copy_files(into);
    }

    fn move_files(&mut self, into: &mut dyn FnMut(InputFile)) {
        self.0.move_files(into);
    }
}

// === impl Client ===

impl Client {
    pub(crate) fn new(token: &Secret, api_url: Option<&SecretUrl>, clock: Clock) -> anyhow::Result<Self> {
        let own = token
            .expose()
            .split(':')
            .next()
            .and_then(|number| number.parse().ok());
        let own = own
            .context("TELEGRAM_TOKEN does not begin with the bot's number: copy it from @BotFather again")?;
        let bot = |patience| -> anyhow::Result<Bot> {
            let client = reqwest::Client::builder()
                .timeout(patience)
                .build()
                .context("could not make an HTTP client")?;
            let bot = Bot::with_client(token.expose(), client);
            Ok(match api_url {
                Some(url) => bot.set_api_url(url.url().clone()),
                None => bot,
            })
        };
        Ok(Self {
            bot: bot(PATIENCE)?,
            polling: bot(POLL_PATIENCE)?,
            limiter: Arc::new(Limiter::new(clock)),
            moved: Arc::default(),
            own,
        })
    }

    /// The bot's own number, which its token begins with.
    pub(crate) fn own(&self) -> i64 {
        self.own
    }

    pub(crate) fn bot(&self) -> &Bot {
        &self.bot
    }

    /// Where a community lives now.
    pub(crate) fn chat(&self, guild: &GuildId) -> Result<ChatId, CallError> {
        let id = guild
            .as_str()
            .parse()
            .map_err(|_| CallError::NoChat(guild.clone()))?;
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ChatId(moved.get(&id).copied().unwrap_or(id)))
    }

    /// The same for what is about messages of it. A group that moved leaves them behind: their numbers are those of others
    /// where it lives now.
    pub(crate) fn chat_of_messages(&self, guild: &GuildId) -> Result<ChatId, CallError> {
        let chat = self.chat(guild)?;
        if chat.0.to_string() == guild.as_str() {
            Ok(chat)
        } else {
            Err(CallError::LeftBehind)
        }
    }

    /// A group became a supergroup: what is asked for under its former number goes to the new one.
    pub(crate) fn moved(&self, from: i64, to: i64) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.insert(from, to);
    }

    /// Makes a call in a chat, when its turn comes. Waits that Telegram asks for are kept to the second; a chat that has
    /// moved is followed.
    pub(crate) async fn call<P>(
        &self,
        class: Class,
        chat: ChatId,
        make: impl Fn(ChatId) -> P + Send + Sync,
    ) -> Result<Value, CallError>
    where
        P: Payload + Serialize + Send + Sync + 'static,
    {
        let send = |chat| JsonRequest::new(self.bot.clone(), Plain(make(chat))).send();
        self.call_by(class, P::NAME, chat, send).await
    }

    /// The same, with a file in it.
    pub(crate) async fn upload<P>(
        &self,
        class: Class,
        chat: ChatId,
        make: impl Fn(ChatId) -> P + Send + Sync,
    ) -> Result<Value, CallError>
    where
        P: MultipartPayload + Serialize + Send + Sync + 'static,
    {
        let send = |chat| MultipartRequest::new(self.bot.clone(), Plain(make(chat))).send();
        self.call_by(class, P::NAME, chat, send).await
    }

    async fn call_by<F>(
        &self,
        class: Class,
        method: &'static str,
        chat: ChatId,
        send: impl Fn(ChatId) -> F + Send + Sync,
    ) -> Result<Value, CallError>
    where
        F: Future<Output = Result<Value, RequestError>> + Send,
    {
        let mut chat = chat;
        let mut tries = 0;
        loop {
            let pass = self.limiter.enter(class, method, chat.0, LONGEST_WAIT).await?;
            tries += 1;
            match within(send(chat), pass).await {
                Err(RequestError::MigrateToChatId(to)) if tries < TRIES => {
                    self.moved(chat.0, to.0);
                    if OF_MESSAGES.contains(&method) {
                        return Err(CallError::LeftBehind);
                    }
                    chat = to;
                }
                Err(RequestError::RetryAfter(seconds)) => {
                    let wait = seconds.duration();
                    self.limiter.block(method, chat.0, wait);
                    if wait > LONGEST_WAIT || tries >= TRIES {
                        return Err(CallError::Limited(wait));
                    }
                }
                Ok(answer) => return Ok(answer),
                Err(error) => return Err(CallError::of(method, error)),
            }
        }
    }

    /// Makes a call if its turn is now, and once.
    pub(crate) async fn call_now<P>(
        &self,
        class: Class,
        chat: ChatId,
        make: impl Fn(ChatId) -> P + Send + Sync,
    ) -> Result<Value, CallError>
    where
        P: Payload + Serialize + Send + Sync + 'static,
    {
        let pass = self.limiter.enter(class, P::NAME, chat.0, Duration::ZERO).await?;
        let answer = self.send(make(chat), pass).await;
        if let Err(RequestError::RetryAfter(seconds)) = &answer {
            self.limiter.block(P::NAME, chat.0, seconds.duration());
        }
        answer.map_err(|error| CallError::of(P::NAME, error))
    }

    /// The number of a public chat, by its name without the `@`.
    pub(crate) async fn public(&self, name: &str) -> Result<i64, CallError> {
        let chat = GetChat::new(Recipient::ChannelUsername(format!("@{name}")));
        let pass = self
            .limiter
            .enter(Class::Delete, GetChat::NAME, 0, LONGEST_WAIT)
            .await?;
        let answer = self.send(chat, pass).await;
        let about = answer.map_err(|error| CallError::of(GetChat::NAME, error))?;
        about["id"]
            .as_i64()
            .ok_or_else(|| CallError::Away("Telegram does not tell the number of a chat".to_owned()))
    }

    /// A file that somebody sent, if it has no more bytes than these.
    pub(crate) async fn file(&self, id: &str, most: u64) -> Result<Vec<u8>, CallError> {
        let refused = |words: &str| CallError::Refused {
            method: GetFile::NAME,
            words: words.to_owned(),
        };
        let pass = self
            .limiter
            .enter(Class::Delete, GetFile::NAME, 0, LONGEST_WAIT)
            .await?;
        let about = self.send(GetFile::new(FileId(id.to_owned())), pass).await;
        let about = about.map_err(|error| CallError::of(GetFile::NAME, error))?;
        if about["file_size"].as_u64().is_none_or(|size| size > most) {
            return Err(refused("the file is too large"));
        }
        let path = about["file_path"].as_str();
        let path = path.ok_or_else(|| refused("Telegram does not tell where the file is"))?;
        let mut file = Vec::new();
        let done = self.bot.download_file(path, &mut file).await;
        // The address has the token in it, so only the innermost cause is told.
        done.map_err(|error| CallError::Away(lockdown_runtime::probe::innermost(&error)))?;
        Ok(file)
    }

    async fn send<P>(&self, payload: P, pass: Pass) -> Result<Value, RequestError>
    where
        P: Payload + Serialize + Send + Sync + 'static,
    {
        within(JsonRequest::new(self.bot.clone(), Plain(payload)).send(), pass).await
    }

    /// Has updates sent to us.
    pub(crate) async fn set_webhook(&self, webhook: SetWebhook) -> Result<Value, RequestError> {
        JsonRequest::new(self.bot.clone(), webhook).send().await
    }

    /// Waits for updates after those that `offset` confirms. Nothing limits it but its answer.
    pub(crate) async fn updates(&self, updates: RawUpdates) -> Result<Vec<Value>, RequestError> {
        JsonRequest::new(self.polling.clone(), updates).send().await
    }
}

/// What comes of a call in good time.
async fn within(
    sending: impl Future<Output = Result<Value, RequestError>> + Send,
    pass: Pass,
) -> Result<Value, RequestError> {
    let answer = tokio::time::timeout(PATIENCE, sending).await;
    drop(pass);
    // The library keeps a 5xx to itself for longer than this.
    answer.unwrap_or_else(|_| {
        let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "Telegram did not answer in time");
        Err(RequestError::Io(Arc::new(late)))
    })
}
