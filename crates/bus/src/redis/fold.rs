//! Replies as they came.
//!
//! The crate makes a tree of each reply, which costs a consumer more than everything else that it does for an event. So
//! over plain TCP it is given each whole reply folded up in one string: it matches replies to calls as ever, and what is
//! in them is read here, without a copy.

use ::redis::Value;
use bytes::{Buf, BufMut, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// What a read asks of the socket at least.
const CHUNK: usize = 16 << 10;
/// An empty buffer beyond this is given back.
const KEEP: usize = 1 << 20;
const LINE: &[u8] = b"\r\n";

/// A stream whose replies come folded, from when the switch is set.
pub(super) struct Folding<S> {
    stream: S,
    folds: Arc<AtomicBool>,
    incoming: BytesMut,
    scan: Scan,
    /// A header that is to be handed out, and how much of what follows it: the reply and a line's end.
    header: BytesMut,
    body: usize,
    end: &'static [u8],
}

/// How far a reply was looked through.
struct Scan {
    at: usize,
    /// Values that are still to come.
    missing: usize,
}

/// A value of a reply; an array is followed by its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Bytes(&'a [u8]),
    Integer(i64),
    Array(usize),
    Nil,
    /// An error of the server, without its mark.
    Error(&'a [u8]),
}

/// Reads a reply value by value.
pub(super) struct Items<'a>(&'a [u8]);

// === impl Folding ===

