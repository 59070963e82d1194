//! From a command to the wish that it is. What comes of wishes is told where the backend is at hand, in `services/lockdown`.

use crate::town::{Town, until};
use lockdown_bus::Asked;
use lockdown_events::{Action, ModerationAction, Origin, RequestError};
use serde_json::Value;
use std::sync::{Arc, Mutex};

pub(crate) async fn who_was_seen_before_a_restart_is_known_after_it(mut town: Town) {
    town.telegram.say(town.chat, town.mallory, "hello");
    until("all is read", || town.telegram.waiting(town.bot) == 0).await;
    town.restart().await;
    // A backend that refuses everything, and remembers what it was asked for.
    let asked: Arc<Mutex<Vec<ModerationAction>>> = Arc::default();
    let noting = Arc::clone(&asked);
    let answering = town
        .bus
        .requests()
        .answer("moderation", move |wish: Asked<ModerationAction>| {
            noting.lock().unwrap().push(wish.data);
            async {
                Err::<Value, _>(RequestError {
                    code: "denied".to_owned(),
                    message: "not today".to_owned(),
                })
            }
        });
    let answering = answering.await.unwrap();
    town.telegram.say(town.chat, town.owner, "/tban @MALLORY 1d spam");
    until("it is refused", || {
        town.telegram
            .said(town.chat, town.bot)
            .contains(&"Not today".to_owned())
    })
    .await;
    let wish = asked.lock().unwrap()[0].clone();
    assert_eq!((wish.action, wish.origin), (Action::Ban, Origin::Command));
    assert_eq!(wish.user_id.as_str(), town.mallory.to_string());
    assert_eq!(wish.moderator_id.unwrap().as_str(), town.owner.to_string());
    assert!(
        wish.native_id.unwrap().starts_with("telegram:command:"),
        "asked again it is the same"
    );
    assert!(wish.expires_at.is_some());
    // What was obeyed is not obeyed again when it is read again.
    town.telegram.give_again(town.bot);
    answering.stop().await;
    town.restart().await;
    until("all is read again", || town.telegram.waiting(town.bot) == 0).await;
    assert_eq!(asked.lock().unwrap().len(), 1);
    town.stop().await;
}
