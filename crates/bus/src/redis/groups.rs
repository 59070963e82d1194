//! Making groups, making them again after a loss, and taking consumers off them.

use super::RedisEngine;
use super::calls::{Call, ScriptName, unwrapped};
use super::keys::Lane;
use super::stats::MOST_COUNTED;
use super::{error, reply};
use crate::engine::{EngineError, Group, Start};
use crate::place::{ConsumerName, EntryId, GroupName, Stream};
use crate::stats::Removal;
use ::redis::{Value, cmd};
use std::sync::atomic::Ordering;

impl RedisEngine {
    pub(super) async fn make_group(&self, group: &Group, start: &Start) -> Result<(), EngineError> {
        let mut calls: Vec<Call> = Vec::new();
        for lane in Lane::of(group) {
            let from = match start {
                // What is put into the inbox is meant for this group, also before it was there.
                _ if lane.inbox => "0-0".to_owned(),
                Start::Oldest => "0-0".to_owned(),
                Start::Now => "$".to_owned(),
                Start::At(at) => self.last_before(lane.stream, *at).await?.to_string(),
                Start::After(places) => places.get(&lane.stream).unwrap_or(&EntryId::ZERO).to_string(),
            };
            let mut command = cmd("XGROUP");
            command
                .arg("CREATE")
                .arg(self.keys.lane(lane, &group.name).as_str())
                .arg(group.name.as_str())
                .arg(from)
                .arg("MKSTREAM");
            calls.push(command.into());
        }
        for value in self.calls.many(calls).await? {
            match value {
                Value::ServerError(refused) if refused.code() == "BUSYGROUP" => {}
                value => {
                    unwrapped(value)?;
                }
            }
        }
        Ok(())
    }

    /// Makes the group again wherever its place was lost, after what this process knows to be acknowledged.
    pub(super) async fn make_again(&self, group: &Group) -> Result<(), EngineError> {
        let lanes: Vec<Lane> = Lane::of(group).collect();
        let mut calls = Vec::with_capacity(lanes.len());
        for lane in &lanes {
            let key = self.keys.lane(*lane, &group.name);
            let place = if lane.inbox {
                // What was acknowledged in an inbox is not there any more.
                EntryId::ZERO
            } else {
                self.readers.acknowledged(&group.name, *lane)
            };
            let mut call = self.calls.script(ScriptName::Reopen, &[&key]);
            call.arg(group.name.as_str()).arg(place.to_string());
            calls.push(call);
        }
        let mut made = 0;
        for value in self.calls.many(calls).await? {
            made += reply::count(&value, "reopen.lua")?;
        }
        if made > 0 {
            self.counters.groups_made_again.fetch_add(made, Ordering::Relaxed);
            tracing::warn!(
                group = %group.name,
                streams = made,
                "Redis had lost the place of group {} in {made} streams; it was made again",
                group.name,
            );
        }
        Ok(())
    }

    pub(super) async fn unmake_group(&self, group: &GroupName, force: bool) -> Result<Removal, EngineError> {
        if !force {
            // Asked everywhere before anything is changed; the scripts ask again, for the moment between.
            let open = self.stats_of_group(group).await?;
            if open > 0 {
                return Ok(Removal { removed: false, open });
            }
        }
        let removals = Stream::all().map(|stream| {
            let (events, inbox) = (self.keys.events(stream), self.keys.inbox(stream, group));
            let records = self.keys.attempts(stream, group);
            let mut call = self
                .calls
                .script(ScriptName::RemoveGroup, &[&events, &inbox, &records]);
            call.arg(group.as_str()).arg(u8::from(force)).arg(MOST_COUNTED);
            call
        });
        let mut removal = Removal {
            removed: true,
            open: 0,
        };
        for value in self.calls.many(removals.collect()).await? {
            let answer = reply::array(value, "remove_group.lua")?;
            let [open, gone] = answer.as_slice() else {
                return Err(error::shape("remove_group.lua"));
            };
            removal.open += reply::count(open, "remove_group.lua")?;
            removal.removed &= reply::count(gone, "remove_group.lua")? == 1;
        }
        Ok(removal)
    }

    pub(super) async fn take_off(&self, group: &Group, consumer: &ConsumerName) -> Result<bool, EngineError> {
        let lanes: Vec<Lane> = Lane::of(group).collect();
        // Asked everywhere before anything is changed; the script asks again, for the moment between.
        let asked = lanes.iter().map(|lane| {
            let mut command = cmd("XPENDING");
            command
                .arg(self.keys.lane(*lane, &group.name).as_str())
                .arg(group.name.as_str())
                .arg("-")
                .arg("+")
                .arg(1)
                .arg(consumer.as_str());
            command.into()
        });
        for value in self.calls.many(asked.collect()).await? {
            match value {
                Value::ServerError(refused) if error::is_no_group(&refused) => {}
                value => {
                    if !reply::array(value, "XPENDING")?.is_empty() {
                        return Ok(false);
                    }
                }
            }
        }
        let removals = lanes.iter().map(|lane| {
            let key = self.keys.lane(*lane, &group.name);
            let mut call = self.calls.script(ScriptName::RemoveConsumer, &[&key]);
            call.arg(group.name.as_str()).arg(consumer.as_str());
            call
        });
        let mut gone = true;
        for value in self.calls.many(removals.collect()).await? {
            gone &= reply::integer(&value, "remove_consumer.lua")? == 1;
        }
        if gone {
            self.readers.forget(&group.name, consumer);
        }
        Ok(gone)
    }
}
