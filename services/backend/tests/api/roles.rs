//! Who may what: the whole table of routes with every role.

use crate::browser::Browser;
use crate::house::{HERE, House, ROLES, say};
use lockdown_events::{GuildId, Platform, UserId};
use lockdown_store::dbx::Json;
use lockdown_store::roles::{Role, RoleId, Subject};
use lockdown_store::{StoreError, in_read, in_tx};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;

/// The least role for each route, written down once more: a change of it is a change of contract.
const TABLE: &[(&str, &str)] = &[
    ("listGuilds", "viewer"),
    ("getGuild", "viewer"),
    ("getGuildStats", "viewer"),
    ("getDigest", "viewer"),
    ("getDigestChart", "viewer"),
    ("ban", "moderator"),
    ("unban", "moderator"),
    ("kick", "moderator"),
    ("mute", "moderator"),
    ("unmute", "moderator"),
    ("warn", "moderator"),
    ("unwarn", "moderator"),
    ("note", "moderator"),
    ("listCases", "viewer"),
    ("getCase", "viewer"),
    ("changeCase", "moderator"),
    ("voidCase", "admin"),
    ("getCaseHistory", "viewer"),
    ("explainCase", "viewer"),
    ("getThread", "moderator"),
    ("postToThread", "moderator"),
    ("editMessage", "moderator"),
    ("deleteMessage", "moderator"),
    ("getMessageHistory", "admin"),
    ("listMembers", "viewer"),
    ("getMember", "viewer"),
    ("listBearers", "moderator"),
    ("setLabel", "moderator"),
    ("removeLabel", "moderator"),
    // Whoever leads a federation, which no role says.
    ("listFederations", "viewer"),
    ("createFederation", "viewer"),
    ("getFederation", "viewer"),
    ("changeFederation", "viewer"),
    ("deleteFederation", "viewer"),
    ("listFederationAdmins", "viewer"),
    ("addFederationAdmin", "viewer"),
    ("removeFederationAdmin", "viewer"),
    ("listFederationGuilds", "viewer"),
    ("getGuildFederation", "moderator"),
    ("joinFederation", "owner"),
    ("leaveFederation", "owner"),
    ("listFederationSubscriptions", "viewer"),
    ("subscribeFederation", "viewer"),
    ("unsubscribeFederation", "viewer"),
    ("listFederationBans", "viewer"),
    ("banInFederation", "viewer"),
    ("unbanInFederation", "viewer"),
    ("importFederationBans", "viewer"),
    ("listOwnFederationBans", "viewer"),
    ("listFederationBansOf", "moderator"),
    ("getRules", "moderator"),
    ("putRules", "admin"),
    ("listLessons", "moderator"),
    ("teachSpam", "moderator"),
    ("forgetLesson", "moderator"),
    ("forgetLessons", "admin"),
    ("scoreText", "moderator"),
    ("notSpam", "admin"),
    ("getSettings", "moderator"),
    ("putSettings", "admin"),
    ("checkRules", "moderator"),
    ("replayRules", "moderator"),
    ("judgeMessage", "moderator"),
    ("listRuleVersions", "moderator"),
    ("listRules", "moderator"),
    ("setRuleMode", "admin"),
    ("resumeRule", "admin"),
    ("listModes", "moderator"),
    ("raiseMode", "moderator"),
    ("endMode", "moderator"),
    ("listRoles", "admin"),
    ("giveRole", "admin"),
    ("takeRole", "admin"),
    ("rollBackRules", "admin"),
    ("listEvents", "moderator"),
    ("streamEvents", "moderator"),
    ("previewUndo", "admin"),
    ("undoCase", "admin"),
    ("reviewCase", "admin"),
    ("listAudit", "admin"),
    ("verifyAudit", "admin"),
    ("listDeadLetters", "operator"),
    ("getDeadLetter", "operator"),
    ("replayDeadLetter", "operator"),
    ("dropDeadLetter", "operator"),
    ("listPresence", "viewer"),
    ("listNotifications", "moderator"),
    ("createNotification", "operator"),
    ("readNotification", "moderator"),
    ("readNotifications", "moderator"),
    ("streamNotifications", "moderator"),
    ("getNotificationWishes", "moderator"),
    ("putNotificationWishes", "moderator"),
    ("listWebhooks", "admin"),
    ("createWebhook", "admin"),
    ("getWebhook", "admin"),
    ("changeWebhook", "admin"),
    ("deleteWebhook", "admin"),
    ("rotateWebhookSecret", "admin"),
    ("listDeliveries", "admin"),
    ("redeliver", "admin"),
    ("listHooks", "admin"),
    ("createHook", "admin"),
    ("deleteHook", "admin"),
    ("listTokens", "owner"),
    ("createToken", "owner"),
    ("revokeToken", "owner"),
    ("listSessions", "viewer"),
    ("endOtherSessions", "viewer"),
    ("endSession", "viewer"),
    ("listAccess", "owner"),
    ("verifyAccess", "operator"),
    ("getMe", "viewer"),
];

struct Operation {
    id: String,
    method: Method,
    path: String,
}

