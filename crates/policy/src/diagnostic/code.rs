//! The stable name of each kind of fault.

use serde::Serialize;

macro_rules! codes {
    ($( $variant:ident = $name:literal, $meaning:literal; )*) => {
        /// What kind of fault it is. The words are part of the API: they are added to, never changed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        pub enum Code { $( #[doc = $meaning] #[serde(rename = $name)] $variant, )* }

        impl Code {
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// One line for the reference page.
            pub fn meaning(self) -> &'static str {
                match self { $( Self::$variant => $meaning, )* }
            }
        }
    };
}

codes! {
    NotYaml = "not_yaml", "The file is not the YAML that rules are written in.";
    TooLarge = "too_large", "The file, a list or an expression is beyond its limit.";
    Duplicate = "duplicate", "A key, a rule or a name stands there twice.";
    UnknownKey = "unknown_key", "A key that is not known at this place.";
    MissingKey = "missing_key", "A key that has to be there is not.";
    WrongType = "wrong_type", "A value is not of the form that belongs there.";
    BadExpression = "bad_expression", "A condition cannot be read.";
    UnknownField = "unknown_field", "No feature is called this.";
    UnknownMethod = "unknown_method", "The feature cannot be asked this.";
    BadDuration = "bad_duration", "A length of time cannot be read.";
    BadAction = "bad_action", "An action cannot be read.";
    BadWord = "bad_word", "An entry of a word list cannot be used.";
    BadPattern = "bad_pattern", "A regular expression is refused.";
    BadDomain = "bad_domain", "An entry of a domain list is no domain.";
    NoList = "no_list", "No list is called this.";
    WrongList = "wrong_list", "The list is of another kind than the question.";
    UnusedList = "unused_list", "No rule asks this list.";
    ListNotHere = "list_not_here", "A subscription names a list that is not known here.";
    UnknownRole = "unknown_role", "The community has no role of this name.";
    UnknownChannel = "unknown_channel", "The community has no channel of this name.";
    NotOnPlatform = "not_on_platform", "A platform in scope never tells this, or cannot do it.";
    NotOnEvent = "not_on_event", "None of the rule's events has this.";
    NoPermission = "no_permission", "The bot lacks the right that an action needs.";
    TimeoutTooLong = "timeout_too_long", "The platform ends a time-out sooner.";
    BanWithoutLimit = "ban_without_limit", "A rule that bans has no limit that would stop it.";
    ShortWord = "short_word", "A word this short hits by accident.";
    AlwaysTrue = "always_true", "A condition that always holds.";
    NeverTrue = "never_true", "A condition that never holds.";
    ExampleFails = "example_fails", "An example does not turn out as the file says.";
    CountedNothing = "counted_nothing", "An action on what was counted, in a rule that counts nothing.";
}
