//! Detectors: what no word list sees.
//!
//! - [`spam`]: a classifier that learns from moderators' decisions; [`taught`]: what one community taught it.
//! - [`near`]: the same message again, or nearly.
//! - [`heat`]: floods and raids, as levels that time cools down.
//! - [`images`]: bursts of the same picture.
//!
//! Each is a value without a clock: time is an argument, the state can be stored and read again, and the same calls give the
//! same answers. To add one: a module here, a line above, a case in `tests/detect.rs`.

pub mod heat;
pub mod images;
pub mod near;
pub mod spam;
pub mod taught;

mod features;
mod store;

pub use store::ModelFault;
