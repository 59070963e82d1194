//! What each platform can do, as data.

use crate::duration::{Span, Term};
use crate::sanction::Lasting;
use chrono::{DateTime, Utc};
use lockdown_events::Platform;

/// How far a platform's own timer for a kind of sanction reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// It has none: what begins stays until we end it.
    None,
    /// It ends what lies within these lengths by itself, and takes all else for `for ever`.
    Within { shortest: Span, longest: Span },
    /// It knows no `for ever`: what lasts longer is given in pieces, each renewed well before it ends.
    AtMost(Span),
}

/// What to give the platform so that a sanction lasts as long as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The end to give to the platform; `for ever` where it has no timer, or none that reaches.
    pub until: Term,
    /// When to give it the next piece.
    pub renew_at: Option<DateTime<Utc>>,
    /// When we have to end it ourselves.
    pub end_at: Option<DateTime<Utc>>,
}

/// The limits of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub platform: Platform,
    pub ban: Timer,
    pub mute: Timer,
    /// Whether an administrator can be muted at all.
    pub mutes_administrators: bool,
    /// How far back a ban can remove messages; `None` where it always removes all of them.
    pub delete_window: Option<Span>,
    /// How old a message may be to be deleted with others.
    pub delete_age: Span,
    /// How many messages one call deletes.
    pub delete_bulk: usize,
    /// How many people one call bans; 1 where each needs a call.
    pub ban_bulk: usize,
    /// How long a reason may be in the platform's own audit log, in UTF-16 units; `None` where it keeps none.
    pub audit_reason: Option<usize>,
    /// How long a direct message may be, in UTF-16 units.
    pub message: usize,
    /// Whether somebody who was removed can no longer be written to: who shall know is told before.
    pub removed_are_out_of_reach: bool,
}

/// Why messages cannot be removed so far back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteWindowError {
    #[error("a ban removes messages of at most {longest} on {platform}, not of {asked}")]
    TooLong {
        platform: Platform,
        asked: Span,
        longest: Span,
    },
    #[error("a ban removes all messages on {platform}: leave the time out")]
    AlwaysAll { platform: Platform },
}

const DISCORD: Limits = Limits {
    platform: Platform::Discord,
    ban: Timer::None,
    mute: Timer::AtMost(Span::days(28)),
    mutes_administrators: false,
    delete_window: Some(Span::days(7)),
    delete_age: Span::days(14),
    delete_bulk: 100,
    ban_bulk: 200,
    audit_reason: Some(512),
    message: 2_000,
    removed_are_out_of_reach: true,
};

const TELEGRAM_TIMER: Timer = Timer::Within {
    shortest: Span::fixed(30),
    longest: Span::days(366),
};

const TELEGRAM: Limits = Limits {
    platform: Platform::Telegram,
    ban: TELEGRAM_TIMER,
    mute: TELEGRAM_TIMER,
    mutes_administrators: false,
    delete_window: None,
    delete_age: Span::days(2),
    delete_bulk: 100,
    ban_bulk: 1,
    audit_reason: None,
    message: 4_096,
    removed_are_out_of_reach: false,
};

/// A piece is renewed this long before it ends, so that an outage of a weekend frees nobody.
const RENEW_BEFORE: Span = Span::days(4);

/// Kept clear of both ends of a platform's timer: a call takes time, and its clock is not ours.
const MARGIN: i64 = 10;

// === impl Limits ===

