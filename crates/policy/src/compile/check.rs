//! Checks a condition against the catalogue and turns it into [`Ir`].

use super::condition::Ir;
use super::list::CompiledList;
use crate::catalogue::{ArgumentKind, Asks, FEATURES, Feature, Kind, ListKind, METHODS, Method};
use crate::diagnostic::{Code, Sink, did_you_mean};
use crate::expression::{Expr, ExprKind, Literal, Name, Op};
use crate::facts::{fold_word, word_number};
use crate::source::Span;
use std::cell::RefCell;

pub(super) struct Checker<'l> {
    pub(super) lists: &'l [CompiledList],
    /// Which lists were asked.
    pub(super) used: RefCell<Vec<bool>>,
}

// === impl Checker ===

impl Checker<'_> {
    /// `None` when something is wrong, which was told.
    pub(super) fn condition(&self, expr: &Expr, sink: &mut Sink) -> Option<Ir> {
        match &expr.kind {
            ExprKind::And(items) => self.all(items, sink).map(Ir::And),
            ExprKind::Or(items) => self.all(items, sink).map(Ir::Or),
            ExprKind::Not(inner) => self.condition(inner, sink).map(|inner| Ir::Not(Box::new(inner))),
            ExprKind::Field(path) => self.field(path, sink),
            ExprKind::Known(path) => Some(Ir::Known(feature(path, sink)?.slot)),
            ExprKind::Compare {
                path,
                op,
                literal,
                literal_span,
            } => compare(path, *op, literal, *literal_span, sink),
            ExprKind::Call {
                path,
                method,
                argument,
            } => self.call(path, method, argument, sink),
        }
    }

    fn all(&self, items: &[Expr], sink: &mut Sink) -> Option<Box<[Ir]>> {
        // Each is checked, so that all faults are told at once.
        let checked: Vec<Option<Ir>> = items.iter().map(|item| self.condition(item, sink)).collect();
        checked.into_iter().collect()
    }

    fn field(&self, path: &Name, sink: &mut Sink) -> Option<Ir> {
        let feature = feature(path, sink)?;
        if feature.kind == Kind::Flag {
            return Some(Ir::Flag(feature.slot));
        }
        let message = format!("{} is {}, not yes or no", feature.path, feature.kind.noun());
        let fault = sink.error(Code::WrongType, path.span, message);
        match feature.kind {
            Kind::Number => fault.hint(format!("compare it: `{} > 0`", feature.path)),
            Kind::Duration => fault.hint(format!("compare it: `{} < 1d`", feature.path)),
            Kind::Word(words) => fault.hint(format!("compare it: `{} == {}`", feature.path, words[0])),
            _ => fault.hint(format!("ask it: {}", questions(feature))),
        }
        None
    }

    fn call(&self, path: &Name, method: &Name, argument: &Name, sink: &mut Sink) -> Option<Ir> {
        // `attachments.hash_in(bank)` is short for `attachments.hash.any_in(bank)`.
        let short = method
            .text
            .strip_suffix("_in")
            .filter(|part| !matches!(*part, "any" | "all"));
        let long = short.and_then(|part| Feature::find(&format!("{}.{part}", path.text)));
        let (feature, name) = match long {
            Some(feature) => (feature, "any_in"),
            None => (feature(path, sink)?, method.text.as_str()),
        };
        let Some(found) = Method::of(feature.kind).find(|known| known.name == name) else {
            let message = format!("{} cannot be asked `{}`", feature.path, method.text);
            let fault = sink.error(Code::UnknownMethod, method.span, message);
            let names = Method::of(feature.kind).map(|known| known.name);
            match did_you_mean(&method.text, names) {
                Some(name) => fault.hint(format!("did you mean {name}?")),
                None if METHODS.iter().any(|known| known.name == name)
                    || Method::of(feature.kind).count() > 0 =>
                {
                    fault.hint(format!("ask it: {}", questions(feature)));
                }
                None => fault.hint(format!("{} is {}: compare it", feature.path, feature.kind.noun())),
            }
            return None;
        };
        let slot = feature.slot;
        match found.argument {
            ArgumentKind::Word => Some(Ir::Has {
                slot,
                word: fold_word(&argument.text).into(),
            }),
            ArgumentKind::List(kinds) => {
                let list = self.list(argument, kinds, sink)?;
                Some(match (found.asks, found.name) {
                    (Asks::Text, _) => Ir::Text { slot, list },
                    (_, "look_like") => Ir::LooksLike { slot, list },
                    (asks, name) => Ir::Listed {
                        slot,
                        list,
                        hosts: asks == Asks::Hosts,
                        all: name == "all_in",
                    },
                })
            }
        }
    }

    fn list(&self, name: &Name, kinds: &[ListKind], sink: &mut Sink) -> Option<u16> {
        let Some(index) = self.lists.iter().position(|list| *list.name == *name.text) else {
            let fault = sink.error(
                Code::NoList,
                name.span,
                format!("no list called \"{}\"", name.text),
            );
            let names = self.lists.iter().map(|list| &*list.name);
            match did_you_mean(&name.text, names) {
                Some(meant) => fault.hint(format!("did you mean {meant}?")),
                None => fault.hint(format!(
                    "name it under `lists:`: `{}: {{{}: [...]}}`",
                    name.text,
                    kinds[0].as_str()
                )),
            }
            return None;
        };
        let list = &self.lists[index];
        if !kinds.contains(&list.kind) {
            let wanted: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            let message = format!(
                "`{}` holds {}, and {} are asked here",
                list.name,
                list.kind.as_str(),
                wanted.join(" or ")
            );
            sink.error(Code::WrongList, name.span, message);
            return None;
        }
        self.used.borrow_mut()[index] = true;
        u16::try_from(index).ok()
    }
}

