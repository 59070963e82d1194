//! Who may do what to whom. One function decides it for commands, API, dashboard and rules alike.

mod rank;
mod refusal;
mod right;

pub use rank::Rank;
pub use refusal::{Denied, Why};
pub use right::{Grant, Right, Rights};

use crate::platform::Limits;
use crate::sanction::{Effect, Profile};
use crate::who::{Actor, UserRef};
use lockdown_events::{Action, Origin};

/// Something, with the proof that this actor may do it. Only [`Scene::authorize`] and [`Doer::authorize`] make one.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorized<T> {
    by: Actor,
    on: T,
}

/// Who wants something. Ranks are read afresh: a moderator may have been demoted a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doer {
    pub by: Actor,
    /// Of a person; without meaning for rules, tokens and ourselves.
    pub rank: Rank,
    /// Their role in LOCKDOWN.
    pub grant: Option<Grant>,
}

/// To whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub who: UserRef,
    pub rank: Rank,
    /// Their role in LOCKDOWN.
    pub grant: Option<Grant>,
}

/// Everybody concerned, as they stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    pub doer: Doer,
    pub subject: Subject,
    /// Through whom it is done, where that is known.
    pub bot: Option<UserRef>,
    pub bot_rank: Rank,
    pub limits: &'static Limits,
    /// The doer said expressly that it may hit an administrator.
    pub even_administrators: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Act {
        action: Action,
        origin: Origin,
    },
    /// Changing a case.
    Amend(Right),
}

/// What needs a permission that depends on a person.
pub trait Guarded {
    /// What it is, when this actor does it.
    fn deed(&self, by: &Actor) -> Deed;
    /// To whom.
    fn subject(&self) -> &UserRef;
}

// === impl Authorized ===

impl<T> Authorized<T> {
    /// Who may.
    pub fn by(&self) -> &Actor {
        &self.by
    }

    /// What they may do.
    pub fn on(&self) -> &T {
        &self.on
    }

    /// Uses up the proof.
    pub(crate) fn into_parts(self) -> (Actor, T) {
        (self.by, self.on)
    }
}

// === impl Doer ===

impl Doer {
    /// What they may do at all: by their platform, by us, or both.
    pub fn rights(&self) -> Rights {
        let platform = match self.by {
            Actor::Person(_) => self.rank.rights(),
            Actor::Rule(_) | Actor::Token(_) | Actor::System => Rights::NONE,
        };
        platform | self.grant.map_or(Rights::NONE, |grant| grant.rights)
    }

    /// For what needs a right and concerns nobody in particular.
    pub fn authorize<T>(&self, right: Right, on: T) -> Result<Authorized<T>, Denied> {
        match self.need(right) {
            Ok(()) => Ok(Authorized {
                by: self.by.clone(),
                on,
            }),
            Err(why) => Err(Denied {
                why,
                allowed: Vec::new(),
            }),
        }
    }

    fn need(&self, right: Right) -> Result<(), Why> {
        match &self.by {
            // What we are not sure of is not a right; and what was given by us does not replace the look.
            Actor::Person(_) if self.rank == Rank::Unknown => Err(Why::DoerUnknown),
            Actor::Person(_) | Actor::Rule(_) | Actor::Token(_) | Actor::System => {
                self.rights().has(right).then_some(()).ok_or(Why::Lacks(right))
            }
        }
    }

    /// Where they stand among our roles.
    fn role_position(&self) -> u32 {
        let platform = match self.by {
            Actor::Person(_) => self.rank.as_grant().position,
            Actor::Rule(_) | Actor::Token(_) | Actor::System => 0,
        };
        platform.max(self.grant.map_or(0, |grant| grant.position))
    }
}

// === impl Scene ===

impl Scene {
    /// The proof that it may be done, or why not and what may be done instead.
    pub fn authorize<T: Guarded>(&self, on: T) -> Result<Authorized<T>, Denied> {
        let deed = on.deed(&self.doer.by);
        let why = if *on.subject() == self.subject.who {
            self.judge(deed).err()
        } else {
            Some(Why::OtherPerson)
        };
        match why {
            None => Ok(Authorized {
                by: self.doer.by.clone(),
                on,
            }),
            Some(why) => {
                let origin = match deed {
                    Deed::Act { origin, .. } => origin,
                    Deed::Amend(_) => Origin::Command,
                };
                let allowed = |action: &Action| {
                    self.judge(Deed::Act {
                        action: *action,
                        origin,
                    })
                    .is_ok()
                };
                Err(Denied {
                    why,
                    allowed: Action::ALL.iter().copied().filter(allowed).collect(),
                })
            }
        }
    }

