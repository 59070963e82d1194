//! What can be commanded, and what it takes. To add something: a variant of [`Deed`], its rows in `table.rs`, its arm in
//! `mod.rs`.

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
    Switch(Switch),
    Listed(Listed, How),
    /// What follows from warnings.
    Ladder(Rung),
    /// Gives somebody rights, or takes them away.
    Promote,
    Demote,
    Topic(Topic),
    Connect(Connect),
    Transfer(Transfer),
    /// Takes back all warnings of everybody.
    ForgiveAll,
    /// All that the community chose.
    Overview,
    /// Tells what the rules say to a message, and why.
    Why,
    Federation(Federated),
    /// Asks Telegram anew who keeps order.
    Refresh,
    /// What the bot keeps of people.
    Privacy,
}

/// What is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    /// Members may call those who keep order.
    Reports,
    /// Who may not command is told so.
    Refusals,
    /// Answers to commands go again.
    CleanAnswers,
    /// Posts of the linked channel are not left pinned.
    UnpinChannel,
    /// Nothing is said when somebody goes whom a federation has banned.
    QuietFederation,
}

/// What is done about bans that groups of several owners share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Federated {
    New,
    Delete,
    Rename,
    Join,
    Leave,
    /// Which one the group is in.
    Chat,
    Info,
    Admins,
    Promote,
    Demote,
    /// Whoever says it is no admin any more.
    DemoteMe,
    Ban,
    Unban,
    /// Who is banned, as a file.
    List,
    Export,
    Import,
    Subscribe,
    Unsubscribe,
    Subscriptions,
    /// Whether nobody is banned without a reason.
    Reasons,
    /// Whether the owner is told of bans.
    Told,
    /// By which federations somebody is banned.
    Stat,
}

/// Names of which a community chooses some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    LogCategories,
    ServiceMessages,
    CleanCommands,
    Disabled,
}

/// What is done about a list of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Show,
    Set,
    Add,
    Remove,
}

/// A part of what follows from warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    Show,
    /// How many are too many.
    Limit,
    /// What happens then.
    Mode,
    /// How long each counts.
    Time,
}

/// Topics of a forum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    New,
    Close,
    /// The one in which the bot speaks of its own accord.
    SetActions,
    Actions,
}

/// Which community is meant by what somebody writes to the bot alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connect {
    To,
    Off,
    Again,
    Show,
}

/// Everything that a community chose, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    Export,
    Import,
    Reset,
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
    /// How long it lasts where nobody says it.
    Time,
}

/// What is done about people whom such rules leave alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approval {
    On,
    Off,
    List,
    /// Whether somebody is one of them.
    Show,
    /// Nobody is any more.
    Clear,
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
    /// Whether the message goes.
    Delete,
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
    /// Whether who breaks one is warned.
    Warns,
    /// Sites that may be linked all the same.
    Allow,
    Disallow,
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
    Spam,
    Goodbye,
    SetGoodbye,
    /// Whether who does not answer at the door goes.
    CaptchaKick,
    /// How long they have before they go, or may speak all the same.
    CaptchaKickTime,
    CaptchaMuteTime,
    /// What stands on the button.
    CaptchaText,
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
    /// To be somebody: what they may, the backend knows.
    Known,
    Right(Right),
    Pin,
    Promote,
    Topics,
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

// === impl Deed ===

impl Deed {
    pub(super) fn is_about_the_bot(self) -> bool {
        matches!(
            self,
            Self::Help | Self::Privacy | Self::Connect(_) | Self::Federation(_)
        )
    }

    /// Whether it can be commanded to the bot alone: what is about a message or a topic cannot.
    pub(super) fn works_alone(self) -> bool {
        !matches!(
            self,
            Self::Clean(_)
                | Self::Pin
                | Self::Unpin
                | Self::UnpinAll
                | Self::Report
                | Self::KickMe
                | Self::Id
                | Self::Learn(Learn::Spam | Learn::Ham)
                | Self::Why
                | Self::Topic(_)
        )
    }

    pub(super) fn needs(self) -> Needs {
        match self {
            Self::Choose(Chosen::ShowRules) | Self::Filter(Filtered::Show) => Needs::Nothing,
            Self::Act(action) => Needs::Right(Profile::of(action).right),
            Self::Case
            | Self::Info
            | Self::Warnings
            | Self::Why
            | Self::Refresh
            | Self::Approve(Approval::List | Approval::Show)
            | Self::Ladder(Rung::Show) => Needs::Right(Right::Note),
            Self::Approve(Approval::Clear) => Needs::Right(Right::Configure),
            Self::Approve(_) => Needs::Right(Right::Mute),
            // Whoever is there when it begins must not have to wait for somebody else.
            Self::Raid(Raid::Mode) => Needs::Right(Right::Ban),
            Self::Learn(Learn::Spam | Learn::Ham) => Needs::Right(Right::Ban),
            Self::Forgive => Needs::Right(Right::Warn),
            Self::Choose(_)
            | Self::SetLog
            | Self::Lock(_)
            | Self::Blocklist(_)
            | Self::Flood(_)
            | Self::Raid(_)
            | Self::Filter(_)
            | Self::Learn(Learn::Forget)
            | Self::BanLists
            | Self::Switch(_)
            | Self::Listed(..)
            | Self::Ladder(_)
            | Self::Topic(Topic::SetActions | Topic::Actions)
            | Self::Transfer(_)
            | Self::ForgiveAll
            | Self::Overview => Needs::Right(Right::Configure),
            Self::Clean(_) => Needs::Right(Right::Delete),
            Self::Pin | Self::Unpin | Self::UnpinAll => Needs::Pin,
            Self::Promote | Self::Demote => Needs::Promote,
            Self::Federation(_) => Needs::Known,
            Self::Topic(Topic::New | Topic::Close) => Needs::Topics,
            Self::Report
            | Self::KickMe
            | Self::Id
            | Self::Administrators
            | Self::Help
            | Self::Privacy
            | Self::Connect(_) => Needs::Nothing,
        }
    }

    pub(super) fn takes(self) -> Takes {
        match self {
            Self::Act(Action::Ban | Action::Mute) => Takes::PersonAndTime,
            Self::Act(_)
            | Self::Forgive
            | Self::Promote
            | Self::Demote
            | Self::Approve(Approval::On | Approval::Off)
            | Self::Federation(Federated::Promote | Federated::Demote | Federated::Ban | Federated::Unban) => {
                Takes::Person
            }
            Self::Case => Takes::Number,
            Self::Clean(_) | Self::Learn(Learn::Ham) => Takes::NumberPerhaps,
            Self::Info
            | Self::Warnings
            | Self::Approve(Approval::Show)
            | Self::Federation(Federated::Stat) => Takes::PersonPerhaps,
            _ => Takes::Nothing,
        }
    }
}
