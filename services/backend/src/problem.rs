//! Errors as `application/problem+json`: a status, a stable code for programs, words for people, and where in the
//! request the fault lies.
//!
//! To add a code: its line in `codes!`. What a driver or a library says never gets here: it is logged.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lockdown_bus::{ArchiveError, EngineError, ProjectError};
use lockdown_moderation::Denied;
use lockdown_moderation::desk::{DeskError, Refused};
use lockdown_policy::Diagnostic;
use lockdown_runtime::chain;
use lockdown_store::StoreError;
use serde_json::{Value, json};
use std::borrow::Cow;

macro_rules! codes {
    ($( $variant:ident = $text:literal, $status:ident, $meaning:literal; )+) => {
        /// What a program acts on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Code { $( $variant, )+ }

        impl Code {
            pub(crate) const ALL: &'static [Self] = &[$( Self::$variant, )+];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }

            pub(crate) fn status(self) -> StatusCode {
                match self { $( Self::$variant => StatusCode::$status, )+ }
            }

            /// When it is answered, for the documents.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $( Self::$variant => $meaning, )+ }
            }
        }
    };
}

codes! {
    Malformed = "malformed", BAD_REQUEST, "The body is not what it is said to be: no JSON, or no text.";
    BadQuery = "bad_query", BAD_REQUEST, "The query is unknown in part, or a value in it is not what it must be.";
    BadKey = "bad_key", BAD_REQUEST, "The `Idempotency-Key` is empty, too long, or not visible ASCII.";
    Unauthorized = "unauthorized", UNAUTHORIZED, "No token and no session came, or one that opens nothing: unknown, expired, revoked or ended.";
    Forbidden = "forbidden", FORBIDDEN, "The token lacks the scope that this takes.";
    Csrf = "csrf", FORBIDDEN, "A session changes something only with its `X-CSRF-Token`, which `GET /api/v1/me` tells.";
    Denied = "denied", FORBIDDEN, "Not on this person, or not by you. `allowed` has what would be.";
    NotLead = "not_lead", FORBIDDEN, "That is for the owner of the federation, or for its admins as well.";
    NotFound = "not_found", NOT_FOUND, "There is no such thing, or none that this token may know of.";
    UnknownGuild = "unknown_guild", NOT_FOUND, "There is no such community, or none that this token may know of.";
    UnknownCase = "unknown_case", NOT_FOUND, "The community has no case of this number.";
    UnknownMessage = "unknown_message", NOT_FOUND, "The bus does not have this message, or no more: send its text.";
    NoRules = "no_rules", NOT_FOUND, "The community has no rules, or none of this version.";
    UnknownRule = "unknown_rule", NOT_FOUND, "The rules have no rule of this id.";
    UnknownFederation = "unknown_federation", NOT_FOUND, "There is no federation of this id.";
    InNone = "in_none", NOT_FOUND, "The community is in no federation.";
    NotSubscribed = "not_subscribed", NOT_FOUND, "The federation does not go by the bans of that one.";
    NoAdmin = "no_admin", NOT_FOUND, "They are no admin of the federation.";
    NotBanned = "not_banned", NOT_FOUND, "They are not banned in the federation.";
    UnknownRole = "unknown_role", NOT_FOUND, "There is no role of this name.";
    NoSuchHolder = "no_such_holder", NOT_FOUND, "They do not have the role in this guild alone.";
    Method = "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not take this method.";
    TooSlow = "too_slow", REQUEST_TIMEOUT, "The body took too long to come.";
    Conflict = "conflict", CONFLICT, "There is or was another one of this name.";
    OwnsOne = "owns_one", CONFLICT, "They own a federation already, and nobody owns two.";
    InOne = "in_one", CONFLICT, "The community is in a federation already: it leaves that one first.";
    LeadsIt = "leads_it", CONFLICT, "The owner and the admins of a federation are not banned in it.";
    Full = "full", CONFLICT, "There are as many as there may be.";
    Already = "already", CONFLICT, "It is so already, and no case of ours made it so.";
    KeyReused = "key_reused", CONFLICT, "The `Idempotency-Key` was used for another request.";
    Replayed = "replayed", CONFLICT, "It was taken before, under the same `webhook-id`.";
    InFlight = "in_flight", CONFLICT, "The request with this `Idempotency-Key` is still being worked at.";
    Overtaken = "overtaken", CONFLICT, "Somebody decided otherwise meanwhile.";
    Banned = "banned", CONFLICT, "They are banned: that comes first.";
    OtherCase = "other_case", CONFLICT, "Another case than the one that was meant is in force.";
    NoWarning = "no_warning", CONFLICT, "The case is no warning that counts.";
    NoCase = "no_case", CONFLICT, "There is no case that this could belong to.";
    Same = "same", CONFLICT, "It is so already.";
    Over = "over", CONFLICT, "The case is over, so its end cannot change.";
    Voided = "voided", CONFLICT, "The case was voided and stays as it is.";
    Stands = "stands", CONFLICT, "What the case began still stands: lift it first.";
    Unanswered = "unanswered", CONFLICT, "The platform has not answered yet.";
    WrongState = "wrong_state", CONFLICT, "The case is not in a state in which this can be.";
    NotPaused = "not_paused", CONFLICT, "The rule is not paused.";
    NotRaised = "not_raised", CONFLICT, "The community is not in this mode.";
    Stale = "stale", PRECONDITION_FAILED, "It was changed since you looked: look again, and send yours with the new `ETag`.";
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "The body is longer than it may be.";
    MediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is not said to be of the content type that this takes.";
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "The body is JSON, and not what this takes: `errors` says where.";
    BadRules = "bad_rules", UNPROCESSABLE_ENTITY, "The rules have faults: `errors` has each with its line and column.";
    BadId = "bad_id", UNPROCESSABLE_ENTITY, "An id is not one of this platform.";
    UnknownPerson = "unknown_person", UNPROCESSABLE_ENTITY, "Nobody with this id was ever seen.";
    BadReason = "bad_reason", UNPROCESSABLE_ENTITY, "The reason is empty, too long, or has control characters.";
    BadDuration = "bad_duration", UNPROCESSABLE_ENTITY, "The duration or end is not understood, past, too long, or has no place here.";
    BadDeleteWindow = "bad_delete_window", UNPROCESSABLE_ENTITY, "The platform does not remove messages that far back.";
    NoRule = "no_rule", UNPROCESSABLE_ENTITY, "A wish by a rule names the rule.";
    NoModerator = "no_moderator", UNPROCESSABLE_ENTITY, "A wish names the moderator who has it.";
    BadSettings = "bad_settings", UNPROCESSABLE_ENTITY, "A setting is unknown or cannot be so: `errors` says which.";
    ReasonRequired = "reason_required", UNPROCESSABLE_ENTITY, "Nobody is banned in this federation without a reason.";
    NoAccount = "no_account", UNPROCESSABLE_ENTITY, "Whoever asks has no account on the platform of this community.";
    BadLadder = "bad_ladder", UNPROCESSABLE_ENTITY, "The community's settings have no good ladder.";
    Limited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests: `Retry-After` says when the next one is taken.";
    TooManyStreams = "too_many_streams", TOO_MANY_REQUESTS, "The token or the address has as many streams open as may be: close one.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "A fault of ours, which the log has in full.";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too much is being worked at: try again in a moment.";
    Starting = "starting", SERVICE_UNAVAILABLE, "The store or the bus is not open yet.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The store or the bus cannot be reached: try again in a moment.";
    RankUnknown = "rank_unknown", SERVICE_UNAVAILABLE, "The platform did not say how somebody stands: try again in a moment.";
    Timeout = "timeout", SERVICE_UNAVAILABLE, "It took too long, and may have happened or not: ask again with the same `Idempotency-Key`.";
}

