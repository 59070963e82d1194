//! Facts of a message, with every surface on which it shows text.

use super::compose::{Composed, MOST_TYPED, cut};
use super::join::names;
use super::links::{Found, is_masked};
use super::{Facts, fold_word};
use crate::catalogue::Slot;
use crate::duration::Millis;
use crate::event::EventKind;
use crate::text::Text;
use lockdown_events::{
    Attachment, AuthorKind, Embed, Envelope, Event, EventId, Message, MessageEvent, MessageFlagged,
    NativeAct, Platform, Reaction, UserEvent,
};
use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    /// Read into again and again, so that a message needs no memory for it.
    static SCRATCH: RefCell<Text> = RefCell::default();
}

/// More people, roles or files of one message are not told apart.
const MOST: usize = 1_000;

// === impl Facts ===

impl Facts {
    /// The types of events that rules judge.
    pub const TYPES: [&str; 6] = [
        "message:created",
        "message:edited",
        "message:flagged",
        "reaction:added",
        "user:joined",
        "user:updated",
    ];

    /// `None` for an event that rules do not judge, or that cannot be read.
    pub fn of_envelope(envelope: &Envelope) -> Option<Self> {
        Self::of_event(envelope, &envelope.event().ok()?)
    }

    /// As [`Facts::of_envelope`], of an event that was read from it already. [`Facts::TYPES`] are those that it knows.
    pub fn of_event(envelope: &Envelope, event: &Event) -> Option<Self> {
        let (id, at) = (envelope.event_id, envelope.timestamp.timestamp_millis());
        match event {
            Event::Message(MessageEvent::Created(message)) => {
                Some(Self::of_message(id, EventKind::Message, at, message))
            }
            Event::Message(MessageEvent::Edited(message)) => {
                Some(Self::of_message(id, EventKind::Edit, at, message))
            }
            Event::Message(MessageEvent::Flagged(flagged)) => Some(Self::of_flagged(id, at, flagged)),
            Event::Message(MessageEvent::ReactionAdded(reaction)) => {
                Some(Self::of_reaction(id, at, reaction))
            }
            Event::User(UserEvent::Joined(joined)) => Some(Self::of_join(id, at, joined)),
            Event::User(UserEvent::Updated(updated)) => Self::of_names(id, at, updated),
            _ => None,
        }
    }

    /// What the platform's own filter stopped. Where the filter looked for what our rules look for, those judge it as the
    /// message that it would have been, and nothing else does.
    pub fn of_flagged(event_id: EventId, at: Millis, flagged: &MessageFlagged) -> Self {
        let ours = !flagged.rules.is_empty();
        let kind = if ours {
            EventKind::Message
        } else {
            EventKind::Native
        };
        let mut facts = Self::new(event_id, kind, flagged.platform, at);
        flagged.guild_id.as_str().clone_into(&mut facts.guild);
        flagged.author_id.as_str().clone_into(&mut facts.author);
        facts.channel = flagged.channel_id.as_ref().map(ToString::to_string);
        facts.message = flagged.message_id.as_ref().map(ToString::to_string);
        facts.add_words(
            Slot::Channel,
            flagged
                .channel_id
                .as_ref()
                .map(lockdown_events::ChannelId::as_str),
        );
        let typed = cut(&flagged.content, MOST_TYPED);
        let mut found = Found::default();
        SCRATCH.with_borrow_mut(|text| {
            text.read(typed);
            facts.scan(text);
            found.text(text);
        });
        found.set(&mut facts);
        facts.set_text(Slot::Text, typed.to_owned());
        if ours {
            facts.would_have_been(flagged, typed);
            return facts;
        }
        facts.add_words(Slot::NativeRule, [flagged.rule_id.as_str()]);
        facts.add_words(Slot::NativeKeyword, flagged.keyword.as_deref());
        facts.set_word(Slot::NativeAction, flagged.act.as_str());
        facts
    }

