//! What follows from a wish, given how the person stands. The newest decision wins, and a lift belongs to its case.

use crate::authority::Authorized;
use crate::case::Lift;
use crate::duration::{Term, TermError};
use crate::sanction::{Effect, Lasting, Profile};
use crate::standing::{Decided, Lane, Sanction, Standing};
use crate::who::CaseNumber;
use crate::wish::Wish;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{Action, Origin};

/// What follows from a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follows {
    /// A new case, by which these end.
    Case { ends: Vec<Ending> },
    /// A new case for the record only: what was seen was replaced by this case, the next that was decided after it.
    History { by: CaseNumber },
    /// Nothing: it is so already, by this case where one of ours made it so.
    Already { case: Option<CaseNumber> },
    /// Nothing: a timer rang for what is not there to be ended.
    Moot(Moot),
}

/// How an older case ends by a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Superseded { case: CaseNumber },
    Lifted { case: CaseNumber, how: Lift },
}

/// Why a timer had nothing to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moot {
    /// Its sanction is not in force any more.
    Over,
    /// Its end was moved.
    NotDue { until: Term },
}

/// Why nothing can follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("`{0}` has no duration: leave it out, or ban or mute instead")]
    NotTimed(Action),
    #[error(transparent)]
    Term(#[from] TermError),
    /// Two contradict each other within one millisecond, or this one came late.
    #[error("{} decided otherwise ({}) at {}, not before this: look at it, and say it again if it shall be so", .0.case, .0.action, .0.at)]
    Overtaken(Decided),
    #[error("they are banned by {by}: unban them first, or change that case")]
    Banned { by: CaseNumber },
    #[error("{asked} is not in force, but {stands} is: lift that one")]
    OtherCase { asked: CaseNumber, stands: CaseNumber },
    #[error("{}", no_warning(*asked, standing))]
    NoWarning {
        asked: Option<CaseNumber>,
        standing: Vec<CaseNumber>,
    },
    #[error("an expiry belongs to a case, and this one names none")]
    NoCase,
}

fn no_warning(asked: Option<CaseNumber>, standing: &[CaseNumber]) -> String {
    let what = asked.map_or("there is no warning to take back".to_owned(), |case| {
        format!("{case} is no warning of theirs")
    });
    let those: Vec<String> = standing.iter().map(ToString::to_string).collect();
    if those.is_empty() {
        what
    } else {
        format!("{what}: there are {}", those.join(", "))
    }
}

/// Ends that lie no further apart are the same: two moderators who say `7d` at once mean one ban.
const AT_ONCE: TimeDelta = TimeDelta::seconds(10);

/// What follows from a wish.
pub fn decide(standing: &Standing, wish: &Authorized<Wish>) -> Result<Follows, Refusal> {
    let wish = wish.on();
    let profile = Profile::of(wish.action);
    if wish.ends != Term::Forever && !profile.is_timed() {
        return Err(Refusal::NotTimed(wish.action));
    }
    if !wish.is_observed() {
        wish.ends.within(wish.at, None)?;
    }
    match profile.effect {
        Effect::Begins(lasting) => {
            if lasting != Lasting::Ban {
                not_banned(standing, wish)?;
            }
            begin(standing.lane(lasting), wish)
        }
        Effect::Ends(lasting) if wish.origin == Origin::Expiry => expire(standing.lane(lasting), wish),
        Effect::Ends(lasting) => end(standing.lane(lasting), wish),
        Effect::Passes => {
            not_banned(standing, wish)?;
            Lasting::decided_by(wish.action).map_or_else(
                || Ok(Follows::Case { ends: Vec::new() }),
                |lasting| take_place(standing.lane(lasting), wish),
            )
        }
        Effect::Discounts => take_back(standing, wish),
        Effect::Counts | Effect::Remarks => Ok(Follows::Case { ends: Vec::new() }),
    }
}

fn begin(lane: &Lane, wish: &Wish) -> Result<Follows, Refusal> {
    // The platform's word counts for more than our record: somebody may have lifted it where we did not see.
    let live = lane
        .live
        .filter(|live| !(live.applied && wish.shown == Some(false)));
    if let Some(live) = live
        && (same_end(live.ends, wish.ends) || (wish.origin == Origin::Automod && live.ends >= wish.ends))
    {
        // A rule never shortens what stands.
        return Ok(Follows::Already {
            case: Some(live.case),
        });
    }
    take_place(lane, wish)
}

