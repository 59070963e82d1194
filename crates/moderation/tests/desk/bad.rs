//! What cannot be done is refused, with why and what could be done instead, and leaves no row.

use crate::fixture::{BOB, Changing, Town, allowed, demoted, moderator, rank, refused, user};
use chrono::TimeDelta;
use lockdown_events::{Action, GuildId, Platform, UserId};
use lockdown_moderation::desk::{AmendAsk, Ask, Facts, Ranks, Refused};
use lockdown_moderation::{
    Actor, CaseNumber, Change, GuildRef, Rank, ReasonError, Refusal, Rights, Term, UserRef, Why,
};
use std::sync::Mutex;

impl Town {
    async fn refuses(&self, ask: &Ask, facts: &dyn Facts) -> Refused {
        let before = self.rows().await;
        let why = refused(self.desk.act(ask, facts).await);
        assert_eq!(self.rows().await, before, "a refusal left a row: {why}");
        why
    }
}

pub(crate) async fn what_is_unknown_is_refused(town: Town) {
    let mut elsewhere = town.ask(Action::Ban);
    elsewhere.guild.id = GuildId::new("404").unwrap();
    let why = town.refuses(&elsewhere, &allowed()).await;
    assert_eq!(why, Refused::UnknownGuild(elsewhere.guild.clone()));
    assert_eq!(
        why.to_string(),
        "the community discord:404 is not known here: invite the bot to it first"
    );
    let absent = Ranks {
        subject: Rank::Absent,
        ..allowed()
    };
    for words in [Action::Warn, Action::Note, Action::Unwarn] {
        let why = town.refuses(&town.ask(words), &absent).await;
        assert_eq!(why.code(), "unknown_person", "{words}");
    }
    for there in [Action::Mute, Action::Kick] {
        match town.refuses(&town.ask(there), &absent).await {
            Refused::Denied(denied) => {
                assert_eq!(denied.why, Why::NotAMember);
                assert!(denied.allowed.contains(&Action::Ban));
            }
            other => panic!("{other}"),
        }
    }
    let nobody = Change::Reason(None);
    let ask = AmendAsk {
        by: moderator(BOB),
        guild: town.guild.clone(),
        case: CaseNumber(7),
        change: nobody,
        chain: None,
    };
    let why = refused(town.desk.amend(&ask, &allowed()).await);
    assert_eq!(why.to_string(), "there is no case 7 in discord:100");
    let read = town.desk.case(&elsewhere.guild, CaseNumber(1)).await;
    assert_eq!(refused(read).code(), "unknown_guild");
    assert_eq!(town.desk.case(&town.guild, CaseNumber(1)).await.unwrap(), None);
    // A ban may come before the person does.
    assert!(town.desk.act(&town.ask(Action::Ban), &absent).await.is_ok());
}

pub(crate) async fn ids_are_numbers(town: Town) {
    for id in [
        "mallory",
        "-5",
        "+5",
        "0",
        "1e9",
        "5.0",
        "99999999999999999999",
        "'; DROP TABLE cases",
    ] {
        let Ok(id) = UserId::new(id) else {
            // Spaces are refused at the door.
            continue;
        };
        let mut ask = town.ask(Action::Ban);
        ask.subject.id = id.clone();
        let why = town.refuses(&ask, &allowed()).await;
        assert_eq!(why.code(), "bad_id");
        assert!(why.to_string().contains(id.as_str()), "{why}");
        let mut ask = town.ask(Action::Ban);
        ask.by = Actor::Person(UserRef::new(Platform::Discord, id));
        assert_eq!(town.refuses(&ask, &allowed()).await.code(), "bad_id");
    }
    let mut ask = town.ask(Action::Ban);
    ask.guild = GuildRef {
        platform: Platform::Telegram,
        id: GuildId::new("square").unwrap(),
    };
    assert_eq!(
        town.refuses(&ask, &allowed()).await.to_string(),
        "`square` is no id of telegram: the community has a number"
    );
    ask.guild.id = GuildId::new("-1001").unwrap();
    assert_eq!(town.refuses(&ask, &allowed()).await.code(), "unknown_guild");
}

