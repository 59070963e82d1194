//! Who comes, and what is asked of them.

use crate::town::Town;
use lockdown_bus::Standing;
use lockdown_testkit::fakes::telegram::{Fault, Permissions, Status};
use serde_json::{Value, json};
use std::time::Duration;

crate::town::sizes!(
    who_answers_at_the_door_may_speak,
    who_reads_a_picture_may_speak,
    who_does_not_answer_goes,
    who_does_not_answer_has_what_was_chosen,
    where_nothing_can_be_asked_nobody_is_kept_out,
    who_asks_to_join_is_answered,
    warnings_are_shown_and_taken_back,
);

impl Town {
    /// The question that stands for somebody, and what its buttons send.
    async fn asked(&self, place: i64, who: i64) -> (i64, Vec<(String, String)>) {
        let find = || {
            let messages = self.telegram.messages(place);
            messages.into_iter().rev().find_map(|id| {
                let message = self.telegram.message(place, id)?;
                let rows = message["reply_markup"]["inline_keyboard"].as_array()?.clone();
                let button = |button: &Value| {
                    let text = |name: &str| button[name].as_str().unwrap().to_owned();
                    (text("text"), text("callback_data"))
                };
                let buttons: Vec<_> = rows[0].as_array()?.iter().map(button).collect();
                let own = buttons[0].1.starts_with(&format!("door:{who}:"));
                own.then_some((id, buttons))
            })
        };
        self.until("somebody is asked", || find().is_some()).await;
        find().unwrap()
    }

