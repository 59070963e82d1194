//! What a process uses.

use anyhow::Context as _;

/// Seconds of processor time that a process has had, its threads together.
pub(crate) fn cpu_seconds(id: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))
        .context("could not read a process's time (this bench needs Linux)")?;
    // The name before the last parenthesis may hold spaces; then user and system time are the 12th and 13th.
    let (_, rest) = stat.rsplit_once(')').context("the system tells no times")?;
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().context("a time is no number"))
        .sum::<anyhow::Result<u64>>()?;
    // Linux counts for its users in hundredths, whatever it counts in itself.
    Ok(ticks as f64 / 100.0)
}

/// Memory of ours that is not swapped out.
pub(crate) fn resident_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .context("could not read our memory (this bench needs Linux)")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line
        .context("the system tells no VmRSS")?
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .context("VmRSS is no number")?;
    Ok(kib / 1024.0)
}
