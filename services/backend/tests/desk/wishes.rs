//! From the bus to a case and back.

use crate::house::{House, user};
use lockdown_events::{
    Action, GuildId, ModerationDeed, ModerationEvent, ModerationLog, Origin, Outcome, Platform, Source,
};
use lockdown_moderation::desk::Ranks;
use lockdown_moderation::{Grant, Rank, Rights, UserRef};
use lockdown_runtime::Config;
use lockdown_store::cases::CaseQuery;
use lockdown_store::dbx::Json;
use lockdown_store::{in_read, in_tx};
use lockdown_testkit::servers;
use serde_json::json;

fn ranks() -> Ranks {
    let rank = |position| Rank::Member {
        position,
        administrator: false,
        rights: Rights::LEAD,
    };
    Ranks {
        doer: rank(5),
        doer_grant: Some(Grant::MODERATOR),
        subject: Rank::PLAIN,
        subject_grant: None,
        bot: Some(UserRef::new(Platform::Discord, user("99"))),
        bot_rank: rank(9),
    }
}

impl House {
    async fn cases(&self) -> usize {
        let rows = in_read!(self.store, |conn| {
            conn.cases(self.guild, &CaseQuery::default(), 100).await
        });
        rows.unwrap().len()
    }

    async fn log(&self, case_number: u64, outcome: Outcome) {
        let log = ModerationLog {
            platform: Platform::Discord,
            guild_id: GuildId::new("100").unwrap(),
            case_number,
            outcome,
            error: Some("missing permission".into()),
            notified: None,
        };
        self.publish(&self.envelope(ModerationEvent::Log(log))).await;
    }
}

crate::house::sizes!(
    an_event_becomes_one_case_however_often_it_comes,
    a_platforms_answer_becomes_the_cases_state,
    a_request_is_answered_with_the_case_or_why_not,
    a_deed_is_in_the_audit_once,
    three_warnings_are_one_mute
);

async fn an_event_becomes_one_case_however_often_it_comes(mut house: House) {
    house.decide(ranks()).await;
    let wish = house.envelope(ModerationEvent::Action(house.wish(Action::Ban, "666")));
    for _ in 0..3 {
        house.publish(&wish).await;
    }
    // What cannot be is refused, and holds up nobody.
    let mut nowhere = house.wish(Action::Ban, "667");
    nowhere.guild_id = GuildId::new("404").unwrap();
    house
        .publish(&house.envelope(ModerationEvent::Action(nowhere)))
        .await;
    let oneself = house.wish(Action::Ban, "11");
    house
        .publish(&house.envelope(ModerationEvent::Action(oneself)))
        .await;
    let kick = house.envelope(ModerationEvent::Action(house.wish(Action::Kick, "668")));
    house.publish(&kick).await;
    // What concerns two people has no order between them.
    let mut decisions = [house.told().await, house.told().await];
    decisions.sort_by_key(|(told, _)| told.event_type().to_owned());
    let [(told, ban), (kicked, kick)] = &decisions;
    assert_eq!((told.event_type(), ban.user_id.as_str()), ("ban:created", "666"));
    assert_eq!(told.correlation_id, wish.correlation_id, "it is one chain");
    assert_eq!(told.source, Source::Backend);
    assert_eq!(
        (kicked.event_type(), kick.user_id.as_str()),
        ("kick:executed", "668")
    );
    let mut numbers = [ban.case_number, kick.case_number];
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(house.cases().await, 2);
    house.stop().await;
}

async fn a_deed_is_in_the_audit_once(house: House) {
    house.decide(ranks()).await;
    let mut deed = ModerationDeed::new(Platform::Discord, GuildId::new("100").unwrap(), "slowmode");
    deed.moderator_id = Some(user("11"));
    deed.channel_id = Some("555".parse().unwrap());
    deed.reason = Some("too fast".into());
    deed.after = Some("30".into());
    let slow = house.envelope(ModerationEvent::Deed(deed.clone()));
    house.publish(&slow).await;
    house.publish(&slow).await;
    // A later one tells that the second was handled.
    let open = ModerationDeed {
        deed: "unlock".into(),
        moderator_id: None,
        ..deed
    };
    house.publish(&house.envelope(ModerationEvent::Deed(open))).await;
    let entries = loop {
        let entries = in_read!(house.store, |conn| {
            conn.audit_page(house.guild, None, 100).await
        })
        .unwrap();
        if entries.iter().any(|entry| entry.act == "deed:unlock") {
            break entries;
        }
        tokio::task::yield_now().await;
    };
    let slow: Vec<_> = entries
        .iter()
        .filter(|entry| entry.act == "deed:slowmode")
        .collect();
    assert_eq!(slow.len(), 1);
    assert_eq!(slow[0].subject, "channel:555");
    house.stop().await;
}

