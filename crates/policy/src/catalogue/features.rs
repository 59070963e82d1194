//! The features. A slot is a row's number: facts keep its value there.

use super::{Cost, Feature, Kind, On, Pii};
use crate::event::{EventKind, Events};

const MESSAGES: &[EventKind] = &[EventKind::Message, EventKind::Edit];
const SENT: &[EventKind] = &[EventKind::Message];
const TEXTS: &[EventKind] = &[
    EventKind::Message,
    EventKind::Edit,
    EventKind::Nickname,
    EventKind::Native,
];
const PEOPLE: &[EventKind] = EventKind::ALL;
const JOINS: &[EventKind] = &[EventKind::Join];
const NAMED: &[EventKind] = &[
    EventKind::Message,
    EventKind::Edit,
    EventKind::Join,
    EventKind::Nickname,
];
const REACTIONS: &[EventKind] = &[EventKind::Reaction];
const NATIVE: &[EventKind] = &[EventKind::Native];
const IN_CHANNEL: &[EventKind] = &[
    EventKind::Message,
    EventKind::Edit,
    EventKind::Reaction,
    EventKind::Native,
];

const AUTHORS: &[&str] = &[
    "person",
    "bot",
    "webhook",
    "channel",
    "anonymous_admin",
    "linked_channel",
];
const MODES: &[&str] = &["normal", "raid", "lockdown"];
const NATIVE_ACTIONS: &[&str] = &["block", "alert", "timeout"];

