//! Who may do what to whom, as a table.

use chrono::DateTime;
use lockdown_events::{Action, GuildId, Origin, Platform, UserId};
use lockdown_moderation::{
    Actor, Authorized, Denied, Doer, Grant, GuildRef, Limits, Rank, Right, Rights, Scene, Subject, UserRef,
    Why, Wish,
};

fn user(platform: Platform, id: &str) -> UserRef {
    UserRef::new(platform, UserId::new(id).unwrap())
}

fn right(name: &str) -> Right {
    Right::ALL
        .into_iter()
        .find(|right| right.as_str() == name)
        .unwrap_or_else(|| panic!("no right `{name}`"))
}

/// `5 [ban,kick] admin +lead`
fn party(text: &str) -> (Rank, Option<Grant>) {
    let (mut place, mut administrator, mut rights, mut grant, mut special) =
        (0, false, Rights::NONE, None, None);
    for word in text.split_whitespace() {
        match word {
            "admin" => administrator = true,
            "owner" => special = Some(Rank::Owner),
            "absent" => special = Some(Rank::Absent),
            "unknown" => special = Some(Rank::Unknown),
            "+viewer" => grant = Some(Grant::VIEWER),
            "+moderator" => grant = Some(Grant::MODERATOR),
            "+lead" => grant = Some(Grant::LEAD),
            "+admin" => grant = Some(Grant::ADMIN),
            "rule" | "token" | "system" | "self" | "bot" => {}
            list if list.starts_with('[') => {
                let names: Vec<Right> = list.trim_matches(['[', ']']).split(',').map(right).collect();
                rights = Rights::of(&names);
            }
            number => place = number.parse().unwrap_or_else(|_| panic!("`{number}` is nobody")),
        }
    }
    (
        special.unwrap_or(Rank::Member {
            position: place,
            administrator,
            rights,
        }),
        grant,
    )
}

/// What the line asks for, and what came of it.
fn judge(doer: &str, subject: &str, bot: &str, deed: &str) -> Result<Authorized<Wish>, Denied> {
    let mut words = deed.split_whitespace();
    let platform: Platform = words.next().unwrap().parse().unwrap();
    let action: Action = words.next().unwrap().parse().unwrap();
    let (mut origin, mut even_administrators) = (Origin::Command, false);
    for word in words {
        match word.strip_prefix("origin=") {
            Some(name) => origin = name.parse().unwrap(),
            None => even_administrators = word == "even",
        }
    }
    let (ana, mallory, own) = (user(platform, "1"), user(platform, "2"), user(platform, "3"));
    let by = match doer
        .split_whitespace()
        .find(|word| ["rule", "token", "system"].contains(word))
    {
        Some("rule") => Actor::Rule("slurs".into()),
        Some("token") => Actor::Token("ci".into()),
        Some(_) => Actor::System,
        None => Actor::Person(ana.clone()),
    };
    let who = match subject {
        "self" => ana,
        "bot" => own.clone(),
        _ => mallory,
    };
    let (doer_rank, doer_grant) = party(doer);
    let (rank, grant) = party(subject);
    let scene = Scene {
        doer: Doer {
            by,
            rank: doer_rank,
            grant: doer_grant,
        },
        subject: Subject {
            who: who.clone(),
            rank,
            grant,
        },
        bot: Some(own),
        bot_rank: party(bot).0,
        limits: Limits::of(platform),
        even_administrators,
    };
    let guild = GuildRef {
        platform,
        id: GuildId::new("7").unwrap(),
    };
    scene.authorize(Wish::new(guild, who, action, origin, DateTime::UNIX_EPOCH))
}

