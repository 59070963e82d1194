//! A running backend with two communities, tokens of every role, and a client.

use lockdown_bus::{Bus, Glob, Query, Stored};
use lockdown_events::{GuildId, Platform, Source, UserId};
use lockdown_moderation::desk::{Facts, Ranks};
use lockdown_moderation::{Actor, GuildRef, Rank, Right, Rights, UserRef};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::accounts::{Account, AccountId};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::roles::{Role, RoleId, Subject};
use lockdown_store::sign_in::{SignInLink, SignInLinkId};
use lockdown_store::tokens::{ApiToken, TokenId};
use lockdown_store::{Bearer, Store, in_tx};
use lockdown_testkit::database::{self, Database};
use lockdown_testkit::servers;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const ADMIN: &str = "the-token-of-the-configuration";
pub(crate) const HERE: &str = "/guilds/discord/100";
pub(crate) const ROLES: [&str; 5] = ["viewer", "moderator", "admin", "owner", "operator"];

pub(crate) struct House {
    pub(crate) ctx: Context,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) town: Community,
    pub(crate) guild: GuildKey,
    tokens: HashMap<String, String>,
    pub(crate) addr: SocketAddr,
    client: reqwest::Client,
    /// What opening the API made.
    pub(crate) first_token: Option<String>,
    around: Box<dyn std::any::Any + Send>,
}

pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// Everybody is a plain member, and the bot may do everything. Whoever acts as a person owns the guild on its platform, which
/// must give them nothing here.
struct Everybody(Ranks);

#[async_trait::async_trait]
impl Facts for Everybody {
    async fn ranks(&self, _: &GuildRef, doer: &Actor, _: &UserRef) -> Ranks {
        Ranks {
            doer: doer.person().map_or(Rank::Unknown, |_| Rank::Owner),
            ..self.0.clone()
        }
    }
}

fn facts() -> Arc<dyn Facts> {
    Arc::new(Everybody(Ranks {
        doer: Rank::Unknown,
        doer_grant: None,
        subject: Rank::PLAIN,
        subject_grant: None,
        bot: Some(UserRef::new(Platform::Discord, UserId::new("99").unwrap())),
        bot_rank: Rank::Member {
            position: 9,
            administrator: false,
            rights: Rights::ALL,
        },
    }))
}

/// What a token of this role holds.
pub(crate) fn scopes(role: &str) -> Vec<&'static str> {
    let moderator = ["note", "warn", "mute", "kick", "ban", "delete"];
    let all = Right::ALL.map(Right::as_str);
    match role {
        "viewer" => vec![],
        "moderator" => moderator.to_vec(),
        "admin" => all.to_vec(),
        "owner" => [&all[..], &["own"]].concat(),
        "operator" => [&all[..], &["own", "operate"]].concat(),
        other => panic!("no role {other}"),
    }
}

// === impl House ===

impl House {
    pub(crate) async fn embedded() -> Self {
        let data = tempfile::tempdir().unwrap();
        let variables = vec![("LOCKDOWN_DATA_DIR", data.path().display().to_string())];
        Self::build(variables, Box::new(data)).await
    }

    pub(crate) async fn fleet() -> Self {
        let data = tempfile::tempdir().unwrap();
        let database = Database::create(&database::migrations()).await.unwrap();
        let redis = servers::redis_private();
        let variables = vec![
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", redis.url()),
        ];
        Self::build(variables, Box::new((data, database, redis))).await
    }

    /// Over a Postgres that the test may end.
    pub(crate) async fn over(database: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let variables = vec![
            ("LOCKDOWN_DATA_DIR", data.path().display().to_string()),
            ("DATABASE_URL", database.to_owned()),
        ];
        Self::build(variables, Box::new(data)).await
    }

    async fn build(variables: Vec<(&str, String)>, around: Box<dyn std::any::Any + Send>) -> Self {
        let mut all = vec![
            ("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0".to_owned()),
            ("LOCKDOWN_ADMIN_TOKEN", ADMIN.to_owned()),
            ("LOCKDOWN_API_RATE", "10000".to_owned()),
        ];
        all.extend(variables);
        let config = Config::from_map(all).unwrap();
        let ctx = context(config);
        let store = lockdown_store::open(&ctx).await.unwrap();
        let bus = lockdown_bus::open(&ctx, Source::Backend).await.unwrap();
        let town = community(&ctx, "town");
        let mut house = Self {
            guild: GuildKey(ctx.ids.next()),
            addr: ([127, 0, 0, 1], 0).into(),
            ctx,
            store,
            bus,
            town,
            tokens: HashMap::new(),
            client: reqwest::Client::new(),
            first_token: None,
            around,
        };
        let town = house.town.clone();
        house.guild = house.found(&town, "100").await;
        let elsewhere = community(&house.ctx, "elsewhere");
        house.found(&elsewhere, "200").await;
        for role in ROLES {
            let of = (role != "operator").then_some(town.id);
            house.give(role, of, &scopes(role)).await;
        }
        house.give("stranger", Some(elsewhere.id), &scopes("owner")).await;
        house.serve().await;
        house
    }

