//! What a moderator types, and is told.

use crate::sizes;
use crate::town::{Town, until};
use lockdown_bus::{Answering, Asked};
use lockdown_events::{
    Action, DirectMessage, ModerationAction, ModerationEvent, ModerationLog, Origin, Outcome, RequestError,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

sizes!(a_command_is_wished_for_and_its_outcome_told);

type Wishes = Arc<Mutex<Vec<ModerationAction>>>;

/// A desk that refuses the owner's ban and records all else as case 17.
async fn desk(town: &Town) -> (Answering, Wishes) {
    let (wishes, owner) = (Wishes::default(), town.owner.to_string());
    let kept = Arc::clone(&wishes);
    let answering = town.bus.requests().answer("moderation", move |asked: Asked<ModerationAction>| {
        let wish = asked.data;
        kept.lock().unwrap().push(wish.clone());
        let refused = wish.user_id.as_str() == owner;
        async move {
            if refused {
                return Err(RequestError {
                    code: "outranked".to_owned(),
                    message: "*they* stand above you".to_owned(),
                });
            }
            Ok(json!({ "new": true, "caseNumber": 17, "action": wish.action, "state": "pending", "expiresAt": wish.expires_at }))
        }
    });
    (answering.await.unwrap(), wishes)
}

async fn told(town: &Town, name: &str, options: Value) -> String {
    let token = town
        .discord
        .command(town.bot, town.owner, town.channel, name, &options);
    until("an answer", || async {
        town.discord
            .replies(&token)
            .iter()
            .any(|reply| reply["content"].is_string())
    })
    .await;
    let reply = town.discord.replies(&token).remove(0);
    assert_eq!(reply["allowed_mentions"], json!({ "parse": [] }));
    reply["content"].as_str().unwrap().to_owned()
}

async fn outcome(town: &Town, outcome: Outcome, error: Option<&str>, notified: Option<DirectMessage>) {
    let log = ModerationLog {
        platform: lockdown_events::Platform::Discord,
        guild_id: town.guild.to_string().parse().unwrap(),
        case_number: 17,
        outcome,
        error: error.map(str::to_owned),
        notified,
    };
    town.bus.publish(&ModerationEvent::Log(log).into()).await.unwrap();
}

async fn a_command_is_wished_for_and_its_outcome_told(town: Town) {
    let (_answering, wishes) = desk(&town).await;
    town.start().await;
    until("the commands", || async {
        town.discord.commands(town.bot).len() == 10
    })
    .await;
    outcome(&town, Outcome::Applied, None, Some(DirectMessage::Closed)).await;
    let who = |id: u64| json!({ "name": "user", "type": 6, "value": id.to_string() });
    let text = |name: &str, value: &str| json!({ "name": name, "type": 3, "value": value });
    let ana = town.ana;

    let options = json!([
        who(ana),
        text("duration", "2h"),
        text("reason", "spam"),
        text("delete", "1d")
    ]);
    let said = told(&town, "ban", options).await;
    assert!(
        said.starts_with(&format!("✅ Banned <@{ana}> until <t:")),
        "{said}"
    );
    assert!(said.ends_with("(Case #17), who takes no messages"), "{said}");
    {
        let wishes = wishes.lock().unwrap();
        let wish = &wishes[0];
        assert_eq!((wish.action, wish.origin), (Action::Ban, Origin::Command));
        assert_eq!(
            wish.moderator_id.as_ref().unwrap().as_str(),
            town.owner.to_string()
        );
        assert_eq!(
            (wish.reason.as_deref(), wish.delete_message_seconds),
            (Some("spam"), Some(86_400))
        );
    }

    outcome(
        &town,
        Outcome::Failed,
        Some("the person stands above the bot"),
        None,
    )
    .await;
    until("the outcome", || async {
        town.events("moderation:log").await.len() == 2
    })
    .await;
    let mut said = String::new();
    // The newer outcome may still be on its way to the bot.
    for _ in 0..50 {
        said = told(&town, "kick", json!([who(ana)])).await;
        if said.starts_with('❌') {
            break;
        }
    }
    assert_eq!(
        said,
        format!("❌ Discord did not do it: kick of <@{ana}> (Case #17): the person stands above the bot")
    );
    let said = told(&town, "note", json!([who(ana), text("text", "be kind")])).await;
    assert_eq!(said, format!("✅ Noted about <@{ana}> (Case #17)"));
    let said = told(&town, "ban", json!([who(town.owner)])).await;
    assert_eq!(said, "❌ Not done: \\*they\\* stand above you");
    let said = told(&town, "mute", json!([who(ana), text("duration", "10mins!")])).await;
    assert!(
        said.contains("understood") && said.contains("such as") || said.contains("such are"),
        "{said}"
    );
    let said = told(&town, "ban", json!([who(ana), text("delete", "8d")])).await;
    assert!(said.contains("7 days"), "{said}");
    let said = told(
        &town,
        "case",
        json!([{ "name": "number", "type": 4, "value": 17 }]),
    )
    .await;
    assert!(said.contains("nobody decides at the moment"), "{said}");
    assert_eq!(town.discord.unanswered(town.bot), 0);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}
