//! The pages that people see: their look, and the status page. No script, and nothing from elsewhere.

pub(crate) mod recent;
pub(crate) mod status;

pub(crate) const STYLE: &str = include_str!("status.css");

/// A page in the look of all of them. `head` and `body` are markup.
fn shell(title: &str, head: &str, class: &str, body: &str) -> String {
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
{head}<title>{title}</title>
<link rel=\"stylesheet\" href=\"/status.css\">
</head>
<body{class}>
<main>
{body}</main>
</body>
</html>
",
        title = escaped(title),
    )
}

/// A page with one thing to do.
pub(crate) fn narrow(title: &str, head: &str, body: &str) -> String {
    let brand = "<p class=\"brand\"><span class=\"lock\" aria-hidden=\"true\"></span>LOCKDOWN</p>\n";
    shell(
        &format!("{title} - LOCKDOWN"),
        head,
        " class=\"narrow\"",
        &format!("{brand}<section class=\"card\">\n{body}</section>\n"),
    )
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
