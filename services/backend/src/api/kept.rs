//! Answers to reads that are kept for as long as nothing was written since. The same case is asked for again and again, by
//! every page that shows it.
//!
//! Only where the store says when something was written, which is where we are alone with it; and for a moment only, since a
//! command in another process may write, and rights end by the clock.
//!
//! To keep the answers of a route: [`super::route::Route::kept`], where they come from the store alone.

use super::route::{Answer, Route};
use crate::problem::Problem;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::Context;
use lockdown_store::Store;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const LONGEST: TimeDelta = TimeDelta::milliseconds(250);
/// Of the bodies together; beyond that all are forgotten.
const MOST: usize = 8 * 1024 * 1024;
/// What one costs beside its body.
const EACH: usize = 256;

#[derive(Default)]
pub(super) struct Kept {
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    answers: HashMap<[u8; 32], Arc<Entry>>,
    bytes: usize,
}

/// By whom an answer may be had, and when it was true.
#[derive(Clone, Copy)]
pub(super) struct Place {
    key: [u8; 32],
    writes: u64,
    at: DateTime<Utc>,
}

/// An answer, and who had it.
pub(super) struct Entry {
    writes: u64,
    at: DateTime<Utc>,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) route: Arc<Route>,
    pub(super) body: Bytes,
    pub(super) media: &'static str,
}

// === impl Place ===

impl Place {
    /// Before anything is read. `None` where nothing can be kept.
    pub(super) fn of(ctx: &Context, store: &Store, headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        let writes = store.writes()?;
        let token = headers.get(header::AUTHORIZATION)?;
        let mut hash = Sha256::new();
        hash.update(token.as_bytes());
        // No header has one.
        hash.update([0]);
        hash.update(uri.path());
        hash.update([0]);
        hash.update(uri.query().unwrap_or_default());
        Some(Self {
            key: hash.finalize().into(),
            writes,
            at: ctx.clock.now(),
        })
    }
}

// === impl Kept ===

impl Kept {
    pub(super) fn find(&self, place: &Place) -> Option<Arc<Entry>> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let found = shelf.answers.get(&place.key)?;
        let is_new = (place.at - found.at).abs() < LONGEST;
        (found.writes == place.writes && is_new).then(|| Arc::clone(found))
    }

    pub(super) fn keep(
        &self,
        place: Place,
        route: &Arc<Route>,
        caller: (String, String),
        outcome: &Result<Answer, Problem>,
    ) {
        let Ok(answer) = outcome else { return };
        let plain = answer.stream.is_none() && answer.etag.is_none() && answer.status == StatusCode::OK;
        let (true, Some(body)) = (plain, &answer.body) else {
            return;
        };
        let bytes = body.len() + EACH;
        let entry = Entry {
            writes: place.writes,
            at: place.at,
            key: caller.0,
            name: caller.1,
            route: Arc::clone(route),
            body: Bytes::from(body.clone()),
            media: answer.media,
        };
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.bytes + bytes > MOST {
            *shelf = Shelf::default();
        }
        shelf.bytes += bytes;
        if let Some(old) = shelf.answers.insert(place.key, Arc::new(entry)) {
            shelf.bytes -= old.body.len() + EACH;
        }
    }
}
