//! The status page at `/`: how everything is, at one glance.
//!
//! A stranger sees which parts work, in one word each: that is what somebody outside wants to know when nothing happens. Versions,
//! reasons, names of machines, of guilds and of people say where to knock, so they are for those who are signed in; of streams
//! and their readers operators see all, others only whether somebody waits; and of events one sees those of one's own guilds.

use super::recent::Recent;
use super::{escaped, shell};
use crate::api::Door;
use crate::api::person::Person;
use crate::sign_in::cookie::Kind;
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use lockdown_bus::{BusStats, GroupStats, StreamStats};
use lockdown_events::{Presence, PresenceKind, PresenceState};
use lockdown_runtime::chain;
use lockdown_runtime::health::{ComponentReport, Report, Status};
use lockdown_store::in_read;
use std::fmt::Write as _;
use std::time::Duration;

/// How many of the last events are shown.
const EVENTS: usize = 20;

/// What is shown to somebody who is signed in.
pub(crate) struct Inside {
    person: Person,
    now: DateTime<Utc>,
    /// Services and bots; moderators for operators.
    there: Vec<Presence>,
    /// `None`: the bus does not answer.
    bus: Option<BusStats>,
    /// With the guild's title, where it has one.
    events: Vec<(Recent, Option<String>)>,
}

/// What somebody who is signed in may see; `None` for strangers.
pub(crate) async fn look(door: &Door, headers: &HeaderMap) -> Option<Inside> {
    let api = door.get()?;
    let sent = api.ways.cookies.sent(Kind::Session, headers)?;
    let now = api.ctx.clock.now();
    let told = |error: &(dyn std::error::Error + 'static)| {
        tracing::debug!("The status page lacks a part: {}", chain(error));
    };
    let person = Person::of(&api.store, sent, now)
        .await
        .inspect_err(|error| told(error))
        .ok()??;
    let guilds = in_read!(api.store, |conn| { conn.guilds().await });
    let guilds = guilds.inspect_err(|error| told(error)).unwrap_or_default();
    let of = |event: &Recent| {
        let (platform, id) = event.guild.as_ref()?;
        guilds
            .iter()
            .find(|guild| guild.platform == *platform && guild.native_id == *id)
    };
    let may = |event: &Recent| person.operates() || of(event).is_some_and(|guild| person.sees(guild));
    let events = api.recent.newest(EVENTS, may).into_iter();
    let events = events.map(|event| (event.clone(), of(&event).map(|guild| guild.title.clone())));
    let events = events.collect();
    let there = api.bus.presence().list().await.inspect_err(|error| told(error));
    let mut there = there.unwrap_or_default();
    there.retain(|one| one.kind != PresenceKind::Moderator || person.operates());
    let bus = api.bus.stats().await.inspect_err(|error| told(error)).ok();
    Some(Inside {
        person,
        now,
        there,
        bus,
        events,
    })
}

pub(crate) fn page(report: &Report, inside: Option<&Inside>) -> String {
    let (state, lead) = match report.status {
        Status::Up => ("up", "Everything is as it should be."),
        _ if report.ready => ("degraded", "It works, but not every part is as it should be."),
        _ => ("not ready", "A part that is needed is not up."),
    };
    let mut body = top(inside);
    let about = match inside {
        Some(_) => format!(" Version {}.", escaped(&report.version)),
        None => String::new(),
    };
    writeln!(
        body,
        "<h1 class=\"state {class}\">LOCKDOWN is {state}</h1>
<p class=\"lead\">{lead}{about} This page looks again every five seconds.</p>",
        class = word(report.status),
    )
    .expect("a String takes every text");
    parts(&mut body, report, inside.is_some());
    if let Some(inside) = inside {
        presence(&mut body, inside);
        match &inside.bus {
            None => body.push_str("<section><h2>Bus</h2>\n<p class=\"quiet\">The bus does not answer right now.</p></section>\n"),
            Some(stats) => bus(&mut body, stats, inside.person.operates()),
        }
        events(&mut body, inside);
    }
    body.push_str(
        "<footer>For programs: <a href=\"/health/ready\">health</a>, <a href=\"/metrics\">metrics</a>,
<a href=\"/asyncapi.json\">events</a>, <a href=\"/docs\">the API</a>.</footer>
",
    );
    let refresh = "<meta http-equiv=\"refresh\" content=\"5\">\n";
    shell(&format!("LOCKDOWN: {state}"), refresh, "", &body)
}

fn top(inside: Option<&Inside>) -> String {
    let brand = "<p class=\"brand\"><span class=\"lock\" aria-hidden=\"true\"></span>LOCKDOWN</p>";
    match inside {
        None => format!("<header>{brand}<a class=\"button small\" href=\"/sign-in\">Sign in</a></header>\n"),
        Some(inside) => format!(
            "<header>{brand}<a class=\"button small\" href=\"/sign-in\">{}</a></header>\n",
            escaped(&inside.person.account.login)
        ),
    }
}

