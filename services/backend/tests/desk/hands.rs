//! From a decision to the platform and back.

use crate::house::{House, user};
use crate::square::Square;
use lockdown_bus::DeadFilter;
use lockdown_events::{Action, CaseId, Decision, ModerationEvent, Origin, RoleId};
use lockdown_moderation::hands::{self, AskedRanks};
use lockdown_moderation::{Right, Rights, Term};
use lockdown_store::dbx::Json;
use lockdown_store::in_tx;
use lockdown_store::roles::{Role, RoleId as OwnRole, Subject};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

crate::house::sizes!(
    a_ban_is_told_done_and_answered,
    what_the_platform_refuses_is_a_failed_case,
    an_outage_is_waited_for_and_nobody_is_told_twice,
    a_notice_that_was_not_taken_is_never_told_as_sent,
    what_is_not_the_last_word_is_not_done,
    what_no_record_tells_of_is_not_done,
    ranks_are_asked_from_the_bot,
    a_role_of_ours_is_held_by_a_role_of_the_platform,
    what_was_done_by_hand_is_not_done_again,
);

impl House {
    async fn with(&self, square: &Arc<Square>) {
        let ranks = AskedRanks::new(self.bus.clone(), self.store.clone());
        self.decide(ranks).await;
        hands::start(&self.ctx, &self.bus, Arc::clone(square) as _)
            .await
            .unwrap();
    }