/// One fault, and where in the request it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `reason`, `evidence[0].messageId`, a parameter of the query or a header; empty: the whole.
    pub(crate) path: String,
    pub(crate) message: String,
    /// In rules: what was found, with its place in the file.
    pub(crate) found: Option<Box<Diagnostic>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    detail: Cow<'static, str>,
    faults: Vec<Fault>,
    /// What the same caller may do to the same person.
    allowed: Option<Vec<&'static str>>,
    /// In seconds.
    retry_after: Option<u64>,
}

// === impl Code ===

impl Code {
    pub(crate) fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

// === impl Fault ===

impl Fault {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            found: None,
        }
    }

    fn shown(&self) -> Value {
        let found = self.found.as_ref().map(serde_json::to_value);
        let mut shown = match found {
            Some(Ok(found)) => found,
            _ => json!({}),
        };
        shown["path"] = self.path.as_str().into();
        shown["message"] = self.message.as_str().into();
        shown
    }
}

impl From<Diagnostic> for Fault {
    fn from(found: Diagnostic) -> Self {
        Self {
            path: format!("{}:{}:{}", found.file, found.line, found.column),
            message: found.message.clone(),
            found: Some(found.into()),
        }
    }
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        // Whatever passes by itself says when to come again.
        let passing = matches!(
            code.status(),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        );
        Self {
            code,
            detail: detail.into(),
            faults: Vec::new(),
            allowed: None,
            retry_after: (passing || code == Code::InFlight).then_some(1),
        }
    }

    /// In the words of the code's own meaning.
    pub(crate) fn of(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    pub(crate) fn at(mut self, path: impl Into<String>, message: impl Into<String>) -> Self {
        self.faults.push(Fault::new(path, message));
        self
    }

    /// Faults of values, each with its place; the first names the code.
    pub(crate) fn faults(code: Code, faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [fault] => fault.message.clone(),
            faults => format!("There are {} faults.", faults.len()),
        };
        Self {
            faults,
            ..Self::new(code, detail)
        }
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// For people: what is wrong, each fault on its line.
    pub(crate) fn words(&self) -> String {
        match self.faults.as_slice() {
            [] | [_] => self.detail.to_string(),
            faults => {
                let line = |fault: &Fault| format!("{}: {}", fault.path, fault.message);
                faults.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// Where the first fault lies.
    #[cfg(test)]
    pub(crate) fn first_path(&self) -> Option<&str> {
        self.faults.first().map(|fault| fault.path.as_str())
    }

    /// With the id by which the log knows the request.
    pub(crate) fn respond(&self, request: Option<&str>) -> Response {
        let status = self.code.status();
        let mut body = json!({
            "type": "about:blank", "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(), "code": self.code.as_str(), "detail": self.detail,
        });
        if !self.faults.is_empty() {
            let faults = self.faults.iter();
            body["errors"] = faults.map(Fault::shown).collect();
        }
        if let Some(allowed) = &self.allowed {
            body["allowed"] = Value::from(allowed.clone());
        }
        if let Some(request) = request {
            body["requestId"] = request.into();
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, body.to_string()).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(None)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            tracing::warn!("The store did not do its part: {}", chain(&error));
            return Self::of(Code::Unavailable);
        }
        tracing::error!("The store did not do its part: {}", chain(&error));
        Self::of(Code::Internal)
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        tracing::warn!("The bus did not do its part: {}", chain(&error));
        match error {
            EngineError::Refused(_) => Self::of(Code::Internal),
            EngineError::Away(_) | EngineError::Full(_) | EngineError::Closed => Self::of(Code::Unavailable),
        }
    }
}

impl From<ProjectError> for Problem {
    fn from(error: ProjectError) -> Self {
        match error {
            ProjectError::Engine(error) => error.into(),
            ProjectError::Archive(error) => {
                tracing::warn!("The archive did not do its part: {}", chain(&error));
                match error {
                    ArchiveError::Away(_) | ArchiveError::Busy { .. } => Self::of(Code::Unavailable),
                    ArchiveError::Unreadable { .. } => Self::of(Code::Internal),
                }
            }
        }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        let refused = match error {
            DeskError::Refused(refused) => refused,
            DeskError::Store(error) => return error.into(),
            DeskError::Records(_) => {
                tracing::error!("The desk could not do its part: {}", chain(&error));
                return Self::of(Code::Internal);
            }
        };
        let code = Code::find(refused.code()).unwrap_or(Code::Invalid);
        let problem = Self::new(code, refused.to_string());
        let path = match &refused {
            Refused::NoId { what, .. } if *what == "the person" => "userId",
            Refused::UnknownPerson(_) => "userId",
            Refused::Reason(_) => "reason",
            Refused::DeleteWindow(_) | Refused::RemovesNothing(_) => "deleteMessageSeconds",
            _ if code == Code::BadDuration => "duration",
            Refused::Denied(Denied { allowed, .. }) => {
                let allowed = allowed.iter().map(|action| action.as_str()).collect();
                return Self {
                    allowed: Some(allowed),
                    ..problem
                };
            }
            _ => return problem,
        };
        problem.at(path, refused.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_different_and_errors_all() {
        for (at, code) in Code::ALL.iter().enumerate() {
            assert_eq!(Code::find(code.as_str()), Some(*code));
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(!Code::ALL[..at].contains(code));
        }
    }

    /// What the desk refuses has its own code, or programs would be told nothing.
    #[test]
    fn every_code_of_the_desk_is_known() {
        let source = include_str!("../../../crates/moderation/src/desk/error.rs");
        let codes: Vec<&str> = source
            .lines()
            .filter_map(|line| line.split_once("=> \""))
            .map(|(_, rest)| rest.trim_end_matches("\","))
            .filter(|code| code.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            .collect();
        assert!(
            codes.len() > 20,
            "the file is not read as it is written: {codes:?}"
        );
        for code in codes {
            assert!(Code::find(code).is_some(), "`{code}` is no code of the API");
        }
    }
}
