//! What the classifier of spam is taught, and what it was wrong about.

use crate::house::{HERE, House};
use crate::stats::publish;
use serde_json::{Value, json};

const SCAM: &str = "Нужны люди на удалённый заработок, от 18 лет, оплата каждый день, пиши в личку";
const ALIKE: &str = "Нужны люди на удаленный заработок, возраст от 18, оплата каждый день, пиши мне в личку";

impl House {
    async fn score(&self, text: &str) -> Value {
        let path = format!("{HERE}/spam/score");
        let said = self.post("moderator", &path, &json!({ "text": text })).await;
        said.is(200).clone()
    }

    async fn lessons(&self) -> Vec<Value> {
        let listed = self.get("moderator", &format!("{HERE}/spam/lessons")).await;
        listed.is(200)["lessons"].as_array().unwrap().clone()
    }

    async fn say(&self, message: &str, text: &str) {
        let data = json!({ "messageId": message, "channelId": "7", "authorId": "666", "content": text });
        publish(self, "message:created", data).await;
    }
}

pub(crate) async fn a_text_is_taught_once_and_forgotten(house: House) {
    let path = format!("{HERE}/spam/lessons");
    let fresh = house.score(ALIKE).await;
    assert_eq!(fresh["abstains"], true);
    let lesson = json!({ "verdict": "spam", "text": SCAM });
    let taught = house.post("moderator", &path, &lesson).await;
    let learned = taught.is(201).clone();
    assert!(learned["before"]["percent"].as_u64().unwrap() <= 10, "{learned}");
    assert!(learned["after"]["percent"].as_u64().unwrap() >= 80, "{learned}");
    let scored = house.score(ALIKE).await;
    assert!(scored["percent"].as_u64().unwrap() > 50, "{scored}");
    // Once more, in whatever letters, it counts once.
    let louder = json!({ "verdict": "spam", "text": SCAM.to_uppercase() });
    let again = house.post("moderator", &path, &louder).await;
    assert_eq!(again.is(200)["lesson"], learned["lesson"]);
    assert_eq!(house.lessons().await, [learned["lesson"].clone()]);
    // A message is learned as it was said last.
    house.say("900", "a calm evening").await;
    house.say("901", SCAM).await;
    let by_message = json!({ "verdict": "ham", "messageId": "901", "saidAt": house.ctx.clock.now() });
    let other = house.post("moderator", &path, &by_message).await;
    let other = other.is(201)["lesson"].clone();
    assert_eq!(
        (&other["verdict"], &other["taughtBy"]),
        (&json!("ham"), &json!("token:moderator"))
    );
    assert_eq!(house.lessons().await, std::slice::from_ref(&other));
    assert!(house.score(SCAM).await["percent"].as_u64().unwrap() < 20);
    // What was taught is taken back, one by one or all at once.
    let one = format!("{path}/{}", other["id"].as_str().unwrap());
    house.delete("moderator", &one).await.is(204);
    house.delete("moderator", &one).await.is_problem(404, "not_found");
    assert_eq!(house.score(ALIKE).await, fresh);
    house.post("moderator", &path, &lesson).await.is(201);
    assert_eq!(house.delete("admin", &path).await.is(200)["count"], 1);
    assert_eq!(house.lessons().await, Vec::<Value>::new());
    assert_eq!(house.score(ALIKE).await, fresh);
    for (body, code) in [
        (json!({ "verdict": "spam" }), "invalid"),
        (json!({ "verdict": "spam", "text": " " }), "invalid"),
        (
            json!({ "verdict": "spam", "messageId": "902" }),
            "unknown_message",
        ),
    ] {
        let said = house.post("moderator", &path, &body).await;
        assert_eq!(said.body["code"], code, "{}", said.text);
    }
    // Whoever judges is told each time.
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    for told in house.told("guild:config", 5).await {
        assert_eq!(told["data"]["changed"], json!(["spam"]));
    }
}

pub(crate) async fn a_mistake_is_undone_and_learned(house: House) {
    house.say("950", SCAM).await;
    let ban = json!({ "userId": "666", "reason": "spam", "evidence": [
        { "channelId": "7", "messageId": "950" }, { "channelId": "7", "messageId": "951" }] });
    let made = house.post("moderator", &format!("{HERE}/bans"), &ban).await;
    assert_eq!(made.is(201)["caseNumber"], 1);
    let path = format!("{HERE}/cases/1/not-spam");
    house
        .post("moderator", &path, &json!({}))
        .await
        .is_problem(403, "forbidden");
    let done = house.post("admin", &path, &json!({})).await;
    let done = done.is(200);
    assert_eq!(done["undone"]["results"][0]["action"], "unban");
    assert_eq!((&done["reviewed"], &done["lost"]), (&json!(true), &json!(1)));
    assert_eq!(done["learned"][0]["lesson"]["verdict"], "ham");
    assert_eq!(house.lessons().await[0]["caseNumber"], 1);
    // Said twice it is done once.
    let again = house.post("admin", &path, &json!({})).await;
    let again = again.is(200);
    assert_eq!(
        (&again["undone"]["results"], &again["reviewed"]),
        (&json!([]), &json!(false))
    );
    assert_eq!(again["learned"][0]["lesson"], done["learned"][0]["lesson"]);
    assert_eq!(house.lessons().await.len(), 1);
    let other = format!("{HERE}/cases/9/not-spam");
    house
        .post("admin", &other, &json!({}))
        .await
        .is_problem(404, "unknown_case");
}