    /// The case when the platform has answered.
    async fn answered(&self, number: u64) -> Value {
        let answered = async {
            loop {
                let case = self.case(number).await.unwrap();
                if case["state"] != "requested" {
                    return case;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(crate::house::PATIENCE, answered)
            .await
            .expect("the platform's answer")
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(crate::house::PATIENCE, waiting)
            .await
            .is_ok(),
        "waited in vain until {what}"
    );
}

async fn a_ban_is_told_done_and_answered(house: House) {
    let square = Square::new(&["666", "667"]);
    house.with(&square).await;
    let mut wish = house.wish(Action::Ban, "666");
    wish.delete_message_seconds = Some(3_600);
    assert_eq!(house.ask(&wish).await.unwrap()["caseNumber"], 1);
    let case = house.answered(1).await;
    assert_eq!(case["state"], "applied");
    assert_eq!(case["history"][1]["body"]["notified"], "sent");
    assert_eq!(
        square.state().asked,
        [
            "message 666: You were banned in Square.\nReason: spam\nThis is case 1.",
            "ban 666 delete 3600: 11: spam [case 1]",
        ]
    );
    assert_eq!(square.state().banned[&user("666")], Term::Forever);

    // Whoever takes no messages is muted all the same, and told of it where nobody is removed after the act.
    square.state().closed.push(user("667"));
    house.ask(&house.wish(Action::Mute, "667")).await.unwrap();
    let case = house.answered(2).await;
    assert_eq!(
        (&case["state"], &case["history"][1]["body"]["notified"]),
        (&json!("applied"), &json!("closed"))
    );
    assert!(
        matches!(square.state().muted[&user("667")], Term::Until(_)),
        "a piece of for ever"
    );

    house.ask(&house.wish(Action::Unban, "666")).await.unwrap();
    assert_eq!(house.answered(3).await["state"], "applied");
    assert!(square.state().banned.is_empty());
    house.stop().await;
}

async fn what_the_platform_refuses_is_a_failed_case(house: House) {
    let square = Square::new(&["666"]);
    house.with(&square).await;
    // The bot loses its right between the decision and the act.
    square.state().away = true;
    house.ask(&house.wish(Action::Ban, "666")).await.unwrap();
    until("the ban was tried", || square.state().asked.len() > 1).await;
    {
        let mut state = square.state();
        let bot = state.members.get_mut(&user("99")).unwrap();
        bot.0 = crate::square::rank(6, Rights::of(&[Right::Kick]));
        state.away = false;
    }
    let case = house.answered(1).await;
    assert_eq!(
        (&case["state"], &case["error"]),
        (&json!("failed"), &json!("the bot lacks the right to ban"))
    );
    assert!(square.state().banned.is_empty());
    house.stop().await;
}

async fn an_outage_is_waited_for_and_nobody_is_told_twice(house: House) {
    let square = Square::new(&["666", "667"]);
    house.with(&square).await;
    square.state().away = true;
    house.ask(&house.wish(Action::Ban, "666")).await.unwrap();
    let bans = || {
        let state = square.state();
        state
            .asked
            .iter()
            .filter(|asked| asked.starts_with("ban "))
            .count()
    };
    until("the ban was tried again", || bans() >= 2).await;
    square.state().away = false;
    assert_eq!(house.answered(1).await["state"], "applied");
    assert!(square.state().banned.contains_key(&user("666")));
    let asked = square.state().asked.clone();
    let told = asked.iter().filter(|asked| asked.starts_with("message "));
    assert_eq!(told.count(), 1, "{asked:?}");
    house.stop().await;
}

async fn a_notice_that_was_not_taken_is_never_told_as_sent(house: House) {
    let square = Square::new(&["666"]);
    house.with(&square).await;
    {
        let mut state = square.state();
        state.closed.push(user("666"));
        state.away = true;
    }
    house.ask(&house.wish(Action::Ban, "666")).await.unwrap();
    until("the ban was tried", || !square.state().asked.is_empty()).await;
    square.state().away = false;
    let case = house.answered(1).await;
    assert_eq!(case["state"], "applied");
    assert_ne!(case["history"][1]["body"]["notified"], "sent", "{case}");
    house.stop().await;
}

async fn what_is_not_the_last_word_is_not_done(house: House) {
    let square = Square::new(&["666"]);
    house.with(&square).await;
    square.state().away = true;
    house.ask(&house.wish(Action::Mute, "666")).await.unwrap();
    until("the mute was tried", || !square.state().asked.is_empty()).await;
    house.ask(&house.wish(Action::Unmute, "666")).await.unwrap();
    until("the end was tried", || {
        square
            .state()
            .asked
            .iter()
            .any(|asked| asked.starts_with("unmute"))
    })
    .await;
    square.state().asked.clear();
    square.state().away = false;
    assert_eq!(house.answered(2).await["state"], "applied");
    assert_eq!(house.answered(1).await["state"], "lifted");
    // A ban comes after both, and by then the mute has had its turn.
    house.ask(&house.wish(Action::Ban, "666")).await.unwrap();
    assert_eq!(house.answered(3).await["state"], "applied");
    assert!(square.state().muted.is_empty());
    let asked = square.state().asked.clone();
    assert!(!asked.iter().any(|asked| asked.starts_with("mute")), "{asked:?}");
    house.stop().await;
}

async fn what_no_record_tells_of_is_not_done(house: House) {
    let square = Square::new(&["666", "667"]);
    house.with(&square).await;
    let forged = Decision {
        platform: lockdown_events::Platform::Discord,
        guild_id: lockdown_events::GuildId::new("100").unwrap(),
        id: CaseId(house.ctx.ids.next()),
        case_number: 1,
        action: Some(Action::Ban),
        user_id: user("666"),
        moderator_id: Some(user("11")),
        reason: None,
        expires_at: None,
        origin: None,
        delete_message_seconds: None,
        notify: None,
        lifts_case_number: None,
        batch_id: None,
        rule: None,
        rule_set_hash: None,
        trace_id: None,
    };
    let mut unknown = forged.clone();
    unknown.case_number = 99;
    house
        .publish(&house.envelope(ModerationEvent::BanCreated(unknown)))
        .await;
    let letter = async {
        loop {
            let letters = house
                .bus
                .engine()
                .dead_letters(&DeadFilter::default(), None, 10)
                .await;
            if let Some(letter) = letters.unwrap().pop() {
                return letter;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let letter = tokio::time::timeout(crate::house::PATIENCE, letter)
        .await
        .unwrap();
    assert_eq!(
        letter.error,
        "carry_out: no record tells of case 99, so it is not carried out: there is no case 99 in discord:100"
    );
    // The number of a true case does not help: what it says is not what the record says.
    house.ask(&house.wish(Action::Note, "667")).await.unwrap();
    house
        .publish(&house.envelope(ModerationEvent::BanCreated(forged)))
        .await;
    let two = async {
        loop {
            let letters = house
                .bus
                .engine()
                .dead_letters(&DeadFilter::default(), None, 10)
                .await;
            if letters.unwrap().len() == 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::house::PATIENCE, two).await.unwrap();
    assert!(square.state().asked.is_empty());
    house.stop().await;
}

async fn ranks_are_asked_from_the_bot(house: House) {
    let square = Square::new(&["20", "666"]);
    house.with(&square).await;
    for (by, about, why) in [
        ("20", "666", "you lack the right `ban`"),
        ("11", "12", "your highest role does not stand above theirs"),
        ("11", "1", "the owner of a community cannot be punished in it"),
        ("11", "99", "the bot does not turn against itself"),
        (
            "11",
            "666",
            "your rank could not be read from the platform: try again in a moment",
        ),
    ] {
        square.state().unreadable = about == "666" && by == "11";
        let mut wish = house.wish(Action::Ban, about);
        wish.moderator_id = Some(user(by));
        let refused = house.ask(&wish).await.unwrap_err();
        assert!(refused.message.starts_with(why), "{}", refused.message);
    }
    square.state().unreadable = false;
    // They were never there: a ban can come before the person does.
    house.ask(&house.wish(Action::Ban, "777")).await.unwrap();
    assert_eq!(house.answered(1).await["state"], "applied");
    let kick = house.ask(&house.wish(Action::Kick, "778")).await.unwrap_err();
    assert!(
        kick.message.starts_with("they are not in the community"),
        "{}",
        kick.message
    );
    house.stop().await;
}

async fn a_role_of_ours_is_held_by_a_role_of_the_platform(house: House) {
    let square = Square::new(&["20", "666"]);
    house.with(&square).await;
    let helper = RoleId::new("7007").unwrap();
    square
        .state()
        .members
        .get_mut(&user("20"))
        .unwrap()
        .1
        .push(helper.clone());
    let mut wish = house.wish(Action::Warn, "666");
    wish.moderator_id = Some(user("20"));
    assert_eq!(house.ask(&wish).await.unwrap_err().code, "denied");
    let now = house.ctx.clock.now();
    let bound = in_tx!(house.store, |tx| {
        let guild = tx.guild_by_key(house.guild).await?.unwrap();
        let role = Role {
            id: OwnRole(house.ctx.ids.next()),
            community_id: guild.community_id,
            name: "helper".into(),
            permissions: Json(["warn".to_owned()].into()),
            position: 3,
            created_at: now,
        };
        tx.insert_role(&role).await?;
        let subject = Subject::PlatformRole(helper.as_str().to_owned());
        tx.bind_role(role.id, &subject, Some(guild.id), now).await
    });
    assert!(bound.unwrap());
    // Seen once, so that there is somebody to whom it was given.
    let mut note = house.wish(Action::Note, "20");
    note.moderator_id = Some(user("11"));
    house.ask(&note).await.unwrap();
    let warned = house.ask(&wish).await.unwrap();
    assert_eq!(warned["action"], "warn");
    assert_eq!(warned["moderatorId"], "20");
    house.stop().await;
}

async fn what_was_done_by_hand_is_not_done_again(house: House) {
    let square = Square::new(&["666", "667"]);
    house.with(&square).await;
    let mut seen = house.wish(Action::Ban, "666");
    seen.origin = Origin::Native;
    seen.native_id = Some("entry-1".into());
    house
        .publish(&house.envelope(ModerationEvent::Action(seen)))
        .await;
    let recorded = async {
        while house.case(1).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::house::PATIENCE, recorded)
        .await
        .unwrap();
    house.ask(&house.wish(Action::Kick, "667")).await.unwrap();
    // In the order of the community: when the kick is answered, the ban that was seen has had its turn.
    let kick = house.answered(2).await;
    assert_eq!(
        (&kick["action"], &kick["state"]),
        (&json!("kick"), &json!("applied"))
    );
    let ban = house.case(1).await.unwrap();
    assert_eq!(
        (&ban["origin"], &ban["state"]),
        (&json!("native"), &json!("applied"))
    );
    let asked = square.state().asked.clone();
    assert!(!asked.iter().any(|asked| asked.contains("666")), "{asked:?}");
    house.stop().await;
}