    /// Whether it may be done.
    fn judge(&self, deed: Deed) -> Result<(), Why> {
        let doer = &self.doer;
        match deed {
            // Observed: the platform has allowed it already.
            Deed::Act {
                origin: Origin::Native,
                ..
            } => Ok(()),
            Deed::Act { action, .. } if doer.by == Actor::System => match Profile::of(action).effect {
                Effect::Ends(_) | Effect::Discounts => Ok(()),
                Effect::Begins(_) | Effect::Passes | Effect::Counts | Effect::Remarks => {
                    Err(Why::NobodyAsked)
                }
            },
            Deed::Act { action, .. } => {
                let profile = Profile::of(action);
                self.not_oneself()?;
                doer.need(profile.right)?;
                if profile.punishes {
                    self.above()?;
                }
                if profile.member && self.subject.rank == Rank::Absent {
                    return Err(Why::NotAMember);
                }
                if profile.on_platform {
                    self.bot_can(profile)?;
                }
                Ok(())
            }
            Deed::Amend(right) => {
                self.not_oneself()?;
                doer.need(right)
            }
        }
    }

    fn not_oneself(&self) -> Result<(), Why> {
        if self.doer.by.person() == Some(&self.subject.who) {
            return Err(Why::Oneself);
        }
        if self.bot.as_ref() == Some(&self.subject.who) {
            return Err(Why::Ourselves);
        }
        Ok(())
    }

    /// Whether the doer stands above the subject, on every ladder on which the subject stands. Ties refuse.
    fn above(&self) -> Result<(), Why> {
        let (doer, subject) = (&self.doer, &self.subject);
        let person = doer.by.person().is_some();
        if subject.rank == Rank::Owner {
            return Err(Why::Owner);
        }
        if subject.rank == Rank::Unknown {
            return Err(Why::SubjectUnknown);
        }
        let role = subject.grant.filter(|grant| grant.position > 0);
        if matches!(doer.by, Actor::Rule(_)) && (subject.rank.is_staff() || role.is_some()) {
            return Err(Why::Staff);
        }
        if person && doer.rank == Rank::Owner {
            return Ok(());
        }
        if subject.rank.is_administrator() && !self.even_administrators {
            return Err(Why::Administrator);
        }
        if person && subject.rank.position() > 0 && doer.rank.position() <= subject.rank.position() {
            return Err(Why::Below);
        }
        // Who has no rank on the platform is measured by what the subject's rank there amounts to.
        let own = role.map_or(0, |grant| grant.position);
        let theirs = if person {
            own
        } else {
            own.max(subject.rank.as_grant().position)
        };
        if theirs > 0 && doer.role_position() <= theirs {
            return Err(Why::BelowRole);
        }
        Ok(())
    }

    /// What keeps the bot from this, until somebody changes something there. What cannot be read keeps it from nothing.
    pub fn bot_lacks(&self, action: Action) -> Option<Why> {
        let why = self.bot_can(Profile::of(action)).err()?;
        (!matches!(why, Why::BotUnknown | Why::SubjectUnknown)).then_some(why)
    }

    fn bot_can(&self, profile: &Profile) -> Result<(), Why> {
        match self.bot_rank {
            Rank::Unknown => return Err(Why::BotUnknown),
            Rank::Absent => return Err(Why::BotAbsent),
            Rank::Member { .. } | Rank::Owner => {}
        }
        if !self.bot_rank.rights().has(profile.right) {
            return Err(Why::BotLacks(profile.right));
        }
        if !profile.bot_above {
            return Ok(());
        }
        match self.subject.rank {
            Rank::Absent => return Ok(()),
            Rank::Unknown => return Err(Why::SubjectUnknown),
            Rank::Member { .. } | Rank::Owner => {}
        }
        if self.subject.rank.is_administrator()
            && profile.right == Right::Mute
            && !self.limits.mutes_administrators
        {
            return Err(Why::PlatformCannot);
        }
        if self.bot_rank.position() <= self.subject.rank.position() {
            return Err(Why::BotBelow);
        }
        Ok(())
    }
}
