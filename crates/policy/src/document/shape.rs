//! The keys of a rule file, once: for the reader, for "did you mean" and for the editors' schema.

use crate::event::EventKind;

/// A key and what stands behind it.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
    pub(crate) doc: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Flag,
    /// A whole number from the first to the second.
    Whole(u32, u32),
    Duration,
    Word(&'static [&'static str]),
    Condition,
    Action,
    /// A list of these; a single one stands for a list of one.
    List(&'static Shape),
    Object(&'static [Key]),
    /// Names of one's own choice with these.
    Named(&'static Shape),
    Either(&'static [Shape]),
    /// Facts of an example: a path and its value.
    Facts,
}

const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        required: false,
        shape,
        doc,
    }
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        required: true,
        ..key(name, shape, doc)
    }
}

const TEXTS: Shape = Shape::List(&Shape::Text);
const ACTIONS: Shape = Shape::List(&Shape::Action);
const MODE: Shape = Shape::Word(super::Mode::NAMES);

pub(crate) static FILE: &[Key] = &[
    required("version", Shape::Whole(1, 1), "The version of the language: 1."),
    key(
        "defaults",
        Shape::Object(DEFAULTS),
        "What holds for every rule that does not say otherwise.",
    ),
    key(
        "lists",
        Shape::Named(&Shape::Object(LIST)),
        "Words, domains, values and patterns, by the names that conditions use.",
    ),
    key(
        "ladder",
        Shape::Object(LADDER),
        "What follows when strikes add up.",
    ),
    required("rules", Shape::List(&Shape::Object(RULE)), "The rules."),
];

pub(crate) static DEFAULTS: &[Key] = &[
    key("exempt", Shape::Object(EXEMPT), "Whom rules do not concern."),
    key(
        "limit",
        Shape::Object(LIMIT),
        "How much a rule may do before it stops by itself.",
    ),
    key(
        "mode",
        MODE,
        "Whether rules act (live), say what they would do (shadow), or rest (disabled).",
    ),
];

pub(crate) static EXEMPT: &[Key] = &[
    key("staff", Shape::Flag, "Moderators and administrators."),
    key("bots", Shape::Flag, "Bots and webhooks."),
    key("roles", TEXTS, "Whoever has one of these roles, by name or id."),
    key(
        "channels",
        TEXTS,
        "Whatever happens in one of these channels, by name or id.",
    ),
    key("labels", TEXTS, "Whoever bears one of these labels."),
    key("people", TEXTS, "People, by id."),
];

pub(crate) static LIMIT: &[Key] = &[
    required(
        "actions",
        Shape::Whole(1, crate::counter::MOST - 1),
        "How many people or messages a rule may act on.",
    ),
    required("per", Shape::Duration, "In this time."),
    key(
        "then",
        Shape::Word(&["pause", "wait"]),
        "pause: quiet until a person resumes the rule; wait: quiet until it is below the limit again.",
    ),
];

pub(crate) static LIST: &[Key] = &[
    key(
        "words",
        TEXTS,
        "Words and phrases; `*` at an end stands for the rest of a word.",
    ),
    key("domains", TEXTS, "Domains; what is below them belongs to them."),
    key("values", TEXTS, "Values such as file endings, codes or hashes."),
    key(
        "regexes",
        TEXTS,
        "Regular expressions, without look-around or back-references.",
    ),
    key(
        "fold",
        Shape::Flag,
        "Words are also found in disguise: look-alike letters, accents, leet. true unless said otherwise.",
    ),
    key(
        "subscribe",
        TEXTS,
        "Shared lists that are added: list/NAME@CHANNEL.",
    ),
    key("about", Shape::Text, "What it is for."),
];

pub(crate) static LADDER: &[Key] = &[
    key(
        "decay",
        Shape::Duration,
        "How long a strike counts; for ever without.",
    ),
    required(
        "steps",
        Shape::List(&Shape::Object(STEP)),
        "What follows at how many strikes.",
    ),
];

pub(crate) static STEP: &[Key] = &[
    required("at", Shape::Whole(1, 10_000), "How many strikes."),
    required("do", ACTIONS, "What follows."),
    key("needs", NEEDS_OR_WORD, "`approval`: a moderator has to agree."),
];

const NEEDS_OR_WORD: Shape = Shape::Either(&[Shape::Word(&["approval"]), Shape::Object(NEEDS)]);

pub(crate) static NEEDS: &[Key] = &[
    required(
        "approval",
        Shape::Whole(1, 10),
        "How many moderators have to agree.",
    ),
    key("unless", Shape::Condition, "Nobody has to while this holds."),
];

pub(crate) static RULE: &[Key] = &[
    required(
        "id",
        Shape::Text,
        "The rule's name in records: small letters, digits, `-` and `_`.",
    ),
    key("about", Shape::Text, "What it is for."),
    key(
        "policy",
        Shape::Text,
        "The policy that is broken: what the person is told.",
    ),
    required(
        "events",
        Shape::List(&Shape::Word(EventKind::NAMES)),
        "What is judged.",
    ),
    key(
        "platforms",
        Shape::List(&Shape::Word(&["discord", "telegram"])),
        "Where the rule holds; everywhere without.",
    ),
    key(
        "when",
        Shape::List(&Shape::Condition),
        "Conditions, all of which have to hold.",
    ),
    key("count", Shape::Object(COUNT), "How often it has to happen."),
    key(
        "exempt",
        Shape::Either(&[Shape::Word(&["none"]), Shape::Object(EXEMPT)]),
        "Whom it does not concern, beside the defaults; `none` sets the defaults aside.",
    ),
    required("then", ACTIONS, "What is done."),
    key("mode", MODE, "Whether it acts."),
    key("needs", NEEDS_OR_WORD, "Who has to agree first."),
    key(
        "limit",
        Shape::Object(LIMIT),
        "How much it may do before it stops by itself.",
    ),
    key(
        "examples",
        Shape::Object(EXAMPLES),
        "Messages that it must hit or miss: tried whenever the file is checked.",
    ),
];

pub(crate) static COUNT: &[Key] = &[
    required("of", TEXTS, "What belongs together."),
    key(
        "distinct",
        Shape::Text,
        "Counts how many different ones there are, not how many events.",
    ),
    key(
        "across",
        Shape::Word(&["guild", "network"]),
        "guild: in the community; network: in all communities of this installation.",
    ),
    required("within", Shape::Duration, "In what time."),
    required(
        "at_least",
        Shape::Whole(1, crate::counter::MOST),
        "From how many on the rule hits.",
    ),
];

pub(crate) static EXAMPLES: &[Key] = &[
    key("hit", CASES, "The rule hits these."),
    key("miss", CASES, "The rule misses these."),
];

const CASES: Shape = Shape::List(&Shape::Either(&[Shape::Text, Shape::Object(EXAMPLE)]));

pub(crate) static EXAMPLE: &[Key] = &[
    key("text", Shape::Text, "What was written, or the new name."),
    key(
        "event",
        Shape::Word(EventKind::NAMES),
        "The kind of event; the rule's first without.",
    ),
    key(
        "times",
        Shape::Whole(1, crate::counter::MOST),
        "How often it happens, within the counter's time.",
    ),
    key(
        "facts",
        Shape::Facts,
        "What else is known: paths of the catalogue with their values.",
    ),
];
