//! One action: `delete counted`, `timeout 10m`, `label spammer 7d`.

use super::part::{scalar, shortened};
use crate::catalogue::{ACTIONS, ActInfo, Argument};
use crate::diagnostic::{Code, Sink, did_you_mean};
use crate::duration::{self, Millis};
use crate::source::{At, Node};
use std::fmt;

/// What a rule does.
#[derive(Debug, Clone)]
pub struct Act {
    pub info: &'static ActInfo,
    pub number: Option<u32>,
    /// For ever without, where the word has one.
    pub duration: Option<Millis>,
    pub name: Option<String>,
    /// Done to everything that the rule's counter counted.
    pub counted: bool,
}

// === impl Act ===

impl PartialEq for Act {
    fn eq(&self, other: &Self) -> bool {
        let key = |act: &Self| (act.info.word, act.number, act.duration, act.counted);
        key(self) == key(other) && self.name == other.name
    }
}

impl Act {
    pub fn word(&self) -> &'static str {
        self.info.word
    }

    /// What stands behind the word, for the wire.
    pub fn argument(&self) -> Option<String> {
        let text = self.to_string();
        text.split_once(' ').map(|(_, argument)| argument.to_owned())
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info.word)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        if let Some(number) = self.number {
            write!(f, " {number}")?;
        }
        if let Some(duration) = self.duration {
            write!(f, " {}", duration::show(duration))?;
        }
        if self.counted {
            f.write_str(" counted")?;
        }
        Ok(())
    }
}

pub(super) fn read(node: &Node, sink: &mut Sink) -> Option<At<Act>> {
    let scalar = scalar(node, "an action such as `timeout 10m`", sink)?;
    match parse(&scalar.text) {
        Ok(act) => Some(At::new(act, node.span)),
        Err((message, hint)) => {
            let fault = sink.error(Code::BadAction, node.span, message);
            if let Some(hint) = hint {
                fault.hint(hint);
            }
            None
        }
    }
}

fn parse(text: &str) -> Result<Act, (String, Option<String>)> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let Some(first) = words.first().copied() else {
        return Err(("expected an action".to_owned(), None));
    };
    let Some(info) = ActInfo::find(first) else {
        let known = ACTIONS.iter().map(|info| info.word);
        let hint = match (first, did_you_mean(first, known.clone())) {
            ("mute", _) => "did you mean `timeout`?".to_owned(),
            ("remove", _) => "did you mean `delete`?".to_owned(),
            (_, Some(word)) => format!("did you mean `{word}`?"),
            (_, None) => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
        };
        return Err((format!("there is no action `{}`", shortened(first)), Some(hint)));
    };
    let counted = info.counted && words.last() == Some(&"counted");
    if counted {
        words.pop();
    }
    let mut act = Act {
        info,
        number: None,
        duration: None,
        name: None,
        counted,
    };
    let fault = || {
        (
            format!("`{first}` cannot be read here"),
            Some(format!("it is written `{}`", info.form())),
        )
    };
    let rest = &words[1..];
    match (info.argument, rest) {
        (Argument::None | Argument::MaybeDuration, []) => {}
        (Argument::Number, [number]) => {
            let number = number.parse().ok().filter(|number| (1..=1000).contains(number));
            act.number = Some(number.ok_or_else(fault)?);
        }
        (Argument::Duration | Argument::MaybeDuration, [length]) => {
            act.duration = Some(length_of(length).ok_or_else(fault)?);
        }
        (Argument::Name | Argument::NameAndDuration, [name]) if is_name(name) => {
            act.name = Some((*name).to_owned());
        }
        (Argument::NameAndDuration, [name, length]) if is_name(name) => {
            act.name = Some((*name).to_owned());
            act.duration = Some(length_of(length).ok_or_else(fault)?);
        }
        _ => return Err(fault()),
    }
    Ok(act)
}

fn length_of(text: &str) -> Option<Millis> {
    duration::parse(text).filter(|millis| *millis > 0)
}

/// What labels, queues, roles and the like are called.
fn is_name(text: &str) -> bool {
    let sound = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().count() <= 100 && text.chars().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_read_and_written() {
        for text in [
            "delete",
            "delete counted",
            "timeout 10m",
            "ban",
            "ban 8d",
            "strike 2",
            "label spammer 7d",
            "label spammer",
            "raise raid 15m",
            "review links",
        ] {
            assert_eq!(parse(text).map(|act| act.to_string()), Ok(text.to_owned()));
        }
        for (wrong, word) in [
            ("timeout", "timeout 10m"),
            ("timeout soon", "timeout 10m"),
            ("timeout 10m counted", "timeout 10m"),
            ("delet", "delete"),
            ("mute 5m", "timeout"),
            ("strike 0", "strike N"),
            ("review a b", "review NAME"),
            ("explode", "known"),
        ] {
            let (_, hint) = parse(wrong).unwrap_err();
            assert!(
                hint.as_deref().is_some_and(|hint| hint.contains(word)),
                "{wrong}: {hint:?}"
            );
        }
    }
}
