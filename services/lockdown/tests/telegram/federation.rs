//! Bans that groups of several owners share.

use crate::town::{PATIENCE, Town};
use lockdown_bus::AskError;
use lockdown_events::{
    Action, CaseRequest, GuildId, ModerationAction, Origin, Platform, RouteRequest, UserId,
};
use lockdown_testkit::fakes::telegram::{Permissions, Status};
use serde_json::{Value, json};
use std::time::Duration;

crate::town::sizes!(
    a_ban_reaches_every_group_and_its_end_only_what_it_made,
    who_is_banned_and_comes_later_goes_at_once,
    a_federation_is_run_by_its_own,
    federations_go_by_others,
    a_list_goes_out_and_comes_back,
);

impl Town {
    /// A group with another owner, whom the bot knows and who wrote to it.
    async fn group(&self, title: &str, owner: i64) -> i64 {
        let chat = self.telegram.add_supergroup(title, owner);
        let administrator = Status::administrator(Permissions::administrator());
        self.telegram.set_status(chat, owner, self.bot, administrator);
        let known = async {
            loop {
                match self.in_group(chat, owner, "getGuildFederation", None).await {
                    Err(code) if code == "in_none" => return,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let known = tokio::time::timeout(PATIENCE, known).await;
        known.expect("the group becomes known");
        chat
    }

    async fn in_group(&self, chat: i64, who: i64, route: &str, body: Option<Value>) -> Result<Value, String> {
        let question = RouteRequest {
            platform: Platform::Telegram,
            guild_id: GuildId::new(&chat.to_string()).unwrap(),
            moderator_id: UserId::new(&who.to_string()).unwrap(),
            route: route.to_owned(),
            params: [].into(),
            query: [].into(),
            if_match: None,
            body,
            key: None,
        };
        match self.bus.requests().ask("route", &question, PATIENCE).await {
            Ok(answer) => Ok(answer),
            Err(AskError::Refused(refused)) => Err(refused.code),
            Err(other) => Err(other.to_string()),
        }
    }

    async fn case_in(&self, chat: i64, case_number: u64) -> Result<Value, String> {
        let question = CaseRequest {
            platform: Platform::Telegram,
            guild_id: GuildId::new(&chat.to_string()).unwrap(),
            case_number,
        };
        match self.bus.requests().ask("case", &question, PATIENCE).await {
            Ok(case) => Ok(case),
            Err(AskError::Refused(refused)) => Err(refused.code),
            Err(other) => Err(other.to_string()),
        }
    }

    /// Says something to the bot alone, and waits for an answer that begins like this; all of it.
    async fn alone(&self, who: i64, text: &str, answer: &str) -> String {
        let before = self.telegram.said(who, self.bot).len();
        self.telegram.say(who, who, text);
        self.answered(who, before, answer).await
    }

    /// What the bot said in a chat after so many others that begins like this.
    async fn answered(&self, chat: i64, before: usize, answer: &str) -> String {
        let waiting = async {
            loop {
                let said = self.telegram.said(chat, self.bot);
                let found = said.iter().skip(before).find(|said| said.starts_with(answer));
                match found {
                    Some(found) => return found.clone(),
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.unwrap_or_else(|_| {
            let said = self.telegram.said(chat, self.bot);
            panic!("no answer `{answer}`, but {:?}", said.get(before..))
        })
    }

    /// The same in a group.
    async fn says(&self, chat: i64, who: i64, text: &str, answer: &str) -> String {
        let before = self.telegram.said(chat, self.bot).len();
        self.telegram.say(chat, who, text);
        self.answered(chat, before, answer).await
    }

    /// A federation of somebody who never wrote to the bot before; its id.
    async fn federation(&self, owner: i64, name: &str) -> String {
        self.telegram.start_bot(owner, self.bot);
        let made = self
            .alone(
                owner,
                &format!("/newfed {name}"),
                &format!("The federation {name} is there."),
            )
            .await;
        made.rsplit(' ').next().unwrap().to_owned()
    }

    async fn joins(&self, chat: i64, owner: i64, id: &str) {
        self.says(
            chat,
            owner,
            &format!("/joinfed {id}"),
            "This group is in the federation",
        )
        .await;
    }

    fn is_banned(&self, chat: i64, who: i64) -> bool {
        self.telegram.status(chat, who).is_banned()
    }

    /// Has somebody write until they are banned there: what was just changed takes a moment to reach who looks.
    async fn goes_from(&self, chat: i64, who: i64) {
        let going = async {
            while !self.is_banned(chat, who) {
                self.telegram.say(chat, who, "hello");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let gone = tokio::time::timeout(PATIENCE, going).await;
        gone.unwrap_or_else(|_| panic!("{who} is still there"));
    }
}

async fn a_ban_reaches_every_group_and_its_end_only_what_it_made(town: Town) {
    let (here, olga, mallory) = (town.chat, town.owner, town.mallory);
    let petra = town.telegram.add_person("Petra", Some("petra"));
    let there = town.group("Village", petra).await;
    let eve = town.telegram.add_person("Eve", Some("eve"));
    for who in [mallory, eve] {
        town.telegram.join(there, who);
    }
    town.telegram.join(here, eve);
    let id = town.federation(olga, "Towns").await;
    town.joins(here, olga, &id).await;
    town.joins(there, petra, &id).await;
    town.says(there, petra, "/chatfed", "This group is in the federation Towns.")
        .await;

    // One of them has her banned already, for reasons of its own.
    town.says(there, petra, "/ban @eve too loud", "Banned Eve").await;
    let banned = "Mallory is banned in the federation Towns. That goes out to 2 groups.";
    town.says(here, olga, "/fban @mallory scam", banned).await;
    for chat in [here, there] {
        town.until("Mallory is banned", || town.is_banned(chat, mallory))
            .await;
    }
    let actor = format!("rule:federation:{id}");
    for (chat, number) in [(here, 1), (there, 2)] {
        let case = town.case_in(chat, number).await.unwrap();
        assert_eq!(
            (&case["reason"], &case["actor"], &case["userId"]),
            (
                &json!("federation Towns: scam"),
                &json!(actor),
                &json!(mallory.to_string())
            )
        );
    }
    // Once more is another reason, and no other case: the next number is that of the end.
    town.says(
        here,
        olga,
        "/fban @mallory more scam",
        "Mallory was banned in the federation Towns before",
    )
    .await;
    town.says(
        here,
        olga,
        "/fban @eve scam",
        "Eve is banned in the federation Towns.",
    )
    .await;
    town.until("Eve is banned here", || town.is_banned(here, eve))
        .await;
    town.says(
        here,
        olga,
        "/unfban @mallory a mistake",
        "Mallory is not banned in the federation Towns any more. Its bans in 2 groups end.",
    )
    .await;
    for chat in [here, there] {
        town.until("Mallory may return", || !town.is_banned(chat, mallory))
            .await;
    }
    for (chat, number) in [(here, 3), (there, 3)] {
        let case = town.case_in(chat, number).await.unwrap();
        assert_eq!(
            (&case["action"], &case["reason"]),
            (&json!("unban"), &json!("federation Towns: a mistake"))
        );
    }
    town.says(
        here,
        olga,
        "/unfban @eve",
        "Eve is not banned in the federation Towns any more. Its ban in 1 group ends.",
    )
    .await;
    town.until("Eve may return", || !town.is_banned(here, eve)).await;
    // What follows there comes after what was asked for before it.
    town.telegram.join(there, mallory);
    town.says(here, olga, "/fban @mallory again", banned).await;
    town.until("Mallory is banned there", || town.is_banned(there, mallory))
        .await;
    assert!(town.is_banned(there, eve), "what the group decided itself stands");
    assert_eq!(town.case_in(there, 5).await.unwrap_err(), "unknown_case");
    town.says(
        here,
        olga,
        "/unfban @petra",
        "They are not banned in the federation.",
    )
    .await;
    town.stop().await;
}

async fn who_is_banned_and_comes_later_goes_at_once(town: Town) {
    let (olga, mallory) = (town.owner, town.mallory);
    let petra = town.telegram.add_person("Petra", Some("petra"));
    let there = town.group("Village", petra).await;
    town.telegram.join(there, mallory);
    let id = town.federation(olga, "Towns").await;
    town.joins(town.chat, olga, &id).await;
    town.says(
        town.chat,
        olga,
        "/fban @mallory scam",
        "Mallory is banned in the federation Towns. That goes out to 1 group.",
    )
    .await;
    town.joins(there, petra, &id).await;
    assert!(
        !town.is_banned(there, mallory),
        "nobody is looked for in a group that joins"
    );
    town.goes_from(there, mallory).await;
    let gone = "Mallory is not welcome here (federation Towns: scam). Case 1.";
    town.answered(there, 0, gone).await;
    let case = town.case_in(there, 1).await.unwrap();
    assert_eq!(case["evidence"].as_array().unwrap().len(), 1, "{case}");
    // The group lets her in again, and the same ban is no second case.
    town.says(there, petra, &format!("/unban {mallory}"), "Unbanned Mallory")
        .await;
    let wish = ModerationAction {
        platform: Platform::Telegram,
        guild_id: GuildId::new(&there.to_string()).unwrap(),
        action: Action::Ban,
        user_id: UserId::new(&mallory.to_string()).unwrap(),
        moderator_id: None,
        reason: None,
        expires_at: None,
        origin: Origin::Automod,
        case_number: None,
        delete_message_seconds: None,
        notify: None,
        points: None,
        native_id: None,
        batch_id: None,
        trace_id: None,
        rule: Some(format!("federation:{id}")),
        rule_set_hash: None,
        evidence: Vec::new(),
    };
    let ask = async |wish: &ModerationAction| -> Result<Value, String> {
        match town.bus.requests().ask("moderation", wish, PATIENCE).await {
            Ok(answer) => Ok(answer),
            Err(AskError::Refused(refused)) => Err(refused.code),
            Err(other) => panic!("{other}"),
        }
    };
    let again = ask(&wish).await.unwrap();
    assert_eq!((&again["new"], &again["caseNumber"]), (&json!(false), &json!(1)));
    // Nobody is banned in its name whom it has not banned.
    let other = ModerationAction {
        user_id: UserId::new(&petra.to_string()).unwrap(),
        ..wish
    };
    assert_eq!(ask(&other).await.unwrap_err(), "not_wanted");
    // Quietly, somebody goes as they come.
    town.says(
        there,
        petra,
        "/quietfed on",
        "Done. Nothing is said when somebody goes",
    )
    .await;
    let eve = town.telegram.add_person("Eve", Some("eve"));
    town.says(
        there,
        petra,
        &format!("/fedstat {eve}"),
        &format!("{eve} is banned in no federation"),
    )
    .await;
    town.says(
        there,
        petra,
        "/leavefed",
        "This group is in no federation any more.",
    )
    .await;
    town.says(
        town.chat,
        olga,
        &format!("/fban {eve} scam"),
        &format!("{eve} is banned in the federation Towns"),
    )
    .await;
    town.joins(there, petra, &id).await;
    town.telegram.join(there, eve);
    town.goes_from(there, eve).await;
    let case = town.case_in(there, 3).await.unwrap();
    assert_eq!(case["userId"], eve.to_string());
    town.says(
        there,
        petra,
        &format!("/fedstat {eve}"),
        "Eve is banned in:\n· Towns: scam",
    )
    .await;
    let said = town.telegram.said(there, town.bot);
    assert!(
        !said.iter().any(|said| said.starts_with("Eve is not welcome")),
        "{said:?}"
    );
    town.stop().await;
}

async fn a_federation_is_run_by_its_own(town: Town) {
    let (here, olga, mallory) = (town.chat, town.owner, town.mallory);
    let [petra, vera, eve] =
        ["Petra", "Vera", "Eve"].map(|name| town.telegram.add_person(name, Some(&name.to_lowercase())));
    let there = town.group("Village", petra).await;
    for who in [petra, vera, eve] {
        town.telegram.join(here, who);
    }
    town.telegram.join(there, vera);
    town.telegram.join(there, eve);
    let keeper = Status::administrator(Permissions::administrator());
    town.telegram.set_status(there, petra, vera, keeper);
    let id = town.federation(olga, "Towns").await;
    town.alone(olga, "/newfed More", "They own a federation already")
        .await;
    town.says(here, olga, "/newfed More", "Write that to me alone")
        .await;
    town.says(there, petra, "/chatfed", "The community is in no federation.")
        .await;
    // A group is its owner's to put in, and in one.
    town.says(
        there,
        vera,
        &format!("/joinfed {id}"),
        "Only the owner of this group can put it into a federation",
    )
    .await;
    town.says(
        there,
        petra,
        "/joinfed towns",
        "There is no federation of this id.",
    )
    .await;
    town.joins(here, olga, &id).await;
    town.joins(there, petra, &id).await;

    let none = "This group is in no federation that you own or administer.";
    town.says(here, mallory, "/fban @eve scam", none).await;
    town.says(there, petra, "/fban @eve scam", none).await;
    town.says(
        here,
        olga,
        "/fedpromote @petra",
        "Petra is an admin of the federation Towns.",
    )
    .await;
    town.alone(
        olga,
        "/fedadmins",
        &format!("Towns belongs to Olga ({olga}). Beside them ban:\n· Petra ({petra})"),
    )
    .await;
    town.says(
        here,
        olga,
        "/fban @petra",
        "The owner and the admins of a federation are not banned in it.",
    )
    .await;
    town.says(there, petra, "/renamefed Villages", "You own no federation.")
        .await;
    town.says(
        here,
        olga,
        "/fedreasons on",
        "Nobody is banned in Towns without a reason.",
    )
    .await;
    town.says(
        there,
        petra,
        "/fban @eve",
        "This federation bans nobody without a reason",
    )
    .await;
    // Her owner hears of it, and who keeps order in a group is not banned there.
    town.says(
        there,
        petra,
        "/fban @vera scam",
        "Vera is banned in the federation Towns. That goes out to 2 groups.",
    )
    .await;
    town.until("Vera is banned here", || town.is_banned(here, vera))
        .await;
    let told = format!("Vera ({vera}) is banned in the federation Towns: scam");
    town.answered(olga, 0, &told).await;
    town.alone(olga, "/fednotif off", "The owner of Towns is not told of bans.")
        .await;
    town.says(
        there,
        petra,
        "/fban @eve scam",
        "Eve is banned in the federation Towns.",
    )
    .await;
    for chat in [here, there] {
        town.until("Eve is banned", || town.is_banned(chat, eve)).await;
    }
    // Whoever comes later in that group comes after her.
    assert!(
        !town.is_banned(there, vera),
        "who keeps order there is not banned"
    );
    assert_eq!(town.case_in(there, 2).await.unwrap_err(), "unknown_case");
    assert!(
        !town
            .telegram
            .said(olga, town.bot)
            .iter()
            .any(|said| said.starts_with("Eve ("))
    );

    town.alone(
        olga,
        "/renamefed All towns",
        "The federation is called All towns from now on.",
    )
    .await;
    let info = town.alone(olga, "/fedinfo", "All towns\n").await;
    for line in [&id, "Admins: 1", "Groups: 2", "Bans: 2"] {
        assert!(info.lines().any(|said| said == line), "{line} is not in {info}");
    }
    town.telegram.start_bot(petra, town.bot);
    town.alone(petra, &format!("/fedinfo {id}"), "All towns\n").await;
    town.alone(
        petra,
        &format!("/feddemoteme {id}"),
        "You are no admin of the federation All towns",
    )
    .await;
    town.says(there, petra, "/fban @mallory scam", none).await;
    town.says(
        here,
        olga,
        "/feddemote @petra",
        "They are no admin of the federation.",
    )
    .await;
    // Nobody deletes one by accident.
    town.alone(
        olga,
        "/delfed",
        "That deletes All towns, of 2 groups, with its list of 2 bans.",
    )
    .await;
    town.alone(olga, "/delfed yes", "The federation All towns is gone.")
        .await;
    town.says(there, petra, "/chatfed", "The community is in no federation.")
        .await;
    assert!(town.is_banned(there, eve), "who was banned stays banned");
    town.stop().await;
}

async fn federations_go_by_others(town: Town) {
    let (here, olga, mallory) = (town.chat, town.owner, town.mallory);
    let petra = town.telegram.add_person("Petra", Some("petra"));
    let there = town.group("Village", petra).await;
    let eve = town.telegram.add_person("Eve", Some("eve"));
    for who in [mallory, eve] {
        town.telegram.join(there, who);
    }
    let towns = town.federation(olga, "Towns").await;
    let villages = town.federation(petra, "Villages").await;
    town.joins(here, olga, &towns).await;
    town.joins(there, petra, &villages).await;
    town.alone(
        petra,
        "/fedsubs",
        "The groups of Villages go by no other federation.",
    )
    .await;
    town.alone(
        petra,
        &format!("/subfed {towns}"),
        "The groups of Villages go by the bans of Towns as well.",
    )
    .await;
    town.alone(
        petra,
        "/fedsubs",
        &format!("The groups of Villages go by the bans of:\n· Towns ({towns})"),
    )
    .await;
    town.alone(
        petra,
        &format!("/subfed {villages}"),
        "A federation goes by its own bans already.",
    )
    .await;
    town.says(
        here,
        olga,
        "/fban @mallory scam",
        "Mallory is banned in the federation Towns. That goes out to 2 groups.",
    )
    .await;
    for chat in [here, there] {
        town.until("Mallory is banned", || town.is_banned(chat, mallory))
            .await;
    }
    // Not the other way round.
    town.says(
        there,
        petra,
        "/fban @eve scam",
        "Eve is banned in the federation Villages. That goes out to 1 group.",
    )
    .await;
    town.until("Eve is banned there", || town.is_banned(there, eve))
        .await;
    town.alone(
        petra,
        &format!("/unsubfed {towns}"),
        "The groups of Villages do not go by Towns any more.",
    )
    .await;
    town.says(
        here,
        olga,
        "/unfban @mallory",
        "Mallory is not banned in the federation Towns any more. Its ban in 1 group ends.",
    )
    .await;
    town.until("Mallory may return here", || !town.is_banned(here, mallory))
        .await;
    assert!(
        town.is_banned(there, mallory),
        "whoever does not go by it keeps their own"
    );
    town.stop().await;
}

async fn a_list_goes_out_and_comes_back(town: Town) {
    let (here, olga, mallory) = (town.chat, town.owner, town.mallory);
    let towns = town.federation(olga, "Towns").await;
    town.joins(here, olga, &towns).await;
    town.alone(olga, "/fbanlist", "Nobody is banned in the federation Towns.")
        .await;
    town.says(here, olga, "/fban @mallory scam, \"twice\"", "Mallory is banned")
        .await;
    town.alone(olga, "/fban 7002", "7002 is banned").await;
    let upload = async |command: &str| {
        let before = town.telegram.uploads().len();
        town.telegram.say(olga, olga, command);
        town.until("the list is there", || town.telegram.uploads().len() > before)
            .await;
        town.telegram.uploads().remove(before)
    };
    let (name, list) = upload("/fedexport").await;
    assert_eq!(name, format!("federation-{towns}.csv"));
    assert_eq!(
        String::from_utf8(list.clone()).unwrap(),
        format!("id,name,reason\r\n7002,,\r\n{mallory},Mallory,\"scam, \"\"twice\"\"\"\r\n")
    );
    let (_, shown) = upload("/fbanlist json").await;
    let shown: Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(
        (&shown[1]["id"], &shown[1]["reason"]),
        (&json!(mallory.to_string()), &json!("scam, \"twice\""))
    );

    let petra = town.telegram.add_person("Petra", Some("petra"));
    let there = town.group("Village", petra).await;
    town.telegram.join(there, mallory);
    let villages = town.federation(petra, "Villages").await;
    town.joins(there, petra, &villages).await;
    town.alone(petra, "/fedimport", "Send me the list alone").await;
    let before = town.telegram.said(petra, town.bot).len();
    town.telegram.send_file(petra, b"id\n\"7001", "/fedimport");
    town.answered(
        petra,
        before,
        "That file cannot be used: a quotation mark that is opened in line 2",
    )
    .await;
    // Of the list, the file itself is answered.
    let mut more = list.clone();
    more.extend(format!("nobody,,\r\n{petra},Petra,herself\r\n").bytes());
    let file = town.telegram.send_file(petra, &more, "here it is");
    let document = town.telegram.message(petra, file).unwrap();
    let before = town.telegram.said(petra, town.bot).len();
    town.telegram.post(
        petra,
        petra,
        &json!({ "text": "/fedimport", "reply_to_message": document["message_id"] }),
    );
    let taken = town
        .answered(petra, before, "In the federation Villages 2 people are banned whom it had not banned, and 0 for another reason; 2 lines were not taken.")
        .await;
    assert!(taken.contains("\n· nobody: "), "{taken}");
    assert!(
        taken.contains(&format!("\n· {petra}: The owner and the admins")),
        "{taken}"
    );
    // Who is on it goes when they write, and the list is the same again.
    town.goes_from(there, mallory).await;
    let case = town.case_in(there, 1).await.unwrap();
    assert_eq!(case["reason"], "federation Villages: scam, \"twice\"");
    let before = town.telegram.uploads().len();
    town.telegram.say(petra, petra, "/fedexport");
    town.until("the list is there", || town.telegram.uploads().len() > before)
        .await;
    let (_, again) = town.telegram.uploads().remove(before);
    let lines = |list: &[u8]| {
        let text = String::from_utf8(list.to_vec()).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&again), lines(&list));
    town.telegram.start_bot(mallory, town.bot);
    let stat = town.alone(mallory, "/fedstat", "Mallory is banned in:").await;
    assert!(
        stat.contains("· Towns: scam") && stat.contains("· Villages: scam"),
        "{stat}"
    );
    town.stop().await;
}
