//! What a handler takes: the query, the body, both or nothing. Whatever is unknown or wrong is refused by its name.
//!
//! A body that is no JSON is 400; one that is JSON and not what the route takes is 422, as are values that the desk refuses.

use super::route::{JSON, Raw};
use crate::problem::{Code, Fault, Problem};
use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeZone, Utc};
use lockdown_moderation::{Span, Term};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use std::collections::BTreeSet;
use std::str::FromStr;

/// How much a page may hold, and holds when nobody says.
pub(crate) const MOST: u64 = 200;
const USUAL: u64 = 50;

/// The parts of a request that a route reads, as schemas.
pub(crate) struct Shape {
    /// An object, whose properties are the parameters.
    pub(crate) query: Option<Schema>,
    pub(crate) body: Option<Schema>,
    /// The content type of the body.
    pub(crate) media: &'static str,
    /// Headers that it reads, each with its meaning.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

pub(crate) trait Take: Sized {
    fn take(raw: &Raw) -> Result<Self, Problem>;
    fn describe(generator: &mut SchemaGenerator) -> Shape;
}

/// The body, as JSON. `T` refuses unknown fields.
pub(crate) struct Body<T>(pub(crate) T);

/// The query. `T` refuses unknown parameters.
pub(crate) struct Query<T>(pub(crate) T);

/// No body and no query.
pub(crate) struct Nothing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// Where a page begins, and how much it holds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// `nextCursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// How many at most: 1 to 200, 50 when it is absent.
    #[schemars(range(min = 1, max = 200))]
    pub(crate) limit: Option<u64>,
}

// === impl Shape ===

impl Default for Shape {
    fn default() -> Self {
        Self {
            query: None,
            body: None,
            media: JSON,
            headers: &[],
        }
    }
}

// === impl Take ===

impl Take for Nothing {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        parse_query::<Empty>(&raw.query).map(|_| Self)
    }

    fn describe(_: &mut SchemaGenerator) -> Shape {
        Shape::default()
    }
}

impl<T: DeserializeOwned + JsonSchema> Take for Body<T> {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        parse_query::<Empty>(&raw.query)?;
        parse_body(&raw.headers, &raw.body).map(Self)
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            body: Some(generator.subschema_for::<T>()),
            ..Shape::default()
        }
    }
}

impl<T: DeserializeOwned + JsonSchema> Take for Query<T> {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        parse_query(&raw.query).map(Self)
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            query: Some(T::json_schema(generator)),
            ..Shape::default()
        }
    }
}

pub(super) fn parse_query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let refused =
        |path: &str, message: String| Problem::faults(Code::BadQuery, vec![Fault::new(path, message)]);
    if text.contains('\0') || text.contains("%00") {
        return Err(refused("", "A parameter has no NUL in it.".into()));
    }
    let pairs = form_urlencoded::parse(text.as_bytes());
    let mut names = BTreeSet::new();
    for (name, _) in pairs {
        if !names.insert(name.clone()) {
            return Err(refused(&name, "This parameter is there twice.".into()));
        }
    }
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        };
        refused(&path, error.inner().to_string())
    })
}

pub(super) fn parse_body<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let text = body_text(headers, body, JSON)?;
    // The library would take a list for the fields in their order.
    if text.trim_start().starts_with('[') {
        let fault = Fault::new("", "The body is a list, where an object must be.");
        return Err(Problem::faults(Code::Invalid, vec![fault]));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer);
    let value = read.map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            Category::Data => {
                let path = if path == "." { String::new() } else { path };
                Problem::faults(Code::Invalid, vec![Fault::new(path, inner.to_string())])
            }
            Category::Io | Category::Syntax | Category::Eof => {
                Problem::new(Code::Malformed, format!("The body is no JSON: {inner}."))
            }
        }
    })?;
    deserializer
        .end()
        .map_err(|error| Problem::new(Code::Malformed, format!("The body is no JSON: {error}.")))?;
    Ok(value)
}

/// A body that is said to be of this content type, and is text.
pub(super) fn body_text<'b>(headers: &HeaderMap, body: &'b [u8], media: &str) -> Result<&'b str, Problem> {
    if !is_media(headers, media) {
        let detail = format!("Send the body as `Content-Type: {media}`.");
        return Err(Problem::new(Code::MediaType, detail));
    }
    if body.is_empty() {
        return Err(Problem::new(Code::Malformed, "There is no body."));
    }
    std::str::from_utf8(body)
        .map_err(|error| Problem::new(Code::Malformed, format!("The body is no UTF-8: {error}.")))
}

fn is_media(headers: &HeaderMap, media: &str) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (kind, rest) = kind.split_once(';').unwrap_or((kind, ""));
    let charset = rest.trim().to_ascii_lowercase();
    kind.trim().eq_ignore_ascii_case(media)
        && matches!(charset.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}

// === impl PageQuery ===

impl PageQuery {
    pub(crate) fn limit(&self) -> Result<u64, Problem> {
        bounded(self.limit)
    }

    pub(crate) fn cursor<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        cursor(self.cursor.as_deref())
    }
}

