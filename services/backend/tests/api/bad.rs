//! Bad input: a problem with the right status and the place of the fault, nothing of a library's text, and no case.

use crate::house::{HERE, House, say};
use chrono::TimeDelta;
use lockdown_store::tokens::{ApiToken, TokenId};
use lockdown_store::{Bearer, dbx, in_tx};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) async fn what_is_wrong_is_named(house: House) {
    let bans = format!("{HERE}/bans");
    let post = |body: Vec<u8>| {
        let request = house.ask("moderator", Method::POST, &bans);
        say(request.header("Content-Type", "application/json").body(body))
    };
    let deep = format!("{{\"userId\":{}", "[".repeat(100_000));
    let huge = format!("{{\"userId\":\"1\",\"reason\":\"{}\"}}", "x".repeat(10_000_000));
    for (body, status, code, path) in [
        ("{", 400, "malformed", "none"),
        ("", 400, "malformed", "none"),
        ("{\"userId\":\"1\"} x", 400, "malformed", "none"),
        (&deep, 422, "invalid", "userId"),
        (&huge, 413, "too_large", "none"),
        ("[]", 422, "invalid", ""),
        ("null", 422, "invalid", ""),
        ("{}", 422, "invalid", ""),
        (r#"{"userId":666}"#, 422, "invalid", "userId"),
        (r#"{"userId":""}"#, 422, "invalid", "userId"),
        (r#"{"userId":"1","colour":"red"}"#, 422, "invalid", "colour"),
        (r#"{"userId":"1","userId":"2"}"#, 422, "invalid", ""),
        (r#"{"userId":"1","notify":"yes"}"#, 422, "invalid", "notify"),
        (
            r#"{"userId":"1","deleteMessageSeconds":-1}"#,
            422,
            "invalid",
            "deleteMessageSeconds",
        ),
        (
            r#"{"userId":"1","deleteMessageSeconds":99999999}"#,
            422,
            "bad_delete_window",
            "deleteMessageSeconds",
        ),
        (
            r#"{"userId":"1","evidence":[{"messageId":"1","x":1}]}"#,
            422,
            "invalid",
            "evidence[0].x",
        ),
        (
            r#"{"userId":"1","duration":"soon"}"#,
            422,
            "bad_duration",
            "duration",
        ),
        (
            r#"{"userId":"1","duration":"1h","expiresAt":"2999-01-01T00:00:00Z"}"#,
            422,
            "bad_duration",
            "expiresAt",
        ),
        (
            r#"{"userId":"1","expiresAt":"1999-01-01T00:00:00Z"}"#,
            422,
            "bad_duration",
            "expiresAt",
        ),
        (
            r#"{"userId":"1","expiresAt":"tomorrow"}"#,
            422,
            "invalid",
            "expiresAt",
        ),
        (
            r#"{"userId":"1","reason":"a\u0000b"}"#,
            422,
            "bad_reason",
            "reason",
        ),
        (r#"{"userId":"mallory"}"#, 422, "bad_id", "userId"),
    ] {
        let said = post(body.as_bytes().to_vec()).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(
            (said.status, said.body["code"].as_str(), said.path()),
            (status, Some(code), path),
            "{shown}"
        );
        said.is_problem(status, code);
    }
    let long = json!({ "userId": "1", "reason": "x".repeat(1001) }).to_string();
    post(long.into_bytes()).await.is_problem(422, "bad_reason");
    post(b"{\"userId\":\"\xff\xfe\"}".to_vec())
        .await
        .is_problem(400, "malformed");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
    ] {
        let request = house
            .ask("moderator", Method::POST, &bans)
            .header("Content-Type", kind);
        say(request.body("{}"))
            .await
            .is_problem(415, "unsupported_media_type");
    }
    let page = house.get("viewer", &format!("{HERE}/cases")).await;
    assert_eq!(page.is(200)["cases"], json!([]));
}

pub(crate) async fn paths_and_queries_are_read_strictly(house: House) {
    for (path, status, code) in [
        ("/guilds/discord/100/cases?limit=0", 400, "bad_query"),
        ("/guilds/discord/100/cases?limit=1000000", 400, "bad_query"),
        ("/guilds/discord/100/cases?limit=-1", 400, "bad_query"),
        ("/guilds/discord/100/cases?limit=1&limit=2", 400, "bad_query"),
        ("/guilds/discord/100/cases?colour=red", 400, "bad_query"),
        ("/guilds/discord/100/cases?state=lost", 400, "bad_query"),
        ("/guilds/discord/100/cases?from=yesterday", 400, "bad_query"),
        ("/guilds/discord/100/cases?q=%00", 400, "bad_query"),
        ("/guilds/discord/100/cases?cursor=abc", 400, "bad_query"),
        ("/guilds/discord/100/members?cursor=abc", 400, "bad_query"),
        (
            "/guilds/discord/100/stats?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            400,
            "bad_query",
        ),
        (
            "/guilds/discord/100/stats?from=1900-01-01T00:00:00Z",
            400,
            "bad_query",
        ),
        ("/guilds/discord/100/cases/0", 404, "unknown_case"),
        ("/guilds/discord/100/cases/-1", 404, "unknown_case"),
        (
            "/guilds/discord/100/cases/99999999999999999999999",
            404,
            "unknown_case",
        ),
        (
            "/guilds/discord/100/cases/18446744073709551615",
            404,
            "unknown_case",
        ),
        ("/guilds/discord/100/members/%00", 404, "not_found"),
        ("/guilds/discord/100/members/%ff", 404, "not_found"),
        ("/guilds/irc/100", 404, "unknown_guild"),
        ("/guilds/discord/%20", 404, "unknown_guild"),
        ("/guilds/discord/..%2f100", 404, "unknown_guild"),
        ("/guilds/discord", 404, "not_found"),
        ("/nothing", 404, "not_found"),
        ("/me?x=1", 400, "bad_query"),
    ] {
        let said = house.get("operator", path).await;
        assert_eq!(
            (said.status, said.body["code"].as_str()),
            (status, Some(code)),
            "{path}: {}",
            said.text
        );
        said.is_problem(status, code);
    }
    say(house.ask("operator", Method::PUT, "/me"))
        .await
        .is_problem(405, "method_not_allowed");
    // What no client library would send.
    for (line, status) in [
        ("GET /api/v1/../../etc/passwd HTTP/1.1", "404"),
        ("GET //api//v1//me HTTP/1.1", "404"),
        ("GET /api/v1/me\0 HTTP/1.1", "400"),
        ("BREW /api/v1/me HTTP/1.1", "405"),
    ] {
        let mut stream = TcpStream::connect(house.addr).await.unwrap();
        let request = format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{line}: {answer}");
    }
}

pub(crate) async fn a_token_that_opens_nothing_opens_nothing(mut house: House) {
    let now = house.ctx.clock.now();
    let secret = Bearer::for_token();
    let token = ApiToken {
        id: TokenId(house.ctx.ids.next()),
        community_id: None,
        name: "old".to_owned(),
        prefix: secret.prefix(),
        scopes: dbx::Json(["operate".to_owned()].into()),
        created_by: None,
        created_at: now - TimeDelta::days(2),
        expires_at: Some(now - TimeDelta::days(1)),
        revoked_at: None,
        last_used_at: None,
    };
    in_tx!(house.store, |tx| { tx.insert_token(&token, &secret).await }).unwrap();
    let gone = house.give("gone", None, &["operate"]).await;
    house.get("gone", "/me").await.is(200);
    in_tx!(house.store, |tx| { tx.revoke_token(gone, now).await }).unwrap();
    let revoked = house.secret("gone").to_owned();
    for wrong in [
        secret.expose(),
        &revoked,
        "ldk_unknown",
        "",
        "the-token-of-the-configuratio",
    ] {
        let said = house.get(wrong, "/me").await;
        said.is_problem(401, "unauthorized");
        assert_eq!(said.headers["www-authenticate"], "Bearer");
    }
    let client = reqwest::Client::new();
    let url = format!("http://{}/api/v1/me", house.addr);
    let basic = client.get(url).basic_auth("admin", Some("admin"));
    say(basic).await.is_problem(401, "unauthorized");
}