    /// Starts the service over what there is.
    async fn serve(&mut self) {
        let front = lockdown_backend::start(self.ctx.clone()).await.unwrap();
        let (store, bus) = (self.store.clone(), self.bus.clone());
        let first = front.open(&self.ctx, store, bus, facts()).await.unwrap();
        self.first_token = first.map(|token| token.to_string());
        self.addr = front.addr;
    }

    /// A service in place of the one that runs, whose API is not opened.
    pub(crate) async fn serve_closed(&mut self) {
        self.addr = lockdown_backend::start(self.ctx.clone()).await.unwrap().addr;
    }

    /// The same installation with another configuration, in place of the service that runs.
    pub(crate) async fn again(&mut self, changes: &[(&str, Option<&str>)]) {
        let config = &self.ctx.config;
        let mut variables = HashMap::from([
            ("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0".to_owned()),
            ("LOCKDOWN_ADMIN_TOKEN", ADMIN.to_owned()),
            ("LOCKDOWN_DATA_DIR", config.data_dir.display().to_string()),
        ]);
        for (name, url) in [
            ("DATABASE_URL", &config.store.url),
            ("REDIS_URL", &config.bus.url),
        ] {
            if let Some(url) = url {
                variables.insert(name, url.expose().to_owned());
            }
        }
        for (name, value) in changes {
            match value {
                Some(value) => variables.insert(name, (*value).to_owned()),
                None => variables.remove(name),
            };
        }
        self.ctx.shutdown.request("a restart");
        self.bus.close(Duration::from_secs(5)).await;
        self.store.close().await;
        self.ctx = context(Config::from_map(variables).unwrap());
        self.store = lockdown_store::open(&self.ctx).await.unwrap();
        self.bus = lockdown_bus::open(&self.ctx, Source::Backend).await.unwrap();
        self.serve().await;
    }

    async fn found(&self, community: &Community, id: &str) -> GuildKey {
        let guild = Guild {
            id: GuildKey(self.ctx.ids.next()),
            community_id: community.id,
            platform: Platform::Discord,
            native_id: GuildId::new(id).unwrap(),
            title: format!("Square of {}", community.name),
            joined_at: community.created_at,
            left_at: None,
        };
        in_tx!(self.store, |tx| {
            tx.insert_community(community).await?;
            tx.save_guild(&guild).await
        })
        .unwrap()
        .id
    }

