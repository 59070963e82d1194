//! Any bytes as an envelope: `cargo xtask fuzz envelope`.

#![no_main]

#[path = "../hostile.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::any_bytes(bytes));
