//! Questions and answers between processes, and with plain clients.

use super::company::{bus, until, within};
use super::{Fixture, LIMIT};
use lockdown_bus::{AskError, ListenOptions};
use lockdown_events::RequestError;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub(crate) async fn each_asker_gets_its_own_answer(fixture: &impl Fixture) {
    let (asker, first, second) = (bus(fixture).await, bus(fixture).await, bus(fixture).await);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut answering = Vec::new();
    for responder in [&first, &second] {
        let answered = Arc::clone(&answered);
        let answer = move |asked: lockdown_bus::Asked<Value>| {
            let answered = Arc::clone(&answered);
            async move {
                answered.fetch_add(1, Ordering::SeqCst);
                let number = asked.data["number"].as_u64().unwrap();
                // The later ones first.
                tokio::time::sleep(Duration::from_millis(200_u64.saturating_sub(number))).await;
                Ok::<_, RequestError>(json!({ "double": number * 2 }))
            }
        };
        answering.push(responder.requests().answer("double", answer).await.unwrap());
    }
    let questions = (0..200_u64).map(|number| {
        let asker = asker.clone();
        tokio::spawn(async move {
            let asked = json!({ "number": number });
            let answer: Value = asker.requests().ask("double", &asked, LIMIT).await.unwrap();
            assert_eq!(answer["double"], number * 2);
        })
    });
    for question in questions.collect::<Vec<_>>() {
        within("an answer", question).await.unwrap();
    }
    assert_eq!(answered.load(Ordering::SeqCst), 200, "each by one of the two");
    assert_eq!(asker.requests().waiting(), 0);
    for answering in answering {
        within("the end of answering", answering.stop()).await;
    }
    let after = asker
        .requests()
        .ask::<_, Value>("double", &json!({}), LIMIT)
        .await;
    assert!(matches!(after, Err(AskError::NoResponder(_))), "{after:?}");
}

pub(crate) async fn a_question_nobody_answers_fails_at_once(fixture: &impl Fixture) {
    let asker = bus(fixture).await;
    // Somebody listens to everything, and answers nothing.
    let _spectator = asker
        .live()
        .subscribe(&["*"], &ListenOptions::default())
        .await
        .unwrap();
    let asked = asker
        .requests()
        .ask::<_, Value>("nothing", &json!({}), Duration::MAX)
        .await;
    assert!(matches!(asked, Err(AskError::NoResponder(name)) if name == "nothing"));
    assert_eq!(asker.requests().waiting(), 0);
}

pub(crate) async fn a_late_answer_is_ignored_and_an_expired_question_not_acted_on(fixture: &impl Fixture) {
    let (asker, responder) = (bus(fixture).await, bus(fixture).await);
    let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let answer = {
        let (begun, ended, gate) = (Arc::clone(&begun), Arc::clone(&ended), Arc::clone(&gate));
        move |_: lockdown_bus::Asked<Value>| {
            let (begun, ended, gate) = (Arc::clone(&begun), Arc::clone(&ended), Arc::clone(&gate));
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                ended.fetch_add(1, Ordering::SeqCst);
                Ok::<_, RequestError>(json!("late"))
            }
        }
    };
    let answering = responder.requests().answer("slow", answer).await.unwrap();
    // As many as are answered at the same time; the rest waits in the responder.
    let patience = Duration::from_millis(300);
    let ask = |count: usize| {
        let asker = asker.clone();
        async move {
            let mut asking = tokio::task::JoinSet::new();
            for _ in 0..count {
                let asker = asker.clone();
                asking.spawn(async move {
                    asker
                        .requests()
                        .ask::<_, Value>("slow", &json!({}), patience)
                        .await
                });
            }
            while let Some(asked) = asking.join_next().await {
                let asked = asked.unwrap();
                assert!(matches!(asked, Err(AskError::Timeout(_))), "{asked:?}");
            }
        }
    };
    within("timeouts", ask(64)).await;
    let taken = begun.load(Ordering::SeqCst);
    within("timeouts", ask(64)).await;
    fixture.advance(patience * 2).await;
    gate.add_permits(1000);
    until("what was begun has ended", || async {
        ended.load(Ordering::SeqCst) == begun.load(Ordering::SeqCst) && ended.load(Ordering::SeqCst) >= taken
    })
    .await;
    // The question behind those that expired is answered, and none of them was acted on.
    let asked: Value = asker.requests().ask("slow", &json!({}), LIMIT).await.unwrap();
    assert_eq!(asked, "late");
    assert!(taken <= 64);
    assert_eq!(begun.load(Ordering::SeqCst), taken + 1);
    assert_eq!(asker.requests().waiting(), 0, "no asker is left behind");
    within("the end of answering", answering.stop()).await;
}

