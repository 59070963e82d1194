//! Any bytes as a rule file: `cargo xtask fuzz rules`.

#![no_main]

#[path = "../hostile_rules.rs"]
mod hostile_rules;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_rules::any_bytes(bytes));
