//! What one client is sent, and how: as server-sent events or over a WebSocket.
//!
//! Beside what the source tells, there are words of our own, told by their `eventType`: `live:heartbeat` at the beginning and
//! every 15 seconds, `live:missed` with the number of those that there was no room for, and `live:end` with the reason.

use super::seat::{End, Seat};
use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message as Framed, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::task::TaskTracker;

const BEAT: Duration = Duration::from_secs(15);
/// After which a browser comes again when its stream has ended, in milliseconds.
const RETRY: &[u8] = b"retry: 2000\n";
/// Nobody has anything to say to us: what comes is read for its end alone.
const LONGEST_SAID: usize = 4 * 1024;
/// Messages at once, and the time in which one more is allowed. Pings count.
const SAID_AT_ONCE: u32 = 60;
const ONE_MORE: Duration = Duration::from_secs(1);
/// For the other side to agree to the end.
const GOODBYE: Duration = Duration::from_millis(500);

const BEFORE: &str = "data: ";
const AFTER: &str = "\n\n";

/// What a client hears.
pub(super) trait Source: Send + 'static {
    /// What comes next; `None` when nothing does any more. Safe to cancel.
    fn next(&mut self) -> impl Future<Output = Option<Message>> + Send;

    /// From where to go on after what was heard.
    fn place(&mut self) -> String;

    /// What is not heard by whoever goes now.
    fn left(&self) -> u64;
}

/// One object of JSON, and from where to go on after it.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) place: String,
    pub(super) block: Bytes,
}

/// A source, the words of our own, and the end.
pub(super) struct Talk<S> {
    source: S,
    seat: Arc<Seat>,
    beat: Interval,
    greeted: bool,
    /// What is said last, once the end has come.
    last: Option<Vec<Message>>,
}

/// Text as the data of a server-sent event. It is JSON, in which a line ends only between two words.
pub(super) fn block(text: &str) -> Bytes {
    let text = text.replace(['\n', '\r'], " ");
    format!("{BEFORE}{text}{AFTER}").into()
}

// === impl Message ===

impl Message {
    /// A word of our own.
    pub(super) fn word(place: String, word: &str, data: &Value) -> Self {
        let text = json!({ "eventType": format!("live:{word}"), "data": data });
        Self {
            place,
            block: block(&text.to_string()),
        }
    }

    /// So many were missed; without a number, nobody knows how many.
    pub(super) fn missed(place: String, count: Option<u64>) -> Self {
        Self::word(place, "missed", &json!({ "count": count }))
    }

    /// As one object that has its place, too.
    fn text(&self) -> String {
        let block = self.block.as_ref();
        let object = block.get(BEFORE.len()..block.len() - AFTER.len());
        let object = object.map(String::from_utf8_lossy).unwrap_or_default();
        let rest = object.trim_start().strip_prefix('{').unwrap_or("}");
        let comma = if rest.trim_start().starts_with('}') {
            ""
        } else {
            ","
        };
        format!(r#"{{"cursor":"{}"{comma}{rest}"#, self.place)
    }
}

// === impl Talk ===

impl<S: Source> Talk<S> {
    pub(super) fn new(source: S, seat: Arc<Seat>) -> Self {
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            source,
            seat,
            beat,
            greeted: false,
            last: None,
        }
    }

