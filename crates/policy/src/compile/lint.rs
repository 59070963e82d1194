//! What a file may say and probably does not mean.

use super::condition::Ir;
use super::interval::{Always, always, contradicts};
use super::surroundings::Surroundings;
use crate::catalogue::{Feature, Slot};
use crate::diagnostic::{Code, Sink, did_you_mean};
use crate::document::{Act, Document, Exempt, Limit, Rule};
use crate::duration::DAY;
use crate::event::Events;
use crate::expression::Expr;
use crate::source::At;
use lockdown_events::Platform;

/// Discord ends a time-out after this.
const LONGEST_TIMEOUT: i64 = 28 * DAY;

/// Of a rule's conditions, already compiled; those that could not be are left out.
pub(super) fn conditions(
    rule: &Rule,
    compiled: &[(&Expr, Ir)],
    surroundings: &Surroundings,
    sink: &mut Sink,
) {
    let events: Events = rule.events.iter().map(|event| event.value).collect();
    let platforms = in_scope(rule, surroundings);
    let mut told = rule.broken;
    let mut guarded = Vec::new();
    for (_, ir) in compiled {
        ir.guards(&mut guarded);
    }
    for (expr, ir) in compiled {
        match always(ir) {
            Some(Always::True) => {
                sink.warning(
                    Code::AlwaysTrue,
                    expr.span,
                    format!("`{}` always holds", short(expr)),
                );
            }
            Some(Always::False) => {
                told = true;
                sink.warning(
                    Code::NeverTrue,
                    expr.span,
                    format!("`{}` never holds", short(expr)),
                );
            }
            None => {}
        }
        let mut asked = Vec::new();
        ir.slots(&mut |slot| {
            if !asked.contains(&slot) {
                asked.push(slot);
            }
        });
        for slot in &asked {
            on_event(slot.feature(), expr, events, sink);
            let instead = slot.feature().instead;
            let is_met =
                guarded.contains(slot) || asked.iter().any(|other| Some(other.feature().path) == instead);
            if !is_met {
                on_platform(slot.feature(), expr, &platforms, sink);
            }
        }
    }
    if !told
        && let Some((first, _)) = compiled.first()
        && contradicts(compiled.iter().map(|(_, ir)| ir))
    {
        sink.warning(
            Code::NeverTrue,
            first.span,
            format!("the conditions of `{}` contradict each other", rule.id.value),
        );
    }
    if rule.when.is_empty() && rule.count.is_none() && !rule.broken {
        sink.warning(
            Code::AlwaysTrue,
            rule.id.span,
            format!("`{}` has no condition: it hits every event", rule.id.value),
        )
        .hint("add `when:`");
    }
}

fn on_event(feature: &Feature, expr: &Expr, events: Events, sink: &mut Sink) {
    if !feature.events.any_of(events) {
        let kinds: Vec<&str> = feature
            .events
            .iter()
            .map(super::super::event::EventKind::as_str)
            .collect();
        sink.warning(
            Code::NotOnEvent,
            expr.span,
            format!("{} is never known on these events", feature.path),
        )
        .hint(format!("it is known on {}", kinds.join(", ")));
    }
}

/// A platform that never tells this, unless the rule asks whether it is known, or asks for the substitute as well.
fn on_platform(feature: &Feature, expr: &Expr, platforms: &[Platform], sink: &mut Sink) {
    let missing: Vec<&str> = platforms
        .iter()
        .filter(|platform| !feature.on(**platform))
        .map(|platform| name(*platform))
        .collect();
    if !missing.is_empty() {
        let message = format!("{} is not known on {}", feature.path, missing.join(" or "));
        let fault = sink.warning(Code::NotOnPlatform, expr.span, message);
        match feature.instead {
            Some(instead) => fault.hint(format!("ask {instead} instead, or beside it with `or`")),
            None => {
                fault.hint("the condition does not hold there; `platforms:` says where the rule is meant");
            }
        }
    }
}

fn in_scope(rule: &Rule, surroundings: &Surroundings) -> Vec<Platform> {
    let here = surroundings.platforms().iter().copied();
    here.filter(|platform| rule.platforms.is_empty() || rule.platforms.contains(platform))
        .collect()
}

fn name(platform: Platform) -> &'static str {
    match platform {
        Platform::Discord => "Discord",
        Platform::Telegram => "Telegram",
    }
}

fn short(expr: &Expr) -> String {
    expr.to_string().chars().take(80).collect()
}

/// Of what a rule does.
pub(super) fn actions(rule: &Rule, limit: Option<&Limit>, surroundings: &Surroundings, sink: &mut Sink) {
    let platforms = in_scope(rule, surroundings);
    acts(&rule.then, &platforms, surroundings, sink);
    let events: Events = rule.events.iter().map(|event| event.value).collect();
    let slowmode = rule.then.iter().find(|act| act.value.word() == "slowmode");
    if let Some(act) = slowmode
        && !Slot::Channel.feature().events.any_of(events)
    {
        let message = "these events are in no channel that could be slowed down".to_owned();
        sink.error(Code::NotOnEvent, act.span, message)
            .hint("`raise raid 15m` has other rules act on the messages that follow");
    }
    let ban = rule.then.iter().find(|act| act.value.word() == "ban");
    if let (Some(ban), None, None) = (ban, limit, &rule.needs) {
        sink.warning(Code::BanWithoutLimit, ban.span, format!("`{}` bans without a limit", rule.id.value))
            .hint("add `limit: {actions: 50, per: 10m, then: pause}` here or under `defaults:`, or `needs: approval`");
    }
}