pub(crate) fn bounded(limit: Option<u64>) -> Result<u64, Problem> {
    match limit.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        limit => Err(bad_query(
            "limit",
            format!("A page holds 1 to {MOST}, not {limit}."),
        )),
    }
}

/// Leaves a page of what was read, which was one more than it holds; the last of it, where others come after.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: u64) -> Option<&T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more)
}

pub(crate) fn cursor<T: FromStr>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| {
        bad_query(
            "cursor",
            "This is no cursor of ours: take `nextCursor` as it is.".into(),
        )
    })
}

pub(crate) fn bad_query(path: &str, message: String) -> Problem {
    Problem::faults(Code::BadQuery, vec![Fault::new(path, message)])
}

/// An id as text: numbers of JSON do not hold those of Discord.
pub(crate) fn text_id<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

/// As [`text_id`], where it may be absent.
pub(crate) fn text_id_or_none<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom))
        .transpose()
}

/// When something ends: by a duration or a date in people's words, or by a time; for ever without either. Dates are by the clock
/// of `zone`.
pub(crate) fn ends<Z: TimeZone>(
    duration: Option<&str>,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    zone: &Z,
) -> Result<Term, Problem> {
    let (path, read) = match (duration, expires_at) {
        (None, None) => return Ok(Term::Forever),
        (Some(_), Some(_)) => {
            let message = "Say `duration` or `expiresAt`, not both.";
            return Err(Problem::faults(
                Code::BadDuration,
                vec![Fault::new("expiresAt", message)],
            ));
        }
        (Some(text), None) => ("duration", Term::parse(text, now, zone, Span::LONGEST)),
        (None, Some(at)) => ("expiresAt", Term::Until(at).within(now, None)),
    };
    read.map_err(|error| Problem::faults(Code::BadDuration, vec![Fault::new(path, error.to_string())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Small {
        name: String,
        #[serde(default)]
        inner: Option<Box<Small>>,
    }

    fn body(text: &[u8]) -> Result<Small, (Code, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            "application/json; charset=utf-8".parse().unwrap(),
        );
        parse_body(&headers, text)
            .map_err(|problem| (problem.code, problem.first_path().unwrap_or_default().to_owned()))
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_the_wrong_json() {
        assert_eq!(body(br#"{"name":"a"}"#).unwrap().name, "a");
        for malformed in [&b"{"[..], b"", b"\xff\xfe", br#"{"name":"a"} x"#, b"nul"] {
            assert_eq!(body(malformed).unwrap_err().0, Code::Malformed, "{malformed:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(body(deep.as_bytes()).unwrap_err().0, Code::Invalid);
        let nested = format!("{}{}", r#"{"name":"a","inner":"#.repeat(200), "null");
        assert_eq!(body(nested.as_bytes()).unwrap_err().0, Code::Malformed);
        let wrong = |text: &str| body(text.as_bytes()).unwrap_err();
        assert_eq!(wrong(r#"{"name":1}"#), (Code::Invalid, "name".into()));
        assert_eq!(
            wrong(r#"{"name":"a","inner":{"name":"b","colour":1}}"#),
            (Code::Invalid, "inner.colour".into())
        );
        assert_eq!(wrong("{}").0, Code::Invalid);
    }

    #[test]
    fn a_body_says_that_it_is_json() {
        let refused = parse_body::<Small>(&HeaderMap::new(), br#"{"name":"a"}"#).unwrap_err();
        assert_eq!(refused.code, Code::MediaType);
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            "application/json; charset=latin1".parse().unwrap(),
        );
        assert!(!is_media(&headers, JSON));
    }

    #[test]
    fn a_query_names_what_it_does_not_know() {
        let query = parse_query::<PageQuery>("limit=5&cursor=7").unwrap();
        assert_eq!(
            (query.limit().unwrap(), query.cursor().unwrap()),
            (5, Some(7_u64))
        );
        for (text, path) in [
            ("limit=x", "limit"),
            ("page=1", "page"),
            ("limit=1&limit=2", "limit"),
        ] {
            let refused = parse_query::<PageQuery>(text).unwrap_err();
            assert_eq!(
                (refused.code, refused.first_path()),
                (Code::BadQuery, Some(path)),
                "{text}"
            );
        }
        assert!(parse_query::<PageQuery>("limit=0").unwrap().limit().is_err());
        assert!(parse_query::<PageQuery>("limit=201").unwrap().limit().is_err());
        assert!(
            parse_query::<PageQuery>("cursor=a")
                .unwrap()
                .cursor::<u64>()
                .is_err()
        );
    }

    #[test]
    fn an_end_is_said_once() {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        assert_eq!(ends(None, None, now, &Utc).unwrap(), Term::Forever);
        let later = "2026-11-20T10:00:00Z".parse().unwrap();
        assert_eq!(ends(Some("1h"), None, now, &Utc).unwrap(), Term::Until(later));
        assert_eq!(ends(None, Some(later), now, &Utc).unwrap(), Term::Until(later));
        for (duration, expires_at) in [(Some("1h"), Some(later)), (Some("soon"), None), (None, Some(now))] {
            let refused = ends(duration, expires_at, now, &Utc).unwrap_err();
            assert_eq!(refused.code, Code::BadDuration);
        }
    }
}
