//! The codec, as measured by `cargo bench -p lockdown-events`.

use super::Figure;
use crate::workspace;
use anyhow::{Context, Result};
use serde_json::Value;

pub(super) fn run(quick: bool) -> Result<Vec<Figure>> {
    let mut bench = workspace::cargo();
    bench.args([
        "bench",
        "--quiet",
        "--package",
        "lockdown-events",
        "--bench",
        "codec",
        "--",
    ]);
    if quick {
        bench.args(["--warm-up-time", "1", "--measurement-time", "2"]);
    }
    // Criterion's own report goes to stderr, so that stdout holds the figures alone.
    let report = workspace::output(&mut bench)?;
    eprint!("{report}");

    let (decode, decode_spread) = estimate("decode")?;
    let (encode, encode_spread) = estimate("encode")?;
    let (value, value_spread) = estimate("value_decode")?;
    let figure = |name: &str, value, spread, goal: &str, ok| Figure {
        figure: format!("events.{name}"),
        value,
        spread,
        unit: "us",
        goal: goal.to_owned(),
        ok,
    };
    Ok(vec![
        figure(
            "decode_us",
            decode,
            decode_spread,
            "<=2.0, <value_decode",
            decode <= 2.0 && decode < value,
        ),
        figure("encode_us", encode, encode_spread, "<=1.0", encode <= 1.0),
        figure("value_decode_us", value, value_spread, "to compare", true),
    ])
}

/// Median and median absolute deviation of a benchmark, in µs.
fn estimate(name: &str) -> Result<(f64, f64)> {
    let path = workspace::target()?
        .join("criterion/events")
        .join(name)
        .join("new/estimates.json");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let estimates: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let nanos = |kind: &str| {
        let estimate = estimates[kind]["point_estimate"].as_f64();
        estimate.with_context(|| format!("{} has no {kind}", path.display()))
    };
    Ok((nanos("median")? / 1000.0, nanos("median_abs_dev")? / 1000.0))
}