fn parts(body: &mut String, report: &Report, is_inside: bool) {
    let mut rows = String::new();
    for component in &report.components {
        part(&mut rows, component, is_inside);
    }
    let since = if is_inside {
        "<th scope=\"col\">Since</th>"
    } else {
        ""
    };
    section(
        body,
        "Parts",
        &format!("<th scope=\"col\">Part</th><th scope=\"col\">State</th>{since}"),
        &rows,
        "No part has said anything yet.",
    );
}

fn part(rows: &mut String, component: &ComponentReport, is_inside: bool) {
    let (word, mark) = (word(component.status), mark(component.status));
    let (detail, since) = match (&component.detail, is_inside) {
        (_, false) => (String::new(), String::new()),
        (detail, true) => {
            let detail = detail
                .as_ref()
                .map(|text| format!("<div class=\"detail\">{}</div>", escaped(text)));
            let since = component.since.format("%Y-%m-%d %H:%M:%S UTC");
            (
                detail.unwrap_or_default(),
                format!("<td data-name=\"Since\">{since}</td>"),
            )
        }
    };
    let name = escaped(&component.name);
    // The colour only repeats what mark and word say.
    writeln!(
        rows,
        "<tr><td data-name=\"Part\">{name}{detail}</td><td data-name=\"State\" class=\"{word}\">{mark} {word}</td>{since}</tr>"
    )
    .expect("a String takes every text");
}

fn presence(body: &mut String, inside: &Inside) {
    let mut rows = String::new();
    for one in &inside.there {
        let (class, state) = match one.state {
            PresenceState::Online => ("up", "✓ there"),
            _ => ("down", "✗ gone"),
        };
        let detail = one
            .detail
            .as_deref()
            .map(|text| format!("<div class=\"detail\">{}</div>", escaped(text)));
        writeln!(
            rows,
            "<tr><td data-name=\"Who\">{id}{detail}</td><td data-name=\"Kind\">{kind}</td>\
             <td data-name=\"State\" class=\"{class}\">{state}</td><td data-name=\"Last seen\">{seen}</td></tr>",
            id = escaped(&one.id),
            detail = detail.unwrap_or_default(),
            kind = escaped(one.kind.as_str()),
            seen = ago(inside.now, one.last_seen),
        )
        .expect("a String takes every text");
    }
    section(
        body,
        "Who is there",
        "<th scope=\"col\">Who</th><th scope=\"col\">Kind</th><th scope=\"col\">State</th><th scope=\"col\">Last seen</th>",
        &rows,
        "No service and no bot has said that it is there.",
    );
}

fn bus(body: &mut String, stats: &BusStats, is_operator: bool) {
    let waiting: Option<u64> = stats.log.groups.iter().map(GroupStats::lag).sum();
    let dead: u64 = stats.log.streams.iter().map(|stream| stream.dead).sum();
    let spooled = stats.spooled.filter(|spooled| *spooled > 0);
    let mut facts = vec![
        ("Answers in", span(stats.round_trip)),
        (
            "Waiting",
            waiting.map_or_else(|| "too many to count".into(), number),
        ),
        ("Dead letters", number(dead)),
        (
            "To be published",
            number(stats.queued as u64 + spooled.unwrap_or(0)),
        ),
    ];
    if is_operator {
        let listeners: u64 = stats.channels.iter().map(|(_, count)| count).sum();
        facts.push(("Listeners", number(listeners + stats.patterns)));
    }
    let facts = facts
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n"));
    writeln!(
        body,
        "<section><h2>Bus</h2>\n<dl class=\"facts\">\n{}</dl></section>",
        facts.collect::<String>()
    )
    .expect("a String takes every text");
    if !is_operator {
        return;
    }
    let streams: String = stats
        .log
        .streams
        .iter()
        .filter(|stream| stream.appended > 0)
        .map(stream)
        .collect();
    section(
        body,
        "Streams",
        "<th scope=\"col\">Stream</th><th scope=\"col\">Kept</th><th scope=\"col\">In all</th><th scope=\"col\">Dead</th>",
        &streams,
        "Nothing was published yet.",
    );
    let groups: String = stats.log.groups.iter().map(group).collect();
    section(
        body,
        "Consumers",
        "<th scope=\"col\">Group</th><th scope=\"col\">Readers</th><th scope=\"col\">Lag</th><th scope=\"col\">Open</th>\
         <th scope=\"col\">Retrying</th><th scope=\"col\">Dead</th>",
        &groups,
        "Nobody reads yet.",
    );
}

fn stream(stats: &StreamStats) -> String {
    format!(
        "<tr><td data-name=\"Stream\">{}</td><td data-name=\"Kept\">{}</td><td data-name=\"In all\">{}</td>\
         <td data-name=\"Dead\"{}>{}</td></tr>\n",
        stats.stream,
        number(stats.length),
        number(stats.appended),
        bad(stats.dead),
        number(stats.dead),
    )
}