macro_rules! features {
    ($( $slot:ident = $path:literal, $kind:expr, $cost:ident, $on:ident, $events:ident, $pii:ident,
        $doc:literal $(, instead $instead:literal)?; )*) => {
        /// The number of a feature.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Slot { $( #[doc = $doc] $slot, )* }

        /// Every feature, by its slot.
        pub static FEATURES: &[Feature] = &[$( Feature {
            slot: Slot::$slot,
            path: $path,
            kind: $kind,
            cost: Cost::$cost,
            platforms: On::$on,
            events: Events::of($events),
            pii: Pii::$pii,
            doc: $doc,
            instead: { let _instead: Option<&'static str> = None; $( let _instead = Some($instead); )? _instead },
        }, )*];
    };
}

features! {
    // === text ===
    Text = "text", Kind::Text, Text, Both, TEXTS, Content, "Every text a reader sees: the message, embeds, forwards, polls, buttons, file names; or the new name.";
    Content = "text.own", Kind::Text, Text, Both, MESSAGES, Content, "What the author typed, without embeds, forwards and the rest.";
    TextLength = "text.length", Kind::Number, Event, Both, TEXTS, Behaviour, "Characters that the author typed.";
    TextLines = "text.lines", Kind::Number, Scan, Both, TEXTS, Behaviour, "Lines that the author typed.";
    TextWords = "text.words", Kind::Number, Scan, Both, TEXTS, Behaviour, "Words that the author typed.";
    TextCaps = "text.caps", Kind::Number, Scan, Both, TEXTS, Behaviour, "Percentage of capitals among the letters; unknown below eight letters.";
    TextEmoji = "text.emoji", Kind::Number, Scan, Both, TEXTS, Behaviour, "Emoji, the community's own included.";
    TextZalgo = "text.zalgo", Kind::Number, Scan, Both, TEXTS, Behaviour, "The most marks that are piled on one letter.";
    TextInvisible = "text.invisible", Kind::Number, Scan, Both, TEXTS, Behaviour, "Characters that show nothing or turn the reading direction.";
    TextRepeated = "text.repeated", Kind::Number, Scan, Both, TEXTS, Behaviour, "The longest run of one character.";
    TextSpoilers = "text.spoilers", Kind::Number, Scan, Discord, MESSAGES, Behaviour, "Passages hidden as spoilers.";
    TextScripts = "text.scripts", Kind::Words, Scan, Both, TEXTS, Content, "Scripts of the letters: latin, cyrillic, greek, arabic, hebrew, devanagari, thai, han, kana, hangul.";
    TextObfuscated = "text.obfuscated", Kind::Flag, Text, Both, TEXTS, Behaviour, "The text is disguised: look-alike letters, invisible characters, letters spaced out.";
    // === links ===
    Links = "links", Kind::Hosts, Scan, Both, TEXTS, Content, "Hosts of the addresses, those hidden behind words, in embeds and on buttons included.";
    LinksCount = "links.count", Kind::Number, Scan, Both, TEXTS, Behaviour, "Addresses, invites included.";
    LinksHidden = "links.hidden", Kind::Number, Event, Both, MESSAGES, Behaviour, "Addresses hidden behind other words.";
    LinksMasked = "links.masked", Kind::Flag, Scan, Both, MESSAGES, Behaviour, "A text that looks like one address leads to another.";
    LinksBad = "links.bad", Kind::Flag, Detector, Both, TEXTS, Behaviour, "A host is on the installation's lists of scams.";
    LinksLookalike = "links.lookalike", Kind::Flag, Detector, Both, TEXTS, Behaviour, "A host imitates a well-known one.";
    Invites = "invites", Kind::Words, Scan, Both, TEXTS, Content, "Codes of invites to communities.";
    InvitesCount = "invites.count", Kind::Number, Scan, Both, TEXTS, Behaviour, "Invites to communities.";
    InvitesForeign = "invites.foreign", Kind::Number, Scan, Both, TEXTS, Behaviour, "Invites to other communities; one whose aim is not known counts.";
    // === mentions ===
    MentionsUsers = "mentions.users", Kind::Number, Event, Both, MESSAGES, Behaviour, "People who are called, each once.";
    MentionsRoles = "mentions.roles", Kind::Number, Event, Discord, MESSAGES, Behaviour, "Roles that are called, each once.", instead "mentions.users";
    MentionsTotal = "mentions.total", Kind::Number, Event, Both, MESSAGES, Behaviour, "People and roles that are called.";
    MentionsEveryone = "mentions.everyone", Kind::Flag, Event, Discord, MESSAGES, Behaviour, "Everyone is called.", instead "mentions.users";
    // === what comes with a message ===
    Attachments = "attachments", Kind::Words, Event, Both, MESSAGES, Content, "Endings of the file names, without the dot: exe, png.";
    AttachmentsCount = "attachments.count", Kind::Number, Event, Both, MESSAGES, Behaviour, "Files.";
    AttachmentsHash = "attachments.hash", Kind::Words, Event, Both, MESSAGES, Content, "Hex SHA-256 and perceptual hashes of the files that were read.";
    AttachmentsNames = "attachments.names", Kind::Text, Text, Both, MESSAGES, Content, "Names and descriptions of the files.";
    AttachmentsKinds = "attachments.kinds", Kind::Words, Event, Both, MESSAGES, Behaviour, "What the files are: image, video, audio, voice, sticker, file.";
    AttachmentsSize = "attachments.size", Kind::Number, Event, Both, MESSAGES, Behaviour, "Bytes of the largest file.";
    AttachmentsDisguised = "attachments.disguised", Kind::Flag, Event, Both, MESSAGES, Behaviour, "A file's name hides its real ending, or does not fit what it says to be.";
    ImagesBurst = "images.burst", Kind::Number, Detector, Both, SENT, Behaviour, "Channels in which the author just posted the same or nearly the same picture.";
    Forwarded = "message.forwarded", Kind::Flag, Event, Both, MESSAGES, Behaviour, "The message shows another one.";
    ForwardText = "forward", Kind::Text, Text, Both, MESSAGES, Content, "The text of what is forwarded, and where it came from.";
    EmbedsCount = "embeds.count", Kind::Number, Event, Both, MESSAGES, Behaviour, "Previews and rich blocks.";
    Embeds = "embeds", Kind::Text, Text, Both, MESSAGES, Content, "The text of previews and rich blocks.";
    PollAnswers = "poll.answers", Kind::Number, Event, Both, MESSAGES, Behaviour, "Answers of the poll; 0 without one.";
    Poll = "poll", Kind::Text, Text, Both, MESSAGES, Content, "Question and answers of the poll.";
    StickersCount = "stickers.count", Kind::Number, Event, Both, MESSAGES, Behaviour, "Stickers.";
    Stickers = "stickers", Kind::Words, Event, Both, MESSAGES, Content, "Ids, names and sets of the stickers.";
    ButtonsCount = "buttons.count", Kind::Number, Event, Both, MESSAGES, Behaviour, "Buttons.";
    Buttons = "buttons", Kind::Text, Text, Both, MESSAGES, Content, "Labels of the buttons.";
    MessageReply = "message.reply", Kind::Flag, Event, Both, MESSAGES, Behaviour, "The message answers another one.";
    MessageAlbum = "message.album", Kind::Flag, Event, Both, MESSAGES, Behaviour, "The message is part of an album.";
    MessageViaApp = "message.via_app", Kind::Flag, Event, Both, MESSAGES, Behaviour, "An application posted it on behalf of a person.";
    MessageUnparsed = "message.unparsed", Kind::Number, Event, Both, MESSAGES, Behaviour, "Parts of the platform's record that were not understood.";
    // === who ===
    AuthorKind = "author.kind", Kind::Word(AUTHORS), Event, Both, PEOPLE, Behaviour, "What speaks.";
    AuthorBot = "author.bot", Kind::Flag, Event, Both, PEOPLE, Behaviour, "A bot or a webhook.";
    AuthorStaff = "author.staff", Kind::Flag, Record, Both, PEOPLE, Behaviour, "A moderator or administrator of the community.";
    AuthorNames = "author.names", Kind::Text, Text, Both, NAMED, Identity, "Every name under which the person appears.";
    AuthorAccountAge = "author.account_age", Kind::Duration, Event, Discord, PEOPLE, Behaviour, "How long the account exists.", instead "author.first_seen";
    AuthorMemberAge = "author.member_age", Kind::Duration, Event, Both, PEOPLE, Behaviour, "How long the person is in the community.";
    AuthorFirstSeen = "author.first_seen", Kind::Duration, Record, Both, PEOPLE, Behaviour, "How long ago this installation first saw the account anywhere.";
    AuthorRoles = "author.roles", Kind::Words, Event, Discord, PEOPLE, Identity, "Roles, by id and by name.";
    AuthorLabels = "author.labels", Kind::Words, Record, Both, PEOPLE, Behaviour, "Labels that rules and moderators gave.";
    AuthorStrikes = "author.strikes", Kind::Number, Record, Both, PEOPLE, Behaviour, "Strikes that have not decayed.";
    AuthorMessages = "author.messages", Kind::Number, Record, Both, PEOPLE, Behaviour, "Messages that the person has written in the community.";
    AuthorAvatar = "author.avatar", Kind::Flag, Event, Both, PEOPLE, Behaviour, "The account has a picture of its own.";
    AuthorHeat = "author.heat", Kind::Number, Detector, Both, PEOPLE, Behaviour, "How fast the person writes: 100 is a flood, and it cools down by itself.";
    AuthorListed = "author.listed", Kind::Flag, Detector, Both, PEOPLE, Behaviour, "The account is on the installation's lists of banned accounts; unknown where there is none.";
    // === where ===
    Channel = "channel", Kind::Words, Event, Both, IN_CHANNEL, None, "The channel, by id and by name, and the channel above a thread.";
    ChannelThread = "channel.thread", Kind::Flag, Event, Both, IN_CHANNEL, None, "In a thread or forum topic.";
    GuildMode = "guild.mode", Kind::Word(MODES), Record, Both, PEOPLE, None, "The mode that the community is in.";
    // === joins ===
    JoinInvite = "join.invite", Kind::Words, Event, Both, JOINS, Behaviour, "The code of the invite that the person used.";
    JoinInvited = "join.invited", Kind::Flag, Event, Both, JOINS, Behaviour, "It is known who invited the person.";
    JoinReturned = "join.returned", Kind::Flag, Event, Both, JOINS, Behaviour, "The person has been here before.";
    JoinRaid = "join.raid", Kind::Number, Detector, Both, JOINS, Behaviour, "How much the latest joins look like a raid: 100 is one.";
    JoinSameAvatar = "join.same_avatar", Kind::Number, Detector, Both, JOINS, Behaviour, "People with the same picture among the latest joins.";
    // === detectors ===
    SpamScore = "text.spam_score", Kind::Number, Detector, Both, TEXTS, Behaviour, "What the learned classifier makes of it, in percent; unknown where it abstains.";
    NearDuplicates = "text.near_duplicates", Kind::Number, Detector, Both, SENT, Behaviour, "Nearly the same messages lately, by whomever.";
    // === others ===
    ReactionEmoji = "reaction.emoji", Kind::Words, Event, Both, REACTIONS, Content, "The emoji, by name and by id.";
    NativeRule = "native.rule", Kind::Words, Event, Discord, NATIVE, None, "The platform's rule that hit, by id and by name.";
    NativeKeyword = "native.keyword", Kind::Words, Event, Discord, NATIVE, Content, "The keyword that hit.";
    NativeAction = "native.action", Kind::Word(NATIVE_ACTIONS), Event, Discord, NATIVE, None, "What the platform did.";
}
