//! What went on in a community on a day, compared with the week before: as numbers, as a text, as a picture.
//!
//! To tell of one more number: a member of [`Numbers`], what adds to it in `Numbers::add`, its line in [`Digest::text`] and in
//! `words/`.

mod chart;

pub use chart::chart;

use crate::daytime::Daytime;
use crate::duration::Span;
use crate::settings::Zone;
use crate::words::Tongue;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Utc};
use lockdown_store::activity::GuildHour;
use lockdown_store::counts::{HourCount, Measure};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// With so many days a day is compared.
pub const WEEK: usize = 7;

/// What went on in a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DigestNumbers")]
pub struct Numbers {
    pub messages: u64,
    pub joins: u64,
    pub leaves: u64,
    /// Of rules in force.
    pub verdicts: u64,
    /// Decisions by their action.
    pub cases: BTreeMap<String, u64>,
    /// Decisions that took back another one; what ended when its time was over is none.
    pub reversals: u64,
    /// What the platform carried out, and how long that took all together.
    pub applied: u64,
    pub applied_after_ms: u64,
    /// What the platform refused.
    pub failed: u64,
}

/// A day of a community, by its own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DigestDay")]
pub struct Day {
    pub day: NaiveDate,
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// A day, and the week before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    pub day: NaiveDate,
    /// When it begins and ends.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub numbers: Numbers,
    /// The seven days before, all together.
    pub week: Numbers,
    /// The same days each for itself, oldest first, and the day itself as the last.
    pub days: Vec<Day>,
}

/// When the first of the days that a digest is about begins, when the day itself does, and when it ends.
pub fn bounds(day: NaiveDate, zone: Zone) -> (DateTime<Utc>, DateTime<Utc>, DateTime<Utc>) {
    let begins = |day| Daytime::at(0).on(day, zone);
    (begins(before(day, WEEK)), begins(day), begins(after(day)))
}

fn before(day: NaiveDate, days: usize) -> NaiveDate {
    day.checked_sub_days(Days::new(days as u64)).unwrap_or(day)
}

