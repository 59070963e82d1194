//! The words that are understood, and what each stands for. To add one: a row here, its name in the help page, and where it
//! stands for something new, see `deed.rs`.

use super::deed::{
    Approval, Blocked, Chosen, Clean, Connect, Deed, Federated, Filtered, Flood, How, Learn, Listed, Lock,
    Needs, Raid, Rung, Switch, Topic, Transfer,
};
use lockdown_events::Action;

/// What can stand before a word, and which letters of it ask for what: `s`ilent, `d`elete what is answered, for a `t`ime.
const FORMS: [&str; 6] = ["", "s", "d", "t", "st", "dt"];

struct Row {
    word: &'static str,
    deed: Deed,
    forms: &'static str,
}

const fn row(word: &'static str, deed: Deed, forms: &'static str) -> Row {
    Row { word, deed, forms }
}

const ROWS: &[Row] = &[
    row("ban", Deed::Act(Action::Ban), "sdt"),
    row("unban", Deed::Act(Action::Unban), "s"),
    row("softban", Deed::Act(Action::Softban), "sd"),
    row("kick", Deed::Act(Action::Kick), "sd"),
    row("mute", Deed::Act(Action::Mute), "sdt"),
    row("ro", Deed::Act(Action::Mute), "sdt"),
    row("restrict", Deed::Act(Action::Mute), "sdt"),
    row("unmute", Deed::Act(Action::Unmute), "s"),
    row("warn", Deed::Act(Action::Warn), "sd"),
    row("note", Deed::Act(Action::Note), "s"),
    row("case", Deed::Case, ""),
    row("why", Deed::Why, ""),
    row("del", Deed::Clean(Clean::One), "s"),
    row("delete", Deed::Clean(Clean::One), "s"),
    row("purge", Deed::Clean(Clean::Since), "s"),
    row("purgefrom", Deed::Clean(Clean::From), "s"),
    row("purgeto", Deed::Clean(Clean::To), "s"),
    row("pin", Deed::Pin, "s"),
    row("unpin", Deed::Unpin, "s"),
    row("unpinall", Deed::UnpinAll, "s"),
    row("report", Deed::Report, ""),
    row("admin", Deed::Report, ""),
    row("admins", Deed::Report, ""),
    row("kickme", Deed::KickMe, ""),
    row("id", Deed::Id, ""),
    row("info", Deed::Info, ""),
    row("adminlist", Deed::Administrators, ""),
    row("staff", Deed::Administrators, ""),
    row("help", Deed::Help, ""),
    row("start", Deed::Help, ""),
    row("unwarn", Deed::Act(Action::Unwarn), "s"),
    row("rmwarn", Deed::Act(Action::Unwarn), "s"),
    row("warns", Deed::Warnings, ""),
    row("resetwarn", Deed::Forgive, "s"),
    row("resetwarns", Deed::Forgive, "s"),
    row("captcha", Deed::Choose(Chosen::Captcha), ""),
    row("captchamode", Deed::Choose(Chosen::Captcha), ""),
    row("joinrequests", Deed::Choose(Chosen::Requests), ""),
    row("welcome", Deed::Choose(Chosen::Welcome), ""),
    row("setwelcome", Deed::Choose(Chosen::SetWelcome), ""),
    row("rules", Deed::Choose(Chosen::ShowRules), ""),
    row("setrules", Deed::Choose(Chosen::SetRules), ""),
    row("lock", Deed::Lock(Lock::On), ""),
    row("unlock", Deed::Lock(Lock::Off), ""),
    row("locks", Deed::Lock(Lock::Show), ""),
    row("locktypes", Deed::Lock(Lock::Types), ""),
    row("blocklist", Deed::Blocklist(Blocked::Show), ""),
    row("addblocklist", Deed::Blocklist(Blocked::Add), ""),
    row("addblacklist", Deed::Blocklist(Blocked::Add), ""),
    row("rmblocklist", Deed::Blocklist(Blocked::Remove), ""),
    row("unblocklist", Deed::Blocklist(Blocked::Remove), ""),
    row("unblocklistall", Deed::Blocklist(Blocked::Clear), ""),
    row("blocklistmode", Deed::Blocklist(Blocked::Mode), ""),
    row("flood", Deed::Flood(Flood::Show), ""),
    row("setflood", Deed::Flood(Flood::Set), ""),
    row("setfloodtimer", Deed::Flood(Flood::Timer), ""),
    row("floodmode", Deed::Flood(Flood::Mode), ""),
    row("setfloodmode", Deed::Flood(Flood::Mode), ""),
    row("clearflood", Deed::Flood(Flood::Clear), ""),
    row("approve", Deed::Approve(Approval::On), "s"),
    row("free", Deed::Approve(Approval::On), "s"),
    row("unapprove", Deed::Approve(Approval::Off), "s"),
    row("unfree", Deed::Approve(Approval::Off), "s"),
    row("approved", Deed::Approve(Approval::List), ""),
    row("raid", Deed::Raid(Raid::Mode), ""),
    row("antiraid", Deed::Raid(Raid::Mode), ""),
    row("raidactiontime", Deed::Raid(Raid::ActionTime), ""),
    row("autoraid", Deed::Raid(Raid::Auto), ""),
    row("autoantiraid", Deed::Raid(Raid::Auto), ""),
    row("filter", Deed::Filter(Filtered::Set), ""),
    row("filters", Deed::Filter(Filtered::Show), ""),
    row("stop", Deed::Filter(Filtered::Stop), ""),
    row("stopall", Deed::Filter(Filtered::StopAll), ""),
    row("spam", Deed::Learn(Learn::Spam), "s"),
    row("ham", Deed::Learn(Learn::Ham), ""),
    row("notspam", Deed::Learn(Learn::Ham), ""),
    row("forgetspam", Deed::Learn(Learn::Forget), ""),
    row("spammode", Deed::Choose(Chosen::Spam), ""),
    row("banlists", Deed::BanLists, ""),
    row("cas", Deed::BanLists, ""),
    row("setlog", Deed::SetLog, ""),
    row("unsetlog", Deed::Choose(Chosen::UnsetLog), ""),
    row("logcategories", Deed::Listed(Listed::LogCategories, How::Set), ""),
    row("log", Deed::Listed(Listed::LogCategories, How::Add), ""),
    row("nolog", Deed::Listed(Listed::LogCategories, How::Remove), ""),
    row(
        "cleanservice",
        Deed::Listed(Listed::ServiceMessages, How::Add),
        "",
    ),
    row(
        "keepservice",
        Deed::Listed(Listed::ServiceMessages, How::Remove),
        "",
    ),
    row("cleancommand", Deed::Listed(Listed::CleanCommands, How::Add), ""),
    row(
        "keepcommand",
        Deed::Listed(Listed::CleanCommands, How::Remove),
        "",
    ),
    row("disable", Deed::Listed(Listed::Disabled, How::Add), ""),
    row("enable", Deed::Listed(Listed::Disabled, How::Remove), ""),
    row("disableable", Deed::Listed(Listed::Disabled, How::Show), ""),
    row("disabled", Deed::Listed(Listed::Disabled, How::Show), ""),
    row("reports", Deed::Switch(Switch::Reports), ""),
    row("adminerror", Deed::Switch(Switch::Refusals), ""),
    row("cleanmsg", Deed::Switch(Switch::CleanAnswers), ""),
    row("antichannelpin", Deed::Switch(Switch::UnpinChannel), ""),
    row("goodbye", Deed::Choose(Chosen::Goodbye), ""),
    row("setgoodbye", Deed::Choose(Chosen::SetGoodbye), ""),
    row("captchakick", Deed::Choose(Chosen::CaptchaKick), ""),
    row("captchakicktime", Deed::Choose(Chosen::CaptchaKickTime), ""),
    row("captchamutetime", Deed::Choose(Chosen::CaptchaMuteTime), ""),
    row("setcaptchatext", Deed::Choose(Chosen::CaptchaText), ""),
    row("warnlimit", Deed::Ladder(Rung::Limit), ""),
    row("setwarnlimit", Deed::Ladder(Rung::Limit), ""),
    row("warnmode", Deed::Ladder(Rung::Mode), ""),
    row("setwarnmode", Deed::Ladder(Rung::Mode), ""),
    row("warntime", Deed::Ladder(Rung::Time), ""),
    row("warnings", Deed::Ladder(Rung::Show), ""),
    row("resetallwarns", Deed::ForgiveAll, ""),
    row("lockwarns", Deed::Lock(Lock::Warns), ""),
    row("allowlist", Deed::Lock(Lock::Allow), ""),
    row("rmallowlist", Deed::Lock(Lock::Disallow), ""),
    row("blocklistdelete", Deed::Blocklist(Blocked::Delete), ""),
    row("raidtime", Deed::Raid(Raid::Time), ""),
    row("approval", Deed::Approve(Approval::Show), ""),
    row("unapproveall", Deed::Approve(Approval::Clear), ""),
    row("promote", Deed::Promote, "s"),
    row("demote", Deed::Demote, "s"),
    row("admincache", Deed::Refresh, ""),
    row("newtopic", Deed::Topic(Topic::New), ""),
    row("closetopic", Deed::Topic(Topic::Close), ""),
    row("setactiontopic", Deed::Topic(Topic::SetActions), ""),
    row("actiontopic", Deed::Topic(Topic::Actions), ""),
    row("connect", Deed::Connect(Connect::To), ""),
    row("disconnect", Deed::Connect(Connect::Off), ""),
    row("reconnect", Deed::Connect(Connect::Again), ""),
    row("connection", Deed::Connect(Connect::Show), ""),
    row("export", Deed::Transfer(Transfer::Export), ""),
    row("import", Deed::Transfer(Transfer::Import), ""),
    row("reset", Deed::Transfer(Transfer::Reset), ""),
    row("settings", Deed::Overview, ""),
    row("privacy", Deed::Privacy, ""),
    row("newfed", Deed::Federation(Federated::New), ""),
    row("delfed", Deed::Federation(Federated::Delete), ""),
    row("renamefed", Deed::Federation(Federated::Rename), ""),
    row("joinfed", Deed::Federation(Federated::Join), ""),
    row("leavefed", Deed::Federation(Federated::Leave), ""),
    row("chatfed", Deed::Federation(Federated::Chat), ""),
    row("fedinfo", Deed::Federation(Federated::Info), ""),
    row("fedadmins", Deed::Federation(Federated::Admins), ""),
    row("fedpromote", Deed::Federation(Federated::Promote), ""),
    row("feddemote", Deed::Federation(Federated::Demote), ""),
    row("feddemoteme", Deed::Federation(Federated::DemoteMe), ""),
    row("fban", Deed::Federation(Federated::Ban), ""),
    row("unfban", Deed::Federation(Federated::Unban), ""),
    row("fbanlist", Deed::Federation(Federated::List), ""),
    row("fedexport", Deed::Federation(Federated::Export), ""),
    row("fedimport", Deed::Federation(Federated::Import), ""),
    row("subfed", Deed::Federation(Federated::Subscribe), ""),
    row("unsubfed", Deed::Federation(Federated::Unsubscribe), ""),
    row("fedsubs", Deed::Federation(Federated::Subscriptions), ""),
    row("fedreasons", Deed::Federation(Federated::Reasons), ""),
    row("fednotif", Deed::Federation(Federated::Told), ""),
    row("fedstat", Deed::Federation(Federated::Stat), ""),
    row("quietfed", Deed::Switch(Switch::QuietFederation), ""),
];

