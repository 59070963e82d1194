//! Publishing and consuming, over a real log whose calls can be made to fail, to wait or to be watched.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod layer {
    pub(crate) mod bench;
    mod consume;
    mod publish;
    mod spool;
}
