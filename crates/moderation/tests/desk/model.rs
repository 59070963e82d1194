//! Lives of one person, each step carried out by the desk and, beside it, by the domain alone on cases in memory. After
//! each step both must tell the same, although the process died between two statements again and again.

use crate::book::{self, Book};
use crate::fault::{TURNS, die_after, seeds};
use crate::fixture::{ANA, BOB, MALLORY, Town, allowed, moderator, user};
use lockdown_events::{Action, Origin, Outcome};
use lockdown_moderation::desk::{Acted, AmendAsk, Answered, Ask, DeskError, Ranks, Refused};
use lockdown_moderation::{
    Actor, CaseNumber, Change, EditError, Follows, Lasting, MoveError, Span, Term, Wish,
};
use lockdown_store::cases::{CaseQuery, Lift};
use lockdown_store::in_read;
use lockdown_store::people::IdentityId;
use lockdown_store::sanctions::SanctionKind;

const LIVES: u64 = 20;
const STEPS: usize = 50;

struct Life {
    town: Town,
    book: Book,
    rng: fastrand::Rng,
    /// Seconds since the book's beginning.
    now: i64,
    asks: Vec<Ask>,
    deaths: usize,
}

pub(crate) async fn a_life_goes_as_the_domain_says_though_processes_die(mut town: Town) {
    let mut deaths = 0;
    for seed in seeds(LIVES) {
        town.move_to(&format!("{}", 1_000 + seed)).await;
        let mut life = Life {
            town,
            book: Book::default(),
            rng: fastrand::Rng::with_seed(seed),
            now: 0,
            asks: Vec::new(),
            deaths: 0,
        };
        println!("LOCKDOWN_DESK_SEEDS={seed}");
        life.town.time.set(book::at(0));
        for _ in 0..STEPS {
            life.step().await;
            life.compare().await;
        }
        // Longer than anything that could not be ended rests.
        life.pass(7 * 3_600);
        life.ring(true).await;
        life.compare().await;
        life.town.check().await;
        deaths += life.deaths;
        town = life.town;
    }
    assert!(
        deaths > 0,
        "nobody died: the faults are not where the statements are"
    );
}

// === impl Life ===