pub(crate) async fn a_duration_has_its_limit(town: Town) {
    let mut ask = town.ask(Action::Ban);
    ask.ends = town.until(TimeDelta::days(365 * 101));
    let why = town.refuses(&ask, &allowed()).await;
    assert_eq!(why.code(), "bad_duration");
    assert_eq!(why.to_string(), "at most 100 years can be given, or `forever`");
    ask.ends = Term::Until(town.now() - TimeDelta::seconds(1));
    assert_eq!(town.refuses(&ask, &allowed()).await.code(), "bad_duration");
    let mut kick = town.ask(Action::Kick);
    kick.ends = town.until(TimeDelta::days(1));
    assert_eq!(
        town.refuses(&kick, &allowed()).await.to_string(),
        "`kick` has no duration: leave it out, or ban or mute instead"
    );
    let mut ban = town.ask(Action::Ban);
    ban.delete_message_seconds = Some(8 * 86_400);
    let why = town.refuses(&ban, &allowed()).await;
    assert_eq!(
        why.to_string(),
        "a ban removes messages of at most 7 days on discord, not of 8 days"
    );
    let mut mute = town.ask(Action::Mute);
    mute.delete_message_seconds = Some(60);
    assert_eq!(
        town.refuses(&mute, &allowed()).await,
        Refused::RemovesNothing(Action::Mute)
    );
}

pub(crate) async fn a_reason_has_its_limit(town: Town) {
    let mut ask = town.ask(Action::Ban);
    ask.reason = Some("x".repeat(5_000));
    let why = town.refuses(&ask, &allowed()).await;
    assert_eq!(why.to_string(), "a reason has at most 1000 characters, not 5000");
    ask.reason = Some("a\0b".into());
    let why = town.refuses(&ask, &allowed()).await;
    assert_eq!(why, Refused::Reason(ReasonError::Control { at: 2, found: '\0' }));
    // Blank is none.
    ask.reason = Some(" \n".into());
    assert_eq!(town.record(&ask).await.reason, None);
}

pub(crate) async fn contradicting_wishes_in_one_millisecond(town: Town) {
    let ban = town.ask(Action::Ban);
    let first = town.record(&ban).await;
    let mut lift = town.ask(Action::Unban);
    lift.at = ban.at;
    match town.refuses(&lift, &allowed()).await {
        Refused::Decision(Refusal::Overtaken(by)) => assert_eq!(by.case, first.number),
        other => panic!("{other}"),
    }
    // From the future it comes now, so that others can come after it.
    lift.at = town.now() + TimeDelta::days(10_000);
    assert!(town.record(&lift).await.at <= town.now());
    town.act(Action::Ban).await;
}

pub(crate) async fn a_moderator_who_was_demoted_is_refused(town: Town) {
    // One look when the command was typed, another when it is decided.
    let facts = Changing(Mutex::new(vec![allowed(), demoted()]));
    let ask = town.ask(Action::Ban);
    facts.ranks(&ask.guild, &ask.by, &ask.subject).await;
    match town.refuses(&ask, &facts).await {
        Refused::Denied(denied) => {
            assert_eq!(denied.to_string(), "you lack the right `ban`; allowed here: note");
        }
        other => panic!("{other}"),
    }
}

pub(crate) async fn a_refusal_says_what_would_be_allowed(town: Town) {
    let equal = Ranks {
        subject: rank(5, Rights::NONE),
        ..allowed()
    };
    let why = town.refuses(&town.ask(Action::Ban), &equal).await;
    assert_eq!(
        why.to_string(),
        "your highest role does not stand above theirs; allowed here: unban, unmute, unwarn, note"
    );
    assert!(!why.is_passing());
    let unread = Ranks {
        subject: Rank::Unknown,
        ..allowed()
    };
    let why = town.refuses(&town.ask(Action::Ban), &unread).await;
    assert_eq!((why.code(), why.is_passing()), ("rank_unknown", true));
    let mut oneself = town.ask(Action::Ban);
    oneself.by = Actor::Person(user(crate::fixture::MALLORY));
    assert_eq!(town.refuses(&oneself, &allowed()).await.code(), "denied");
}
