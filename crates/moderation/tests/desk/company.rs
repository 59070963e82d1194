//! Several desks over one database, each in a process of its own as far as the store can tell, and processes that die.
//! Whatever order comes of it, the promises hold.

use crate::fault::{TURNS, die_after, seeds};
use crate::fixture::{ANA, BOB, Town, allowed, moderator, user};
use chrono::TimeDelta;
use lockdown_events::{Action, ModerationLog, Origin, Outcome};
use lockdown_moderation::desk::{Acted, AmendAsk, Ask, Desk, DeskError, Ranks};
use lockdown_moderation::{CaseNumber, Change, GuildRef, Lasting, Span, Term};
use lockdown_runtime::MockClock;
use lockdown_store::cases::{Case, CaseQuery, CaseState};
use lockdown_store::in_read;
use lockdown_store::sanctions::SanctionKind;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

const CROWDS: u64 = 6;
const DESKS: u64 = 4;
const STEPS: usize = 40;
const PEOPLE: [&str; 3] = ["661", "662", "663"];

struct Clerk {
    desk: Desk,
    guild: GuildRef,
    time: MockClock,
    rng: fastrand::Rng,
    name: String,
    /// Keys whose ask was answered with a case.
    answered: BTreeMap<String, u64>,
    deaths: usize,
}

pub(crate) async fn whatever_many_do_at_once_the_promises_hold(mut town: Town) {
    let mut desks = vec![town.desk.clone()];
    for _ in 1..DESKS {
        desks.push(town.other_desk().await);
    }
    let mut deaths = 0;
    for seed in seeds(CROWDS) {
        town.move_to(&format!("{}", 5_000 + seed)).await;
        println!("LOCKDOWN_DESK_SEEDS={seed}");
        let mut crowd = tokio::task::JoinSet::new();
        for (number, desk) in (0..).zip(&desks) {
            let clerk = Clerk {
                desk: desk.clone(),
                guild: town.guild.clone(),
                time: town.time.clone(),
                rng: fastrand::Rng::with_seed(seed * DESKS + number),
                name: format!("clerk-{number}"),
                answered: BTreeMap::new(),
                deaths: 0,
            };
            crowd.spawn(clerk.work());
        }
        let clerks = crowd.join_all().await;
        deaths += clerks.iter().map(|clerk| clerk.deaths).sum::<usize>();
        settle(&town).await;
        check(&town, &clerks).await;
    }
    assert!(
        deaths > 0,
        "nobody died: the faults are not where the statements are"
    );
}

// === impl Clerk ===

impl Clerk {
    async fn work(mut self) -> Self {
        for step in 0..STEPS {
            self.time.advance(TimeDelta::milliseconds(self.rng.i64(1..400)));
            match self.rng.u8(0..12) {
                0..7 => self.wish(step).await,
                7..10 => self.answer().await,
                10 => self.ring().await,
                _ => self.amend().await,
            }
        }
        self
    }

    fn dies(&mut self) -> Option<usize> {
        (self.rng.u8(0..3) == 0).then(|| self.rng.usize(0..TURNS))
    }

    fn until(&mut self) -> Term {
        let lasts = Span::seconds(self.rng.u64(1..30)).unwrap();
        Term::after(lasts, self.time.now())
    }

    async fn wish(&mut self, step: usize) {
        const ACTIONS: [Action; 9] = [
            Action::Ban,
            Action::Ban,
            Action::Ban,
            Action::Unban,
            Action::Unban,
            Action::Mute,
            Action::Unmute,
            Action::Softban,
            Action::Warn,
        ];
        let action = *self.rng.choice(&ACTIONS).unwrap();
        let origin = *self.rng.choice(&[Origin::Command, Origin::Native]).unwrap();
        let person = user(self.rng.choice(&PEOPLE).unwrap());
        let key = format!("{}:{step}", self.name);
        let mut ask = Ask {
            key: Some(key.clone()),
            ..Ask::new(
                moderator(ANA),
                self.guild.clone(),
                person,
                action,
                origin,
                self.time.now(),
            )
        };
        if matches!(action, Action::Ban | Action::Mute) && self.rng.bool() {
            ask.ends = self.until();
        }
        while let Some(turns) = self.dies() {
            if die_after(turns, self.desk.act(&ask, &allowed())).await.is_none() {
                self.deaths += 1;
            }
        }
        match self.desk.act(&ask, &allowed()).await {
            Ok(Acted::Recorded(case) | Acted::Again(case)) => {
                self.answered.insert(key, case.number.0);
            }
            Ok(Acted::Already(_)) | Err(DeskError::Refused(_)) => {}
            other => panic!("{other:?}"),
        }
    }

