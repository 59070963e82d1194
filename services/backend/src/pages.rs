//! The status page: how each part of this process is, at one glance.

use lockdown_runtime::health::{ComponentReport, Report, Status};
use std::fmt::Write;

pub(crate) const STYLE: &str = include_str!("status.css");

pub(crate) fn status(report: &Report) -> String {
    let (state, lead) = match report.status {
        Status::Up => ("up", "Everything is as it should be."),
        _ if report.ready => ("degraded", "It works, but not every part is as it should be."),
        _ => ("not ready", "A part that is needed is not up."),
    };
    let mut rows = String::new();
    for component in &report.components {
        row(&mut rows, component);
    }
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta http-equiv=\"refresh\" content=\"5\">
<title>LOCKDOWN: {state}</title>
<link rel=\"stylesheet\" href=\"/status.css\">
</head>
<body>
<main>
<h1>LOCKDOWN is {state}</h1>
<p class=\"lead\">{lead} Version {version}. This page looks again every five seconds.</p>
<table>
<thead><tr><th scope=\"col\">Part</th><th scope=\"col\">State</th><th scope=\"col\">Since</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
<footer>For programs: <a href=\"/health/ready\">health</a>, <a href=\"/metrics\">metrics</a>,
<a href=\"/asyncapi.json\">events</a>, <a href=\"/docs\">the API</a>.</footer>
</main>
</body>
</html>
",
        version = escaped(&report.version),
    )
}

fn row(rows: &mut String, component: &ComponentReport) {
    let (word, mark) = (word(component.status), mark(component.status));
    let since = component.since.format("%Y-%m-%d %H:%M:%S UTC");
    let detail = match &component.detail {
        Some(detail) => format!("<div class=\"detail\">{}</div>", escaped(detail)),
        None => String::new(),
    };
    let name = escaped(&component.name);
    // The colour only repeats what mark and word say.
    writeln!(
        rows,
        "<tr><td>{name}{detail}</td><td class=\"{word}\">{mark} {word}</td><td>{since}</td></tr>"
    )
    .expect("a String takes every text");
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Starting => "starting",
        Status::Up => "up",
        Status::Degraded => "degraded",
        Status::Down => "down",
    }
}

fn mark(status: Status) -> char {
    match status {
        Status::Starting => '…',
        Status::Up => '✓',
        Status::Degraded => '!',
        Status::Down => '✗',
    }
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_platform_says_cannot_become_markup() {
        let component = ComponentReport {
            name: "discord".to_owned(),
            status: Status::Down,
            detail: Some("<script>alert(\"1\")</script> & more".to_owned()),
            since: "2026-11-20T09:06:00Z".parse().unwrap(),
            required: true,
        };
        let mut rows = String::new();
        row(&mut rows, &component);
        assert!(
            rows.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; more"),
            "{rows}"
        );
        assert!(!rows.contains("<script>"), "{rows}");
        assert!(rows.contains("✗ down"), "{rows}");
    }
}
