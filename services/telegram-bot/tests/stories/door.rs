//! A challenge at the door outlives the process that posed it. What comes of it is told where the backend is at hand, in
//! `services/lockdown`.

use crate::town::{Town, until};
use lockdown_bus::{Answering, Asked};
use lockdown_events::{Action, ModerationAction, RequestError, SettingsRequest};
use lockdown_moderation::hands::SettingsTold;
use lockdown_moderation::{Captcha, Settings};
use lockdown_testkit::fakes::telegram::Status;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A backend that has chosen a captcha, and remembers what it was asked for.
async fn backend(town: &Town, wishes: &Arc<Mutex<Vec<ModerationAction>>>) -> [Answering; 2] {
    let mut settings = Settings::default();
    settings.telegram.captcha = Captcha::Button;
    let told = SettingsTold {
        version: 1,
        settings,
        mode: None,
    };
    let settings = town
        .bus
        .requests()
        .answer("settings", move |_: Asked<SettingsRequest>| {
            let told = told.clone();
            async move { Ok::<_, RequestError>(told) }
        });
    let noting = Arc::clone(wishes);
    let wished = town
        .bus
        .requests()
        .answer("moderation", move |wish: Asked<ModerationAction>| {
            noting.lock().unwrap().push(wish.data);
            async { Ok::<Value, RequestError>(json!({ "new": true, "caseNumber": 1, "step": null })) }
        });
    [settings.await.unwrap(), wished.await.unwrap()]
}

fn asked(town: &Town, who: i64) -> Option<i64> {
    let messages = town.telegram.messages(town.chat);
    messages.into_iter().find(|id| {
        let message = town.telegram.message(town.chat, *id).unwrap_or_default();
        let button = &message["reply_markup"]["inline_keyboard"][0][0]["callback_data"];
        button.as_str() == Some(&format!("door:{who}:0"))
    })
}

pub(crate) async fn a_challenge_outlives_the_process(mut town: Town) {
    let (chat, wishes) = (town.chat, Arc::default());
    let answering = backend(&town, &wishes).await;
    // Who comes is told only to a bot that has asked for it.
    until("it listens", || !town.telegram.calls("getUpdates").is_empty()).await;
    let (eve, frank) = (
        town.telegram.add_person("Eve", None),
        town.telegram.add_person("Frank", None),
    );
    town.telegram.join(chat, eve);
    town.telegram.join(chat, frank);
    until("both are asked", || {
        asked(&town, eve).is_some() && asked(&town, frank).is_some()
    })
    .await;
    let silent = |town: &Town, who| !town.telegram.may(chat, who, "can_send_messages");
    assert!(silent(&town, eve) && silent(&town, frank));
    until("all is read", || town.telegram.waiting(town.bot) == 0).await;
    for answering in answering {
        answering.stop().await;
    }
    town.restart().await;
    let answering = backend(&town, &wishes).await;
    // One answers, and the other's time is over.
    let question = asked(&town, eve).unwrap();
    town.telegram.press(chat, question, eve, &format!("door:{eve}:0"));
    until("Eve may speak", || !silent(&town, eve)).await;
    assert_eq!(town.telegram.status(chat, eve), Status::Member);
    let engine = town.bus.engine();
    let name = format!("telegram.door/{chat}/{frank}");
    let due = engine.posted("telegram.due", 64).await.unwrap();
    let item = due.iter().find(|posted| posted.item == name).unwrap();
    engine
        .post("telegram.due", &name, &item.text, Duration::ZERO)
        .await
        .unwrap();
    until("it is wished that Frank goes", || {
        !wishes.lock().unwrap().is_empty()
    })
    .await;
    let wish = wishes.lock().unwrap()[0].clone();
    assert_eq!(
        (wish.action, wish.rule.as_deref()),
        (Action::Kick, Some("captcha"))
    );
    assert_eq!(wish.user_id.as_str(), frank.to_string());
    until("both questions are gone", || {
        asked(&town, eve).is_none() && asked(&town, frank).is_none()
    })
    .await;
    assert_eq!(wishes.lock().unwrap().len(), 1);
    for answering in answering {
        answering.stop().await;
    }
    town.stop().await;
}
