//! What is published: short chat messages of many communities, each an event of 407 bytes on the wire.

use anyhow::{Context as _, ensure};
use lockdown_bus::Key;
use lockdown_events::{
    Author, ChannelId, Envelope, Event, EventId, GuildId, Mentions, Message, MessageEvent, MessageId,
    Platform, Source, UserId,
};
use lockdown_runtime::{Clock, Ids};

pub(crate) const TYPE: &str = "message:created";
const BYTES: usize = 407;
/// Message ids begin here, so that millions of them have one length.
const FIRST: usize = 1_000_000;
/// One of the largest public bots sees a few thousand communities speak in a minute.
const COMMUNITIES: u64 = 1_000;

pub(crate) struct Events {
    clock: Clock,
    ids: Ids,
    communities: Vec<(GuildId, Key)>,
    /// Fills an event up to its size.
    content: String,
}

// === impl Events ===

impl Events {
    pub(crate) fn new(clock: Clock) -> anyhow::Result<Self> {
        let community = |number: u64| {
            let guild = GuildId::new(&format!("-{}", 1_001_234_567_890 + number * 4_099))?;
            let key = Key::community(Platform::Telegram, &guild);
            Ok((guild, key))
        };
        let communities = (0..COMMUNITIES).map(community).collect::<anyhow::Result<_>>()?;
        let mut events = Self {
            ids: Ids::system(clock.clone()),
            clock,
            communities,
            content: String::new(),
        };
        let bare = events.make(0)?.0.encode().len();
        let room = BYTES
            .checked_sub(bare)
            .context("an empty message is too long already")?;
        events.content = "has anyone here tried this? "
            .chars()
            .cycle()
            .take(room)
            .collect();
        ensure!(
            events.make(0)?.0.encode().len() == BYTES,
            "the event has another size"
        );
        Ok(events)
    }

    /// The `number`th message; its community is that of its number.
    pub(crate) fn make(&self, number: usize) -> anyhow::Result<(Envelope, Key)> {
        let (guild, key) = &self.communities[number % self.communities.len()];
        let message = Message {
            platform: Platform::Telegram,
            guild_id: guild.clone(),
            message_id: MessageId::new(&(FIRST + number).to_string())?,
            channel_id: ChannelId::new(guild.as_str())?,
            thread_id: None,
            author_id: UserId::new("5311902203")?,
            author: Author::default(),
            invoker_id: None,
            content: self.content.clone(),
            edited_at: None,
            reply_to: None,
            reply_author_id: None,
            album_id: None,
            mentions: Mentions::default(),
            hidden_links: Vec::new(),
            embeds: Vec::new(),
            attachments: Vec::new(),
            forward: None,
            poll: None,
            stickers: Vec::new(),
            buttons: Vec::new(),
            surfaces: Vec::new(),
            unparsed: Vec::new(),
            service: None,
        };
        let event = Event::from(MessageEvent::Created(Box::new(message)));
        let id = EventId(self.ids.next());
        let envelope = Envelope::new(id, self.clock.now(), Source::TelegramBot, None, &event)?;
        Ok((envelope, key.clone()))
    }
}

/// The number of such a message.
pub(crate) fn number(event: &Event) -> Option<usize> {
    let Event::Message(MessageEvent::Created(message)) = event else {
        return None;
    };
    let id: usize = message.message_id.as_str().parse().ok()?;
    id.checked_sub(FIRST)
}
