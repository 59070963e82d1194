//! The pages of signing in. No script but the one that Telegram's answer needs, and nothing from elsewhere.

use super::Ways;
use crate::api::person::Person;
use crate::pages::{escaped, narrow};
use std::fmt::Write as _;

/// The ways in.
pub(super) fn doors(ways: &Ways) -> String {
    let mut doors = String::new();
    for (is_open, path, name) in [
        (ways.discord.is_some(), "discord", "Discord"),
        (ways.telegram.is_some(), "telegram", "Telegram"),
    ] {
        if is_open {
            writeln!(
                doors,
                "<a class=\"button {path}\" href=\"/sign-in/{path}\">Continue with {name}</a>"
            )
            .expect("a String takes every text");
        }
    }
    let (lead, link) = if doors.is_empty() {
        (
            "This installation signs people in by links.",
            "Whoever runs it makes one for you, good once:",
        )
    } else {
        (
            "With the account that you moderate with.",
            "Or by a link from whoever runs this installation:",
        )
    };
    narrow(
        "Sign in",
        "",
        &format!(
            "<h1>Sign in</h1>
<p class=\"lead\">{lead}</p>
{doors}<p class=\"quiet\">{link}</p>
<pre><code>lockdown sign-in link --for NAME</code></pre>
"
        ),
    )
}

pub(super) fn link(login: &str, code: &str) -> String {
    narrow(
        "Sign in",
        "",
        &format!(
            "<h1>Hello, {login}</h1>
<p class=\"lead\">This link signs this browser in, once.</p>
<form method=\"post\" action=\"/sign-in/link\">
<input type=\"hidden\" name=\"code\" value=\"{code}\">
<button class=\"button primary\" type=\"submit\">Sign in as {login}</button>
</form>
<p class=\"quiet\">Not you, or not your device? Close this page: nothing has happened.</p>
",
            login = escaped(login),
            code = escaped(code),
        ),
    )
}

pub(super) fn signed_in(person: &Person) -> String {
    let roles = if person.operates() {
        "You run this installation.".to_owned()
    } else {
        match person.roles().into_iter().collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => {
                "Nobody has given you a role yet: ask an owner of your community.".to_owned()
            }
            some => format!("Your roles: {}.", escaped(&some)),
        }
    };
    narrow(
        "You are signed in",
        "",
        &format!(
            "<h1>You are {login}</h1>
<p class=\"lead\">{roles}</p>
<a class=\"button primary\" href=\"/\">Go on</a>
<form method=\"post\" action=\"/sign-out\">
<input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">
<button class=\"button\" type=\"submit\">Sign out</button>
</form>
<p class=\"quiet\">This session ends by {ends} UTC when it is not used.</p>
",
            login = escaped(&person.account.login),
            csrf = escaped(person.csrf()),
            ends = person.session.expires_at.format("%Y-%m-%d %H:%M"),
        ),
    )
}

/// Hands on what Telegram's answer says behind the `#`.
pub(super) fn relay(state: &str) -> String {
    narrow(
        "Signing in",
        "<script type=\"module\" src=\"/sign-in.js\"></script>\n",
        &format!(
            "<h1>One moment</h1>
<p class=\"lead\" id=\"told\" role=\"status\">Telegram's answer is being read.</p>
<noscript><p>Telegram hands its answer to a script of this page: allow it, or sign in by a link.</p></noscript>
<form id=\"answer\" method=\"post\" action=\"/sign-in/telegram/back\">
<input type=\"hidden\" name=\"state\" value=\"{}\">
</form>
<p class=\"quiet\"><a href=\"/sign-in\">Begin again</a></p>
",
            escaped(state)
        ),
    )
}

pub(super) fn stopped(title: &str, words: &str) -> String {
    narrow(
        title,
        "",
        &format!(
            "<h1>{title}</h1>
<p class=\"lead\" role=\"alert\">{words}</p>
<a class=\"button\" href=\"/sign-in\">To the ways in</a>
"
        ),
    )
}
