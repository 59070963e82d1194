//! What moderators ask through bots: the routes of the API, over the bus.

use crate::house::{House, PATIENCE, user};
use crate::square::Square;
use lockdown_bus::AskError;
use lockdown_events::{Action, GuildId, Platform, RequestError, RouteRequest};
use lockdown_moderation::GuildRef;
use lockdown_moderation::hands::RouteAnswer;
use lockdown_moderation::hands::{self, AskedRanks, SettingsBook};
use serde_json::{Value, json};
use std::sync::Arc;

crate::house::sizes!(
    a_moderator_asks_by_the_routes_of_the_api,
    a_community_is_run_by_the_routes_of_the_api,
    nobody_asks_for_more_than_they_may,
    settings_are_known_until_they_change,
    a_record_is_answered,
);

fn guild() -> GuildRef {
    GuildRef {
        platform: Platform::Discord,
        id: GuildId::new("100").unwrap(),
    }
}

fn question(by: &str, route: &str) -> RouteRequest {
    RouteRequest {
        platform: Platform::Discord,
        guild_id: guild().id,
        moderator_id: user(by),
        route: route.to_owned(),
        params: [].into(),
        query: [].into(),
        if_match: None,
        body: None,
        key: None,
    }
}

impl House {
    async fn by_route(&self, question: &RouteRequest) -> Result<RouteAnswer, RequestError> {
        match self.bus.requests().ask("route", question, PATIENCE).await {
            Ok(answer) => Ok(answer),
            Err(AskError::Refused(refused)) => Err(refused),
            Err(other) => panic!("{other}"),
        }
    }

    async fn staffed(&self) -> Arc<Square> {
        let square = Square::new(&["20", "666"]);
        let ranks = AskedRanks::new(self.bus.clone(), self.store.clone());
        self.decide(ranks).await;
        hands::start(&self.ctx, &self.bus, Arc::clone(&square) as _)
            .await
            .unwrap();
        square
    }
}