/// Every route that the service says it has, with a guild of its own in the path.
async fn operations(house: &House) -> Vec<Operation> {
    let document = house.page("/openapi.json").await.body;
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path
            .trim_start_matches("/api/v1")
            .replace("{platform}", "discord")
            .replace("{guildId}", "100")
            .replace("{userId}", "666")
            .replace("{caseNumber}", "1")
            .replace("{name}", "ci")
            .replace("{ruleId}", "scam")
            .replace("{mode}", "raid")
            .replace("{role}", "viewer")
            .replace("{deliveryId}", "0199c2d4-0000-7000-8000-000000000001")
            .replace("{id}", "0199c2d4-0000-7000-8000-000000000001");
        for (method, operation) in methods.as_object().unwrap() {
            all.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_ascii_uppercase().parse().unwrap(),
                path: path.clone(),
            });
        }
    }
    all
}

/// The place of the owner among the roles.
const OWNER: usize = 3;

pub(crate) async fn every_route_asks_for_its_role(house: House) {
    let table: BTreeMap<&str, &str> = TABLE.iter().copied().collect();
    let operations = operations(&house).await;
    let names: Vec<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    for name in table.keys() {
        assert!(names.contains(name), "the service has no route {name}");
    }
    let mut browsers = Vec::new();
    for role in ROLES {
        let browser = Browser::signed_in(&house, role).await;
        browsers.push((browser.csrf().await, browser));
    }
    let nobody = Browser::signed_in(&house, "nobody").await;
    let csrf = nobody.csrf().await;
    for operation in &operations {
        let Operation { id, method, path } = operation;
        // No token opens it.
        if id == "tellHook" {
            continue;
        }
        let least = table
            .get(id.as_str())
            .unwrap_or_else(|| panic!("{id} is not in the table"));
        let least = ROLES.iter().position(|role| role == least).unwrap();
        let client = reqwest::Client::new();
        let url = format!("http://{}/api/v1{path}", house.addr);
        say(client.request(method.clone(), url))
            .await
            .is_problem(401, "unauthorized");
        for (rank, role) in ROLES.iter().enumerate() {
            let (csrf, browser) = &browsers[rank];
            let by_cookie = browser.request(method.clone(), path).header("X-CSRF-Token", csrf);
            for (request, is_cookie) in [(house.ask(role, method.clone(), path), false), (by_cookie, true)] {
                let said = say(request).await;
                // A token is of one community; of a person, what is of no guild hangs on the communities that they own.
                let of_token = path.starts_with("/webhooks");
                if rank < least || (is_cookie && of_token && rank < OWNER) {
                    said.is_problem(403, "forbidden");
                } else {
                    let code = said.body["code"].as_str();
                    assert!(
                        said.status != 401 && !matches!(code, Some("forbidden" | "csrf")),
                        "{role} {id}: {}",
                        said.text
                    );
                }
            }
            if *method != Method::GET {
                say(browser.request(method.clone(), path))
                    .await
                    .is_problem(403, "csrf");
            }
        }
        // Whoever is signed in and has no role may see nothing of any community.
        let said = say(nobody.request(method.clone(), path).header("X-CSRF-Token", &csrf)).await;
        if path.starts_with(HERE) {
            said.is_problem(404, "unknown_guild");
        } else if least > 0 {
            said.is_problem(403, "forbidden");
        }
        let said = say(house.ask(crate::house::ADMIN, method.clone(), path)).await;
        assert!(!matches!(said.status, 401 | 403), "{id}: {}", said.text);
    }
}