/// A new case in place of what stood.
fn take_place(lane: &Lane, wish: &Wish) -> Result<Follows, Refusal> {
    if let Some(newer) = overtaken(lane, wish) {
        return late(newer, wish);
    }
    let live = lane.live.map(|Sanction { case, .. }| Ending::Superseded { case });
    Ok(Follows::Case {
        ends: live.into_iter().chain(unanswered(lane)).collect(),
    })
}

/// A new case that lifts what stands.
fn lift(lane: &Lane, live: Sanction, how: Lift) -> Follows {
    let live = Ending::Lifted { case: live.case, how };
    Follows::Case {
        ends: std::iter::once(live).chain(unanswered(lane)).collect(),
    }
}

/// A lift that the platform has not answered yet has no say any more: its failure must not bring back what a newer
/// decision has replaced.
fn unanswered(lane: &Lane) -> impl Iterator<Item = Ending> {
    let pending = lane.decided.iter().filter(|decided| decided.pending);
    pending.map(|decided| Ending::Superseded { case: decided.case })
}

fn end(lane: &Lane, wish: &Wish) -> Result<Follows, Refusal> {
    let Some(live) = lane.live else {
        let case = lane.newest().map(|newest| newest.case).or(wish.case);
        // Nothing of ours is in force. Without a look at the platform, what we decided last is what we know.
        let nothing = wish.shown.map_or(case.is_some(), |shown| !shown);
        return if nothing {
            Ok(Follows::Already { case })
        } else {
            take_place(lane, wish)
        };
    };
    if let Some(asked) = wish.case.filter(|asked| *asked != live.case) {
        return Err(Refusal::OtherCase {
            asked,
            stands: live.case,
        });
    }
    if let Some(newer) = overtaken(lane, wish) {
        return late(newer, wish);
    }
    Ok(lift(lane, live, Lift::Revoked))
}

fn expire(lane: &Lane, wish: &Wish) -> Result<Follows, Refusal> {
    let case = wish.case.ok_or(Refusal::NoCase)?;
    Ok(match lane.live {
        Some(live) if live.case != case => Follows::Moot(Moot::Over),
        None => Follows::Moot(Moot::Over),
        Some(live) if !live.ends.is_over(wish.at) => Follows::Moot(Moot::NotDue { until: live.ends }),
        Some(live) => lift(lane, live, Lift::Expired),
    })
}

fn take_back(standing: &Standing, wish: &Wish) -> Result<Follows, Refusal> {
    let counting = || standing.warnings.iter().filter(|warning| warning.counts);
    let found = match wish.case {
        Some(asked) => standing.warnings.iter().find(|warning| warning.case == asked),
        None => counting().next_back(),
    };
    match found {
        Some(warning) if !warning.counts => Ok(Follows::Already {
            case: Some(warning.case),
        }),
        Some(warning) => {
            let how = if wish.origin == Origin::Expiry {
                Lift::Expired
            } else {
                Lift::Revoked
            };
            Ok(Follows::Case {
                ends: vec![Ending::Lifted {
                    case: warning.case,
                    how,
                }],
            })
        }
        None => {
            let standing = counting().map(|warning| warning.case).collect();
            Err(Refusal::NoWarning {
                asked: wish.case,
                standing,
            })
        }
    }
}

/// Who is banned is not there to be kicked; and on some platforms a mute would let them in again.
fn not_banned(standing: &Standing, wish: &Wish) -> Result<(), Refusal> {
    // One whose time is over has only not been ended yet.
    let banned = standing.ban.live.filter(|live| !live.ends.is_over(wish.at));
    match banned {
        Some(live) if !wish.is_observed() => Err(Refusal::Banned { by: live.case }),
        Some(_) | None => Ok(()),
    }
}

/// The next decision that this one does not come after. Times count in milliseconds: finer than people and platforms
/// tell.
fn overtaken<'a>(lane: &'a Lane, wish: &Wish) -> Option<&'a Decided> {
    lane.decided
        .iter()
        .find(|decided| milliseconds(wish.at) <= milliseconds(decided.at))
}

fn late(newer: &Decided, wish: &Wish) -> Result<Follows, Refusal> {
    if wish.is_observed() {
        Ok(Follows::History { by: newer.case })
    } else {
        Err(Refusal::Overtaken(*newer))
    }
}

/// Whether two ends are the same to people.
pub(crate) fn same_end(one: Term, other: Term) -> bool {
    match (one, other) {
        (Term::Forever, Term::Forever) => true,
        (Term::Until(one), Term::Until(other)) => (one - other).abs() <= AT_ONCE,
        (Term::Forever, Term::Until(_)) | (Term::Until(_), Term::Forever) => false,
    }
}

fn milliseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}