pub(crate) async fn a_plain_client_is_answered_once_or_told_why_not(fixture: &impl Fixture) {
    let (first, second) = (bus(fixture).await, bus(fixture).await);
    let mut answering = Vec::new();
    // One begins only with what is its own, the other looks at everything: each question has one answer all the same.
    for (responder, looks) in [(&first, false), (&second, true)] {
        let requests = responder.requests();
        let answer = |asked: lockdown_bus::Asked<u64>| async move {
            match asked.data {
                7 => panic!("a responder may break"),
                8 => Err(RequestError {
                    code: "not_found".to_owned(),
                    message: "no such case".to_owned(),
                }),
                number => Ok(json!({ "number": number })),
            }
        };
        let begun = if looks {
            requests.answer_looking("case", answer).await
        } else {
            requests.answer("case", answer).await
        };
        answering.push(begun.unwrap());
    }
    let engine = fixture.engine().await;
    let live = engine.live().await.unwrap();
    live.subscribe(&["response:plain".into(), "ban:created".into()])
        .await
        .unwrap();
    let question = |id: &str, channel: &str, data: &str| {
        format!(r#"{{"correlationId":"{id}","responseChannel":"{channel}","data":{data}}}"#)
    };
    for text in [
        question("a", "response:plain", "1"),
        question("b", "response:plain", "7"),
        question("c", "response:plain", "8"),
        question("d", "response:plain", "\"one\""),
        // Not on an event's channel, whoever asks for it; and noise.
        question("e", "ban:created", "1"),
        "{".to_owned(),
        "[]".to_owned(),
        question("z", "response:plain", "2"),
    ] {
        engine.say("request:case", &text).await.unwrap();
    }
    let mut answers: Vec<Value> = Vec::new();
    while answers
        .iter()
        .filter(|answer| answer["correlationId"] != "z")
        .count()
        < 4
        || !answers.iter().any(|answer| answer["correlationId"] == "z")
    {
        match within("an answer", live.next()).await.unwrap() {
            lockdown_bus::Frame::Said { channel, text, .. } => {
                assert_eq!(channel, "response:plain");
                answers.push(serde_json::from_str(&text).unwrap());
            }
            lockdown_bus::Frame::Gap => {}
        }
    }
    answers.sort_by_key(|answer| answer["correlationId"].to_string());
    assert_eq!(
        answers[0],
        json!({ "correlationId": "a", "data": { "number": 1 } })
    );
    assert_eq!(answers[1]["error"]["code"], "internal");
    assert_eq!(
        answers[2],
        json!({ "correlationId": "c", "error": { "code": "not_found", "message": "no such case" } })
    );
    assert_eq!(answers[3]["error"]["code"], "malformed");
    assert_eq!(answers[4]["data"]["number"], 2);
    assert_eq!(answers.len(), 5, "each once");
}

pub(crate) async fn ten_thousand_timeouts_leave_nothing_behind(fixture: &impl Fixture) {
    let (asker, responder) = (bus(fixture).await, bus(fixture).await);
    let silent = |_: lockdown_bus::Asked<Value>| std::future::pending::<Result<Value, RequestError>>();
    let _answering = responder.requests().answer("silent", silent).await.unwrap();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let asker = asker.clone();
        asking.spawn(async move {
            let asked = asker
                .requests()
                .ask::<_, Value>("silent", &json!({}), Duration::from_millis(1))
                .await;
            matches!(asked, Err(AskError::Timeout(_)))
        });
    }
    let mut timeouts = 0;
    while let Some(asked) = within("a timeout", asking.join_next()).await {
        timeouts += usize::from(asked.unwrap());
    }
    assert_eq!(timeouts, 10_000);
    assert_eq!(asker.requests().waiting(), 0);
}
