//! Bots, limits and faults, as the test wants them.

use super::faults::Fault;
use super::gateway::{Out, PRIVILEGED};
use super::people::user;
use super::world::Bot;
use super::{FakeDiscord, lock};
use chrono::TimeDelta;
use std::time::Duration;

// === impl FakeDiscord ===

impl FakeDiscord {
    /// Makes a bot account with this token and every privileged intent; returns its id.
    pub fn add_bot(&self, token: &str, name: &str) -> u64 {
        let mut world = lock(&self.world);
        let id = world.id();
        world.users.insert(id, user(name, true));
        world.bots.push(Bot {
            id,
            token: token.to_owned(),
            granted: PRIVILEGED,
        });
        id
    }

    /// The owner of the application switches on these privileged intents, and the others off.
    pub fn grant_intents(&self, bot: u64, intents: u64) {
        if let Some(bot) = lock(&self.world).bots.iter_mut().find(|known| known.id == bot) {
            bot.granted = intents;
        }
    }

    /// Answers everything with this status, until told `None`.
    pub fn outage(&self, status: Option<u16>) {
        lock(&self.world).faults.outage = status;
    }

    /// The next `times` requests of a kind go wrong: `method` and a part of the path's template.
    pub fn fail(&self, method: &str, template: &str, times: usize, fault: Fault) {
        lock(&self.world).faults.plan(method, template, times, fault);
    }

    /// What was planned to go wrong does not any more.
    pub fn fail_no_more(&self) {
        lock(&self.world).faults.forget();
    }

    /// So many requests of a kind in so long, such as `DELETE channels/{}/messages/{}`.
    pub fn limit(&self, call: &str, limit: u32, per: Duration) {
        lock(&self.world).limits.rule(call, limit, per);
    }

    /// So many requests in a second over all routes.
    pub fn limit_globally(&self, limit: u32) {
        lock(&self.world).limits.global_limit = limit;
    }

    /// How long the answer to an interaction may be changed and followed by others, where it is not a quarter of an hour.
    pub fn interactions_last(&self, lasting: Duration) {
        lock(&self.world).interactions_last = TimeDelta::from_std(lasting).unwrap_or(TimeDelta::MAX);
    }

    /// Recommends so many shards, and lets so many of them begin at once.
    pub fn recommend_shards(&self, shards: u64, at_once: u64) {
        let mut world = lock(&self.world);
        (world.gateway.recommended, world.gateway.concurrency) = (shards, at_once);
    }

    /// Turns away who has fewer shards.
    pub fn require_shards(&self, shards: u64) {
        lock(&self.world).gateway.required = shards;
    }

    /// Closes every gateway connection with this code, or with a close frame that has none.
    pub fn close_gateway(&self, code: Option<u16>) {
        lock(&self.world).gateway.tell_all(&Out::Close(code));
    }

    /// Every gateway connection ends without a word.
    pub fn drop_gateway(&self) {
        lock(&self.world).gateway.tell_all(&Out::Drop);
    }

    /// Asks every client to connect again.
    pub fn ask_to_reconnect(&self) {
        let frame = serde_json::json!({ "op": 7, "d": null, "s": null, "t": null });
        lock(&self.world).gateway.tell_all(&Out::Frame(frame.to_string()));
    }

    /// Tells every client that its session is no good.
    pub fn invalidate(&self, resumable: bool) {
        let mut world = lock(&self.world);
        if !resumable {
            world.gateway.forget_sessions();
        }
        let frame = serde_json::json!({ "op": 9, "d": resumable, "s": null, "t": null });
        world.gateway.tell_all(&Out::Frame(frame.to_string()));
    }

    /// No session can be resumed from now on; connections stay.
    pub fn forget_sessions(&self) {
        lock(&self.world).gateway.forget_sessions();
    }

    /// Turns away whoever connects to the gateway, until told otherwise.
    pub fn refuse_gateway(&self, refuse: bool) {
        lock(&self.world).gateway.closed = refuse;
    }

    /// Holds back the acknowledgements of heartbeats.
    pub fn withhold_acks(&self, withhold: bool) {
        lock(&self.world).gateway.deaf = withhold;
    }

    /// How often clients that connect from now on have to give a sign.
    pub fn heartbeat_every(&self, interval: Duration) {
        lock(&self.world).gateway.heartbeat_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    }

    /// The next so many events reach nobody, and no resume brings them back.
    pub fn lose_events(&self, events: usize) {
        lock(&self.world).gateway.lose = events;
    }
}