    /// What is said next; `None` when everything was. Safe to cancel.
    async fn next(&mut self) -> Option<Message> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(self.heartbeat());
        }
        if self.last.is_none() {
            let seat = Arc::clone(&self.seat);
            let end = tokio::select! {
                biased;
                end = seat.ended() => end,
                _ = self.beat.tick() => return Some(self.heartbeat()),
                message = self.source.next() => match message {
                    Some(message) => return Some(message),
                    None => self.seat.end(End::Gone),
                },
            };
            self.finish(end);
        }
        self.last.as_mut().and_then(Vec::pop)
    }

    fn heartbeat(&mut self) -> Message {
        Message::word(self.source.place(), "heartbeat", &json!({}))
    }

    fn finish(&mut self, end: End) {
        let place = self.source.place();
        let reason = json!({ "reason": end.as_str() });
        let mut last = vec![Message::word(place.clone(), "end", &reason)];
        if end == End::Slow {
            last.push(Message::missed(place, Some(self.source.left())));
        }
        self.last = Some(last);
    }

    /// Over a WebSocket if one is asked for, else as server-sent events.
    pub(super) fn answer(self, upgrade: Option<WebSocketUpgrade>, tracker: &TaskTracker) -> Response {
        match upgrade {
            None => self.events(),
            Some(upgrade) => self.socket(upgrade, tracker),
        }
    }

    fn events(self) -> Response {
        let begun = (self, Some(Bytes::from_static(RETRY)));
        let chunks = stream::unfold(begun, |(mut talk, rest)| async move {
            let chunk = match rest {
                Some(rest) => return Some((Ok::<_, Infallible>(rest), (talk, None))),
                None => talk.next().await?,
            };
            // What is shared goes out as it is, behind what is this client's own.
            let own = Bytes::from(format!("id: {}\n", chunk.place));
            Some((Ok(own), (talk, Some(chunk.block))))
        });
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-store"),
            // Proxies that would wait for the end are told not to.
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        (StatusCode::OK, headers, Body::from_stream(chunks)).into_response()
    }

    fn socket(self, upgrade: WebSocketUpgrade, tracker: &TaskTracker) -> Response {
        let token = tracker.token();
        upgrade
            .read_buffer_size(LONGEST_SAID)
            .write_buffer_size(0)
            .max_message_size(LONGEST_SAID)
            .max_frame_size(LONGEST_SAID)
            .on_upgrade(|socket| async move {
                let cut = self.seat.cut().clone();
                cut.run_until_cancelled_owned(self.over(socket)).await;
                drop(token);
            })
    }

    async fn over(mut self, mut socket: WebSocket) {
        let mut allowance = Allowance::new(Instant::now());
        loop {
            tokio::select! {
                message = self.next() => {
                    let Some(message) = message else { break };
                    if socket.send(Framed::Text(message.text().into())).await.is_err() {
                        return;
                    }
                }
                said = socket.recv() => match said {
                    None | Some(Err(_) | Ok(Framed::Close(_))) => return,
                    Some(Ok(_)) if allowance.take(Instant::now()) => {}
                    Some(Ok(_)) => {
                        metrics::counter!("lockdown_live_ended_total", "reason" => End::Flood.as_str()).increment(1);
                        return goodbye(socket, End::Flood).await;
                    }
                },
            }
        }
        let end = self.seat.ended().await;
        goodbye(socket, end).await;
    }
}

async fn goodbye(mut socket: WebSocket, end: End) {
    let frame = CloseFrame {
        code: end.close_code(),
        reason: end.as_str().into(),
    };
    let agreed = async {
        if socket.send(Framed::Close(Some(frame))).await.is_err() {
            return;
        }
        let mut left = SAID_AT_ONCE;
        while let Some(Ok(_)) = socket.recv().await {
            left = left.saturating_sub(1);
            if left == 0 {
                return;
            }
        }
    };
    // Whoever does not agree is left all the same.
    drop(tokio::time::timeout(GOODBYE, agreed).await);
}

/// How much a client may still say.
struct Allowance {
    left: u32,
    at: Instant,
}

// === impl Allowance ===

impl Allowance {
    fn new(now: Instant) -> Self {
        Self {
            left: SAID_AT_ONCE,
            at: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.at).as_secs() / ONE_MORE.as_secs();
        if more > 0 {
            self.left = SAID_AT_ONCE.min(self.left.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)));
            self.at = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_event_or_one_object() {
        let message = Message {
            place: "h1~mod.2~5-0".into(),
            block: block("{\"a\":\n1}"),
        };
        assert_eq!(message.block, "data: {\"a\": 1}\n\n");
        assert_eq!(message.text(), r#"{"cursor":"h1~mod.2~5-0","a": 1}"#);
        let empty = Message {
            place: "x".into(),
            block: block("{}"),
        };
        assert_eq!(empty.text(), r#"{"cursor":"x"}"#);
        let missed: Value = serde_json::from_str(&Message::missed("x".into(), Some(3)).text()).unwrap();
        assert_eq!(
            missed,
            json!({ "cursor": "x", "eventType": "live:missed", "data": { "count": 3 } })
        );
    }

    #[test]
    fn who_says_too_much_is_not_heard_on() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        for _ in 0..SAID_AT_ONCE {
            assert!(allowance.take(now));
        }
        assert!(!allowance.take(now));
        let later = now + ONE_MORE * 2;
        assert!(allowance.take(later) && allowance.take(later) && !allowance.take(later));
    }
}
