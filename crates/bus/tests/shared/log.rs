//! A log in a file, for `tests/embedded_file.rs` and the process that it kills.

use lockdown_bus::{
    Append, Class, ConsumerName, Durability, EmbeddedEngine, Group, GroupName, Key, OpenError, Options,
};
use lockdown_events::{EventId, GuildId, Platform};
use lockdown_runtime::{Clock, Ids};
use std::path::Path;

pub(crate) const TYPE: &str = "message:created";

pub(crate) fn open(path: &Path, durability: Durability) -> Result<EmbeddedEngine, OpenError> {
    let options = Options {
        durability,
        ..Options::default()
    };
    EmbeddedEngine::open(path, &options, Clock::system())
}

pub(crate) fn event(ids: &Ids, guild: u64, text: &str) -> Append {
    let event_id = EventId(ids.next());
    Append {
        event_id,
        channel: TYPE.into(),
        key: Key::community(Platform::Discord, &GuildId::new(&guild.to_string()).unwrap()),
        envelope: format!(r#"{{"eventId":"{event_id}","text":"{text}"}}"#).into(),
        once: false,
        quiet: false,
        about: Vec::new(),
    }
}

pub(crate) fn group(name: &str) -> Group {
    Group {
        name: GroupName::new(name).unwrap(),
        classes: Class::ALL.to_vec(),
    }
}

pub(crate) fn me() -> ConsumerName {
    ConsumerName::new("me").unwrap()
}