async fn a_moderator_asks_by_the_routes_of_the_api(house: House) {
    house.staffed().await;
    house.ask(&house.wish(Action::Warn, "666")).await.unwrap();
    let mut listing = question("11", "listCases");
    listing.query.insert("userId".into(), "666".into());
    let listed = house.by_route(&listing).await.unwrap();
    let cases = listed.body.unwrap();
    assert_eq!(listed.status, 200);
    assert_eq!(cases["cases"][0]["action"], "warn");

    let mut change = question("11", "changeCase");
    change.params.insert("caseNumber".into(), "1".into());
    change.body = Some(json!({ "reason": "spam, twice" }));
    let changed = house.by_route(&change).await.unwrap().body.unwrap();
    assert_eq!(changed["reason"], "spam, twice");

    change.body = Some(json!({ "hidden": true }));
    house.by_route(&change).await.unwrap();
    let shown = house.by_route(&listing).await.unwrap().body.unwrap();
    assert_eq!(shown["cases"], json!([]));
    let mut all = listing.clone();
    all.query.insert("hidden".into(), "true".into());
    let shown = house.by_route(&all).await.unwrap().body.unwrap();
    assert_eq!(shown["cases"][0]["hidden"], true);
    change.body = Some(json!({ "hidden": false }));
    house.by_route(&change).await.unwrap();

    // It is they who did it, by a command.
    let mut undo = question("11", "undoCase");
    undo.params.insert("caseNumber".into(), "1".into());
    undo.body = Some(json!({ "reason": "wrong person" }));
    undo.key = Some("once".into());
    let undone = house.by_route(&undo).await.unwrap().body.unwrap();
    let case = &undone["results"][0]["case"];
    assert_eq!(
        (&case["action"], &case["moderatorId"], &case["origin"]),
        (&json!("unwarn"), &json!("11"), &json!("command"))
    );
    // The same key again has no second effect.
    assert_eq!(house.by_route(&undo).await.unwrap().body.unwrap(), undone);
    assert_eq!(
        house.by_route(&listing).await.unwrap().body.unwrap()["cases"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let mut rules = question("1", "putRules");
    rules.body = Some(Value::from("version: 1\nrules: []\n"));
    let put = house.by_route(&rules).await;
    assert!(put.is_ok(), "{put:?}");
    house.stop().await;
}

async fn a_community_is_run_by_the_routes_of_the_api(house: House) {
    house.staffed().await;
    house.ask(&house.wish(Action::Warn, "666")).await.unwrap();
    let ask = async |by: &str, route: &str, params: &[(&str, &str)], body: Value| {
        let mut question = question(by, route);
        let params = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        question.params = params.collect();
        question.body = Some(body).filter(|body| !body.is_null());
        house.by_route(&question).await
    };
    let nothing = Value::Null;
    let raid = ask(
        "11",
        "raiseMode",
        &[],
        json!({ "mode": "raid", "duration": "1h" }),
    )
    .await;
    assert_eq!(raid.unwrap().body.unwrap()["raisedBy"], "11");
    let ended = ask("11", "endMode", &[("mode", "raid")], nothing.clone())
        .await
        .unwrap();
    assert_eq!((ended.status, ended.body), (204, None));
    let modes = ask("11", "listModes", &[], nothing.clone()).await.unwrap();
    assert_eq!(modes.body.unwrap()["modes"], json!([]));

    let rules =
        "version: 1\nrules:\n  - {id: a, events: [message], when: [text.length > 9], then: [delete]}\n";
    ask("1", "putRules", &[], rules.into()).await.unwrap();
    let mut set = question("1", "setRuleMode");
    set.params.insert("ruleId".into(), "a".into());
    set.body = Some(json!({ "mode": "shadow" }));
    set.if_match = Some("\"1\"".into());
    assert_eq!(house.by_route(&set).await.unwrap().etag.as_deref(), Some("\"2\""));
    assert_eq!(house.by_route(&set).await.unwrap_err().code, "stale");
    let listed = ask("11", "listRules", &[], nothing.clone()).await.unwrap();
    assert_eq!(listed.body.unwrap()["rules"][0]["mode"], "shadow");
    let resumed = ask("1", "resumeRule", &[("ruleId", "a")], nothing.clone()).await;
    assert_eq!(resumed.unwrap_err().code, "not_paused");

    // A word on a case, also of a moderator of whom nothing was ever written down.
    let said = ask(
        "12",
        "postToThread",
        &[("caseNumber", "1")],
        json!({ "body": "Seen it." }),
    )
    .await;
    assert_eq!(said.unwrap().body.unwrap()["by"], "12");
    let thread = ask("11", "getThread", &[("caseNumber", "1")], nothing.clone())
        .await
        .unwrap();
    assert_eq!(thread.body.unwrap()["messages"][0]["body"], "Seen it.");

    let role = [("userId", "20"), ("role", "moderator")];
    assert_eq!(
        ask("11", "giveRole", &role, nothing.clone())
            .await
            .unwrap_err()
            .code,
        "forbidden"
    );
    assert_eq!(
        ask("20", "listCases", &[], nothing.clone())
            .await
            .unwrap_err()
            .code,
        "forbidden"
    );
    ask("1", "giveRole", &role, nothing.clone()).await.unwrap();
    ask("20", "listCases", &[], nothing.clone()).await.unwrap();
    ask("1", "takeRole", &role, nothing.clone()).await.unwrap();
    assert_eq!(
        ask("20", "listCases", &[], nothing).await.unwrap_err().code,
        "forbidden"
    );
    house.stop().await;
}

async fn nobody_asks_for_more_than_they_may(house: House) {
    let square = house.staffed().await;
    let refused = async |by: &str, route: &str| house.by_route(&question(by, route)).await.unwrap_err().code;
    assert_eq!(refused("20", "listCases").await, "forbidden");
    assert_eq!(refused("4040", "listCases").await, "forbidden");
    assert_eq!(refused("11", "putSettings").await, "forbidden");
    // Only what concerns one community can be asked for.
    assert_eq!(refused("1", "listTokens").await, "not_found");
    assert_eq!(refused("1", "noSuchRoute").await, "not_found");
    let mut elsewhere = question("1", "listCases");
    elsewhere.guild_id = GuildId::new("404").unwrap();
    assert_eq!(
        house.by_route(&elsewhere).await.unwrap_err().code,
        "unknown_guild"
    );
    // A key in the path's place reaches nothing else.
    let mut odd = question("11", "getCase");
    odd.params.insert("guildId".into(), "404".into());
    odd.params.insert("caseNumber".into(), "1".into());
    assert_eq!(house.by_route(&odd).await.unwrap_err().code, "unknown_case");
    square.state().unreadable = true;
    assert_eq!(refused("11", "listCases").await, "rank_unknown");
    house.stop().await;
}

async fn settings_are_known_until_they_change(house: House) {
    house.staffed().await;
    lockdown_backend::relay(&house.ctx, house.store.clone(), house.bus.clone());
    let book = SettingsBook::open(&house.ctx, &house.bus).await.unwrap();
    assert_eq!(book.of(&guild()).await.locale, "en");
    let mut choose = question("1", "putSettings");
    choose.body = Some(json!({ "locale": "ru" }));
    house.by_route(&choose).await.unwrap();
    let changed = async {
        while book.of(&guild()).await.locale != "ru" {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, changed)
        .await
        .expect("the change was told");
    house.stop().await;
}

async fn a_record_is_answered(house: House) {
    house.staffed().await;
    house.ask(&house.wish(Action::Note, "666")).await.unwrap();
    let question = json!({ "platform": "discord", "guildId": "100", "userId": "666" });
    let record: Value = house
        .bus
        .requests()
        .ask("member", &question, PATIENCE)
        .await
        .unwrap();
    assert_eq!(record["cases"][0]["action"], "note");
    house.stop().await;
}