    async fn answer(&mut self) {
        let log = ModerationLog {
            platform: self.guild.platform,
            guild_id: self.guild.id.clone(),
            case_number: self.rng.u64(1..60),
            outcome: *self
                .rng
                .choice(&[Outcome::Applied, Outcome::Applied, Outcome::Failed])
                .unwrap(),
            error: None,
            notified: None,
        };
        while let Some(turns) = self.dies() {
            if die_after(turns, self.desk.outcome(&log, None)).await.is_none() {
                self.deaths += 1;
            }
        }
        let answered = self.desk.outcome(&log, None).await;
        assert!(
            matches!(answered, Ok(_) | Err(DeskError::Refused(_))),
            "{answered:?}"
        );
    }

    async fn ring(&mut self) {
        if let Some(turns) = self.dies() {
            let died = die_after(turns, self.desk.expire(&self.name, 5, &Ranks::UNKNOWN)).await;
            self.deaths += usize::from(died.is_none());
            return;
        }
        let expired = self.desk.expire(&self.name, 5, &Ranks::UNKNOWN).await.unwrap();
        assert!(expired.put_off.is_empty(), "{expired:?}");
    }

    async fn amend(&mut self) {
        let ask = AmendAsk {
            by: moderator(BOB),
            guild: self.guild.clone(),
            case: CaseNumber(self.rng.u64(1..60)),
            change: Change::Ends(self.until()),
            chain: None,
        };
        if let Some(turns) = self.dies() {
            let died = die_after(turns, self.desk.amend(&ask, &allowed())).await;
            self.deaths += usize::from(died.is_none());
            return;
        }
        let amended = self.desk.amend(&ask, &allowed()).await;
        assert!(
            matches!(amended, Ok(_) | Err(DeskError::Refused(_))),
            "{amended:?}"
        );
    }
}

/// Everybody who died is dead for long; what is due ends.
async fn settle(town: &Town) {
    for _ in 0..3 {
        town.pass(TimeDelta::hours(7));
        while town
            .desk
            .expire("last", 100, &Ranks::UNKNOWN)
            .await
            .unwrap()
            .looked_at()
            > 0
        {}
    }
}

async fn check(town: &Town, clerks: &[Clerk]) {
    let rows = in_read!(town.store, |conn| {
        conn.cases(town.key, &CaseQuery::default(), 1_000).await
    });
    let rows: Vec<Case> = rows.unwrap().into_iter().rev().collect();
    let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=rows.len() as u64).collect::<Vec<_>>(), "a gap");
    // The same key was answered with the same case, and no two keys with one.
    let answered: Vec<(&String, &u64)> = clerks.iter().flat_map(|clerk| &clerk.answered).collect();
    let distinct: BTreeSet<&u64> = answered.iter().map(|(_, number)| *number).collect();
    assert_eq!(distinct.len(), answered.len());
    for (key, number) in answered {
        let row = &rows[usize::try_from(*number).unwrap() - 1];
        assert_eq!(row.idempotency_key.as_ref(), Some(key));
    }
    for person in PEOPLE {
        let who = user(person);
        let identity = in_read!(town.store, |conn| { conn.identity(who.platform, &who.id).await });
        let Some(identity) = identity.unwrap() else {
            continue;
        };
        for (lasting, kind) in [
            (Lasting::Ban, SanctionKind::Ban),
            (Lasting::Mute, SanctionKind::Mute),
        ] {
            let live = in_read!(town.store, |conn| {
                conn.live_sanction(town.key, identity.id, kind).await
            });
            let live = live.unwrap().map(|live| {
                let case = rows.iter().find(|row| row.id == live.case_id).unwrap();
                assert_eq!(case.expires_at, live.expires_at);
                case.number
            });
            // The newest decision stands alone: of what did not fail, the last; of one millisecond, the first recorded.
            let theirs = rows.iter().filter(|row| {
                row.subject_id == identity.id
                    && Lasting::decided_by(row.kind) == Some(lasting)
                    && row.state != CaseState::Failed
            });
            let newest = theirs.max_by_key(|row| (row.created_at.timestamp_millis(), Reverse(row.number)));
            let stands = newest.filter(|row| row.kind == lasting.begins());
            assert_eq!(
                live,
                stands.map(|row| row.number),
                "{person} {lasting}: {newest:?}"
            );
        }
    }
    for row in &rows {
        let by = row
            .fate
            .ended_by
            .map(|by| &rows[usize::try_from(by).unwrap() - 1]);
        assert!(
            by.is_none_or(|by| by.state != CaseState::Failed),
            "{row:?} was ended by what failed"
        );
    }
    town.check().await;
}
