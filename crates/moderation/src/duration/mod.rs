//! How long something lasts, read from and written in people's language.

mod parse;

use chrono::{DateTime, TimeDelta, Utc};
use std::fmt;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// A month of 30 days and a year of 365: what moderators' tools agreed on, whatever the calendar says.
const MONTH: u64 = 30 * DAY;
const YEAR: u64 = 365 * DAY;

/// A length of time in whole seconds: more than nothing, at most 100 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span(u64);

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Term {
    /// Ends at this time.
    Until(DateTime<Utc>),
    /// Ends when somebody ends it.
    Forever,
}

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    #[error("no duration is given: {EXAMPLES}")]
    Empty,
    #[error("{}: {EXAMPLES}", not_understood(understood.as_deref(), rest))]
    NotUnderstood {
        understood: Option<String>,
        rest: String,
    },
    #[error("{number} of what, after {understood}? Say {number}m, {number}h or {number}d")]
    NoUnit { understood: Span, number: String },
    #[error("a duration runs forwards, so `{0}` cannot be one: {EXAMPLES}")]
    Negative(String),
    #[error("it would be over at once: the shortest duration is 1 second")]
    Zero,
    #[error("at most {longest} can be given, or `forever`")]
    TooLong { longest: Span },
}

/// Why a text does not say when something ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    #[error(transparent)]
    Span(#[from] SpanError),
    #[error("`{0}` is no date and time: such are 2026-12-24, 2026-12-24 18:00 and 2026-12-24T18:00:00Z")]
    NoSuchTime(String),
    #[error("{at} is past: it is {now} now")]
    Past { at: DateTime<Utc>, now: DateTime<Utc> },
    #[error("for ever is not possible here: at most {longest}")]
    NotForever { longest: Span },
}

const EXAMPLES: &str = "such are 1h30m, 3 days, 2w, 1mo, forever and 2026-12-24 18:00";

fn not_understood(understood: Option<&str>, rest: &str) -> String {
    match understood {
        Some(understood) => format!("understood {understood}, but not `{}`", rest.escape_debug()),
        None => format!("`{}` is not understood", rest.escape_debug()),
    }
}

// === impl Span ===

impl Span {
    /// The longest there is. What shall last longer lasts for ever.
    pub const LONGEST: Self = Self(100 * YEAR);

    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Result<Self, SpanError> {
        match seconds {
            0 => Err(SpanError::Zero),
            seconds if seconds > Self::LONGEST.0 => Err(SpanError::TooLong {
                longest: Self::LONGEST,
            }),
            seconds => Ok(Self(seconds)),
        }
    }

    /// For tables of limits: a number out of range does not compile there.
    pub const fn fixed(seconds: u64) -> Self {
        assert!(seconds > 0 && seconds <= Self::LONGEST.0, "1 second to 100 years");
        Self(seconds)
    }

    /// So many days, for tables of limits.
    pub const fn days(days: u64) -> Self {
        Self::fixed(days * DAY)
    }

    /// From one time to a later one, to the nearest second; `None` when less than half of one is left.
    pub fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Self> {
        let milliseconds = u64::try_from((to - from).num_milliseconds()).ok()?;
        Self::seconds(milliseconds.saturating_add(500) / 1000).ok()
    }

    /// How many seconds.
    pub fn as_seconds(self) -> u64 {
        self.0
    }

    /// The numbers and units in which it is said, the longest first.
    pub(crate) fn parts(self) -> impl Iterator<Item = (u64, &'static str)> {
        let units = [
            (YEAR, "year"),
            (DAY, "day"),
            (HOUR, "hour"),
            (MINUTE, "minute"),
            (1, "second"),
        ];
        let mut rest = self.0;
        units.into_iter().filter_map(move |(unit, name)| {
            let many = rest / unit;
            rest %= unit;
            (many > 0).then_some((many, name))
        })
    }

    /// For reckoning with times.
    pub fn delta(self) -> TimeDelta {
        TimeDelta::seconds(i64::try_from(self.0).expect("100 years of seconds fit"))
    }
}

impl std::str::FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        parse::span(text, Self::LONGEST)
    }
}

/// As a person says it: `1 hour 30 minutes`. Weeks and months are said in days, so that nobody wonders which month.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        for (many, name) in self.parts() {
            write!(f, "{gap}{many} {name}{}", if many == 1 { "" } else { "s" })?;
            gap = " ";
        }
        Ok(())
    }
}

// === impl Term ===

impl Term {
    /// The end of what begins now and lasts so long.
    pub fn after(span: Span, now: DateTime<Utc>) -> Self {
        Self::Until(now + span.delta())
    }

    /// Reads a duration, a time or `forever`. Times without an offset are in the community's time zone; a date alone is
    /// its first moment.
    pub fn parse<Z: chrono::TimeZone>(
        text: &str,
        now: DateTime<Utc>,
        zone: &Z,
        longest: Span,
    ) -> Result<Self, TermError> {
        let term = parse::term(text, now, zone, longest)?;
        term.within(now, Some(longest).filter(|longest| *longest < Span::LONGEST))
    }

    /// The same, if it lies ahead and a limit (`None`: 100 years, or for ever) allows it.
    pub fn within(self, now: DateTime<Utc>, longest: Option<Span>) -> Result<Self, TermError> {
        match (self, longest) {
            (Self::Until(at), _) if at <= now => Err(TermError::Past { at, now }),
            (Self::Until(at), longest) => {
                let longest = longest.unwrap_or(Span::LONGEST);
                if at - now > longest.delta() {
                    return Err(SpanError::TooLong { longest }.into());
                }
                Ok(self)
            }
            (Self::Forever, Some(longest)) => Err(TermError::NotForever { longest }),
            (Self::Forever, None) => Ok(self),
        }
    }

    /// The time of the end, when there is one.
    pub fn at(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Until(at) => Some(at),
            Self::Forever => None,
        }
    }

    /// Whether it is over.
    pub fn is_over(self, now: DateTime<Utc>) -> bool {
        self.at().is_some_and(|at| at <= now)
    }

    /// What is left of it, as a person says it: `1 hour 30 minutes`, `for ever`.
    pub fn left(self, now: DateTime<Utc>) -> String {
        match self {
            Self::Forever => "for ever".to_owned(),
            Self::Until(at) => match Span::between(now, at) {
                Some(span) => span.to_string(),
                None => "no time".to_owned(),
            },
        }
    }
}

impl From<Option<DateTime<Utc>>> for Term {
    fn from(expires_at: Option<DateTime<Utc>>) -> Self {
        expires_at.map_or(Self::Forever, Self::Until)
    }
}
