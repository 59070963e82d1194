//! Rules and detectors: an event and what is known about it go in, a verdict with its explanation comes out.
//!
//! Pure: no clock, no network, no database, so that what was judged once can be judged again.

pub mod text;
