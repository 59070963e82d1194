//! What a moderator types, and is told.

use crate::sizes;
use crate::town::{Town, until};
use lockdown_bus::{Answering, Asked};
use lockdown_events::{
    Action, DirectMessage, ModerationAction, ModerationEvent, ModerationLog, Origin, Outcome, RequestError,
    RouteRequest,
};
use lockdown_moderation::hands::RouteAnswer;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

sizes!(
    a_command_is_wished_for_and_its_outcome_told,
    everybody_is_told_in_their_language,
    many_are_banned_each_with_a_result,
    who_speaks_to_the_bot_is_answered,
    what_comes_too_late_is_told_in_the_channel,
);

pub(crate) type Wishes = Arc<Mutex<Vec<ModerationAction>>>;

/// A desk, for as long as it is kept, and what it was asked for.
pub(crate) struct Desk {
    pub(crate) wishes: Wishes,
    _answering: Answering,
}

/// A backend that answers routes, and what it was asked.
pub(crate) struct Routes {
    pub(crate) questions: Arc<Mutex<Vec<RouteRequest>>>,
    _answering: Answering,
}

/// What a route may be answered with in a story.
pub(crate) trait Answered {
    fn answered(self) -> Result<Value, RequestError>;
}

impl Answered for Value {
    fn answered(self) -> Result<Value, RequestError> {
        Ok(self)
    }
}

impl Answered for Result<Value, RequestError> {
    fn answered(self) -> Result<Value, RequestError> {
        self
    }
}

/// A backend that answers routes like this.
pub(crate) async fn desk_of_routes<A: Answered>(
    town: &Town,
    answer: impl Fn(&RouteRequest) -> A + Send + Sync + 'static,
) -> Routes {
    let questions: Arc<Mutex<Vec<RouteRequest>>> = Arc::default();
    let kept = Arc::clone(&questions);
    let answering = town
        .bus
        .requests()
        .answer("route", move |asked: Asked<RouteRequest>| {
            let answer = answer(&asked.data).answered();
            kept.lock().unwrap().push(asked.data);
            async move {
                let etag = Some("\"4\"".to_owned());
                answer.map(|body| RouteAnswer {
                    status: 200,
                    body: Some(body),
                    etag,
                })
            }
        });
    Routes {
        questions,
        _answering: answering.await.unwrap(),
    }
}

/// A desk that refuses the owner's ban and records all else as case 17.
pub(crate) async fn desk(town: &Town) -> Desk {
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
    Desk {
        wishes,
        _answering: answering.await.unwrap(),
    }
}

/// What the owner is told who uses a command.
pub(crate) async fn told(town: &Town, name: &str, options: Value) -> String {
    told_to(town, town.owner, name, options).await
}

pub(crate) async fn told_to(town: &Town, user: u64, name: &str, options: Value) -> String {
    let token = town.discord.command(town.bot, user, town.channel, name, &options);
    reply(town, &token).await
}

/// What an interaction was answered, with nobody called.
pub(crate) async fn reply(town: &Town, token: &str) -> String {
    until("an answer", || async {
        town.discord
            .replies(token)
            .iter()
            .any(|reply| reply["content"].is_string())
    })
    .await;
    let replies = town.discord.replies(token);
    assert!(
        replies
            .iter()
            .all(|reply| reply["allowed_mentions"] == json!({ "parse": [] }))
    );
    replies[0]["content"].as_str().unwrap().to_owned()
}

pub(crate) fn who(user: u64) -> Value {
    json!({ "name": "user", "type": 6, "value": user.to_string() })
}

pub(crate) fn text(name: &str, value: &str) -> Value {
    json!({ "name": name, "type": 3, "value": value })
}

pub(crate) fn number(name: &str, value: u64) -> Value {
    json!({ "name": name, "type": 4, "value": value })
}

pub(crate) fn flag(name: &str) -> Value {
    json!({ "name": name, "type": 5, "value": true })
}

pub(crate) fn place(channel: u64) -> Value {
    json!({ "name": "channel", "type": 7, "value": channel.to_string() })
}

