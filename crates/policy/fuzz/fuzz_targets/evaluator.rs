//! Any events, judged by rules that ask for everything: `cargo xtask fuzz evaluator`.

#![no_main]

#[path = "../hostile_events.rs"]
mod hostile_events;

libfuzzer_sys::fuzz_target!(|text: &str| hostile_events::any_events(text));
