//! The words that are understood, and what each stands for. To add one: a row here, and where it is a new [`Deed`], its
//! arm in `mod.rs`.

use lockdown_events::Action;
use lockdown_moderation::{Profile, Right};

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Act(Action),
    /// Tells about a case.
    Case,
    Clean(Clean),
    Pin,
    Unpin,
    UnpinAll,
    /// Calls those who keep order.
    Report,
    /// Whoever says it goes.
    KickMe,
    Id,
    Info,
    Administrators,
    Help,
    Warnings,
    /// Takes back all warnings.
    Forgive,
    Choose(Chosen),
    /// Has decisions told in another chat.
    SetLog,
    Lock(Lock),
    Blocklist(Blocked),
    Flood(Flood),
    Approve(Approval),
    Raid(Raid),
    Filter(Filtered),
    Learn(Learn),
    /// What happens to accounts that others have banned.
    BanLists,
}

/// What the filter of spam is taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Learn {
    Spam,
    Ham,
    /// All that it was taught goes.
    Forget,
}

/// What is done about answers of the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filtered {
    Set,
    Stop,
    StopAll,
    Show,
}

/// What is done about too many who come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raid {
    /// Whether there is one now.
    Mode,
    /// How long who comes meanwhile is kept out.
    ActionTime,
    /// From how many on it begins by itself.
    Auto,
}

/// What is done about people whom such rules leave alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approval {
    On,
    Off,
    List,
}

/// What is done about words that nobody may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocked {
    Add,
    Remove,
    Clear,
    Show,
    /// What follows from them.
    Mode,
}

/// What is done about floods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    Set,
    Timer,
    /// What follows from one.
    Mode,
    /// Whether all of its messages go, or the last.
    Clear,
    Show,
}

/// What is done about content that nobody may post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    On,
    Off,
    Show,
    Types,
}

/// What a community chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Captcha,
    Requests,
    Welcome,
    SetWelcome,
    ShowRules,
    SetRules,
    UnsetLog,
    LogCategories,
    Spam,
}

/// Which messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clean {
    /// The one that is answered.
    One,
    /// All since the one that is answered, or so many.
    Since,
    /// All from the one that is answered to one that is named later.
    From,
    To,
}

/// What a command takes from whoever gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    Right(Right),
    Pin,
}

/// What may stand behind the word, before the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Whom it is about.
    Person,
    /// The same, and how long it lasts.
    PersonAndTime,
    /// Whom it is about, if anybody.
    PersonPerhaps,
    Number,
    NumberPerhaps,
    Nothing,
}

/// What can stand before a word, and which letters of it ask for what: `s`ilent, `d`elete what is answered, for a `t`ime.
pub(super) const FORMS: [&str; 6] = ["", "s", "d", "t", "st", "dt"];

struct Row {
    word: &'static str,
    deed: Deed,
    forms: &'static str,
}

const fn row(word: &'static str, deed: Deed, forms: &'static str) -> Row {
    Row { word, deed, forms }
}

const ROWS: [Row; 82] = [
    row("ban", Deed::Act(Action::Ban), "sdt"),
    row("unban", Deed::Act(Action::Unban), "s"),
    row("softban", Deed::Act(Action::Softban), "sd"),
    row("kick", Deed::Act(Action::Kick), "sd"),
    row("mute", Deed::Act(Action::Mute), "sdt"),
    row("ro", Deed::Act(Action::Mute), "sdt"),
    row("unmute", Deed::Act(Action::Unmute), "s"),
    row("warn", Deed::Act(Action::Warn), "sd"),
    row("note", Deed::Act(Action::Note), "s"),
    row("case", Deed::Case, ""),
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
    row("warnings", Deed::Warnings, ""),
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
    row("logcategories", Deed::Choose(Chosen::LogCategories), ""),
];

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

    pub(super) fn needs(self) -> Needs {
        match self {
            Self::Choose(Chosen::ShowRules) | Self::Filter(Filtered::Show) => Needs::Nothing,
            Self::Act(action) => Needs::Right(Profile::of(action).right),
            Self::Case | Self::Info | Self::Warnings | Self::Approve(Approval::List) => {
                Needs::Right(Right::Note)
            }
            Self::Approve(_) => Needs::Right(Right::Mute),
            // Whoever is there when it begins must not have to wait for somebody else.
            Self::Raid(Raid::Mode) => Needs::Right(Right::Ban),
            Self::Raid(_) | Self::Filter(_) => Needs::Right(Right::Configure),
            Self::Learn(Learn::Forget) | Self::BanLists => Needs::Right(Right::Configure),
            Self::Learn(_) => Needs::Right(Right::Ban),
            Self::Forgive => Needs::Right(Right::Warn),
            Self::Choose(_) | Self::SetLog | Self::Lock(_) | Self::Blocklist(_) | Self::Flood(_) => {
                Needs::Right(Right::Configure)
            }
            Self::Clean(_) => Needs::Right(Right::Delete),
            Self::Pin | Self::Unpin | Self::UnpinAll => Needs::Pin,
            Self::Report | Self::KickMe | Self::Id | Self::Administrators | Self::Help => Needs::Nothing,
        }
    }

    pub(super) fn takes(self) -> Takes {
        match self {
            Self::Act(Action::Ban | Action::Mute) => Takes::PersonAndTime,
            Self::Act(_) | Self::Forgive | Self::Approve(Approval::On | Approval::Off) => Takes::Person,
            Self::Case => Takes::Number,
            Self::Clean(_) | Self::Learn(Learn::Ham) => Takes::NumberPerhaps,
            Self::Info | Self::Warnings => Takes::PersonPerhaps,
            Self::Pin
            | Self::Unpin
            | Self::UnpinAll
            | Self::Report
            | Self::KickMe
            | Self::Id
            | Self::Administrators
            | Self::Help
            | Self::Choose(_)
            | Self::SetLog
            | Self::Lock(_)
            | Self::Blocklist(_)
            | Self::Flood(_)
            | Self::Approve(Approval::List)
            | Self::Raid(_)
            | Self::Filter(_)
            | Self::Learn(_)
            | Self::BanLists => Takes::Nothing,
        }
    }
}