fn after(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

// === impl Numbers ===

impl Numbers {
    fn add(&mut self, counted: &HourCount) {
        let count = counted.count;
        match (counted.measure, counted.word.as_str()) {
            (Measure::Case, action) => *self.cases.entry(action.to_owned()).or_default() += count,
            (Measure::Reversal, _) => self.reversals += count,
            (Measure::Outcome, "applied") => {
                self.applied += count;
                self.applied_after_ms += counted.millis;
            }
            (Measure::Outcome, "failed") => self.failed += count,
            (Measure::Verdict, "live") => self.verdicts += count,
            // Who came and went is counted as it is seen; what else there is concerns single rules.
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.messages += other.messages;
        self.joins += other.joins;
        self.leaves += other.leaves;
        self.verdicts += other.verdicts;
        for (action, count) in &other.cases {
            *self.cases.entry(action.clone()).or_default() += count;
        }
        self.reversals += other.reversals;
        self.applied += other.applied;
        self.applied_after_ms += other.applied_after_ms;
        self.failed += other.failed;
    }

    pub fn all_cases(&self) -> u64 {
        self.cases.values().sum()
    }

    /// How long it took on average until the platform had carried out what was decided.
    fn mean(&self, tongue: &Tongue) -> String {
        match self.applied_after_ms.checked_div(self.applied) {
            None => "-".to_owned(),
            Some(millis) if millis < 60_000 => {
                let seconds = format!("{}.{}", millis / 1_000, millis % 1_000 / 100);
                tongue.say("digest.seconds", &[("seconds", &seconds)])
            }
            Some(millis) => {
                Span::seconds(millis / 1_000).map_or_else(|_| "-".to_owned(), |span| tongue.span(span))
            }
        }
    }
}

// === impl Digest ===

impl Digest {
    /// From what was counted by hours between the [`bounds`] of a day. An hour belongs to the day in which it begins.
    pub fn of(day: NaiveDate, zone: Zone, activity: &[GuildHour], counts: &[HourCount]) -> Self {
        let mut days: Vec<Day> = (0..=WEEK)
            .rev()
            .map(|back| Day {
                day: before(day, back),
                numbers: Numbers::default(),
            })
            .collect();
        let place = |days: &[Day], hour: DateTime<Utc>| {
            let of = hour.with_timezone(&zone).date_naive();
            days.iter().position(|day| day.day == of)
        };
        for hour in activity {
            if let Some(at) = place(&days, hour.hour) {
                let numbers = &mut days[at].numbers;
                numbers.messages += hour.messages;
                numbers.joins += hour.joins;
                numbers.leaves += hour.leaves;
            }
        }
        for counted in counts {
            if let Some(at) = place(&days, counted.hour) {
                days[at].numbers.add(counted);
            }
        }
        let mut week = Numbers::default();
        for before in &days[..WEEK] {
            week.merge(&before.numbers);
        }
        let (_, from, to) = bounds(day, zone);
        Self {
            day,
            from,
            to,
            numbers: days[WEEK].numbers.clone(),
            week,
            days,
        }
    }

    /// A few lines for a channel, each with what was usual in the week before in brackets.
    pub fn text(&self, place: &str, tongue: &Tongue) -> String {
        let (now, week) = (&self.numbers, &self.week);
        let weekday = format!("weekday.{}", self.day.weekday().number_from_monday());
        let month = format!("month.{}", self.day.month());
        let head = tongue.say(
            "digest.head",
            &[
                ("place", &place),
                ("weekday", &tongue.say(&weekday, &[])),
                ("day", &self.day.day()),
                ("month", &tongue.say(&month, &[])),
                ("year", &self.day.year()),
            ],
        );
        let line = |key: &str, now: u64, week: u64| {
            tongue.say(
                &format!("digest.{key}"),
                &[("now", &now), ("usual", &daily(week))],
            )
        };
        let people = tongue.say(
            "digest.people",
            &[
                ("joins", &now.joins),
                ("usual_joins", &daily(week.joins)),
                ("leaves", &now.leaves),
                ("usual_leaves", &daily(week.leaves)),
            ],
        );
        let mut cases = line("cases", now.all_cases(), week.all_cases());
        let kinds: Vec<String> = now
            .cases
            .iter()
            .map(|(action, count)| {
                let name = tongue.find(&format!("action.{action}"));
                format!("{} {count}", name.as_ref().unwrap_or(action))
            })
            .collect();
        if !kinds.is_empty() {
            cases = format!("{cases}: {}", kinds.join(", "));
        }
        let done = tongue.say(
            "digest.done",
            &[
                ("after", &now.mean(tongue)),
                ("usual_after", &week.mean(tongue)),
                ("failed", &now.failed),
                ("usual_failed", &daily(week.failed)),
            ],
        );
        let lines = [
            head,
            line("messages", now.messages, week.messages),
            people,
            line("verdicts", now.verdicts, week.verdicts),
            cases,
            line("reversals", now.reversals, week.reversals),
            done,
            tongue.say("digest.chart", &[]),
        ];
        lines.join("\n")
    }
}

/// What a day of a week had on average, to a tenth.
fn daily(week: u64) -> String {
    let tenths = (week * 10 + 3) / WEEK as u64;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

/// The day that is told of now, where it is told at a time of day: yesterday, from then on and for half a day.
pub fn due(at: Daytime, zone: Zone, now: DateTime<Utc>) -> Option<NaiveDate> {
    let today = now.with_timezone(&zone).date_naive();
    let begins = at.on(today, zone);
    let open = begins <= now && now < begins + TimeDelta::hours(12);
    open.then(|| before(today, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;
    use lockdown_events::{GuildId, Platform};
    use lockdown_store::guilds::GuildKey;
    use uuid::Uuid;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn hour(hour: &str, messages: u64) -> GuildHour {
        GuildHour {
            guild_id: GuildKey(Uuid::nil()),
            hour: at(hour),
            messages,
            joins: 2,
            leaves: 1,
            actions: 0,
            flagged: 0,
        }
    }

    fn count(hour: &str, measure: Measure, word: &str, count: u64, millis: u64) -> HourCount {
        HourCount {
            platform: Platform::Discord,
            guild_native_id: GuildId::new("100").unwrap(),
            hour: at(hour),
            measure,
            word: word.to_owned(),
            count,
            millis,
        }
    }

    fn sample() -> Digest {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let activity = [
            // The first hour of the week before, the last one before the day, its first and last, and the next day.
            hour("2026-11-13T23:00:00Z", 70),
            hour("2026-11-20T22:00:00Z", 7),
            hour("2026-11-20T23:00:00Z", 100),
            hour("2026-11-21T22:00:00Z", 11),
            hour("2026-11-21T23:00:00Z", 5_000),
        ];
        let counts = [
            count("2026-11-21T08:00:00Z", Measure::Case, "ban", 2, 0),
            count("2026-11-21T09:00:00Z", Measure::Case, "warn", 3, 0),
            count("2026-11-21T09:00:00Z", Measure::Case, "ban", 1, 0),
            count("2026-11-15T09:00:00Z", Measure::Case, "ban", 7, 0),
            count("2026-11-21T09:00:00Z", Measure::Outcome, "applied", 4, 5_000),
            count("2026-11-15T09:00:00Z", Measure::Outcome, "applied", 1, 125_000),
            count("2026-11-21T09:00:00Z", Measure::Outcome, "failed", 1, 0),
            count("2026-11-21T09:00:00Z", Measure::Verdict, "live", 6, 0),
            count("2026-11-21T09:00:00Z", Measure::Verdict, "shadow", 50, 0),
            count("2026-11-21T09:00:00Z", Measure::Reversal, "unban", 1, 0),
            count("2026-11-21T09:00:00Z", Measure::Hit, "scam", 9, 0),
        ];
        let day = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        Digest::of(day, zone, &activity, &counts)
    }

    #[test]
    fn a_day_is_counted_by_the_clock_of_the_community() {
        let digest = sample();
        assert_eq!(
            (digest.from, digest.to),
            (at("2026-11-20T23:00:00Z"), at("2026-11-21T23:00:00Z"))
        );
        assert_eq!((digest.numbers.messages, digest.week.messages), (111, 77));
        assert_eq!((digest.numbers.joins, digest.numbers.leaves), (4, 2));
        assert_eq!((digest.numbers.all_cases(), digest.week.all_cases()), (6, 7));
        assert_eq!(digest.days.len(), 8);
        assert_eq!(digest.days[0].numbers.messages, 70);
        assert_eq!(digest.days[6].numbers.messages, 7);
        assert_eq!(digest.days[1].numbers.cases["ban"], 7);
    }

    #[test]
    fn a_day_is_told_with_the_week_before() {
        assert_eq!(
            sample().text("Square", Words::common().tongue(None)),
            "Square: Saturday, 21 November 2026, in brackets a day of the week before\n\
             Messages: 111 (11)\n\
             Joined: 4 (0.6), left: 2 (0.3)\n\
             Verdicts of rules: 6 (0)\n\
             Cases: 6 (1): ban 3, warning 3\n\
             Taken back: 1 (0)\n\
             Carried out after: 1.2 s (2 minutes 5 seconds), refused by the platform: 1 (0)\n\
             The chart: messages in blue, joined in green, left in red, cases in orange."
        );
        for tongue in Words::common().tongues() {
            let text = sample().text("Square", tongue);
            assert!(
                text.encode_utf16().count() < 1_024,
                "beside a picture of Telegram's"
            );
        }
    }

    #[test]
    fn a_day_is_told_in_the_language_of_the_community() {
        let lines = |tag| {
            let text = sample().text("Square", Words::common().tongue(Some(tag)));
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let (portuguese, russian) = (lines("pt-BR"), lines("ru"));
        assert_eq!(
            portuguese[0],
            "Square: sábado, 21 de novembro de 2026; entre parênteses, um dia da semana anterior"
        );
        assert_eq!(portuguese[4], "Casos: 6 (1): banimento 3, advertência 3");
        assert_eq!(
            russian[0],
            "Square: суббота, 21 ноября 2026 г., в скобках — день предыдущей недели"
        );
        assert_eq!(
            russian[6],
            "Исполнено в среднем за: 1.2 с (2 минуты 5 секунд), отклонено платформой: 1 (0)"
        );
    }

    #[test]
    fn yesterday_is_told_from_its_hour_on_for_half_a_day() {
        let zone: Zone = "America/New_York".parse().unwrap();
        let nine = Daytime::at(9);
        let yesterday = NaiveDate::from_ymd_opt(2026, 11, 20);
        for (now, day) in [
            ("2026-11-21T13:59:59Z", None),
            ("2026-11-21T14:00:00Z", yesterday),
            ("2026-11-22T01:59:59Z", yesterday),
            ("2026-11-22T02:00:00Z", None),
        ] {
            assert_eq!(due(nine, zone, at(now)), day, "{now}");
        }
    }
}
