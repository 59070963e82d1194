//! The page `/docs`: every route in the words of its table, for people. No script, and nothing from elsewhere.

use super::access::Needs;
use super::openapi::{codes, tag};
use super::route::Route;
use super::{PREFIX, routes};
use crate::pages::escaped;
use schemars::SchemaGenerator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) fn page() -> String {
    let mut by_tag: BTreeMap<String, Vec<Route>> = BTreeMap::new();
    for route in routes() {
        by_tag.entry(tag(&route).to_owned()).or_default().push(route);
    }
    let mut body = String::new();
    for (tag, routes) in &by_tag {
        writeln!(body, "<h2>{}</h2>", escaped(tag)).expect("a String takes every text");
        for route in routes {
            section(&mut body, route);
        }
    }
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>LOCKDOWN: the API</title>
<link rel=\"stylesheet\" href=\"/status.css\">
</head>
<body>
<main>
<h1>The API of LOCKDOWN</h1>
<p class=\"lead\">Send a token as <code>Authorization: Bearer &lt;token&gt;</code>; <code>lockdown token create</code> makes one.
Errors have a stable <code>code</code>. A POST with an <code>Idempotency-Key</code> can be repeated: it has its effect once.</p>
{body}<footer>For programs: <a href=\"/openapi.json\">this API</a>, <a href=\"/asyncapi.json\">events</a>.</footer>
</main>
</body>
</html>
"
    )
}

fn section(page: &mut String, route: &Route) {
    let mut generator = SchemaGenerator::default();
    let shape = (route.takes)(&mut generator);
    let path = format!("{PREFIX}{}", route.path);
    let mut inside = String::new();
    let mut line = |text: &str| inside.push_str(text);
    if !route.about.is_empty() {
        line(&format!("<p>{}</p>\n", escaped(route.about)));
    }
    line(&format!(
        "<p>Needs {}{}.</p>\n",
        escaped(&route.needs.words()),
        match route.needs {
            Needs::Signature => String::new(),
            needs => format!(": a role of {} or above has it", needs.role().as_str()),
        }
    ));
    if let Some(query) = &shape.query {
        let names = query.get("properties").and_then(Value::as_object);
        let rows = names.into_iter().flatten().map(|(name, schema)| {
            let about = schema["description"].as_str().unwrap_or_default();
            format!(
                "<tr><td><code>{}</code></td><td>{}</td></tr>\n",
                escaped(name),
                escaped(about)
            )
        });
        let rows: String = rows.collect();
        line(&format!(
            "<table><thead><tr><th scope=\"col\">In the query</th><th scope=\"col\">Meaning</th></tr></thead>\
             <tbody>\n{rows}</tbody></table>\n"
        ));
    }
    for (words, sample) in [("Takes", &route.sample), ("Gives", &route.answer)] {
        if let Some(sample) = sample {
            let text = match sample {
                Value::String(text) => text.clone(),
                sample => serde_json::to_string_pretty(sample).unwrap_or_default(),
            };
            line(&format!("<p>{words}</p>\n<pre>{}</pre>\n", escaped(&text)));
        }
    }
    let rows = codes(route, shape.body.is_some()).into_iter().map(|code| {
        let (status, word) = (code.status().as_u16(), code.as_str());
        format!(
            "<tr><td>{status}</td><td><code>{word}</code></td><td>{}</td></tr>\n",
            escaped(code.meaning())
        )
    });
    let rows: String = rows.collect();
    line(&format!(
        "<table><thead><tr><th scope=\"col\">Status</th><th scope=\"col\">Code</th><th scope=\"col\">Meaning</th></tr>\
         </thead><tbody>\n{rows}</tbody></table>\n"
    ));
    writeln!(
        page,
        "<details id=\"{id}\"><summary><code>{method} {path}</code> {summary}</summary>\n{inside}</details>",
        id = route.id,
        method = route.method,
        path = escaped(&path),
        summary = escaped(route.summary),
    )
    .expect("a String takes every text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_route_and_no_script() {
        let page = page();
        for route in routes() {
            assert!(
                page.contains(&format!("<details id=\"{}\">", route.id)),
                "{}",
                route.id
            );
        }
        assert!(!page.contains("<script") && !page.contains("style=") && !page.contains("//cdn"));
    }
}
