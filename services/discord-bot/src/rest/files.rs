//! Files: those that people attached, and those that we send.

use super::{Ask, Rest, RestError};
use lockdown_runtime::probe::innermost;
use reqwest::header::HeaderValue;
use serde_json::Value;
use std::time::Duration;

/// An attachment is worth waiting for only so long: what it hangs on is to go.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where Discord keeps what people attach.
const HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];

/// A file to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

// === impl Ask ===

impl Ask<'_> {
    /// A body with files beside it.
    pub(crate) fn files(mut self, body: &Value, files: &[File]) -> Self {
        if files.is_empty() {
            return self.body(body);
        }
        let boundary = format!("lockdown-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let mut form = Vec::new();
        let mut part = |name: &str, rest: &str, bytes: &[u8]| {
            let head =
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n");
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(bytes);
            form.extend_from_slice(b"\r\n");
        };
        part(
            "payload_json",
            "\r\nContent-Type: application/json",
            body.to_string().as_bytes(),
        );
        for (at, file) in files.iter().enumerate() {
            let plain = |c: char| {
                if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                    c
                } else {
                    '_'
                }
            };
            let name: String = file.name.chars().map(plain).collect();
            let rest = format!("; filename=\"{name}\"\r\nContent-Type: application/octet-stream");
            part(&format!("files[{at}]"), &rest, &file.bytes);
        }
        form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        self.body = Some(form);
        self.media = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}")).ok();
        self
    }
}

// === impl Rest ===

impl Rest {
    /// What somebody attached, if it is no longer than this. Only Discord's own hosts are asked, and never with our token.
    pub(crate) async fn attachment(&self, url: &str, most: usize) -> Result<Vec<u8>, RestError> {
        let away = |error: reqwest::Error| {
            RestError::Unavailable(format!("an attachment cannot be read: {}", innermost(&error)))
        };
        let url = reqwest::Url::parse(url).map_err(|error| RestError::Wrong(error.to_string()))?;
        let is_discord = url.scheme() == "https" && url.host_str().is_some_and(|host| HOSTS.contains(&host));
        let is_proxy = self
            .proxy
            .as_deref()
            .is_some_and(|proxy| url.as_str().starts_with(&format!("{proxy}/")));
        if !is_discord && !is_proxy {
            return Err(RestError::Wrong("an attachment is not with Discord".to_owned()));
        }
        let mut response = self
            .client
            .get(url)
            .timeout(PATIENCE)
            .send()
            .await
            .map_err(away)?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(RestError::Unavailable(format!("Discord answers {status}")));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > most {
                return Err(RestError::Wrong(
                    "an attachment is too large to be kept".to_owned(),
                ));
            }
        }
        Ok(bytes)
    }
}