pub(crate) async fn outcome(
    town: &Town,
    outcome: Outcome,
    error: Option<&str>,
    notified: Option<DirectMessage>,
) {
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
    let Desk { wishes, _answering } = desk(&town).await;
    town.start().await;
    until("the commands", || async {
        !town.discord.commands(town.bot).is_empty()
    })
    .await;
    outcome(&town, Outcome::Applied, None, Some(DirectMessage::Closed)).await;
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
    let said = told(&town, "case view", json!([number("number", 17)])).await;
    assert!(said.contains("nobody decides at the moment"), "{said}");
    assert_eq!(town.discord.unanswered(town.bot), 0);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn everybody_is_told_in_their_language(town: Town) {
    let _desk = desk(&town).await;
    town.start().await;
    outcome(&town, Outcome::Applied, None, Some(DirectMessage::Sent)).await;
    town.discord.speak(town.owner, "pt-BR");
    let said = told(&town, "ban", json!([who(town.ana)])).await;
    assert_eq!(
        said,
        format!("✅ <@{}> foi banido (caso #17) e foi avisado", town.ana)
    );
    let said = told(&town, "mute", json!([who(town.ana), text("duration", "10mins!")])).await;
    assert!(
        said.starts_with("❌ Não foi feito: isso não é uma duração"),
        "{said}"
    );
    // A language that we do not speak is answered in English.
    town.discord.speak(town.owner, "ja");
    let said = told(&town, "ban", json!([who(town.ana)])).await;
    assert_eq!(
        said,
        format!("✅ Banned <@{}> (Case #17), who was told", town.ana)
    );
    until("the commands", || async {
        !town.discord.commands(town.bot).is_empty()
    })
    .await;
    let ban = town.discord.commands(town.bot).remove(0);
    assert_eq!(
        (&ban["name"], &ban["name_localizations"]["pt-BR"]),
        (&json!("ban"), &json!("banir"))
    );
    town.stop().await;
}

async fn many_are_banned_each_with_a_result(town: Town) {
    let (wishes, owner) = (Wishes::default(), town.owner.to_string());
    let kept = Arc::clone(&wishes);
    let bus = town.bus.clone();
    let answering = town.bus.requests().answer("moderation", move |asked: Asked<ModerationAction>| {
        let (wish, bus) = (asked.data, bus.clone());
        let case = {
            let mut kept = kept.lock().unwrap();
            kept.push(wish.clone());
            kept.iter().filter(|wish| wish.user_id.as_str() != owner).count() as u64
        };
        let refused = wish.user_id.as_str() == owner;
        async move {
            if refused {
                let message = "they own it".to_owned();
                return Err(RequestError { code: "denied".to_owned(), message });
            }
            let log = ModerationLog {
                platform: wish.platform,
                guild_id: wish.guild_id.clone(),
                case_number: case,
                outcome: Outcome::Applied,
                error: None,
                notified: None,
            };
            bus.publish(&ModerationEvent::Log(log).into()).await.unwrap();
            Ok(json!({ "new": true, "caseNumber": case, "action": wish.action, "state": "requested", "expiresAt": null }))
        }
    });
    let _answering = answering.await.unwrap();
    town.start().await;
    let people: Vec<u64> = (0..60).map(|n| town.discord.person(&format!("P{n}"))).collect();
    let pasted = people
        .iter()
        .map(|id| format!("<@{id}>"))
        .collect::<Vec<_>>()
        .join(" ");
    let options = json!([
        text("ids", &format!("{pasted} {} bob {}", town.owner, people[0])),
        text("reason", "raid")
    ]);
    let token = town
        .discord
        .command(town.bot, town.owner, town.channel, "massban", &options);
    until("the whole answer", || async {
        let replies = town.discord.replies(&token);
        replies
            .iter()
            .any(|reply| reply["content"].as_str().is_some_and(|text| text.contains("bob")))
    })
    .await;
    let replies = town.discord.replies(&token);
    assert!(
        replies.len() > 1 && replies.iter().all(|reply| reply["flags"] == 64),
        "only the moderator sees them"
    );
    let said: Vec<&str> = replies
        .iter()
        .map(|reply| reply["content"].as_str().unwrap())
        .collect();
    let said = said.join("\n");
    assert!(
        said.starts_with("✅ Banned 60 of 61 people\nCases #1–#60"),
        "{said}"
    );
    assert!(
        people
            .iter()
            .all(|id| said.contains(&format!("<@{id}> `{id}`: ✅ Banned"))),
        "{said}"
    );
    assert!(
        said.contains(&format!("`{}`: ❌ Not done: they own it", town.owner)),
        "{said}"
    );
    assert_eq!(wishes.lock().unwrap().len(), 61);
    assert!(
        wishes
            .lock()
            .unwrap()
            .iter()
            .all(|wish| wish.reason.as_deref() == Some("raid"))
    );
    town.stop().await;
}

async fn who_speaks_to_the_bot_is_answered(town: Town) {
    let desk = desk(&town).await;
    town.start().await;
    let said = |user: u64, words: &str| {
        let text = format!("<@{}> {words}", town.bot);
        town.discord.say(user, town.channel, &text)
    };
    let bot = town.bot.to_string();
    let answers = || {
        let messages = town.discord.messages(town.channel);
        let own = messages
            .into_iter()
            .filter(|message| message["author"]["id"] == bot.as_str());
        own.collect::<Vec<_>>()
    };
    // Who keeps no order is not answered what they may not, nor is small talk.
    said(town.ana, &format!("ban {}", town.owner));
    said(town.owner, "hello there");
    said(town.owner, "unlock");
    until("an answer", || async { answers().len() == 1 }).await;
    let options = format!("note <@{}> too *loud*", town.ana);
    let asked = said(town.owner, &options);
    until("another answer", || async { answers().len() == 2 }).await;
    let answer = answers().pop().unwrap();
    assert_eq!(
        answer["content"],
        format!("✅ Noted about <@{}> (Case #17)", town.ana)
    );
    assert_eq!(answer["message_reference"]["message_id"], asked.to_string());
    let wishes = desk.wishes.lock().unwrap().clone();
    let noted = wishes.iter().find(|wish| wish.action == Action::Note).unwrap();
    assert_eq!(
        (
            noted.reason.as_deref(),
            noted.moderator_id.as_ref().unwrap().as_str()
        ),
        (Some("too *loud*"), town.owner.to_string().as_str())
    );
    assert_eq!(wishes.len(), 2, "{wishes:?}");
    town.stop().await;
}

async fn what_comes_too_late_is_told_in_the_channel(town: Town) {
    let _desk = desk(&town).await;
    town.start().await;
    town.discord.interactions_last(Duration::ZERO);
    let options = json!([who(town.ana), text("text", "kind")]);
    town.discord
        .command(town.bot, town.owner, town.channel, "note", &options);
    let expected = format!("<@{}> ✅ Noted about <@{}> (Case #17)", town.owner, town.ana);
    until("the answer", || async {
        let messages = town.discord.messages(town.channel);
        messages.iter().any(|message| {
            message["content"] == expected && message["allowed_mentions"]["parse"] == json!([])
        })
    })
    .await;
    town.stop().await;
}