impl<S> Folding<S> {
    pub(super) fn new(stream: S, folds: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            folds,
            incoming: BytesMut::new(),
            scan: Scan::default(),
            header: BytesMut::new(),
            body: 0,
            end: &[],
        }
    }

    /// Hands out what there is of a folded reply.
    fn hand_out(&mut self, out: &mut ReadBuf<'_>) {
        let part = self.header.len().min(out.remaining());
        out.put_slice(&self.header.split_to(part));
        let part = self.body.min(out.remaining());
        out.put_slice(&self.incoming[..part]);
        self.incoming.advance(part);
        self.body -= part;
        if self.body == 0 {
            let (part, rest) = self.end.split_at(self.end.len().min(out.remaining()));
            out.put_slice(part);
            self.end = rest;
        }
        if self.incoming.is_empty() && self.incoming.capacity() > KEEP {
            self.incoming = BytesMut::new();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Folding<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.folds.load(Ordering::Acquire) {
            return Pin::new(&mut this.stream).poll_read(cx, out);
        }
        let before = out.filled().len();
        loop {
            this.hand_out(out);
            if out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if let Some(length) = this.scan.look(&this.incoming)? {
                this.header.put_slice(format!("${length}\r\n").as_bytes());
                (this.body, this.end) = (length, LINE);
                continue;
            }
            if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            this.incoming.reserve(CHUNK);
            let read = ready!(poll_read_buf(Pin::new(&mut this.stream), cx, &mut this.incoming))?;
            // The end: also in the middle of a reply, which nobody gets then.
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Folding<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

// === impl Scan ===

impl Default for Scan {
    fn default() -> Self {
        Self { at: 0, missing: 1 }
    }
}

impl Scan {
    /// The length of the first reply, once it is there as a whole. Goes on where it stopped.
    fn look(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        while self.missing > 0 {
            let Some(rest) = bytes.get(self.at..) else {
                return Ok(None);
            };
            let Some((kind, number, line)) = head(rest)? else {
                return Ok(None);
            };
            let (more, length) = match (kind, usize::try_from(number)) {
                (b'*', Ok(items)) => (items, line),
                (b'$', Ok(length)) => (0, line + length + LINE.len()),
                _ => (0, line),
            };
            if self.at + length > bytes.len() {
                return Ok(None);
            }
            self.at += length;
            self.missing = (self.missing - 1).saturating_add(more);
        }
        let whole = self.at;
        *self = Self::default();
        Ok(Some(whole))
    }
}

/// What a value is, its number, and the length of its first line; nothing when the line is not there yet.
fn head(bytes: &[u8]) -> io::Result<Option<(u8, i64, usize)>> {
    let Some((kind, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    // Lines are short, but for errors.
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let text = rest[..end].strip_suffix(b"\r").ok_or_else(odd)?;
    let number = match kind {
        b'*' | b'$' | b':' => number(text).ok_or_else(odd)?,
        b'+' | b'-' => 0,
        _ => return Err(odd()),
    };
    Ok(Some((*kind, number, end + 2)))
}

fn number(text: &[u8]) -> Option<i64> {
    let (digits, sign) = text.strip_prefix(b"-").map_or((text, 1), |digits| (digits, -1));
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let add = |sum: i64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(sign * digit)
    };
    digits.iter().try_fold(0, add)
}

fn odd() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "Redis sent what is no reply")
}

// === impl Items ===

impl<'a> Items<'a> {
    pub(super) fn new(reply: &'a [u8]) -> Self {
        Self(reply)
    }

    pub(super) fn next(&mut self) -> Option<Item<'a>> {
        let (kind, number, line) = head(self.0).ok()??;
        let (first, rest) = self.0.split_at(line);
        self.0 = rest;
        let text = &first[1..line - LINE.len()];
        Some(match (kind, usize::try_from(number)) {
            (b'*', Ok(items)) => Item::Array(items),
            (b'$', Ok(length)) => {
                let bytes = rest.get(..length)?;
                self.0 = rest.get(length + LINE.len()..)?;
                Item::Bytes(bytes)
            }
            (b'*' | b'$', Err(_)) => Item::Nil,
            (b':', _) => Item::Integer(number),
            (b'-', _) => Item::Error(text),
            _ => Item::Bytes(text),
        })
    }

    /// The next value, which must be a string.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        match self.next()? {
            Item::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// A reply that came as a tree, as it came to the crate.
pub(super) fn folded(value: &Value, out: &mut Vec<u8>) {
    let bytes = |bytes: &[u8], out: &mut Vec<u8>| {
        out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(LINE);
    };
    let line = |text: String, out: &mut Vec<u8>| {
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(LINE);
    };
    match value {
        Value::Nil => line("$-1".to_owned(), out),
        Value::Int(number) => line(format!(":{number}"), out),
        Value::BulkString(text) => bytes(text, out),
        Value::SimpleString(text) => bytes(text.as_bytes(), out),
        Value::Okay => bytes(b"OK", out),
        Value::Array(items) | Value::Set(items) => {
            line(format!("*{}", items.len()), out);
            for item in items {
                folded(item, out);
            }
        }
        Value::ServerError(error) => {
            let text = format!("-{} {}", error.code(), error.details().unwrap_or_default());
            line(text.replace(['\r', '\n'], " "), out);
        }
        // RESP2 has nothing else.
        other => bytes(format!("{other:?}").as_bytes(), out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::redis::parse_redis_value;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<i64>().prop_map(Value::Int),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::BulkString),
        ];
        leaf.prop_recursive(3, 40, 6, |inner| {
            proptest::collection::vec(inner, 0..6).prop_map(Value::Array)
        })
    }

    fn tree(items: &mut Items<'_>) -> Value {
        match items.next().unwrap() {
            Item::Bytes(bytes) => Value::BulkString(bytes.to_vec()),
            Item::Integer(number) => Value::Int(number),
            Item::Nil => Value::Nil,
            Item::Array(count) => Value::Array((0..count).map(|_| tree(items)).collect()),
            Item::Error(error) => panic!("{error:?}"),
        }
    }

    proptest! {
        #[test]
        fn a_reply_is_read_as_the_crate_reads_it(value in values()) {
            let mut bytes = Vec::new();
            folded(&value, &mut bytes);
            prop_assert_eq!(&parse_redis_value(&bytes).unwrap(), &value);
            prop_assert_eq!(tree(&mut Items::new(&bytes)), value);
        }

        /// However the network cuts them.
        #[test]
        fn replies_come_out_whole(values in proptest::collection::vec(values(), 1..5), cut in 1_usize..50) {
            let mut sent = Vec::new();
            let mut expected = Vec::new();
            for value in &values {
                let mut one = Vec::new();
                folded(value, &mut one);
                sent.extend_from_slice(&one);
                folded(&Value::BulkString(one), &mut expected);
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(async {
                let (mut server, client) = tokio::io::duplex(cut);
                let mut folding = Folding::new(client, Arc::new(AtomicBool::new(true)));
                let writing = async {
                    for piece in sent.chunks(cut) {
                        server.write_all(piece).await.unwrap();
                    }
                    drop(server);
                };
                let mut read = Vec::new();
                let (_, end) = tokio::join!(writing, folding.read_to_end(&mut read));
                end.unwrap();
                read
            });
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn nothing_that_is_sent_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut items = Items::new(&bytes);
            while items.next().is_some() {}
            let _ = Scan::default().look(&bytes);
        }
    }

    #[test]
    fn errors_and_lines() {
        let mut items = Items::new(b"-NOGROUP none\r\n+OK\r\n*-1\r\n");
        assert_eq!(items.next(), Some(Item::Error(b"NOGROUP none")));
        assert_eq!(items.next(), Some(Item::Bytes(b"OK")));
        assert_eq!([items.next(), items.next()], [Some(Item::Nil), None]);
        assert!(Scan::default().look(b"?what\r\n").is_err());
        assert_eq!(Items::new(b"\n").next(), None);
    }
}
