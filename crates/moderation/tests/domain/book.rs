//! A person's cases as the store would keep them, each change in one step.

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{Action, CaseId, GuildId, Origin, Platform, UserId};
use lockdown_moderation::{
    Actor, Amendment, Authorized, Case, CaseNumber, CaseState, Change, Doer, Edit, EditError, Ending,
    Follows, Grant, Guarded, GuildRef, Limits, MoveError, Rank, Reason, Refusal, Rights, Scene, Standing,
    Subject, Term, UserRef, Wish, decide, fail,
};

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
}

pub(crate) fn until(seconds: i64) -> Term {
    Term::Until(at(seconds))
}

pub(crate) fn user(id: &str) -> UserRef {
    UserRef::new(Platform::Discord, UserId::new(id).unwrap())
}

pub(crate) fn moderator(name: &str) -> Actor {
    Actor::Person(user(name))
}

pub(crate) fn rule(id: &str) -> Actor {
    Actor::Rule(id.into())
}

pub(crate) fn reason(text: &str) -> Reason {
    Reason::new(text, Reason::LONGEST).unwrap()
}

pub(crate) fn wish_on(person: &str, action: Action, seconds: i64) -> Wish {
    let guild = GuildRef {
        platform: Platform::Discord,
        id: GuildId::new("7").unwrap(),
    };
    Wish::new(guild, user(person), action, Origin::Command, at(seconds))
}

pub(crate) fn wish(action: Action, seconds: i64) -> Wish {
    wish_on("mallory", action, seconds)
}

/// The proof for somebody who may do everything.
pub(crate) fn allowed<T: Guarded>(by: Actor, on: T) -> Authorized<T> {
    let everything = Rank::Member {
        position: 5,
        administrator: true,
        rights: Rights::ALL,
    };
    let scene = Scene {
        doer: Doer {
            by,
            rank: everything,
            grant: Some(Grant::ADMIN),
        },
        subject: Subject {
            who: on.subject().clone(),
            rank: Rank::PLAIN,
            grant: None,
        },
        bot: Some(user("bot")),
        bot_rank: everything,
        limits: Limits::of(Platform::Discord),
        even_administrators: false,
    };
    scene.authorize(on).unwrap()
}

/// All cases of a community.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    pub(crate) cases: Vec<Case>,
}

impl Book {
    pub(crate) fn standing(&self, person: &UserRef) -> Standing {
        Standing::of(self.cases.iter().filter(|case| case.subject == *person)).unwrap()
    }

    pub(crate) fn case(&self, number: u64) -> &Case {
        self.cases
            .iter()
            .find(|case| case.number == CaseNumber(number))
            .unwrap()
    }

    pub(crate) fn state(&self, number: u64) -> &'static str {
        self.case(number).state.name()
    }

    /// What follows from a wish, carried out.
    pub(crate) fn wish(&mut self, by: Actor, wish: Wish) -> Result<Follows, Refusal> {
        let now = wish.at;
        let standing = self.standing(&wish.subject);
        let proof = allowed(by, wish);
        let follows = decide(&standing, &proof)?;
        let number = CaseNumber(self.cases.len() as u64 + 1);
        if let Follows::Case { ends } = &follows {
            for ending in ends {
                let (Ending::Superseded { case: old } | Ending::Lifted { case: old, .. }) = ending;
                let old = self.cases.iter_mut().find(|case| case.number == *old).unwrap();
                old.end(ending, number, now).unwrap();
            }
        }
        self.cases
            .extend(Case::open(CaseId(Default::default()), number, proof, &follows));
        Ok(follows)
    }

    /// The platform did it.
    pub(crate) fn applied(&mut self, number: u64, seconds: i64) -> Result<(), MoveError> {
        let case = &mut self.cases[number as usize - 1];
        case.state = case.state.apply(at(seconds))?;
        Ok(())
    }

    /// The platform did not do it.
    pub(crate) fn failed(&mut self, number: u64, seconds: i64) -> Result<(), MoveError> {
        let mut case = self.case(number).clone();
        let ended = self
            .cases
            .iter_mut()
            .filter(|other| other.state.ended_by() == Some(CaseNumber(number)));
        fail(&mut case, ended, "missing permission".to_owned(), at(seconds))?;
        self.cases[number as usize - 1] = case;
        Ok(())
    }

    pub(crate) fn amend(
        &mut self,
        by: Actor,
        number: u64,
        change: Change,
        seconds: i64,
    ) -> Result<Edit, EditError> {
        let (case, edit) = allowed(
            by,
            Amendment {
                case: self.case(number).clone(),
                change,
            },
        )
        .amend(at(seconds))?;
        self.cases[number as usize - 1] = case;
        Ok(edit)
    }

    /// Rings the timer of a case.
    pub(crate) fn expire(&mut self, number: u64, seconds: i64) -> Result<Follows, Refusal> {
        let case = self.case(number);
        let lift = match case.action {
            Action::Mute => Action::Unmute,
            Action::Warn => Action::Unwarn,
            _ => Action::Unban,
        };
        let wish = Wish {
            origin: Origin::Expiry,
            case: Some(case.number),
            subject: case.subject.clone(),
            ..wish(lift, seconds)
        };
        self.wish(Actor::System, wish)
    }
}

/// Whether it stands.
pub(crate) fn stands(case: &Case) -> bool {
    matches!(case.state, CaseState::Requested | CaseState::Applied { .. })
}