fn questions(feature: &Feature) -> String {
    let asked: Vec<String> = Method::of(feature.kind)
        .map(|method| {
            let argument = match method.argument {
                ArgumentKind::List(_) => "list",
                ArgumentKind::Word => "name",
            };
            format!("`{}.{}({argument})`", feature.path, method.name)
        })
        .collect();
    asked.join(", ")
}

fn feature(path: &Name, sink: &mut Sink) -> Option<&'static Feature> {
    if let Some(feature) = Feature::find(&path.text) {
        return Some(feature);
    }
    let shown: String = path.text.chars().take(60).collect();
    let fault = sink.error(Code::UnknownField, path.span, format!("unknown field {shown}"));
    let paths = FEATURES.iter().map(|feature| feature.path);
    if let Some(meant) = did_you_mean(&path.text, paths) {
        fault.hint(format!("did you mean {meant}?"));
    } else {
        let group = path.text.split('.').next().unwrap_or_default();
        let near: Vec<&str> = FEATURES
            .iter()
            .map(|feature| feature.path)
            .filter(|path| path.split('.').next() == Some(group))
            .take(8)
            .collect();
        if near.is_empty() {
            fault.hint("the reference page lists every field: docs/RULES.md");
        } else {
            fault.hint(format!("known there: {}", near.join(", ")));
        }
    }
    None
}

fn compare(path: &Name, op: Op, literal: &Literal, at: Span, sink: &mut Sink) -> Option<Ir> {
    let feature = feature(path, sink)?;
    let slot = feature.slot;
    let mut wrong = |message: String, hint: Option<String>| {
        let fault = sink.error(Code::WrongType, at, message);
        if let Some(hint) = hint {
            fault.hint(hint);
        }
        None
    };
    let value = match (feature.kind, literal) {
        (Kind::Number, Literal::Number(value, _)) | (Kind::Duration, Literal::Duration(value, _)) => *value,
        (Kind::Duration, Literal::Number(0, _)) => 0,
        (Kind::Duration, Literal::Number(number, _)) => {
            return wrong(
                format!("{} is a duration", feature.path),
                Some(format!("{number} of what? write {number}d or {number}h")),
            );
        }
        (Kind::Number, Literal::Duration(..)) => {
            return wrong(format!("{} is a number, not a duration", feature.path), None);
        }
        (Kind::Number | Kind::Duration, Literal::Word(_)) => {
            return wrong("expected a number or a duration such as 7d".to_owned(), None);
        }
        (Kind::Flag, Literal::Word(word)) if matches!(word.as_str(), "true" | "false") => {
            i64::from(word == "true")
        }
        (Kind::Flag, _) => {
            return wrong(
                format!("{} is yes or no", feature.path),
                Some(format!("write `{0}` or `not {0}`", feature.path)),
            );
        }
        (Kind::Word(words), Literal::Word(word)) => match word_number(words, word) {
            Some(value) => value,
            None => {
                let meant = did_you_mean(word, words.iter().copied());
                let hint = meant.map_or_else(
                    || format!("known: {}", words.join(", ")),
                    |meant| format!("did you mean {meant}?"),
                );
                return wrong(format!("{} is never {word}", feature.path), Some(hint));
            }
        },
        (Kind::Word(words), _) => {
            return wrong(
                format!("{} is a word", feature.path),
                Some(format!("known: {}", words.join(", "))),
            );
        }
        (Kind::Text | Kind::Words | Kind::Hosts, _) => {
            return wrong(
                format!("{} is not compared", feature.path),
                Some(format!("ask it: {}", questions(feature))),
            );
        }
    };
    if matches!(feature.kind, Kind::Word(_) | Kind::Flag) && !matches!(op, Op::Equal | Op::NotEqual) {
        return wrong(
            format!("{} has no order", feature.path),
            Some("compare it with `==` or `!=`".to_owned()),
        );
    }
    Some(Ir::Compare { slot, op, value })
}