/// The owner of another community is told the same of a guild that is there and of one that is not.
pub(crate) async fn a_token_of_one_community_sees_no_other(house: House) {
    for operation in operations(&house).await {
        if !operation.path.starts_with(HERE) {
            continue;
        }
        let there = say(house.ask("stranger", operation.method.clone(), &operation.path)).await;
        let nowhere = operation.path.replace("/100", "/12345");
        let nowhere = say(house.ask("stranger", operation.method, &nowhere)).await;
        for said in [&there, &nowhere] {
            said.is_problem(404, "unknown_guild");
        }
        assert_eq!(there.body["detail"], nowhere.body["detail"]);
    }
    let keeper = house.somebody("nobody").await;
    let role = Role {
        id: RoleId(house.ctx.ids.next()),
        community_id: house.town.id,
        name: "here alone".to_owned(),
        permissions: Json(["own", "ban"].map(str::to_owned).into()),
        position: 5,
        created_at: house.ctx.clock.now(),
    };
    in_tx!(house.store, |tx| {
        tx.insert_role(&role).await?;
        let now = house.ctx.clock.now();
        tx.bind_role(role.id, &Subject::Account(keeper), None, now).await
    })
    .unwrap();
    let mut browser = Browser::new(&house);
    browser.sign_in(&house.link(keeper).await).await;
    let there = browser.api(Method::GET, "/guilds/discord/200").await;
    let nowhere = browser.api(Method::GET, "/guilds/discord/12345").await;
    assert_eq!(
        there.is_problem(404, "unknown_guild")["detail"],
        nowhere.body["detail"]
    );
    let seen = browser.api(Method::GET, "/guilds").await;
    assert_eq!(seen.is(200)["guilds"].as_array().unwrap().len(), 1);
    let seen = house.get("stranger", "/guilds").await;
    assert_eq!(seen.is(200)["guilds"].as_array().unwrap().len(), 1);
    assert_eq!(seen.body["guilds"][0]["community"], "elsewhere");
    let all = house.get("operator", "/guilds").await;
    assert_eq!(all.is(200)["guilds"].as_array().unwrap().len(), 2);
    // Tokens as well.
    let tokens = house.get("stranger", "/tokens").await;
    let names = tokens.is(200)["tokens"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|token| token["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["stranger"]);
}

pub(crate) async fn a_role_in_a_guild_adds_to_a_token(mut house: House) {
    let id = house.give("helper", Some(house.town.id), &[]).await;
    let body = json!({ "userId": "666", "reason": "spam" });
    let path = format!("{HERE}/bans");
    house
        .post("helper", &path, &body)
        .await
        .is_problem(403, "forbidden");
    let now = house.ctx.clock.now();
    let role = Role {
        id: RoleId(house.ctx.ids.next()),
        community_id: house.town.id,
        name: "bouncers".to_owned(),
        // Operating is nothing that a community could give.
        permissions: Json(["ban", "operate"].map(str::to_owned).into()),
        position: 5,
        created_at: now,
    };
    in_tx!(house.store, |tx| {
        assert!(tx.insert_role(&role).await?);
        tx.bind_role(role.id, &Subject::Token(id), Some(house.guild), now)
            .await
    })
    .unwrap();
    house.post("helper", &path, &body).await.is(201);
    house
        .get("helper", "/dead-letters")
        .await
        .is_problem(403, "forbidden");
    house
        .get("helper", &format!("{HERE}/audit"))
        .await
        .is_problem(403, "forbidden");
}

pub(crate) async fn a_role_is_given_and_taken_back(house: House) {
    let path = |user: &str, role: &str| format!("{HERE}/members/{user}/roles/{role}");
    let give = async |token: &str, role: &str| say(house.ask(token, Method::PUT, &path("777", role))).await;
    give("admin", "moderator").await.is(204);
    give("admin", "moderator").await.is(204);
    // Nobody gives more than they have.
    give("admin", "owner").await.is_problem(403, "forbidden");
    give("moderator", "viewer").await.is_problem(403, "forbidden");
    for nothing in ["operator", "king"] {
        give("operator", nothing).await.is_problem(404, "unknown_role");
    }
    give("owner", "owner").await.is(204);
    // They may what it holds, with their identity and only here.
    let permissions = async |guild: &str| {
        let (guild, user) = (GuildId::new(guild).unwrap(), UserId::new("777").unwrap());
        let found = in_read!(house.store, |conn| {
            let given = conn.given_in(Platform::Discord, &guild).await?;
            let who = conn.one_person(Platform::Discord, &user).await?;
            Ok::<_, StoreError>(given.to(&who, std::iter::empty()))
        });
        found.unwrap().words
    };
    assert!(permissions("100").await.contains("own"));
    assert!(permissions("200").await.is_empty());
    let listed = house.get("admin", &format!("{HERE}/roles")).await;
    let roles = listed.is(200)["roles"].as_array().unwrap().clone();
    let holder = json!({ "kind": "person", "id": "777", "everywhere": false });
    let names: Vec<_> = roles.iter().map(|role| role["name"].clone()).collect();
    assert_eq!(names, ["owner", "moderator"]);
    assert!(
        roles.iter().all(|role| role["holders"] == json!([holder])),
        "{roles:?}"
    );
    // Nobody takes more than they have.
    let take = async |token: &str, user: &str, role: &str| house.delete(token, &path(user, role)).await;
    take("admin", "777", "owner").await.is_problem(403, "forbidden");
    take("owner", "777", "owner").await.is(204);
    for (user, role) in [("777", "owner"), ("777", "admin"), ("778", "moderator")] {
        take("owner", user, role).await.is_problem(404, "no_such_holder");
    }
    take("admin", "777", "moderator").await.is(204);
    assert!(permissions("100").await.is_empty());
    // A community that gives a name another meaning keeps it, and nobody gives more by it.
    let trusted = house.role("viewer", &["own"]).await;
    give("admin", "viewer").await.is_problem(403, "forbidden");
    give("owner", "viewer").await.is(204);
    let bound = in_read!(house.store, |conn| { conn.role_bindings(trusted).await });
    assert_eq!(bound.unwrap().len(), 1);
    let audit = house.get("admin", &format!("{HERE}/audit")).await;
    let entries = audit.is(200)["entries"].as_array().unwrap().clone();
    let acts: Vec<_> = entries.iter().map(|entry| entry["act"].clone()).collect();
    assert_eq!(
        acts,
        ["role:give", "role:take", "role:take", "role:give", "role:give"]
    );
    assert_eq!(
        (&entries[4]["subject"], &entries[4]["actor"]),
        (&json!("role:moderator"), &json!("token:admin"))
    );
}