/// The commands that stand below a message by a word alone, without a `/`.
const BARE: [&str; 3] = ["spam", "ban", "warn"];

// === impl Deed ===

impl Deed {
    /// What a word in small letters stands for, and the letters that stand before it.
    pub(super) fn of(word: &str) -> Option<(Self, &'static str)> {
        FORMS.iter().find_map(|form| {
            let rest = word.strip_prefix(form)?;
            let row = ROWS.iter().find(|row| row.word == rest)?;
            let known = form.chars().all(|letter| row.forms.contains(letter));
            known.then_some((row.deed, *form))
        })
    }

    /// What a word of its own stands for, as an answer to a message.
    pub(super) fn bare(word: &str) -> Option<Self> {
        let bare = BARE.iter().find(|bare| bare.eq_ignore_ascii_case(word))?;
        Some(Self::of(bare)?.0)
    }

    /// The words that can be kept from members: each first one of those that take nothing from whoever says them.
    pub(super) fn disableable() -> Vec<&'static str> {
        let open = ROWS
            .iter()
            .filter(|row| row.deed.needs() == Needs::Nothing && !row.deed.is_about_the_bot());
        let mut words: Vec<&Row> = Vec::new();
        for row in open {
            if !words.iter().any(|known| known.deed == row.deed) {
                words.push(row);
            }
        }
        words.into_iter().map(|row| row.word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WORDS;

    #[test]
    fn each_word_stands_there_once_and_is_in_the_help() {
        let help = WORDS.tongue(None).say("help", &[]);
        let helped: Vec<&str> = help
            .split([' ', '\n', ','])
            .filter_map(|word| word.strip_prefix('/'))
            .collect();
        for (number, row) in ROWS.iter().enumerate() {
            let others = ROWS.iter().skip(number + 1);
            assert!(others.clone().all(|other| other.word != row.word), "{}", row.word);
            // Of several words for the same, one is enough.
            let same = ROWS.iter().filter(|other| other.deed == row.deed);
            let mut same = same.map(|other| other.word);
            let about = ["help", "start"].contains(&row.word);
            assert!(
                about || same.any(|word| helped.contains(&word)),
                "the help lacks {}",
                row.word
            );
        }
        for word in helped {
            assert!(Deed::of(word).is_some(), "the help has {word}");
        }
        for tongue in WORDS.tongues() {
            let said = tongue.say("help", &[]);
            let words = |text: &str| {
                text.split([' ', '\n', ','])
                    .filter(|word| word.starts_with('/'))
                    .count()
            };
            assert_eq!(words(&said), words(&help), "{}", tongue.tag());
            assert!(said.encode_utf16().count() <= crate::platform::LONGEST);
        }
    }
}
