//! Which crate may know which. A new edge is the rare, loud kind of change: it is made here first.

use anyhow::{Result, bail};
use serde_json::Value;

/// A room of the workspace and the rooms below it that it may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("lockdown-events", &[]),
    ("lockdown-runtime", &[]),
    ("lockdown-policy", &["lockdown-events"]),
    ("lockdown-bus", &["lockdown-events", "lockdown-runtime"]),
    ("lockdown-store", &["lockdown-events", "lockdown-runtime"]),
    (
        "lockdown-moderation",
        &[
            "lockdown-events",
            "lockdown-policy",
            "lockdown-bus",
            "lockdown-store",
            "lockdown-runtime",
        ],
    ),
    ("lockdown-backend", SERVICE),
    ("lockdown-worker", SERVICE),
    ("lockdown-discord-bot", SERVICE),
    ("lockdown-telegram-bot", SERVICE),
    ("lockdown", LOCKDOWN),
    ("lockdown-testkit", LOCKDOWN),
    ("xtask", LOCKDOWN),
];

const SERVICE: &[&str] = &[
    "lockdown-events",
    "lockdown-policy",
    "lockdown-bus",
    "lockdown-store",
    "lockdown-moderation",
    "lockdown-runtime",
];

/// What links everything, and what tests it.
const LOCKDOWN: &[&str] = &[
    "lockdown-events",
    "lockdown-policy",
    "lockdown-bus",
    "lockdown-store",
    "lockdown-moderation",
    "lockdown-runtime",
    "lockdown-backend",
    "lockdown-worker",
    "lockdown-discord-bot",
    "lockdown-telegram-bot",
    "lockdown-testkit",
];

/// Libraries that only some rooms may name. The testkit, which imitates the other side, may name them all.
const VENDORS: &[(&str, &[&str])] = &[
    ("axum", &["lockdown-backend"]),
    ("poise", &["lockdown-discord-bot"]),
    ("redis", &["lockdown-bus"]),
    ("serenity", &["lockdown-discord-bot"]),
    ("sqlx", &["lockdown-store"]),
    ("teloxide", &["lockdown-telegram-bot"]),
];

/// Rooms without I/O, and what would bring it in.
const PURE: &[&str] = &["lockdown-events", "lockdown-policy"];
const IO: &[&str] = &[
    "tokio",
    "hyper",
    "reqwest",
    "redis",
    "sqlx",
    "lockdown-runtime",
    "tracing-subscriber",
    "rand",
    "getrandom",
];

/// Every edge that the tables above do not allow, from the output of `cargo metadata --no-deps`.
pub(super) fn faults(metadata: &Value) -> Result<Vec<String>> {
    let Some(packages) = metadata["packages"].as_array() else {
        bail!("cargo metadata names no packages")
    };
    let mut faults = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == name) else {
            faults.push(format!(
                "`{name}` is no room of the workspace: give it a place in ROOMS"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            // Tests may use the testkit, and a crate its own other features.
            let test = dependency["kind"] == "dev" && on == "lockdown-testkit";
            let room = ROOMS.iter().any(|(room, _)| *room == on);
            if room && !test && on != name && !allowed.contains(&on) {
                faults.push(format!("`{name}` may not use `{on}`: dependencies run downwards"));
            }
            let vendor = VENDORS.iter().find(|(vendor, _)| *vendor == on);
            if let Some((vendor, rooms)) = vendor
                && name != "lockdown-testkit"
                && !rooms.contains(&name)
            {
                faults.push(format!(
                    "`{name}` may not name `{vendor}`: that is for {}",
                    rooms.join(", ")
                ));
            }
            if PURE.contains(&name) && IO.contains(&on) && dependency["kind"] != "dev" {
                faults.push(format!("`{name}` does no I/O, so it may not use `{on}`"));
            }
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, on: &str, kind: &Value) -> Value {
        json!({ "packages": [{ "name": name, "dependencies": [{ "name": on, "kind": kind }] }] })
    }

    #[test]
    fn edges_run_downwards() {
        for (name, on, kind, fault) in [
            ("lockdown-events", "serde", json!(null), None),
            (
                "lockdown-events",
                "lockdown-backend",
                json!(null),
                Some("may not use"),
            ),
            (
                "lockdown-events",
                "lockdown-backend",
                json!("dev"),
                Some("may not use"),
            ),
            ("lockdown-events", "tokio", json!(null), Some("does no I/O")),
            ("lockdown-events", "serenity", json!(null), Some("may not name")),
            (
                "lockdown-worker",
                "lockdown-backend",
                json!(null),
                Some("may not use"),
            ),
            ("lockdown-worker", "lockdown-bus", json!(null), None),
            ("lockdown-worker", "lockdown-testkit", json!("dev"), None),
            (
                "lockdown-worker",
                "lockdown-testkit",
                json!(null),
                Some("may not use"),
            ),
            ("lockdown-moderation", "sqlx", json!(null), Some("may not name")),
            ("lockdown-store", "sqlx", json!(null), None),
            ("lockdown-attic", "serde", json!(null), Some("no room")),
        ] {
            let faults = faults(&package(name, on, &kind)).unwrap();
            match fault {
                Some(text) => assert!(
                    faults.iter().any(|found| found.contains(text)),
                    "{name} -> {on}: {faults:?}"
                ),
                None => assert!(faults.is_empty(), "{name} -> {on}: {faults:?}"),
            }
        }
    }
}