    fn would_have_been(&mut self, flagged: &MessageFlagged, typed: &str) {
        self.among = Some(flagged.rules.clone().into());
        // An edit that was stopped leaves the message as it was: it is not the one to be taken away.
        self.message = self.message.take().filter(|_| flagged.act != NativeAct::Block);
        self.set_text(Slot::Content, typed.to_owned());
        self.set_count(Slot::MentionsTotal, called(typed));
    }

    pub fn of_reaction(event_id: EventId, at: Millis, reaction: &Reaction) -> Self {
        let mut facts = Self::new(event_id, EventKind::Reaction, reaction.platform, at);
        reaction.guild_id.as_str().clone_into(&mut facts.guild);
        reaction.user_id.as_str().clone_into(&mut facts.author);
        facts.channel = Some(reaction.channel_id.as_str().to_owned());
        facts.message = Some(reaction.message_id.as_str().to_owned());
        facts.add_words(Slot::Channel, [reaction.channel_id.as_str()]);
        let emoji = std::iter::once(reaction.emoji.as_str()).chain(reaction.emoji_id.as_deref());
        facts.add_words(Slot::ReactionEmoji, emoji);
        facts
    }

    pub fn of_message(event_id: EventId, kind: EventKind, at: Millis, message: &Message) -> Self {
        let mut facts = Self::new(event_id, kind, message.platform, at);
        message.guild_id.as_str().clone_into(&mut facts.guild);
        message.author_id.as_str().clone_into(&mut facts.author);
        facts.channel = Some(message.channel_id.as_str().to_owned());
        facts.message = Some(message.message_id.as_str().to_owned());
        facts.author_of(message);
        facts.texts_of(message);
        facts.parts_of(message);
        facts.files_of(message);
        facts
    }

    fn author_of(&mut self, message: &Message) {
        let author = &message.author;
        self.set_word(Slot::AuthorKind, author.kind.as_str());
        self.set_flag(
            Slot::AuthorBot,
            matches!(author.kind, AuthorKind::Bot | AuthorKind::Webhook),
        );
        if author.kind == AuthorKind::AnonymousAdmin {
            self.set_flag(Slot::AuthorStaff, true);
        }
        self.set_text(
            Slot::AuthorNames,
            Composed::default().all(names(&author.names)).done(),
        );
        if let Some(joined) = author.joined_at {
            self.set_age(Slot::AuthorMemberAge, joined.timestamp_millis());
        }
        if let Some(created) = author.account_created_at {
            self.set_age(Slot::AuthorAccountAge, created.timestamp_millis());
        }
        if message.platform == Platform::Discord {
            self.add_words(
                Slot::AuthorRoles,
                author.roles.iter().map(lockdown_events::RoleId::as_str),
            );
        }
        self.add_words(Slot::Channel, [message.channel_id.as_str()]);
        self.add_words(
            Slot::Channel,
            message.thread_id.as_ref().map(lockdown_events::ChannelId::as_str),
        );
        self.set_flag(Slot::ChannelThread, message.thread_id.is_some());
    }

