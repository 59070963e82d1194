//! Federations by the API. What whoever leads one may, is shown by the stories of the bot.

use crate::house::{HERE, House, say};
use reqwest::Method;
use serde_json::{Value, json};

impl House {
    /// Of the one with this number on the platform; its path.
    async fn federation(&self, owner: &str) -> String {
        let new = json!({ "platform": "discord", "name": format!("Of {owner}"), "ownerId": owner });
        let made = self.post("operator", "/federations", &new).await;
        let id = made.is(201)["id"].as_str().unwrap().to_owned();
        format!("/federations/{id}")
    }

    async fn put(&self, role: &str, path: &str, body: &Value) -> crate::house::Said {
        say(self.ask(role, Method::PUT, path).json(body)).await
    }

    async fn acts_in(&self, path: &str, role: &str) -> Vec<Value> {
        let log = self.get(role, path).await;
        let entries = log.is(200)["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["act"].clone()).collect()
    }
}

pub(crate) async fn a_federation_is_made_changed_and_deleted(house: House) {
    let path = house.federation("1").await;
    let more = json!({ "platform": "discord", "name": "More", "ownerId": "1" });
    house
        .post("operator", "/federations", &more)
        .await
        .is_problem(409, "owns_one");
    house
        .post("owner", "/federations", &more)
        .await
        .is_problem(403, "not_lead");
    house
        .post("owner", "/federations", &json!({ "name": "Mine" }))
        .await
        .is_problem(422, "no_account");
    for (field, body) in [
        ("name", json!({ "name": "" })),
        ("userId", json!({ "name": "More", "ownerId": "king" })),
    ] {
        let refused = house.post("operator", "/federations", &body).await;
        assert_eq!(refused.status, 422, "{field}: {}", refused.text);
        assert_eq!(refused.body["errors"][0]["path"], field);
    }
    let shown = house.get("viewer", &path).await;
    assert_eq!(
        (
            &shown.is(200)["owner"]["userId"],
            &shown.body["own"],
            &shown.body["bans"]
        ),
        (&json!("1"), &json!(false), &json!(0))
    );
    let name = json!({ "name": "Squares", "reasonsRequired": true });
    let change = async |role: &str| say(house.ask(role, Method::PATCH, &path).json(&name)).await;
    change("owner").await.is_problem(403, "not_lead");
    let changed = change("operator").await;
    assert_eq!(
        (
            &changed.is(200)["name"],
            &changed.body["reasonsRequired"],
            &changed.body["ownerTold"]
        ),
        (&json!("Squares"), &json!(true), &json!(true))
    );
    let listed = house.get("operator", "/federations?limit=1").await;
    assert_eq!(listed.is(200)["federations"][0]["name"], "Squares");
    let listed = house.get("owner", "/federations").await;
    assert_eq!(listed.is(200)["federations"], json!([]), "a token leads none");

    let admin = format!("{path}/admins/777");
    house
        .put("owner", &admin, &json!({}))
        .await
        .is_problem(403, "not_lead");
    for _ in 0..2 {
        house.put("operator", &admin, &json!({})).await.is(204);
    }
    house
        .put("operator", &format!("{path}/admins/1"), &json!({}))
        .await
        .is_problem(409, "leads_it");
    let people = house.get("viewer", &format!("{path}/admins")).await;
    assert_eq!(people.is(200)["admins"][0]["userId"], "777");
    assert_eq!(people.body["admins"].as_array().unwrap().len(), 1);
    house.delete("operator", &admin).await.is(204);
    house.delete("operator", &admin).await.is_problem(404, "no_admin");

    house.delete("owner", &path).await.is_problem(403, "not_lead");
    house.delete("operator", &path).await.is(204);
    for gone in [&path, "/federations/x"] {
        house
            .get("operator", gone)
            .await
            .is_problem(404, "unknown_federation");
    }
    let acts = house.acts_in("/access-log", "operator").await;
    for act in ["make", "change", "promote", "demote", "delete"] {
        let act = json!(format!("federation:{act}"));
        assert_eq!(
            acts.iter().filter(|done| **done == act).count(),
            1,
            "{act}: {acts:?}"
        );
    }
}

pub(crate) async fn who_is_banned_in_one_is_listed_and_taken_over(house: House) {
    let path = house.federation("1").await;
    let ban =
        async |who: &str, body: Value| house.put("operator", &format!("{path}/bans/{who}"), &body).await;
    house
        .put("owner", &format!("{path}/bans/666"), &json!({}))
        .await
        .is_problem(403, "not_lead");
    let first = ban("666", json!({ "reason": "spam" })).await;
    assert_eq!(
        (&first.is(201)["reason"], &first.body["guilds"]),
        (&json!("spam"), &json!(0))
    );
    let again = ban("666", json!({ "reason": " scam " })).await;
    assert_eq!(
        (&again.is(200)["reason"], &again.body["bannedAt"]),
        (&json!("scam"), &first.body["bannedAt"])
    );
    ban("667", json!({})).await.is(201);
    ban("1", json!({})).await.is_problem(409, "leads_it");
    ban("king", json!({})).await.is_problem(422, "bad_id");
    ban("668", json!({ "reason": "x".repeat(1_001) }))
        .await
        .is_problem(422, "bad_reason");
    let strict = json!({ "reasonsRequired": true });
    say(house.ask("operator", Method::PATCH, &path).json(&strict))
        .await
        .is(200);
    ban("668", json!({ "reason": "  " }))
        .await
        .is_problem(422, "reason_required");

    let import = json!({ "bans": [
        { "userId": "666", "reason": "both" }, { "userId": "668", "reason": "more" }, { "userId": "669" },
        { "userId": "-5", "reason": "x" }, { "userId": "1", "reason": "x" },
    ] });
    let taken = house
        .post("operator", &format!("{path}/bans/import"), &import)
        .await;
    assert_eq!(
        (&taken.is(200)["added"], &taken.body["changed"]),
        (&json!(1), &json!(1))
    );
    let refused: Vec<_> = taken.body["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["place"].as_u64().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    assert_eq!(refused, [(2, "reason_required"), (3, "bad_id"), (4, "leads_it")]);
    let none = json!({ "bans": [] });
    house
        .post("operator", &format!("{path}/bans/import"), &none)
        .await
        .is_problem(422, "invalid");

    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house
            .get("operator", &format!("{path}/bans?limit=2{cursor}"))
            .await;
        let bans = page.is(200)["bans"].as_array().unwrap().iter();
        listed.extend(bans.map(|ban| ban["userId"].as_str().unwrap().to_owned()));
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(listed, ["668", "667", "666"]);
    house
        .get("viewer", &format!("{path}/bans"))
        .await
        .is_problem(403, "not_lead");
    let of_one = format!("{HERE}/members/666/federation-bans");
    let found = house.get("moderator", &of_one).await;
    assert_eq!(
        (
            &found.is(200)["bans"][0]["federation"],
            &found.body["bans"][0]["reason"]
        ),
        (&json!("Of 1"), &json!("both"))
    );
    let own = house.get("operator", "/me/federation-bans").await;
    assert_eq!(own.is(200)["bans"], json!([]));

    let gone = house
        .delete("operator", &format!("{path}/bans/666?reason=enough"))
        .await;
    assert_eq!(gone.is(200)["guilds"], 0);
    house
        .delete("operator", &format!("{path}/bans/666"))
        .await
        .is_problem(404, "not_banned");
    let found = house.get("moderator", &of_one).await;
    assert_eq!(found.is(200)["bans"], json!([]));
    // Whoever is banned becomes no admin.
    house
        .put("operator", &format!("{path}/admins/667"), &json!({}))
        .await
        .is_problem(409, "banned");
}

pub(crate) async fn guilds_and_federations_go_by_one(house: House) {
    let (one, other) = (house.federation("1").await, house.federation("2").await);
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let place = format!("{HERE}/federation");
    let join = async |role: &str, path: &str| {
        house
            .put(role, &place, &json!({ "federationId": id(path) }))
            .await
    };
    house.get("moderator", &place).await.is_problem(404, "in_none");
    join("admin", &one).await.is_problem(403, "forbidden");
    join("owner", "/federations/0199c2d4-0000-7000-8000-000000000001")
        .await
        .is_problem(404, "unknown_federation");
    for _ in 0..2 {
        join("owner", &one).await.is(200);
    }
    join("owner", &other).await.is_problem(409, "in_one");
    let shown = house.get("moderator", &place).await;
    assert_eq!(
        (&shown.is(200)["name"], &shown.body["guilds"]),
        (&json!("Of 1"), &json!(1))
    );
    let guilds = house.get("operator", &format!("{one}/guilds")).await;
    assert_eq!(guilds.is(200)["guilds"][0]["guildId"], "100");
    let here = house
        .get("operator", "/federations?platform=discord&guildId=100")
        .await;
    assert_eq!(here.is(200)["federations"][0]["name"], "Of 1");

    let goes_by = format!("{one}/subscriptions/{}", id(&other));
    house.put("operator", &goes_by, &json!({})).await.is(204);
    let own = format!("{one}/subscriptions/{}", id(&one));
    house
        .put("operator", &own, &json!({}))
        .await
        .is_problem(409, "same");
    let listed = house.get("operator", &format!("{one}/subscriptions")).await;
    assert_eq!(listed.is(200)["federations"][0]["name"], "Of 2");
    let ban = house
        .put(
            "operator",
            &format!("{other}/bans/666"),
            &json!({ "reason": "spam" }),
        )
        .await;
    assert_eq!(ban.is(201)["guilds"], 1);
    house.delete("operator", &goes_by).await.is(204);
    house
        .delete("operator", &goes_by)
        .await
        .is_problem(404, "not_subscribed");

    house.delete("admin", &place).await.is_problem(403, "forbidden");
    house.delete("owner", &place).await.is(204);
    house.delete("owner", &place).await.is_problem(404, "in_none");
    join("owner", &other).await.is(200);
    house.delete("operator", &other).await.is(204);
    house.get("moderator", &place).await.is_problem(404, "in_none");
    let acts = house.acts_in(&format!("{HERE}/audit"), "admin").await;
    let leaves = acts.iter().filter(|act| **act == "federation:leave").count();
    let joins = acts.iter().filter(|act| **act == "federation:join").count();
    assert_eq!((joins, leaves), (2, 2), "{acts:?}");
}