#[test]
fn the_table() {
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in include_str!("cases/authority.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [doer, subject, bot, deed, expected] = columns[..] else {
            panic!("five columns: {line}")
        };
        let found = match judge(doer, subject, bot, deed) {
            Ok(_) => "yes".to_owned(),
            Err(Denied { why, allowed }) => {
                let allowed: Vec<&str> = allowed.iter().map(|action| action.as_str()).collect();
                format!("{why:?} -> {}", allowed.join(" ")).trim_end().to_owned()
            }
        };
        rows += 1;
        if found != expected {
            wrong.push(format!("{line}\n    found: {found}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {rows} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(rows >= 60, "{rows} rows: the table was not read");
}

/// Whatever the ranks: what is called allowed instead is allowed, and a refusal never lists what was refused.
#[test]
fn what_is_said_to_be_allowed_is_allowed() {
    let parties = [
        "owner",
        "absent",
        "unknown",
        "9 admin",
        "5 [ban,mute,warn]",
        "5 [note] +lead",
        "0",
        "3 +moderator",
    ];
    for doer in parties.iter().chain(&["rule +admin", "token +lead", "system"]) {
        for subject in parties.iter().chain(&["self", "bot"]) {
            for bot in ["9 admin", "4 [ban]", "unknown"] {
                for action in Action::ALL {
                    let deed = |action: &Action| format!("discord {action}");
                    if let Err(denied) = judge(doer, subject, bot, &deed(action)) {
                        assert!(
                            !denied.allowed.contains(action),
                            "{doer} | {subject} | {bot} | {action}: {denied}"
                        );
                        for other in &denied.allowed {
                            assert!(
                                judge(doer, subject, bot, &deed(other)).is_ok(),
                                "{doer} | {subject} | {other}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_refusal_says_why_and_what_would_be_allowed() {
    let denied = judge("5 [ban]", "5", "9 [ban]", "discord ban").unwrap_err();
    assert_eq!(
        denied.to_string(),
        "your highest role does not stand above theirs; allowed here: unban"
    );
    let denied = judge("5 [ban]", "self", "9 [ban]", "discord ban").unwrap_err();
    assert_eq!(
        denied.to_string(),
        "nobody decides about themselves: ask another moderator"
    );
}

#[test]
fn a_right_is_for_one_person() {
    let guild = GuildRef {
        platform: Platform::Discord,
        id: GuildId::new("7").unwrap(),
    };
    let scene = Scene {
        doer: Doer {
            by: Actor::Person(user(Platform::Discord, "1")),
            rank: Rank::Owner,
            grant: None,
        },
        subject: Subject {
            who: user(Platform::Discord, "2"),
            rank: Rank::PLAIN,
            grant: None,
        },
        bot: Some(user(Platform::Discord, "3")),
        bot_rank: Rank::Owner,
        limits: Limits::of(Platform::Discord),
        even_administrators: false,
    };
    let wish = |id| {
        let who = user(Platform::Discord, id);
        Wish::new(
            guild.clone(),
            who,
            Action::Warn,
            Origin::Command,
            DateTime::UNIX_EPOCH,
        )
    };
    assert_eq!(scene.authorize(wish("4")).unwrap_err().why, Why::OtherPerson);
    let proof = scene.authorize(wish("2")).unwrap();
    assert_eq!((proof.by(), proof.on()), (&scene.doer.by, &wish("2")));
}

#[test]
fn what_concerns_nobody_in_particular_needs_its_right() {
    let doer = |rank, grant| Doer {
        by: Actor::Person(user(Platform::Discord, "1")),
        rank,
        grant,
    };
    assert!(
        doer(Rank::PLAIN, Some(Grant::LEAD))
            .authorize(Right::Undo, ())
            .is_ok()
    );
    let denied = doer(Rank::PLAIN, Some(Grant::MODERATOR))
        .authorize(Right::Undo, ())
        .unwrap_err();
    assert_eq!(denied.to_string(), "you lack the right `undo`");
    assert_eq!(
        doer(Rank::Unknown, Some(Grant::ADMIN))
            .authorize(Right::Undo, ())
            .unwrap_err()
            .why,
        Why::DoerUnknown
    );
}

#[test]
fn rights_are_sets() {
    assert_eq!(Rights::ALL.iter().collect::<Vec<_>>(), Right::ALL);
    assert!(Rights::NONE.is_empty() && Rights::NONE.iter().next().is_none());
    let both = Rights::of(&[Right::Ban]) | Rights::of(&[Right::Note]);
    assert_eq!(
        both.iter().map(Right::as_str).collect::<Vec<_>>(),
        ["note", "ban"]
    );
    assert!(
        Rights::MODERATOR.iter().all(|right| Rights::LEAD.has(right)) && !Rights::MODERATOR.has(Right::Void)
    );
}