impl Limits {
    /// The limits of this platform.
    pub fn of(platform: Platform) -> &'static Self {
        match platform {
            Platform::Discord => &DISCORD,
            Platform::Telegram => &TELEGRAM,
        }
    }

    /// The platform's timer for this kind.
    pub fn timer(&self, lasting: Lasting) -> Timer {
        match lasting {
            Lasting::Ban => self.ban,
            Lasting::Mute => self.mute,
        }
    }

    /// Whether a ban can remove messages so far back.
    pub fn check_delete_window(&self, asked: Option<Span>) -> Result<(), DeleteWindowError> {
        let platform = self.platform;
        match (asked, self.delete_window) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(DeleteWindowError::AlwaysAll { platform }),
            (Some(asked), Some(longest)) if asked > longest => Err(DeleteWindowError::TooLong {
                platform,
                asked,
                longest,
            }),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

// === impl Timer ===

impl Timer {
    /// What to give the platform now for what shall end then.
    pub fn stretch(self, ends: Term, now: DateTime<Utc>) -> Stretch {
        let margin = chrono::TimeDelta::seconds(MARGIN);
        match (self, ends) {
            (Self::AtMost(longest), ends) => {
                let piece = now + longest.delta() - margin;
                match ends.at() {
                    Some(at) if at <= piece => Stretch {
                        until: ends,
                        renew_at: None,
                        end_at: None,
                    },
                    _ => Stretch {
                        until: Term::Until(piece),
                        renew_at: Some(piece - RENEW_BEFORE.delta()),
                        end_at: None,
                    },
                }
            }
            (Self::Within { shortest, longest }, Term::Until(at))
                if at >= now + shortest.delta() + margin && at <= now + longest.delta() - margin =>
            {
                Stretch {
                    until: ends,
                    renew_at: None,
                    end_at: None,
                }
            }
            (Self::None | Self::Within { .. }, ends) => Stretch {
                until: Term::Forever,
                renew_at: None,
                end_at: ends.at(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn now() -> DateTime<Utc> {
        "2026-11-20T09:06:00Z".parse().unwrap()
    }

    fn after(seconds: i64) -> Term {
        Term::Until(now() + TimeDelta::seconds(seconds))
    }

    const DAY: i64 = 86_400;

    #[test]
    fn a_sanction_lasts_on_the_platform_as_long_as_it_should() {
        let (discord, telegram) = (Limits::of(Platform::Discord), Limits::of(Platform::Telegram));
        let native = |until| Stretch {
            until,
            renew_at: None,
            end_at: None,
        };
        let ours = |ends: Term| Stretch {
            until: Term::Forever,
            renew_at: None,
            end_at: ends.at(),
        };
        let piece = after(28 * DAY - 10);
        let pieces = Stretch {
            until: piece,
            renew_at: after(24 * DAY - 10).at(),
            end_at: None,
        };
        for (limits, lasting, ends, stretch) in [
            (discord, Lasting::Ban, after(60), ours(after(60))),
            (discord, Lasting::Ban, Term::Forever, ours(Term::Forever)),
            (discord, Lasting::Mute, after(60), native(after(60))),
            (discord, Lasting::Mute, piece, native(piece)),
            (discord, Lasting::Mute, after(28 * DAY), pieces),
            (discord, Lasting::Mute, Term::Forever, pieces),
            (telegram, Lasting::Mute, after(20), ours(after(20))),
            (telegram, Lasting::Mute, after(45), native(after(45))),
            (telegram, Lasting::Ban, after(3 * DAY), native(after(3 * DAY))),
            (telegram, Lasting::Ban, after(366 * DAY), ours(after(366 * DAY))),
            (telegram, Lasting::Mute, Term::Forever, ours(Term::Forever)),
        ] {
            assert_eq!(
                limits.timer(lasting).stretch(ends, now()),
                stretch,
                "{} {lasting} {ends:?}",
                limits.platform
            );
        }
    }

    #[test]
    fn the_delete_window_has_a_limit_that_is_named() {
        let (discord, telegram) = (Limits::of(Platform::Discord), Limits::of(Platform::Telegram));
        assert_eq!(discord.check_delete_window(None), Ok(()));
        assert_eq!(discord.check_delete_window(Some(Span::days(7))), Ok(()));
        assert_eq!(
            discord
                .check_delete_window(Some(Span::days(8)))
                .unwrap_err()
                .to_string(),
            "a ban removes messages of at most 7 days on discord, not of 8 days"
        );
        assert_eq!(telegram.check_delete_window(None), Ok(()));
        assert_eq!(
            telegram
                .check_delete_window(Some(Span::days(1)))
                .unwrap_err()
                .to_string(),
            "a ban removes all messages on telegram: leave the time out"
        );
    }
}