impl Life {
    async fn step(&mut self) {
        self.pass(1);
        match self.rng.u8(0..16) {
            0..7 => self.wish().await,
            7..9 => self.ring(false).await,
            9..12 => self.answer().await,
            12 => self.move_end().await,
            13 => self.once_more().await,
            _ => {
                let seconds = self.rng.i64(0..200);
                self.pass(seconds);
            }
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        self.town.time.set(book::at(self.now));
    }

    fn pick(&mut self) -> Option<CaseNumber> {
        let count = self.book.cases.len() as u64;
        (count > 0).then(|| CaseNumber(self.rng.u64(1..=count)))
    }

    /// Sometimes the process dies on the way, and another one does it again.
    fn dies(&mut self) -> Option<usize> {
        (self.rng.u8(0..3) == 0).then(|| self.rng.usize(0..TURNS))
    }

    async fn act(&mut self, ask: &Ask) -> Result<Acted, DeskError> {
        while let Some(turns) = self.dies() {
            if die_after(turns, self.town.desk.act(ask, &allowed()))
                .await
                .is_none()
            {
                self.deaths += 1;
            }
        }
        self.town.desk.act(ask, &allowed()).await
    }

    async fn wish(&mut self) {
        const ACTIONS: [Action; 11] = [
            Action::Ban,
            Action::Ban,
            Action::Ban,
            Action::Unban,
            Action::Unban,
            Action::Mute,
            Action::Mute,
            Action::Unmute,
            Action::Kick,
            Action::Softban,
            Action::Warn,
        ];
        const ORIGINS: [Origin; 4] = [Origin::Command, Origin::Command, Origin::Native, Origin::Automod];
        let action = *self.rng.choice(&ACTIONS).unwrap();
        let origin = *self.rng.choice(&ORIGINS).unwrap();
        let late = if self.rng.u8(0..5) == 0 {
            self.rng.i64(0..60)
        } else {
            0
        };
        let at = book::at(self.now - late);
        let timed = matches!(action, Action::Ban | Action::Mute) && self.rng.bool();
        let lasts = self.rng.u64(61..260);
        let ends = if timed {
            Term::after(Span::seconds(lasts).unwrap(), at)
        } else {
            Term::Forever
        };
        let by = match origin {
            Origin::Automod => Actor::Rule("flood".into()),
            _ => moderator(ANA),
        };
        let guild = self.town.guild.clone();
        let ask = Ask {
            ends,
            key: Some(format!("event:{}", self.asks.len())),
            ..Ask::new(by.clone(), guild.clone(), user(MALLORY), action, origin, at)
        };
        self.asks.push(ask.clone());
        let before = self.book.cases.len();
        let acted = self.act(&ask).await;
        let expected = self.book.wish(
            by,
            Wish {
                ends,
                ..Wish::new(guild, user(MALLORY), action, origin, at)
            },
        );
        match (acted, expected) {
            // Whoever did it may have died before it could say so.
            (
                Ok(Acted::Recorded(case) | Acted::Again(case)),
                Ok(Follows::Case { .. } | Follows::History { .. }),
            ) => assert_eq!(case.number.0 as usize, before + 1),
            (Ok(Acted::Already(case)), Ok(Follows::Already { case: expected })) => {
                assert_eq!(case.map(|case| case.number), expected);
            }
            (Err(DeskError::Refused(Refused::Decision(why))), Err(expected)) => assert_eq!(why, expected),
            (found, expected) => panic!("{found:?}, and the domain says {expected:?}"),
        }
    }

    /// An event comes again, long after.
    async fn once_more(&mut self) {
        let Some(ask) = self.rng.choice(&self.asks).cloned() else {
            return;
        };
        let nobody = IdentityId(self.town.ids.next());
        let found = in_read!(self.town.store, |conn| {
            conn.standing_cases(self.town.key, nobody, self.town.now(), ask.key.as_deref())
                .await
        });
        // What became no case may become one by now; that is a wish like any other.
        if let Some(row) = found.unwrap().pop() {
            let acted = self.act(&ask).await.unwrap();
            assert!(matches!(acted, Acted::Again(case) if case.number.0 == row.number));
        }
    }

    /// The timers ring, by several hands.
    async fn ring(&mut self, at_last: bool) {
        while let Some(turns) = self.dies() {
            let died = die_after(turns, self.town.desk.expire("one who dies", 10, &Ranks::UNKNOWN)).await;
            if died.is_none() {
                self.deaths += 1;
                // Until its lease is over, nobody else takes what it took.
                self.pass(40);
            }
        }
        // On Postgres the dead transaction's locks are gone a moment after it: until then, what it held is passed over.
        loop {
            let expired = self
                .town
                .desk
                .expire("another", 10, &Ranks::UNKNOWN)
                .await
                .unwrap();
            assert!(expired.put_off.is_empty(), "{expired:?}");
            let due = in_read!(self.town.store, |conn| { conn.next_due_sanction().await });
            if due.unwrap().is_none_or(|due| due > book::at(self.now)) {
                break;
            }
        }
        for row in self.rows().await.into_iter().skip(self.book.cases.len()) {
            assert_eq!(row.origin, Origin::Expiry);
            let at = (row.created_at - book::at(0)).num_seconds();
            let follows = self.book.expire(row.parent.unwrap(), at).unwrap();
            assert!(matches!(follows, Follows::Case { .. }), "{row:?} was not due");
        }
        for lasting in Lasting::ALL {
            let Some(live) = self.book.standing(&user(MALLORY)).lane(lasting).live else {
                continue;
            };
            // What is over still stands only where the platform refused something, and then for a while.
            let refused = !at_last
                && self.book.cases.iter().any(|case| {
                    Lasting::decided_by(case.action) == Some(lasting) && case.state.name() == "failed"
                });
            assert!(
                refused || !live.ends.is_over(book::at(self.now)),
                "{live:?} was due"
            );
        }
    }

    async fn answer(&mut self) {
        let Some(number) = self.pick() else { return };
        let done = self.rng.u8(0..10) < 6;
        let outcome = if done { Outcome::Applied } else { Outcome::Failed };
        let log = self.town.log(number, outcome);
        let mut died = false;
        while let Some(turns) = self.dies() {
            if die_after(turns, self.town.desk.outcome(&log, None))
                .await
                .is_none()
            {
                self.deaths += 1;
            }
            died = true;
        }
        let answered = self.town.desk.outcome(&log, None).await;
        let expected = if done {
            self.book.applied(number.0, self.now)
        } else {
            self.book.failed(number.0, self.now)
        };
        match (answered, expected) {
            (Ok(Answered::Applied(_)), Ok(())) => assert!(done),
            (Ok(Answered::Failed { .. }), Ok(())) => assert!(!done),
            (Ok(Answered::Again), Ok(())) => assert!(died),
            (Ok(Answered::Again), Err(MoveError::Already(_))) => {}
            (Err(DeskError::Refused(Refused::Move(why))), Err(expected)) => assert_eq!(why, expected),
            (found, expected) => panic!("{found:?}, and the domain says {expected:?}"),
        }
    }

    async fn move_end(&mut self) {
        let Some(case) = self.pick() else { return };
        let lasts = self.rng.u64(1..300);
        let change = Change::Ends(Term::after(Span::seconds(lasts).unwrap(), book::at(self.now)));
        let ask = AmendAsk {
            by: moderator(BOB),
            guild: self.town.guild.clone(),
            case,
            change: change.clone(),
            chain: None,
        };
        let mut died = false;
        while let Some(turns) = self.dies() {
            if die_after(turns, self.town.desk.amend(&ask, &allowed()))
                .await
                .is_none()
            {
                self.deaths += 1;
            }
            died = true;
        }
        let amended = self.town.desk.amend(&ask, &allowed()).await;
        match (amended, self.book.amend(moderator(BOB), case.0, change, self.now)) {
            (Ok(amended), Ok(_)) => assert!(died || amended.edit.is_some()),
            (Ok(amended), Err(EditError::Same)) => assert_eq!(amended.edit, None),
            (Err(DeskError::Refused(Refused::Edit(why))), Err(expected)) => assert_eq!(why, expected),
            (found, expected) => panic!("{found:?}, and the domain says {expected:?}"),
        }
    }

    async fn rows(&self) -> Vec<lockdown_store::cases::Case> {
        let rows = in_read!(self.town.store, |conn| {
            conn.cases(self.town.key, &CaseQuery::default(), 1_000).await
        });
        rows.unwrap().into_iter().rev().collect()
    }

    /// The rows tell what the book tells.
    async fn compare(&self) {
        let rows = self.rows().await;
        assert_eq!(rows.len(), self.book.cases.len());
        for (row, case) in rows.iter().zip(&self.book.cases) {
            let expired = matches!(
                case.state,
                lockdown_moderation::CaseState::Lifted {
                    how: lockdown_moderation::Lift::Expired,
                    ..
                }
            );
            assert_eq!(
                (
                    row.number,
                    row.kind,
                    row.state.as_str(),
                    row.fate.ended_by,
                    row.expires_at,
                    row.parent,
                    row.fate.lift == Some(Lift::Expired)
                ),
                (
                    case.number.0,
                    case.action,
                    case.state.name(),
                    case.state.ended_by().map(|by| by.0),
                    case.ends.at(),
                    case.lifts.map(|lifts| lifts.0),
                    expired
                ),
                "{case:?}"
            );
        }
        let standing = self.book.standing(&user(MALLORY));
        for (lasting, kind) in [
            (Lasting::Ban, SanctionKind::Ban),
            (Lasting::Mute, SanctionKind::Mute),
        ] {
            let live = standing.lane(lasting).live.map(|live| live.case.0);
            assert_eq!(self.town.in_force(kind).await, live, "{lasting}");
        }
    }
}
