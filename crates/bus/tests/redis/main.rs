//! The Redis engine against real servers, and against everything that happens to them.

#[cfg(test)]
mod fleet;
