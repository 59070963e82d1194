//! Everything that the bot says, by what it is about. `{name}` stands for what is told.

/// Sorted, so that a text is found.
const ENGLISH: &[(&str, &str)] = &[
    ("administrators", "Who keeps order here:\n{names}"),
    (
        "answer_last",
        "Now answer the last message that shall go with /purgeto.",
    ),
    ("cleaned", "The messages {first} to {last} are gone."),
    (
        "cleaned_but",
        "The messages {first} to {last} are gone, but for {old} that are older than 48 hours: Telegram lets nobody delete them.",
    ),
    (
        "cleaned_nothing",
        "All of these messages are older than 48 hours: Telegram lets nobody delete them.",
    ),
    (
        "confirm",
        "Which administrator is this? Press the button within five minutes.",
    ),
    ("confirm_button", "I am an administrator"),
    ("gone_by", "That was too long ago: send the command again."),
    (
        "help",
        "I keep order. Make me an administrator who may delete messages and ban users, then command me in the group.\n\nAnswer a message, or name somebody by number or @username:\n/ban /mute /kick /warn /note [how long] [why], with s before it for silently, with d to delete what is answered, /tban and /tmute for a time\n/unban /unmute /unwarn /warns /resetwarns\n/del /purge [how many] /purgefrom /purgeto\n/pin /unpin /case NUMBER /info\n\nEverybody: /report or @admin as an answer, /adminlist, /id, /kickme",
    ),
    (
        "how_long",
        "How long? Write it before the reason, such as 45s, 3h or 1d12h.",
    ),
    (
        "how_many",
        "Answer the first message that shall go, or write how many, up to {most}.",
    ),
    ("ids", "This chat: {chat}\nYou: {you}"),
    (
        "ids_replied",
        "This chat: {chat}\nYou: {you}\nWho wrote what you answered: {replied}\nThat message: {message}",
    ),
    ("info", "{name}\nNumber: {id}\nHere: {standing}"),
    ("kickme_reason", "they asked for it with /kickme"),
    ("lacks", "You need the right to ban users for that."),
    ("lacks_delete", "You need the right to delete messages for that."),
    ("lacks_pin", "You need the right to pin messages for that."),
    (
        "mark_first",
        "Answer the first message that shall go with /purgefrom before.",
    ),
    ("not_staff", "Only administrators can do that."),
    ("report_staff", "They keep order here, so nobody was called."),
    ("reported", "The administrators were called."),
    (
        "reported_before",
        "The administrators were called for that already.",
    ),
    ("standing_absent", "not a member"),
    ("standing_administrator", "administrator"),
    ("standing_banned", "banned"),
    ("standing_member", "member"),
    ("standing_muted", "muted"),
    ("standing_owner", "owner"),
    (
        "unknown",
        "I do not know @{name}. Answer one of their messages, or write their number.",
    ),
    ("unpinned", "Nothing is pinned any more."),
    ("which_case", "Which case? Write its number after the command."),
    ("which_message", "Answer the message that you mean."),
    (
        "whom",
        "Whom? Answer their message, or write their number or @username after the command.",
    ),
];

/// What is said, with these things in it.
pub(crate) fn words(name: &str, told: &[(&str, &str)]) -> String {
    let at = ENGLISH.binary_search_by_key(&name, |(known, _)| known);
    let text = at.map_or(name, |at| ENGLISH[at].1);
    told.iter().fold(text.to_owned(), |text, (what, is)| {
        text.replace(&format!("{{{what}}}"), is)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_by_its_name() {
        assert!(ENGLISH.is_sorted_by_key(|(name, _)| name));
        assert_eq!(
            words("unknown", &[("name", "eve")]),
            "I do not know @eve. Answer one of their messages, or write their number."
        );
    }
}