    fn texts_of(&mut self, message: &Message) {
        let typed = cut(&message.content, MOST_TYPED);
        let mut found = Found::default();
        SCRATCH.with_borrow_mut(|text| {
            text.read(typed);
            self.scan(text);
            found.text(text);
        });
        let embeds = Composed::default()
            .all(message.embeds.iter().flat_map(embed_texts))
            .done();
        let mut forward = Composed::default();
        if let Some(from) = message.forward.as_deref() {
            forward.add(from.origin.as_deref().unwrap_or_default());
            forward.add(&from.content);
            forward = forward.all(from.embeds.iter().flat_map(embed_texts));
        }
        let forward = forward.done();
        let mut poll = Composed::default();
        if let Some(asked) = &message.poll {
            poll.add(&asked.question);
            poll = poll.all(asked.answers.iter().map(String::as_str));
        }
        let poll = poll.done();
        let buttons = Composed::default()
            .all(message.buttons.iter().map(|button| button.label.as_str()))
            .done();
        let files = Composed::default()
            .all(files(message).flat_map(file_texts))
            .done();

        let mut other = Composed::default().all([&*embeds, &*forward, &*poll, &*buttons, &*files]);
        other = other.all(message.surfaces.iter().map(|surface| surface.text.as_str()));
        other = other.all(
            message
                .stickers
                .iter()
                .filter_map(|sticker| sticker.name.as_deref()),
        );
        let other = other.done();

        if !other.is_empty() {
            SCRATCH.with_borrow_mut(|text| {
                text.read(&other);
                found.text(text);
            });
        }
        found.urls(message.hidden_links.iter().map(String::as_str));
        found.urls(message.buttons.iter().filter_map(|button| button.url.as_deref()));
        found.urls(message.embeds.iter().filter_map(|embed| embed.url.as_deref()));
        found.set(self);
        self.set_count(Slot::LinksHidden, message.hidden_links.len());
        self.set_flag(Slot::LinksMasked, is_masked(typed));

        let mut all = typed.to_owned();
        if !other.is_empty() {
            if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(&other);
        }
        self.set_text(Slot::Content, typed.to_owned());
        self.set_text(Slot::Text, all);
        for (slot, text) in [
            (Slot::Embeds, embeds),
            (Slot::ForwardText, forward),
            (Slot::Poll, poll),
            (Slot::Buttons, buttons),
            (Slot::AttachmentsNames, files),
        ] {
            self.set_text(slot, text);
        }
    }

    fn parts_of(&mut self, message: &Message) {
        let mentions = &message.mentions;
        let users: BTreeSet<&str> = mentions
            .users
            .iter()
            .take(MOST)
            .map(lockdown_events::UserId::as_str)
            .collect();
        let roles: BTreeSet<&str> = mentions
            .roles
            .iter()
            .take(MOST)
            .map(lockdown_events::RoleId::as_str)
            .collect();
        self.set_count(Slot::MentionsUsers, users.len());
        self.set_count(Slot::MentionsTotal, users.len() + roles.len());
        if message.platform == Platform::Discord {
            self.set_count(Slot::MentionsRoles, roles.len());
            self.set_flag(Slot::MentionsEveryone, mentions.everyone);
        }
        self.set_flag(Slot::Forwarded, message.forward.is_some());
        self.set_count(Slot::EmbedsCount, message.embeds.len());
        self.set_count(
            Slot::PollAnswers,
            message.poll.as_ref().map_or(0, |poll| poll.answers.len()),
        );
        self.set_count(Slot::StickersCount, message.stickers.len());
        for sticker in message.stickers.iter().take(MOST) {
            let words = [Some(&sticker.id), sticker.name.as_ref(), sticker.set.as_ref()];
            self.add_words(Slot::Stickers, words.into_iter().flatten().map(String::as_str));
        }
        self.add_words(Slot::Stickers, []);
        self.set_count(Slot::ButtonsCount, message.buttons.len());
        self.set_flag(Slot::MessageReply, message.reply_to.is_some());
        self.set_flag(Slot::MessageAlbum, message.album_id.is_some());
        self.set_flag(Slot::MessageViaApp, message.invoker_id.is_some());
        self.set_count(Slot::MessageUnparsed, message.unparsed.len());
    }

    fn files_of(&mut self, message: &Message) {
        let mut disguised = false;
        let (mut count, mut largest) = (0, 0);
        for slot in [Slot::Attachments, Slot::AttachmentsHash, Slot::AttachmentsKinds] {
            self.add_words(slot, []);
        }
        for file in files(message) {
            count += 1;
            largest = largest.max(file.size.unwrap_or(0));
            self.add_words(Slot::Attachments, ending(file).as_deref());
            self.add_words(Slot::AttachmentsHash, file.sha256.as_deref());
            self.add_words(Slot::AttachmentsHash, file.perceptual_hash.as_deref());
            self.add_words(Slot::AttachmentsKinds, [kind(file)]);
            disguised |= is_disguised(file);
            self.pictures.extend(picture(file));
        }
        self.set_count(Slot::AttachmentsCount, count);
        self.set_number(Slot::AttachmentsSize, i64::try_from(largest).unwrap_or(i64::MAX));
        self.set_flag(Slot::AttachmentsDisguised, disguised);
    }
}

