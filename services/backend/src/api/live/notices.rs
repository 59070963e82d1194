//! Notifications as they are said: to one person, to those who moderate a guild, or to all.

use super::feed::{Feed, Reading};
use super::mailbox::{Frame, Mailbox, Taken, Ticket};
use super::outlet::{Message, Source, block};
use super::scope::Scope;
use crate::problem::{Code, Problem};
use bytes::Bytes;
use lockdown_bus::{Bus, Heard, Key, ListenOptions, SubscribeError, Subscription};
use lockdown_events::{GuildId, Live, Notification, NotificationId, NotificationKind, Platform, UserId};
use lockdown_runtime::chain;
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Everything that is said to moderators.
const PATTERN: &str = "notifications:*";

pub(super) struct Notices(Subscription);

pub(super) enum NoticeFrame {
    Said {
        notice: Notification,
        block: Bytes,
    },
    /// So many were not heard; nobody knows whom they were for.
    Missed {
        block: Bytes,
    },
}

/// Whose notifications.
#[derive(Clone)]
pub(super) struct NoticeWish {
    /// The accounts on platforms of whoever listens.
    pub(super) accounts: Vec<(Platform, UserId)>,
    pub(super) scope: Scope,
    /// What they do not want to see.
    pub(super) hidden: Vec<(Platform, GuildId, NotificationKind)>,
}

/// One reader's notifications: first those that were kept since their place, then what is said.
pub(super) struct NoticeSource {
    mailbox: Arc<Mailbox<NoticeFrame>>,
    kept: VecDeque<Notification>,
    /// Those of `kept`, which may be heard as well.
    told: BTreeSet<NotificationId>,
    place: NotificationId,
    /// There were more than are told again.
    more: bool,
    _ticket: Ticket<NoticeFrame>,
}

fn text(notice: &Notification) -> Bytes {
    let channel = Live::Notification(notice.clone()).channel();
    block(&json!({ "eventType": channel, "data": notice }).to_string())
}

// === impl Notices ===

impl Reading for Notices {
    type Frame = NoticeFrame;

    async fn next(&mut self) -> Option<(Option<NoticeFrame>, ())> {
        let frame = match self.0.next().await? {
            Heard::Said(said) => match said.envelope().map(|envelope| envelope.live()) {
                Ok(Ok(Live::Notification(notice))) => Some(NoticeFrame::Said {
                    block: text(&notice),
                    notice,
                }),
                Ok(Ok(_)) => None,
                Ok(Err(error)) | Err(error) => {
                    tracing::debug!("A notification cannot be read: {}", chain(&error));
                    None
                }
            },
            Heard::Missed { count } => {
                let missed = Message::missed(String::new(), count);
                Some(NoticeFrame::Missed { block: missed.block })
            }
        };
        Some((frame, ()))
    }
}

// === impl NoticeFrame ===

impl Frame for NoticeFrame {
    type Wish = NoticeWish;
    type Place = ();

    fn is_for(&self, wish: &NoticeWish) -> bool {
        let Self::Said { notice, .. } = self else {
            return true;
        };
        let platform = notice.platform.unwrap_or_default();
        match (&notice.user_id, &notice.guild_id) {
            (Some(user), _) => wish
                .accounts
                .iter()
                .any(|(on, id)| id == user && (notice.platform.is_none() || *on == platform)),
            (None, Some(guild)) => {
                let hides = |(on, of, kind): &(Platform, GuildId, NotificationKind)| {
                    *on == platform && of == guild && Some(*kind) == notice.kind
                };
                wish.scope.has(&Key::community(platform, guild)) && !wish.hidden.iter().any(hides)
            }
            (None, None) => true,
        }
    }

    fn block(&self) -> &Bytes {
        match self {
            Self::Said { block, .. } | Self::Missed { block } => block,
        }
    }
}

// === impl NoticeSource ===

impl NoticeSource {
    /// Hears what is said from now on. `place` is before all of that.
    pub(super) async fn begin(
        feed: &Feed<Notices>,
        bus: &Bus,
        wish: &NoticeWish,
        place: NotificationId,
    ) -> Result<Self, Problem> {
        let mailbox = Arc::new(Mailbox::new());
        let open = || async {
            let options = ListenOptions::default();
            let heard = bus.live().subscribe(&[PATTERN], &options).await?;
            Ok::<_, SubscribeError>((Notices(heard), ()))
        };
        let joined = feed.join(wish, &mailbox, open).await;
        let (ticket, ()) = joined.map_err(|error| {
            tracing::warn!("Could not listen to notifications: {}", chain(&error));
            Problem::of(Code::Unavailable)
        })?;
        Ok(Self {
            mailbox,
            kept: VecDeque::new(),
            told: BTreeSet::new(),
            place,
            more: false,
            _ticket: ticket,
        })
    }

    /// Tells these first, oldest first. `whole`: there were no more.
    pub(super) fn with_kept(mut self, kept: Vec<Notification>, whole: bool) -> Self {
        self.more = !whole;
        self.told = kept.iter().map(|notice| notice.id).collect();
        self.kept = kept.into();
        self
    }

    pub(super) fn mailbox(&self) -> &Arc<Mailbox<NoticeFrame>> {
        &self.mailbox
    }
}

impl Source for NoticeSource {
    async fn next(&mut self) -> Option<Message> {
        if std::mem::take(&mut self.more) {
            return Some(Message::missed(self.place(), None));
        }
        if let Some(notice) = self.kept.pop_front() {
            self.place = notice.id.max(self.place);
            return Some(Message {
                place: self.place(),
                block: text(&notice),
            });
        }
        loop {
            match self.mailbox.take().await? {
                Taken::Missed(count) => return Some(Message::missed(self.place(), Some(count))),
                Taken::Frame(frame) => {
                    if let NoticeFrame::Said { notice, .. } = &*frame {
                        if !self.told.insert(notice.id) {
                            continue;
                        }
                        // What is heard twice is heard soon after.
                        while self.told.len() > 1_000 {
                            self.told.pop_first();
                        }
                        self.place = notice.id.max(self.place);
                    }
                    return Some(Message {
                        place: self.place(),
                        block: frame.block().clone(),
                    });
                }
            }
        }
    }

    fn place(&mut self) -> String {
        self.place.to_string()
    }

    fn left(&self) -> u64 {
        self.mailbox.left() + self.kept.len() as u64
    }
}
