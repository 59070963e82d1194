//! Free ports on 127.0.0.1.

use anyhow::bail;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the ports that systems hand to outgoing connections. A client that keeps knocking while its server is down
/// could otherwise be given the server's port as its own, and be connected to itself.
const PORTS: Range<u16> = 15_000..32_000;

/// How many ports a server tries: another process may take one between our look and the server's start.
pub(crate) const ATTEMPTS: usize = 10;

/// A port on which nobody listens at this moment.
pub fn free() -> anyhow::Result<u16> {
    for _ in 0..100 {
        // Seeded by the system for each value, which is random enough to keep parallel tests apart.
        let random = RandomState::new().hash_one(std::process::id());
        let Ok(offset) = u16::try_from(random % u64::from(PORTS.end - PORTS.start)) else {
            continue;
        };
        let port = PORTS.start + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!(
        "no free port on 127.0.0.1 between {} and {}",
        PORTS.start,
        PORTS.end
    )
}