fn group(stats: &GroupStats) -> String {
    let lag = stats.lag();
    let open: u64 = stats.lanes.iter().map(|lane| lane.pending).sum::<u64>() + stats.inbox;
    let oldest = stats.lanes.iter().filter_map(|lane| lane.oldest).max();
    let oldest = oldest.map(|oldest| format!("<div class=\"detail\">oldest {}</div>", span(oldest)));
    format!(
        "<tr><td data-name=\"Group\">{}</td><td data-name=\"Readers\">{}</td><td data-name=\"Lag\">{}</td>\
         <td data-name=\"Open\">{}{}</td><td data-name=\"Retrying\">{}</td><td data-name=\"Dead\"{}>{}</td></tr>\n",
        escaped(stats.name.as_str()),
        stats.consumers.len(),
        lag.map_or_else(|| "not known".into(), number),
        number(open),
        oldest.unwrap_or_default(),
        number(stats.retrying),
        bad(stats.dead),
        number(stats.dead),
    )
}

fn events(body: &mut String, inside: &Inside) {
    let mut rows = String::new();
    for (event, title) in &inside.events {
        let place = match (&event.guild, title) {
            (_, Some(title)) => format!("<bdi>{}</bdi>", escaped(title)),
            (Some((platform, id)), None) => escaped(&format!("{platform} {id}")),
            (None, None) => "everywhere".into(),
        };
        let case = event.case.map(|case| format!(" case {case}")).unwrap_or_default();
        writeln!(
            rows,
            "<tr><td data-name=\"When\">{at}</td><td data-name=\"What\"><span><code>{kind}</code>{case}</span></td>\
             <td data-name=\"Where\">{place}</td><td data-name=\"By\">{source}</td></tr>",
            at = event.at.format("%H:%M:%S UTC"),
            kind = escaped(&event.event_type),
            source = escaped(&event.source),
        )
        .expect("a String takes every text");
    }
    section(
        body,
        "Last events",
        "<th scope=\"col\">When</th><th scope=\"col\">What</th><th scope=\"col\">Where</th><th scope=\"col\">By</th>",
        &rows,
        "Nothing has happened since this process began. The next event appears here.",
    );
}

fn section(body: &mut String, title: &str, head: &str, rows: &str, empty: &str) {
    let inside = if rows.is_empty() {
        format!("<p class=\"quiet\">{empty}</p>")
    } else {
        format!("<table class=\"stacks\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>")
    };
    writeln!(body, "<section><h2>{title}</h2>\n{inside}</section>").expect("a String takes every text");
}

fn bad(count: u64) -> &'static str {
    if count > 0 { " class=\"down\"" } else { "" }
}

/// With gaps between the thousands.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join("\u{202f}")
}

fn span(span: Duration) -> String {
    match span.as_secs() {
        0 => format!("{:.1} ms", span.as_secs_f64() * 1000.0),
        seconds @ 1..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn ago(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    match (now - at).num_seconds() {
        ..=0 => "now".into(),
        seconds => format!("{} ago", span(Duration::from_secs(seconds.unsigned_abs()))),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(detail: &str) -> Report {
        let component = ComponentReport {
            name: "discord".to_owned(),
            status: Status::Down,
            detail: Some(detail.to_owned()),
            since: "2026-11-20T09:06:00Z".parse().unwrap(),
            required: true,
        };
        Report {
            status: Status::Down,
            service: "backend".into(),
            version: "1.2.3".into(),
            ready: false,
            components: vec![component],
        }
    }

    #[test]
    fn what_a_platform_says_cannot_become_markup() {
        let report = report("<script>alert(\"1\")</script> & more");
        let mut rows = String::new();
        part(&mut rows, &report.components[0], true);
        assert!(
            rows.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; more"),
            "{rows}"
        );
        assert!(!rows.contains("<script>"), "{rows}");
        assert!(rows.contains("✗ down"), "{rows}");
    }

    #[test]
    fn a_stranger_sees_words_and_nothing_more() {
        let page = page(&report("no route to db.internal"), None);
        assert!(page.contains("✗ down") && page.contains("LOCKDOWN is not ready"));
        for hidden in ["db.internal", "1.2.3", "09:06", "Bus", "Last events"] {
            assert!(!page.contains(hidden), "{hidden}");
        }
    }

    #[test]
    fn numbers_and_times_are_read_at_a_glance() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(span(Duration::from_micros(1_540)), "1.5 ms");
        assert_eq!(span(Duration::from_secs(7_300)), "2 h");
        let now = "2026-11-20T09:06:00Z".parse().unwrap();
        assert_eq!(ago(now, now), "now");
        assert_eq!(ago(now, now - chrono::TimeDelta::seconds(130)), "2 min ago");
    }
}
