//! What an event says about guilds and people.

use lockdown_events::{
    Event, GuildEvent, MessageEvent, ModerationEvent, Names, RoleId, UserEvent, UserId, VerdictMode,
};

/// To remember more: its type in one of these, and its arm in [`Effect::of`].
pub(super) const IN_ORDER: [&str; 6] = [
    "guild:update",
    "user:joined",
    "user:join_requested",
    "user:left",
    "user:updated",
    "user:banned",
];

/// What is only counted.
pub(super) const IN_ANY_ORDER: [&str; 14] = [
    "message:created",
    "message:edited",
    "message:deleted",
    "message:bulk_deleted",
    "reaction:added",
    "moderation:automod",
    "ban:created",
    "ban:removed",
    "kick:executed",
    "mute:applied",
    "mute:removed",
    "warning:added",
    "warning:removed",
    "note:added",
];

/// What an event adds to what is known.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Effect {
    pub(super) guild: GuildNews,
    pub(super) person: Option<Person>,
    pub(super) news: Option<Told>,
    pub(super) counts: Counts,
}

/// What is told of the guild itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct GuildNews {
    pub(super) title: Option<String>,
    /// The bot is no longer there.
    pub(super) left: bool,
    pub(super) moved_to: Option<lockdown_events::GuildId>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) names: Names,
    pub(super) bot: bool,
    /// Its names are news, also of somebody who was seen a moment ago.
    pub(super) renamed: bool,
}

/// What is told of the person as a member.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Asks,
    Joined {
        invite_code: Option<String>,
        inviter: Option<UserId>,
    },
    Left,
    Banned,
    Looks {
        nick: Option<String>,
        roles: Option<Vec<RoleId>>,
        avatar: Option<String>,
    },
    /// They were there.
    Seen,
}

/// What is counted, for the person's day and the guild's hour.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) messages: u64,
    pub(super) edits: u64,
    pub(super) deletes: u64,
    pub(super) reactions: u64,
    pub(super) links: u64,
    pub(super) media: u64,
    pub(super) joins: u64,
    pub(super) leaves: u64,
    pub(super) actions: u64,
    pub(super) flagged: u64,
}

// === impl Effect ===

impl Effect {
    /// `None` for what says nothing about them.
    pub(super) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Guild(GuildEvent::Update(update)) => {
                let said = |what: &str| {
                    let change = update.changes.iter().rfind(|change| change.what == what);
                    change.and_then(|change| change.after.clone())
                };
                Self {
                    guild: GuildNews {
                        title: said("name"),
                        left: said("bot").as_deref() == Some("left"),
                        moved_to: update.migrated_to.clone(),
                    },
                    ..Self::default()
                }
            }
            Event::User(event) => Self::of_user(event)?,
            Event::Message(event) => Self::of_message(event)?,
            Event::Moderation(event) => Self::of_decision(event)?,
            Event::Guild(GuildEvent::Config(_)) => return None,
        })
    }

    fn of_user(event: &UserEvent) -> Option<Self> {
        Some(match event {
            UserEvent::Joined(joined) => Self {
                person: Some(Person::named(&joined.user_id, &joined.names, joined.bot)),
                news: Some(Told::Joined {
                    invite_code: joined.invite_code.clone(),
                    inviter: joined.inviter_id.clone(),
                }),
                counts: Counts {
                    joins: 1,
                    ..Counts::default()
                },
                ..Self::default()
            },
            UserEvent::JoinRequested(asks) => Self {
                person: Some(Person::named(&asks.user_id, &asks.names, false)),
                news: Some(Told::Asks),
                ..Self::default()
            },
            UserEvent::Left(left) => Self {
                person: Some(Person::named(&left.user_id, &left.names, false)),
                news: Some(Told::Left),
                counts: Counts {
                    leaves: 1,
                    ..Counts::default()
                },
                ..Self::default()
            },
            UserEvent::Updated(updated) => Self {
                person: Some(Person::named(&updated.user_id, &updated.names, false)),
                news: Some(Told::Looks {
                    nick: updated.names.nick.clone(),
                    roles: updated.roles.clone(),
                    avatar: updated.avatar.clone(),
                }),
                ..Self::default()
            },
            UserEvent::Banned(banned) => Self {
                person: Some(Person::named(&banned.user_id, &banned.names, false)),
                news: Some(Told::Banned),
                ..Self::default()
            },
            UserEvent::Unbanned(_) => return None,
        })
    }

    fn of_message(event: &MessageEvent) -> Option<Self> {
        Some(match event {
            MessageEvent::Created(message) => {
                let author = &message.author;
                let bot = author.kind == lockdown_events::AuthorKind::Bot;
                Self {
                    person: Some(Person {
                        renamed: false,
                        ..Person::named(&message.author_id, &author.names, bot)
                    }),
                    news: Some(Told::Seen),
                    counts: Counts {
                        messages: 1,
                        links: u64::from(message.content.contains("://") || !message.hidden_links.is_empty()),
                        media: message.attachments.len() as u64,
                        ..Counts::default()
                    },
                    ..Self::default()
                }
            }
            MessageEvent::Edited(message) => Self {
                person: Some(Person {
                    renamed: false,
                    ..Person::named(&message.author_id, &message.author.names, false)
                }),
                counts: Counts {
                    edits: 1,
                    ..Counts::default()
                },
                ..Self::default()
            },
            MessageEvent::Deleted(deleted) => Self {
                person: deleted.author_id.as_ref().map(|id| Person {
                    renamed: false,
                    ..Person::named(id, &Names::default(), false)
                }),
                counts: Counts {
                    deletes: 1,
                    ..Counts::default()
                },
                ..Self::default()
            },
            MessageEvent::BulkDeleted(deleted) => Self {
                counts: Counts {
                    deletes: deleted.message_ids.len() as u64,
                    ..Counts::default()
                },
                ..Self::default()
            },
            MessageEvent::ReactionAdded(reaction) => Self {
                person: Some(Person {
                    renamed: false,
                    ..Person::named(&reaction.user_id, &reaction.names, false)
                }),
                counts: Counts {
                    reactions: 1,
                    ..Counts::default()
                },
                ..Self::default()
            },
            MessageEvent::ReactionRemoved(_) | MessageEvent::Flagged(_) | MessageEvent::ButtonPressed(_) => {
                return None;
            }
        })
    }

    fn of_decision(event: &ModerationEvent) -> Option<Self> {
        let counts = match event {
            ModerationEvent::Automod(verdict) if verdict.mode == VerdictMode::Live => {
                return Some(Self {
                    person: Some(Person {
                        renamed: false,
                        ..Person::named(&verdict.user_id, &Names::default(), false)
                    }),
                    counts: Counts {
                        flagged: 1,
                        ..Counts::default()
                    },
                    ..Self::default()
                });
            }
            ModerationEvent::BanCreated(_)
            | ModerationEvent::BanRemoved(_)
            | ModerationEvent::KickExecuted(_)
            | ModerationEvent::MuteApplied(_)
            | ModerationEvent::MuteRemoved(_)
            | ModerationEvent::WarningAdded(_)
            | ModerationEvent::WarningRemoved(_)
            | ModerationEvent::NoteAdded(_) => Counts {
                actions: 1,
                ..Counts::default()
            },
            _ => return None,
        };
        Some(Self {
            counts,
            ..Self::default()
        })
    }
}

// === impl Person ===

impl Person {
    fn named(id: &UserId, names: &Names, bot: bool) -> Self {
        Self {
            id: id.clone(),
            names: names.clone(),
            bot,
            renamed: true,
        }
    }
}
