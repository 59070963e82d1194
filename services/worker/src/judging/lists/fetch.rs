//! A list of accounts that somebody else keeps, asked for again and again. What came last that could be used stays in the
//! folder of lists, where it is read like those of the operator's own; whatever goes wrong, it stays.

use anyhow::{Context as _, bail, ensure};
use lockdown_policy::Accounts;
use lockdown_runtime::{Clock, Context, SecretUrl};
use reqwest::header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is asked for, and how soon again after a failure.
const EVERY: Duration = Duration::from_secs(3_600);
const AGAIN: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(120);

/// Where it is kept, and what its server said of it.
struct Kept {
    url: SecretUrl,
    list: PathBuf,
    about: PathBuf,
}

/// Keeps the list of an address in a file, until the process stops.
pub(super) fn keep(ctx: &Context, list: &Path, url: &SecretUrl) -> anyhow::Result<()> {
    let kept = Kept {
        url: url.clone(),
        list: list.to_owned(),
        about: list.with_extension("json"),
    };
    let client = Client::builder()
        .timeout(PATIENCE)
        .build()
        .context("could not make an HTTP client")?;
    let (clock, stopping) = (ctx.clock.clone(), ctx.shutdown.soft_token());
    ctx.tasks.spawn("fetched-list", async move {
        stopping
            .run_until_cancelled(kept.again_and_again(&client, &clock))
            .await;
        Ok(())
    });
    Ok(())
}

// === impl Kept ===

impl Kept {
    async fn again_and_again(&self, client: &Client, clock: &Clock) {
        loop {
            let pause = match self.fetch(client).await {
                Ok(Some(count)) => {
                    tracing::info!("Fetched a list of {count} banned accounts");
                    EVERY
                }
                Ok(None) => EVERY,
                Err(error) => {
                    metrics::counter!("lockdown_lists_not_fetched_total").increment(1);
                    tracing::warn!(
                        "Could not fetch the list of banned accounts, so the last one stays: {error:#}; check TELEGRAM_BANLIST_URL"
                    );
                    AGAIN
                }
            };
            clock.sleep(pause).await;
        }
    }

    /// How many accounts a new list has; none where it is the same.
    async fn fetch(&self, client: &Client) -> anyhow::Result<Option<usize>> {
        let mut request = client.get(self.url.url().clone());
        for (name, value) in self.known().await {
            request = request.header(name, value);
        }
        // The address may hold a key, so an error does not repeat it.
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        if response.status() != StatusCode::OK {
            bail!("the answer was {}", response.status());
        }
        let about = self.said(response.headers());
        let body = bounded(response).await?;
        let text = String::from_utf8(body).context("it is no text")?;
        let (accounts, _) = Accounts::read(&text);
        ensure!(!accounts.is_empty(), "it names no account");
        write(&self.list, text.as_bytes()).await?;
        write(&self.about, about.to_string().as_bytes()).await?;
        Ok(Some(accounts.len()))
    }

    /// By which its server sees whether it changed.
    async fn known(&self) -> Vec<(reqwest::header::HeaderName, String)> {
        if !tokio::fs::try_exists(&self.list).await.unwrap_or(false) {
            return Vec::new();
        }
        let about = tokio::fs::read(&self.about).await.unwrap_or_default();
        let about: Value = serde_json::from_slice(&about).unwrap_or_default();
        if about["url"].as_str() != Some(&self.mark()) {
            return Vec::new();
        }
        let named = [(IF_NONE_MATCH, "etag"), (IF_MODIFIED_SINCE, "modified")];
        let known = named.into_iter();
        known
            .filter_map(|(header, name)| Some((header, about[name].as_str()?.to_owned())))
            .collect()
    }

    fn said(&self, headers: &HeaderMap) -> Value {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        json!({ "url": self.mark(), "etag": text(ETAG), "modified": text(LAST_MODIFIED) })
    }

    /// Of the address, which may hold a key.
    fn mark(&self) -> String {
        let url = self.url.url();
        format!("{}{}", url.host_str().unwrap_or_default(), url.path())
    }
}

async fn bounded(mut response: reqwest::Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        ensure!(
            body.len() + chunk.len() <= super::LARGEST,
            "it has more than {} bytes",
            super::LARGEST
        );
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whoever reads it sees the old file or the new one, whole.
async fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let folder = path.parent().unwrap_or(Path::new("."));
    tokio::fs::create_dir_all(folder)
        .await
        .context("could not make the folder of lists")?;
    tokio::fs::write(&beside, bytes)
        .await
        .context("could not write the list")?;
    tokio::fs::rename(&beside, path)
        .await
        .context("could not put the list in place")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers each request in turn; tells what the last one asked.
    async fn answer(listener: &TcpListener, answer: &str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(asked).unwrap().to_lowercase()
    }

    fn full(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\netag: \"{}\"\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len(),
            body.len()
        )
    }

    #[tokio::test]
    async fn the_last_good_list_stays() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/export.csv", listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("lists/banned.fetched.txt");
        let kept = Kept {
            url: SecretUrl::new(url.parse().unwrap()),
            about: list.with_extension("json"),
            list,
        };
        let client = Client::new();
        let fetch = async |said: &str| tokio::join!(kept.fetch(&client), answer(&listener, said));
        let text = async || tokio::fs::read_to_string(&kept.list).await.unwrap();

        let (fetched, asked) = fetch(&full("7001\n7002\n")).await;
        assert_eq!(fetched.unwrap(), Some(2));
        assert!(!asked.contains("if-none-match"), "{asked}");
        let unchanged = "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n";
        let (fetched, asked) = fetch(unchanged).await;
        assert_eq!(fetched.unwrap(), None);
        assert!(asked.contains("if-none-match: \"10\""), "{asked}");
        for bad in [
            full("<html>sorry</html>"),
            "HTTP/1.1 500 Oh\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\nconnection: close\r\n\r\n7003".to_owned(),
        ] {
            assert!(fetch(&bad).await.0.is_err(), "{bad}");
            assert_eq!(text().await, "7001\n7002\n");
        }
        assert_eq!(fetch(&full("7004\n")).await.0.unwrap(), Some(1));
        assert_eq!(text().await, "7004\n");
    }
}
