//! What the tests of telemetry share.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use lockdown_runtime::Config;
use std::io;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn config(variables: &[(&str, &str)]) -> Config {
    Config::from_map(variables.iter().copied()).unwrap()
}