/// People and roles that a text calls, each once: `<@7>`, `<@!7>`, `<@&8>`.
fn called(text: &str) -> usize {
    let id = |rest: &str| {
        let (whom, _) = rest.split_once('>')?;
        let (role, digits) = match whom.strip_prefix('&') {
            Some(digits) => (true, digits),
            None => (false, whom.strip_prefix('!').unwrap_or(whom)),
        };
        let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        number.then(|| (role, digits.to_owned()))
    };
    let called: BTreeSet<_> = text.split("<@").skip(1).take(MOST).filter_map(id).collect();
    called.len()
}

fn files(message: &Message) -> impl Iterator<Item = &Attachment> {
    let forwarded = message.forward.iter().flat_map(|forward| &forward.attachments);
    message.attachments.iter().chain(forwarded).take(MOST)
}

fn file_texts(file: &Attachment) -> impl Iterator<Item = &str> {
    [&file.name, &file.description]
        .into_iter()
        .filter_map(|text| text.as_deref())
}

fn embed_texts(embed: &Embed) -> impl Iterator<Item = &str> {
    let head = [
        &embed.title,
        &embed.description,
        &embed.author,
        &embed.footer,
        &embed.provider,
    ];
    let fields = embed
        .fields
        .iter()
        .flat_map(|field| [field.name.as_str(), field.value.as_str()]);
    head.into_iter().filter_map(|text| text.as_deref()).chain(fields)
}

/// The hashes of a picture that was read.
fn picture(file: &Attachment) -> Option<(u64, Option<u64>)> {
    let number = |hex: &str| u64::from_str_radix(hex.get(..16)?, 16).ok();
    let exact = number(file.sha256.as_deref()?)?;
    let seen = file.perceptual_hash.as_deref().filter(|hash| hash.len() == 16);
    (kind(file) == "image").then(|| (exact, seen.and_then(number)))
}

/// The last ending of the name, without blanks and invisible marks behind it.
fn ending(file: &Attachment) -> Option<String> {
    let name = file.name.as_deref()?;
    let name = name.trim_end_matches(|c: char| !c.is_alphanumeric());
    let (_, ending) = name.rsplit_once('.')?;
    (ending.chars().count() <= 16).then(|| fold_word(ending))
}

fn kind(file: &Attachment) -> &'static str {
    let says = file.content_type.as_deref().unwrap_or_default();
    match (file.kind.as_deref(), says.split('/').next()) {
        (Some("photo" | "image"), _) | (None, Some("image")) => "image",
        (Some("voice"), _) => "voice",
        (Some("sticker"), _) => "sticker",
        (Some("video" | "video_note" | "animation"), _) | (_, Some("video")) => "video",
        (Some("audio"), _) | (_, Some("audio")) => "audio",
        (_, Some("image")) => "image",
        _ => "file",
    }
}

/// `photo.jpg.exe`, a name turned around by a writing direction, an `image/png` that ends in `.scr`.
fn is_disguised(file: &Attachment) -> bool {
    const RUN: &[&str] = &[
        "apk", "bat", "cmd", "com", "exe", "jar", "js", "lnk", "msi", "ps1", "scr", "vbs",
    ];
    let Some(name) = file.name.as_deref() else {
        return false;
    };
    let turned = name
        .chars()
        .any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    let runs = ending(file).is_some_and(|ending| RUN.contains(&ending.as_str()));
    let doubled = name.rsplit('.').nth(1).is_some_and(|before| {
        matches!(
            before.to_lowercase().as_str(),
            "jpg" | "jpeg" | "png" | "gif" | "pdf" | "txt" | "doc" | "docx" | "mp3" | "mp4"
        )
    });
    let says = file.content_type.as_deref().unwrap_or_default();
    let other = says.starts_with("image/") || says.starts_with("video/") || says.starts_with("text/");
    turned || (runs && (doubled || other))
}
