//! What moderators call spam, and what they say is none: the filter learns it.

use crate::town::Town;
use serde_json::json;

crate::town::sizes!(
    what_a_moderator_calls_spam_goes_and_is_learned,
    a_mistake_of_the_filter_is_forgiven_and_learned,
);

const SCAM: &str = "Нужны люди на удалённый заработок, от 18 лет, оплата каждый день, пиши в личку";
const ALIKE: &str = "Нужны люди на удаленный заработок, возраст от 18, оплата каждый день, пиши мне в личку";
const GIFT: &str = "free discord nitro for our members, claim it here before midnight";

const RULES: &str = "version: 1
lists:
  bad: {words: [badword]}
rules:
  - {id: marked, events: [message], when: [text.has_any(bad)], then: [delete]}
  - {id: filter, events: [message], when: [text.spam_score >= 70], then: [delete, ban]}
";

impl Town {
    async fn somebody_new(&self, name: &str) -> i64 {
        let who = self.telegram.add_person(name, None);
        self.telegram.join(self.chat, who);
        who
    }

    /// Waits until a text stands once all that came before it is judged: what was taught takes a moment to reach who judges.
    async fn stands(&self, text: &str) {
        for number in 0..60 {
            let who = self.somebody_new(&format!("Speaker {number}")).await;
            let message = self.command(who, text).await;
            let marked = self.command(self.mallory, "badword").await;
            self.until("the next one is judged", || !self.is_there(marked))
                .await;
            if self.is_there(message) {
                return;
            }
        }
        panic!("`{text}` goes again and again");
    }

    async fn press(&self, log: i64, words: &str, row: usize, button: usize) -> String {
        self.until(words, || self.told(log, words).is_some()).await;
        let message = self.told(log, words).unwrap();
        let data = message["reply_markup"]["inline_keyboard"][row][button]["callback_data"].clone();
        let (id, data) = (
            message["message_id"].as_i64().unwrap(),
            data.as_str().unwrap().to_owned(),
        );
        assert!(data.len() <= 64, "{data}");
        let query = self.telegram.press(log, id, self.owner, &data);
        let answer = || {
            let answered = self.telegram.answered();
            answered.into_iter().find(|(to, _)| *to == query)
        };
        self.until("the press is answered", || answer().is_some()).await;
        answer().unwrap().1.unwrap_or_default()
    }
}

async fn what_a_moderator_calls_spam_goes_and_is_learned(town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    let log = town.log().await;
    town.put_rules(RULES).await;
    town.goes(town.mallory, "badword").await;
    let eve = town.somebody_new("Eve").await;
    let scam = town.command(eve, SCAM).await;
    let reply = |text: &str, to: i64| json!({ "text": text, "reply_to_message": to });
    town.telegram.post(chat, town.mallory, &reply("/spam", scam));
    town.hears("Only administrators can do that.").await;
    assert!(town.is_there(scam));
    town.telegram.post(chat, owner, &reply("/spam", scam));
    town.until("Eve is banned", || town.status(eve).is_banned()).await;
    town.until("it is gone", || !town.is_there(scam)).await;
    town.hears("Learned as spam. Its like was ").await;
    let case = town.decided(1).await;
    assert_eq!(
        (&case["reason"], &case["moderatorId"]),
        (&json!("spam"), &json!(owner.to_string()))
    );
    let calls = town.telegram.requests();
    let at = |method: &str| calls.iter().position(|call| call.method == method).unwrap();
    assert!(
        at("forwardmessages") < at("banchatmember"),
        "it was shown before it went"
    );
    assert!(town.told(log, SCAM).is_some());
    // Its like goes by itself, and whoever judged anew is told.
    let next = town.somebody_new("Next").await;
    town.goes(next, ALIKE).await;
    // What was taught is taken back in the log chat.
    let answer = town
        .press(log, "Olga taught the filter what is spam.", 0, 0)
        .await;
    assert_eq!(answer, "The filter forgot that again.");
    town.until("that is told, too", || {
        town.told(log, "Olga took back what the filter was taught.")
            .is_some()
    })
    .await;
    town.stands(ALIKE).await;
    // Who keeps order writes no spam.
    let own = town.command(owner, "a fine evening").await;
    town.telegram.post(chat, owner, &reply("/spam", own));
    town.hears("They keep order here: what they write is no spam.")
        .await;
    assert!(town.is_there(own));
    town.command(owner, "/spammode nothing").await;
    town.hears("Done. What /spam answers goes, and nothing else")
        .await;
    let again = town.command(town.mallory, SCAM).await;
    town.telegram.post(chat, owner, &reply("/sspam", again));
    town.until("it is gone", || !town.is_there(again)).await;
    assert!(town.status(town.mallory).is_present());
    town.command(owner, "/forgetspam").await;
    town.hears("The filter was taught 1 message here.").await;
    town.command(owner, "/forgetspam yes").await;
    town.hears("The filter forgot the 1 message").await;
    town.stop().await;
}

async fn a_mistake_of_the_filter_is_forgiven_and_learned(town: Town) {
    let log = town.log().await;
    town.put_rules(RULES).await;
    town.goes(town.mallory, "badword").await;
    let eve = town.somebody_new("Eve").await;
    town.command(eve, GIFT).await;
    town.until("Eve is banned", || town.status(eve).is_banned()).await;
    town.decided(1).await;
    town.until("what was seen is told", || {
        let line = town.told(log, "#1 \u{b7} banned: Eve");
        line.is_some_and(|line| {
            line["text"]
                .as_str()
                .unwrap()
                .contains("Seen:\nfilter: spam score in percent: ")
        })
    })
    .await;
    let answer = town.press(log, "#1 \u{b7} banned: Eve", 1, 0).await;
    assert!(answer.ends_with("Learned as no spam."), "{answer}");
    town.until("Eve is free", || !town.status(eve).is_banned()).await;
    town.stands(GIFT).await;
    town.stop().await;
}
