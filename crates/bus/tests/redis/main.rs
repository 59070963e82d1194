//! The Redis engine against real servers, and against everything that happens to them.

#[path = "../conformance/mod.rs"]
mod conformance;
#[cfg(test)]
mod fleet;
#[path = "../layer/mod.rs"]
mod layer;