fn acts(acts: &[At<Act>], platforms: &[Platform], surroundings: &Surroundings, sink: &mut Sink) {
    for act in acts {
        on_platforms(act, platforms, sink);
        let too_long = act.value.word() == "timeout"
            && platforms.contains(&Platform::Discord)
            && act.value.duration.is_some_and(|length| length > LONGEST_TIMEOUT);
        if too_long {
            sink.warning(
                Code::TimeoutTooLong,
                act.span,
                "Discord ends a time-out after 28d".to_owned(),
            )
            .hint("LOCKDOWN renews it until its time is up; a ban with a duration says it more plainly");
        }
        let lacks = act.value.info.right.filter(|right| {
            surroundings
                .rights
                .as_ref()
                .is_some_and(|rights| !rights.iter().any(|known| known == right))
        });
        if let Some(right) = lacks {
            sink.warning(
                Code::NoPermission,
                act.span,
                format!("the bot may not `{}`: it lacks {right}", act.value.word()),
            )
            .hint("give the bot's role this permission, or choose another action");
        }
    }
}

/// An action that is done on none of the platforms in scope, or not on all of them.
fn on_platforms(act: &At<Act>, platforms: &[Platform], sink: &mut Sink) {
    let not: Vec<Platform> = platforms
        .iter()
        .copied()
        .filter(|platform| !act.value.info.can_be_done_on(*platform))
        .collect();
    if not.is_empty() {
        return;
    }
    let names: Vec<&str> = not.iter().map(|platform| name(*platform)).collect();
    let message = format!("`{}` cannot be done on {}", act.value.word(), names.join(" or "));
    let fault = if not.len() == platforms.len() {
        sink.error(Code::NotOnPlatform, act.span, message)
    } else {
        sink.warning(Code::NotOnPlatform, act.span, message)
    };
    fault.hint("`platforms:` says where the rule is meant");
}

/// Of the parts that rules share.
pub(super) fn document(document: &Document, used: &[bool], surroundings: &Surroundings, sink: &mut Sink) {
    // What could not be read may be what asks.
    let whole = !sink.has_errors();
    for (list, used) in document.lists.iter().zip(used) {
        if whole && !used {
            sink.warning(
                Code::UnusedList,
                list.name.span,
                format!("no rule asks the list `{}`", list.name.value),
            );
        }
    }
    exempt(&document.defaults.exempt, surroundings, sink);
    for rule in &document.rules {
        if let Some(own) = &rule.exempt {
            exempt(own, surroundings, sink);
        }
    }
    for step in document.ladder.iter().flat_map(|ladder| &ladder.steps) {
        acts(&step.acts, surroundings.platforms(), surroundings, sink);
    }
    let strikes = document
        .rules
        .iter()
        .flat_map(|rule| &rule.then)
        .any(|act| act.value.word() == "strike");
    if let (Some(ladder), false) = (&document.ladder, strikes || !whole)
        && let Some(step) = ladder.steps.first()
    {
        sink.warning(
            Code::NeverTrue,
            step.at.span,
            "no rule gives strikes, so no step is ever reached".to_owned(),
        );
    }
}

fn exempt(exempt: &Exempt, surroundings: &Surroundings, sink: &mut Sink) {
    for (code, noun, names, known) in [
        (Code::UnknownRole, "role", &exempt.roles, &surroundings.roles),
        (
            Code::UnknownChannel,
            "channel",
            &exempt.channels,
            &surroundings.channels,
        ),
    ] {
        let Some(known) = known else { continue };
        for name in names {
            let folded = name.value.to_lowercase();
            if known.iter().any(|other| other.to_lowercase() == folded) {
                continue;
            }
            let fault = sink.warning(
                code,
                name.span,
                format!("there is no {noun} `{}` here", name.value),
            );
            if let Some(meant) = did_you_mean(&name.value, known.iter().map(String::as_str)) {
                fault.hint(format!("did you mean {meant}?"));
            }
        }
    }
}

/// Roles that conditions name.
pub(super) fn named(ir: &Ir, expr: &Expr, surroundings: &Surroundings, sink: &mut Sink) {
    match ir {
        Ir::And(items) | Ir::Or(items) => items
            .iter()
            .for_each(|item| named(item, expr, surroundings, sink)),
        Ir::Not(inner) => named(inner, expr, surroundings, sink),
        Ir::Has { slot, word } => {
            let (code, noun, known) = match slot {
                Slot::AuthorRoles => (Code::UnknownRole, "role", &surroundings.roles),
                Slot::Channel => (Code::UnknownChannel, "channel", &surroundings.channels),
                _ => return,
            };
            let Some(known) = known else { return };
            if !known.iter().any(|other| other.to_lowercase() == **word) {
                let fault = sink.warning(code, expr.span, format!("there is no {noun} `{word}` here"));
                if let Some(meant) = did_you_mean(word, known.iter().map(String::as_str)) {
                    fault.hint(format!("did you mean {meant}?"));
                }
            }
        }
        _ => {}
    }
}
