//! Any text, read and searched: `cargo xtask fuzz text`.

#![no_main]

#[path = "../hostile_text.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|text: &str| hostile::any_text(text));