async fn a_platforms_answer_becomes_the_cases_state(mut house: House) {
    house.decide(ranks()).await;
    for (action, outcome) in [(Action::Ban, Outcome::Applied), (Action::Kick, Outcome::Failed)] {
        let wish = house.wish(action, if action == Action::Ban { "666" } else { "667" });
        house
            .publish(&house.envelope(ModerationEvent::Action(wish)))
            .await;
        let number = house.told().await.1.case_number;
        house.log(number, outcome).await;
        house.log(number, outcome).await;
        let case = loop {
            let case = house.case(number).await.unwrap();
            if case["state"] != "requested" {
                break case;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(case["state"], outcome.as_str());
        assert_eq!(case["history"].as_array().unwrap().len(), 2);
        assert_eq!(case["history"][1]["by"], "system");
    }
    let failed = house.case(2).await.unwrap();
    assert_eq!(failed["error"], "missing permission");
    assert!(
        failed["explanation"]
            .as_str()
            .unwrap()
            .ends_with("The platform did not do it: missing permission."),
        "{failed}"
    );
    house.stop().await;
}

async fn a_request_is_answered_with_the_case_or_why_not(mut house: House) {
    house.decide(ranks()).await;
    let mute = house.ask(&house.wish(Action::Mute, "666")).await.unwrap();
    assert_eq!(
        (&mute["new"], &mute["caseNumber"], &mute["state"]),
        (&json!(true), &json!(1), &json!("requested"))
    );
    assert_eq!(house.told().await.1.case_number, 1);
    let again = house.ask(&house.wish(Action::Mute, "666")).await.unwrap();
    assert_eq!((&again["new"], &again["caseNumber"]), (&json!(false), &json!(1)));
    let oneself = house.ask(&house.wish(Action::Ban, "11")).await.unwrap_err();
    assert_eq!(oneself.code, "denied");
    assert_eq!(
        oneself.message,
        "nobody decides about themselves: ask another moderator"
    );
    let mut long = house.wish(Action::Ban, "666");
    long.reason = Some("x".repeat(5_000));
    let long = house.ask(&long).await.unwrap_err();
    assert_eq!(long.code, "bad_reason");
    let unknown = house.case(9).await.unwrap_err();
    assert_eq!(
        (unknown.code.as_str(), unknown.message.as_str()),
        ("unknown_case", "there is no case 9 in discord:100")
    );
    assert_eq!(house.cases().await, 1);
    house.stop().await;
}

async fn three_warnings_are_one_mute(mut house: House) {
    house.decide(ranks()).await;
    let ladder = json!({ "steps": [
        { "points": 3, "action": "mute", "lasts": "1h" },
        { "points": 5, "action": "ban", "lasts": "7d" },
    ] });
    let set = in_tx!(house.store, |tx| {
        let mut settings = tx.guild_settings(house.guild).await?.unwrap();
        settings.settings = Json(json!({ "ladder": ladder.clone() }));
        tx.set_guild_settings(&settings).await
    });
    set.unwrap().unwrap();
    let warning = house.wish(Action::Warn, "666");
    for _ in 0..2 {
        let answer = house.ask(&warning).await.unwrap();
        assert_eq!(answer.get("step"), None, "{answer}");
    }
    let third = house.envelope(ModerationEvent::Action(warning.clone()));
    for _ in 0..3 {
        house.publish(&third).await;
    }
    // About the same person, it comes after all of them.
    let kick = house.envelope(ModerationEvent::Action(house.wish(Action::Kick, "666")));
    house.publish(&kick).await;
    let (told, mute) = house.told().await;
    assert_eq!(
        (told.event_type(), mute.user_id.as_str()),
        ("mute:applied", "666")
    );
    assert_eq!(
        (mute.origin, mute.rule.as_deref()),
        (Some(Origin::Automod), Some("ladder"))
    );
    assert_eq!(told.correlation_id, third.correlation_id, "it is one chain");
    assert!(mute.expires_at.is_some());
    assert_eq!(house.told().await.0.event_type(), "kick:executed");
    // Whoever asks is told of the step beside the warning.
    let fourth = house.ask(&warning).await.unwrap();
    assert_eq!(fourth.get("step"), None, "it was done before: {fourth}");
    let fifth = house.ask(&warning).await.unwrap();
    assert_eq!(fifth["step"]["action"], "ban", "{fifth}");
    let (told, ban) = house.told().await;
    assert_eq!(told.event_type(), "ban:created");
    assert_eq!(fifth["step"]["caseNumber"], ban.case_number);
    // A kick, five warnings, a mute and a ban: the deliveries of the third made one case and one step.
    assert_eq!(house.cases().await, 8);
    house.stop().await;
}

/// What is wished for while the database is away is decided when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn fleet_a_store_that_is_away_is_waited_for() {
    let mut server = servers::postgres_private();
    let redis = servers::redis_private();
    let data = tempfile::tempdir().unwrap();
    let config = Config::from_map([
        ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
        ("DATABASE_URL", server.url()),
        ("REDIS_URL", redis.url()),
    ]);
    let mut house = House::build(config.unwrap(), Box::new((data, redis))).await;
    house.decide(ranks()).await;
    server.kill9().unwrap();
    let wish = house.wish(Action::Ban, "666");
    house
        .publish(&house.envelope(ModerationEvent::Action(wish.clone())))
        .await;
    let away = house.ask(&wish).await.unwrap_err();
    assert_eq!(away.code, "unavailable");
    assert_eq!(away.message, "the store cannot be reached: ask again in a moment");
    server.restart().unwrap();
    assert_eq!(house.told().await.1.case_number, 1);
    assert_eq!(house.cases().await, 1);
    house.stop().await;
}
