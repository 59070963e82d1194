//! A browser as far as signing in needs one: it keeps cookies, follows nothing, and says where it comes from.

use crate::house::{House, Said, say};
use lockdown_store::accounts::AccountId;
use reqwest::{Method, RequestBuilder, redirect};
use serde_json::Value;
use std::collections::BTreeMap;
use url::form_urlencoded;

pub(crate) struct Browser {
    client: reqwest::Client,
    base: String,
    cookies: BTreeMap<String, String>,
}

// === impl Browser ===

impl Browser {
    pub(crate) fn new(house: &House) -> Self {
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .user_agent("a browser");
        Self {
            client: client.build().unwrap(),
            base: format!("http://{}", house.addr),
            cookies: BTreeMap::new(),
        }
    }

    /// Signed in as somebody new, who has this role in the town; `nobody` has none.
    pub(crate) async fn signed_in(house: &House, role: &str) -> Self {
        let account = house.somebody(role).await;
        let mut browser = Self::new(house);
        browser.sign_in(&house.link(account).await).await;
        browser
    }

    pub(crate) async fn sign_in(&mut self, code: &str) {
        assert_eq!(self.post("/sign-in/link", &[("code", code)]).await.status, 303);
    }

    /// The cookie of the session, if there is one.
    pub(crate) fn session(&self) -> Option<&str> {
        let found = self.cookies.iter().find(|(name, _)| name.ends_with("lockdown"));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn cookie(&self) -> String {
        self.session().unwrap().to_owned()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Said {
        let url = format!("{}{path}", self.base);
        let request = self.client.get(url);
        self.send(request).await
    }

    /// Another site, which gets none of our cookies.
    pub(crate) async fn elsewhere(&self, address: &str) -> Said {
        say(self.client.get(address)).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Said {
        self.post_with(path, form, &[("sec-fetch-site", "same-origin")])
            .await
    }

    pub(crate) async fn post_with(
        &mut self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Said {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut request = self.client.post(format!("{}{path}", self.base)).body(body);
        request = request.header("Content-Type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// A request to the API by the cookie.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}/api/v1{path}", self.base));
        request.header("Cookie", self.header())
    }

    pub(crate) async fn api(&self, method: Method, path: &str) -> Said {
        say(self.request(method, path)).await
    }

    pub(crate) async fn csrf(&self) -> String {
        let me = self.api(Method::GET, "/me").await;
        me.is(200)["csrfToken"].as_str().unwrap().to_owned()
    }

    /// A request that changes something, as the dashboard makes it.
    pub(crate) async fn change(&mut self, method: Method, path: &str) -> Said {
        let csrf = self.csrf().await;
        say(self.request(method, path).header("X-CSRF-Token", csrf)).await
    }

    pub(crate) async fn change_with(&mut self, method: Method, path: &str, body: &Value) -> Said {
        let csrf = self.csrf().await;
        say(self.request(method, path).header("X-CSRF-Token", csrf).json(body)).await
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    async fn send(&mut self, request: RequestBuilder) -> Said {
        let said = say(request.header("Cookie", self.header())).await;
        for line in said.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        said
    }
}

// === impl House ===

impl House {
    /// Whose session a browser has.
    pub(crate) async fn account_of(&self, browser: &Browser) -> AccountId {
        let me = browser.api(Method::GET, "/me").await;
        AccountId(me.is(200)["accountId"].as_str().unwrap().parse().unwrap())
    }
}