    /// A token behind the API's back; its secret is known by its name.
    pub(crate) async fn give(
        &mut self,
        name: &str,
        community: Option<CommunityId>,
        scopes: &[&str],
    ) -> TokenId {
        let secret = Bearer::for_token();
        let token = ApiToken {
            id: TokenId(self.ctx.ids.next()),
            community_id: community,
            name: name.to_owned(),
            prefix: secret.prefix(),
            scopes: Json(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            created_by: None,
            created_at: self.ctx.clock.now(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        assert!(in_tx!(self.store, |tx| { tx.insert_token(&token, &secret).await }).unwrap());
        self.tokens.insert(name.to_owned(), secret.expose().to_owned());
        token.id
    }

    /// Somebody who could sign in.
    pub(crate) async fn account(&self, login: &str) -> AccountId {
        let account = Account {
            id: AccountId(self.ctx.ids.next()),
            login: login.to_owned(),
            created_at: self.ctx.clock.now(),
            disabled_at: None,
            operator_since: None,
        };
        assert!(in_tx!(self.store, |tx| { tx.insert_account(&account, None).await }).unwrap());
        account.id
    }

    /// Somebody new with a role in the town; `nobody` has none.
    pub(crate) async fn somebody(&self, role: &str) -> AccountId {
        let account = self.account(&format!("{role}-{}", self.ctx.ids.next())).await;
        match role {
            "nobody" => {}
            "operator" => {
                let now = self.ctx.clock.now();
                assert!(in_tx!(self.store, |tx| { tx.set_operator(account, Some(now)).await }).unwrap());
            }
            role => {
                let role = self.role(role, &scopes(role)).await;
                self.bind(role, Subject::Account(account), None).await;
            }
        }
        account
    }

    /// A role of the town, made when it is not there.
    pub(crate) async fn role(&self, name: &str, scopes: &[&str]) -> RoleId {
        let role = Role {
            id: RoleId(self.ctx.ids.next()),
            community_id: self.town.id,
            name: name.to_owned(),
            permissions: Json(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            position: 5,
            created_at: self.ctx.clock.now(),
        };
        let known = in_tx!(self.store, |tx| {
            tx.insert_role(&role).await?;
            tx.role_by_name(role.community_id, name).await
        });
        known.unwrap().unwrap().id
    }

    pub(crate) async fn bind(&self, role: RoleId, to: Subject, guild: Option<GuildKey>) {
        let now = self.ctx.clock.now();
        in_tx!(self.store, |tx| { tx.bind_role(role, &to, guild, now).await }).unwrap();
    }

    /// What a link's page is sent.
    pub(crate) async fn link(&self, account: AccountId) -> String {
        let (secret, now) = (Bearer::for_session(), self.ctx.clock.now());
        let link = SignInLink {
            id: SignInLinkId(self.ctx.ids.next()),
            account_id: account,
            created_at: now,
            expires_at: now + chrono::TimeDelta::minutes(15),
        };
        in_tx!(self.store, |tx| { tx.insert_sign_in_link(&link, &secret).await }).unwrap();
        secret.expose().to_owned()
    }

    pub(crate) fn secret<'a>(&'a self, name: &'a str) -> &'a str {
        self.tokens.get(name).map_or(name, String::as_str)
    }

    /// A request to the API with a token, by its name or as it is.
    pub(crate) fn ask(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}/api/v1{path}", self.addr);
        self.client.request(method, url).bearer_auth(self.secret(token))
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Said {
        say(self.ask(token, Method::GET, path)).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Said {
        say(self.ask(token, Method::POST, path).json(body)).await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Said {
        say(self.ask(token, Method::DELETE, path)).await
    }

    /// A page outside of the API.
    pub(crate) async fn page(&self, path: &str) -> Said {
        say(self.client.get(format!("http://{}{path}", self.addr))).await
    }

    /// The first events of a type, once so many were published.
    pub(crate) async fn told(&self, event_type: &str, count: usize) -> Vec<Value> {
        let query = Query {
            types: vec![Glob::new(event_type)],
            ..Query::default()
        };
        let told = async {
            loop {
                let page = self.bus.history().page(&query, None, count).await.unwrap();
                if page.entries.len() == count {
                    break page.entries;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(30), told).await;
        let told = told.unwrap_or_else(|_| panic!("there are no {count} of {event_type}"));
        let read = |entry: &Stored| serde_json::from_str(&entry.envelope).unwrap();
        told.iter().map(read).collect()
    }

    /// A ban that stands in the records.
    pub(crate) async fn ban(&self, user: &str) -> u64 {
        let body = json!({ "userId": user, "reason": "spam" });
        let said = self.post("moderator", &format!("{HERE}/bans"), &body).await;
        said.is(201)["caseNumber"].as_u64().unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.ctx.shutdown.request("the test is over");
        // Kept until here, since the service stands on it.
        let _ = &self.around;
    }
}

// === impl Said ===

impl Said {
    /// The body, which came with this status.
    pub(crate) fn is(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        &self.body
    }

    /// That it is a problem with this status and code.
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> &Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(!self.body["detail"].as_str().unwrap().is_empty());
        &self.body
    }

    pub(crate) fn path(&self) -> &str {
        self.body["errors"][0]["path"].as_str().unwrap_or("none")
    }
}

pub(crate) async fn say(request: RequestBuilder) -> Said {
    let response: Response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    // What goes on for ever has no text.
    let text = match headers.get("content-type") {
        Some(kind) if kind == "text/event-stream" => String::new(),
        _ => response.text().await.unwrap(),
    };
    assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{text}");
    Said {
        status: status.as_u16(),
        headers,
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
        text,
    }
}

fn context(config: Config) -> Context {
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    Context::new("backend", "1.2.3", config, clock, ids, Metrics::local())
}

fn community(ctx: &Context, slug: &str) -> Community {
    let now = ctx.clock.now();
    Community {
        id: CommunityId(ctx.ids.next()),
        slug: slug.to_owned(),
        name: slug.to_owned(),
        settings: Json(json!({})),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }
}