    /// As if the time of what is due were over, until it is so that something came of it: the question is seen a moment
    /// before its time is written down.
    async fn time_passes(&self, name: &str, what: &str, is: impl Fn() -> bool) {
        let engine = self.bus.engine();
        let passing = async {
            while !is() {
                let due = engine.posted("telegram.due", 64).await.unwrap();
                if let Some(item) = due.iter().find(|posted| posted.item == name) {
                    engine
                        .post("telegram.due", name, &item.text, Duration::ZERO)
                        .await
                        .unwrap();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let passed = tokio::time::timeout(Duration::from_secs(30), passing).await;
        assert!(passed.is_ok(), "not yet: {what}");
    }
}

async fn who_answers_at_the_door_may_speak(town: Town) {
    let (chat, owner, mallory) = (town.chat, town.owner, town.mallory);
    let everybody = Permissions::of(&["can_send_messages", "can_send_photos", "can_invite_users"]);
    town.telegram.set_defaults(chat, everybody.clone());
    town.command(mallory, "/captcha button 1m").await;
    town.hears("Only administrators can do that.").await;
    town.command(owner, "/captcha sometimes").await;
    town.hears("Write /captcha off, /captcha button, /captcha question or /captcha picture")
        .await;
    town.command(owner, "/setwelcome Hi {name}, this is {chat}!")
        .await;
    town.hears("Done. Who comes is welcomed with:").await;
    town.command(owner, "/captcha button 1m").await;
    town.hears("Done. At the door: a button, within 1 minute.").await;
    let (brought, eve) = (
        town.telegram.add_person("Dan", None),
        town.telegram.add_person("Eve <b>", None),
    );
    town.telegram.add_member(chat, owner, brought);
    town.telegram.join(chat, eve);
    let (message, buttons) = town.asked(chat, eve).await;
    assert!(!town.may_speak(eve));
    let text = town.telegram.message(chat, message).unwrap()["text"].clone();
    assert!(text.as_str().unwrap().contains("Eve &lt;b&gt;"), "{text}");
    let query = town.telegram.press(chat, message, mallory, &buttons[0].1);
    town.until("others are turned away", || {
        let answer = (query.clone(), Some("This is for somebody else.".to_owned()));
        town.telegram.answered().contains(&answer)
    })
    .await;
    assert!(!town.may_speak(eve));
    town.telegram.press(chat, message, eve, &buttons[0].1);
    town.until("Eve may speak", || town.may_speak(eve)).await;
    town.until("the question is gone", || {
        town.telegram.message(chat, message).is_none()
    })
    .await;
    assert_eq!(town.status(eve), Status::Member);
    let restored = town.telegram.calls("restrictChatMember").pop().unwrap().params;
    assert_eq!(
        restored["permissions"]["can_send_polls"], false,
        "what everybody may, no more"
    );
    town.hears("Hi Eve <b>, this is Town!").await;
    // Whom an administrator brought is asked nothing, but welcomed.
    town.hears("Hi Dan, this is Town!").await;
    let calls = town.telegram.calls("restrictChatMember");
    assert!(calls.iter().all(|call| call.params["user_id"] == eve));
    // Who is gone again is not asked any longer.
    let frank = town.telegram.add_person("Frank", None);
    town.telegram.join(chat, frank);
    let (message, _) = town.asked(chat, frank).await;
    town.telegram.leave(chat, frank);
    town.until("the question is gone", || {
        town.telegram.message(chat, message).is_none()
    })
    .await;
    town.command(owner, "/setrules Be kind.").await;
    town.hears("Done. These are the rules from now on.").await;
    town.command(mallory, "/rules").await;
    town.hears("Be kind.").await;
    town.stop().await;
}

async fn who_reads_a_picture_may_speak(town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    town.command(owner, "/captcha picture 5m").await;
    town.hears("Done. At the door: a picture with a number, within 5 minutes.")
        .await;
    let eve = town.telegram.add_person("Eve", None);
    town.telegram.join(chat, eve);
    let (first, buttons) = town.asked(chat, eve).await;
    let shown = town.telegram.message(chat, first).unwrap();
    assert!(
        shown["photo"][0]["file_size"].as_i64().unwrap() > 1_000,
        "{shown}"
    );
    assert!(buttons.iter().all(|(label, _)| label.len() == 5), "{buttons:?}");
    // Who cannot read it gets another, some times.
    let mut message = first;
    for _ in 0..3 {
        town.telegram
            .press(chat, message, eve, &format!("door:{eve}:again"));
        let before = message;
        town.until("the picture is gone", || !town.is_there(before)).await;
        message = town.asked(chat, eve).await.0;
    }
    let query = town
        .telegram
        .press(chat, message, eve, &format!("door:{eve}:again"));
    town.until("there are no more", || {
        let answer = (
            query.clone(),
            Some("There are no more pictures: press what you can read.".to_owned()),
        );
        town.telegram.answered().contains(&answer)
    })
    .await;
    // What only the picture shows is read where the bot keeps it.
    let note = format!("telegram.door/{chat}/{eve}");
    let look = Standing::Is("nobody writes this");
    let kept = town
        .bus
        .engine()
        .mark(&note, "", Duration::from_secs(1), look)
        .await;
    let kept: Value = serde_json::from_str(&kept.unwrap().unwrap()).unwrap();
    let right = kept["right"].as_i64().unwrap();
    town.telegram
        .press(chat, message, eve, &format!("door:{eve}:{right}"));
    town.until("Eve may speak", || town.may_speak(eve)).await;
    town.until("the picture is gone", || !town.is_there(message))
        .await;
    // Where a picture cannot be shown, nobody is kept out.
    town.telegram.fault_in(
        chat,
        "sendPhoto",
        1,
        Fault::Refused("not enough rights to send photos to the chat".to_owned()),
    );
    let frank = town.telegram.add_person("Frank", None);
    town.telegram.join(chat, frank);
    town.until("Frank was asked in vain", || {
        town.telegram
            .calls("sendPhoto")
            .iter()
            .any(|call| call.status == 400)
    })
    .await;
    town.until("Frank may speak", || town.may_speak(frank)).await;
    town.stop().await;
}

async fn who_does_not_answer_goes(town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    town.command(owner, "/captcha question").await;
    town.hears("Done. At the door: a question, within 2 minutes.")
        .await;
    let eve = town.telegram.add_person("Eve", None);
    town.telegram.join(chat, eve);
    let (message, buttons) = town.asked(chat, eve).await;
    assert_eq!(buttons.len(), 4);
    let text = town.telegram.message(chat, message).unwrap()["text"].clone();
    let sum: u32 = text
        .as_str()
        .unwrap()
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|part| part.parse::<u32>().ok().filter(|part| *part < 10))
        .take(2)
        .sum();
    let right = |(label, _): &&(String, String)| label.parse::<u32>().unwrap() == sum;
    assert_eq!(buttons.iter().filter(right).count(), 1, "{text} {buttons:?}");
    let wrong = buttons.iter().find(|button| !right(button)).unwrap();
    town.telegram.press(chat, message, eve, &wrong.1);
    town.until("Eve is out", || town.status(eve) == Status::Left)
        .await;
    let case = town.decided(1).await;
    assert_eq!(
        (&case["action"], &case["reason"], &case["origin"]),
        (
            &json!("kick"),
            &json!("did not answer the question at the door"),
            &json!("automod")
        )
    );
    // She may try again, and lets the time pass.
    town.telegram.join(chat, eve);
    let (message, _) = town.asked(chat, eve).await;
    town.time_passes(&format!("telegram.door/{chat}/{eve}"), "Eve is out again", || {
        town.status(eve) == Status::Left
    })
    .await;
    assert_eq!(
        town.decided(2).await["reason"],
        "did not answer at the door in time"
    );
    town.until("the question is gone", || {
        town.telegram.message(chat, message).is_none()
    })
    .await;
    town.telegram.join(chat, eve);
    let (message, buttons) = town.asked(chat, eve).await;
    let text = town.telegram.message(chat, message).unwrap()["text"].clone();
    let numbers = text
        .as_str()
        .unwrap()
        .split(|letter: char| !letter.is_ascii_digit());
    let numbers = numbers.filter_map(|part| part.parse::<u32>().ok().filter(|part| *part < 10));
    let sum: u32 = numbers.take(2).sum();
    let button = buttons.iter().find(|(label, _)| *label == sum.to_string());
    town.telegram.press(chat, message, eve, &button.unwrap().1);
    town.until("Eve may speak", || town.may_speak(eve)).await;
    town.stop().await;
}

async fn who_does_not_answer_has_what_was_chosen(town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    town.command(owner, "/captcha button 1m").await;
    town.hears("Done. At the door: a button, within 1 minute. Who does not answer in time goes")
        .await;
    town.command(owner, "/setcaptchatext Let me in").await;
    town.until("it is chosen", || {
        town.said()
            .iter()
            .any(|said| said.ends_with("On the button stands: Let me in"))
    })
    .await;
    town.command(owner, "/captchamutetime soon").await;
    town.hears("Write /captchakick on or off;").await;
    town.command(owner, "/captchamutetime 5m").await;
    town.hears(
        "Done. At the door: a button, within 5 minutes. Who does not answer in time may speak all the same.",
    )
    .await;
    let eve = town.telegram.add_person("Eve", None);
    town.telegram.join(chat, eve);
    let (_, buttons) = town.asked(chat, eve).await;
    assert_eq!(buttons[0].0, "Let me in");
    let due = format!("telegram.door/{chat}/{eve}");
    town.time_passes(&due, "Eve may speak", || town.may_speak(eve))
        .await;
    assert_eq!(town.status(eve), Status::Member);
    town.command(owner, "/captchakick off").await;
    town.hears("Done. At the door: a button, within 5 minutes. Who does not answer in time stays silent")
        .await;
    let dan = town.telegram.add_person("Dan", None);
    town.telegram.join(chat, dan);
    let (message, _) = town.asked(chat, dan).await;
    let due = format!("telegram.door/{chat}/{dan}");
    town.time_passes(&due, "Dan is silent for good", || {
        let silent = Status::Restricted {
            permissions: Permissions::default(),
            until: None,
            present: true,
        };
        town.status(dan) == silent
    })
    .await;
    town.until("the question is gone", || !town.is_there(message))
        .await;
    town.stop().await;
}

async fn where_nothing_can_be_asked_nobody_is_kept_out(town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    town.command(owner, "/captcha button").await;
    town.hears("Done. At the door: a button").await;
    let eve = town.telegram.add_person("Eve", None);
    let refused = Fault::Refused("need administrator rights in the channel chat".to_owned());
    town.telegram.fault_in(chat, "sendMessage", 1, refused);
    town.telegram.join(chat, eve);
    town.until("she was silent and is not any more", || {
        town.telegram.calls("restrictChatMember").len() == 2 && town.may_speak(eve)
    })
    .await;
    assert_eq!(town.status(eve), Status::Member);
    // Who was silenced by a moderator is not freed by an answer.
    let frank = town.telegram.add_person("Frank", None);
    let silenced = Status::Restricted {
        permissions: Permissions::default(),
        until: None,
        present: false,
    };
    town.telegram.set_status(chat, owner, frank, silenced.clone());
    let present = Status::Restricted {
        permissions: Permissions::default(),
        until: None,
        present: true,
    };
    town.telegram.set_status(chat, frank, frank, present);
    let grace = town.telegram.add_person("Grace", None);
    town.telegram.join(chat, grace);
    town.asked(chat, grace).await;
    let calls = town.telegram.calls("restrictChatMember");
    assert!(calls.iter().all(|call| call.params["user_id"] != frank));
    assert!(!town.may_speak(frank));
    town.stop().await;
}

async fn who_asks_to_join_is_answered(town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    let people: Vec<i64> = (0..5)
        .map(|number| town.telegram.add_person(&format!("Person {number}"), None))
        .collect();
    town.telegram.ask_to_join(chat, people[0], None, Some("q0"));
    town.until("it is for the administrators", || {
        town.telegram.decided() == [("q0".to_owned(), "queue".to_owned())]
    })
    .await;
    assert_eq!(town.telegram.join_requests(chat), [people[0]]);
    town.command(owner, "/joinrequests approve").await;
    town.hears("Done. Who asks to join is let in.").await;
    town.telegram.ask_to_join(chat, people[1], None, Some("q1"));
    town.telegram.ask_to_join(chat, people[2], None, None);
    town.until("both are in", || {
        town.status(people[1]) == Status::Member && town.status(people[2]) == Status::Member
    })
    .await;
    assert!(
        town.telegram
            .decided()
            .contains(&("q1".to_owned(), "approve".to_owned()))
    );
    town.command(owner, "/joinrequests decline").await;
    town.hears("Done. Who asks to join is turned away.").await;
    town.telegram.ask_to_join(chat, people[3], None, None);
    town.until("nobody new waits", || {
        town.telegram.calls("declineChatJoinRequest").len() == 1
            && town.telegram.join_requests(chat) == [people[0]]
    })
    .await;
    // Asked alone, and not a second time in the group.
    town.command(owner, "/captcha button").await;
    town.hears("Done. At the door: a button").await;
    town.command(owner, "/joinrequests captcha").await;
    town.hears("Done. Who asks to join gets the question at the door first.")
        .await;
    town.telegram.ask_to_join(chat, people[4], None, Some("q4"));
    let (message, buttons) = town.asked(people[4], people[4]).await;
    assert!(town.telegram.said(people[4], town.bot)[0].starts_with("You asked to join Town."));
    town.telegram.press(people[4], message, people[4], &buttons[0].1);
    town.until("they are in", || town.status(people[4]) == Status::Member)
        .await;
    town.until("the question is gone", || {
        town.telegram.message(people[4], message).is_none()
    })
    .await;
    // Who lets the time pass is turned away.
    town.telegram.leave(chat, people[1]);
    town.telegram.ask_to_join(chat, people[1], None, None);
    town.asked(people[1], people[1]).await;
    let name = format!("telegram.door/{chat}/{}", people[1]);
    town.time_passes(&name, "nobody new waits", || {
        town.telegram.join_requests(chat) == [people[0]]
    })
    .await;
    let silenced = town.telegram.calls("restrictChatMember");
    assert!(silenced.iter().all(|call| call.params["user_id"] != people[4]));
    town.stop().await;
}

async fn warnings_are_shown_and_taken_back(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    town.command(owner, "/warns @mallory").await;
    town.hears("Mallory has no warnings.").await;
    for reason in ["noise", "more noise", "spam"] {
        town.command(owner, &format!("/warn {mallory} {reason}")).await;
    }
    town.hears("Warned Mallory. Case 3.").await;
    town.command(owner, "/rmwarn @mallory").await;
    town.hears("Unwarned Mallory. Case 4.").await;
    town.command(owner, "/warns @mallory").await;
    town.until("two are shown", || {
        let said = town.said();
        let shown = said
            .iter()
            .find(|said| said.starts_with("Mallory has these warnings:"));
        shown.is_some_and(|shown| {
            shown.lines().count() == 3 && shown.contains("#1 · ") && shown.contains(" · more noise")
        })
    })
    .await;
    town.command(owner, "/resetwarns @mallory").await;
    town.hears("2 warnings of Mallory were taken back.").await;
    town.stop().await;
}
