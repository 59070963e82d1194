//! `lockdown rules`: what a rule file says, before it is in force. Nothing here needs a configuration or a database.

use crate::cli::{RulesCheck, RulesCommand, RulesFmt, RulesReplay, RulesTest};
use anyhow::{Context as _, bail};
use lockdown_policy::counter::InMemory;
use lockdown_policy::{
    Checked, Facts, Judge, Judged, Outcome, PRESETS, Recorded, Replay, RuleSet, Severity, Source,
    Surroundings, Verdict, check, format, render, schema,
};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Longer lines of a file of events are refused.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;

pub(crate) fn run(command: RulesCommand) -> ExitCode {
    let done = match command {
        RulesCommand::Check(asked) => check_files(&asked),
        RulesCommand::Test(asked) => test(&asked),
        RulesCommand::Replay(asked) => replay(&asked),
        RulesCommand::Fmt(asked) => fmt(&asked),
        RulesCommand::Schema => print(&format!("{:#}", schema())).map(|()| true),
        RulesCommand::Preset { name } => preset(name.as_deref()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads has heard enough.
        Err(error) if is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockdown: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed(error: &anyhow::Error) -> bool {
    let of_io = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(of_io)
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// A file's text; `-` is what is typed or piped in.
fn read(path: &Path) -> anyhow::Result<Source> {
    let (name, bytes) = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("could not read what was piped in")?;
        ("<stdin>".into(), bytes)
    } else {
        let bytes = std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
        (path.display().to_string(), bytes)
    };
    let text = String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8 text"))?;
    Ok(Source::new(&name, &text))
}

fn check_files(asked: &RulesCheck) -> anyhow::Result<bool> {
    let surroundings = Surroundings {
        platforms: asked.platforms.clone(),
        ..Surroundings::default()
    };
    let mut sound = true;
    let mut told = Vec::new();
    for path in &asked.files {
        let source = read(path)?;
        let checked = check(&source, &surroundings);
        sound &= checked.rules.is_some();
        if asked.json {
            told.push(as_json(&source, &checked));
        } else {
            tell(&source, &checked);
            if let Some(rules) = &checked.rules {
                let warnings = checked.count(Severity::Warning);
                print(&format!(
                    "{}: {} rules, {warnings} warnings, version {}",
                    source.name(),
                    rules.len(),
                    &rules.hash()[..12]
                ))?;
            }
        }
    }
    if asked.json {
        print(&json!({ "ok": sound, "files": told }).to_string())?;
    }
    Ok(sound)
}

fn as_json(source: &Source, checked: &Checked) -> Value {
    let rules = checked.rules.as_ref();
    json!({
        "file": source.name(),
        "ok": rules.is_some(),
        "rules": rules.map(|rules| rules.ids().collect::<Vec<_>>()),
        "hash": rules.map(|rules| rules.hash()),
        "diagnostics": checked.diagnostics,
    })
}

fn tell(source: &Source, checked: &Checked) {
    let colour = std::io::stderr().is_terminal();
    eprint!("{}", render(&checked.diagnostics, source, colour));
    let errors = checked.count(Severity::Error);
    if errors > 0 {
        eprintln!("{}: {errors} errors", source.name());
    }
}

/// A rule set, or every fault.
fn compiled(path: &Path) -> anyhow::Result<(Source, Checked, Option<Arc<RuleSet>>)> {
    let source = read(path)?;
    let checked = check(&source, &Surroundings::default());
    let rules = checked.rules.clone();
    Ok((source, checked, rules))
}

fn test(asked: &RulesTest) -> anyhow::Result<bool> {
    let (source, checked, rules) = compiled(&asked.file)?;
    let Some(rules) = rules else {
        if asked.json {
            print(&as_json(&source, &checked).to_string())?;
        } else {
            tell(&source, &checked);
        }
        return Ok(false);
    };
    let Some(messages) = &asked.messages else {
        if asked.json {
            print(&as_json(&source, &checked).to_string())?;
        } else {
            tell(&source, &checked);
            print(&format!("{}: every example turns out as written", source.name()))?;
        }
        return Ok(true);
    };
    let mut judge = Judge::new(InMemory::new());
    each_line(messages, |number, line| {
        let Some(facts) = facts(messages, number, line)? else {
            let skipped = json!({ "line": number, "verdict": "not judged", "rules": [], "acts": [] });
            return print(&if asked.json {
                skipped.to_string()
            } else {
                format!("{number}: not judged")
            });
        };
        let (verdict, explanation) = judge.explain(&rules, &facts);
        if asked.json {
            let mut told = verdict_json(&rules, &verdict);
            told["line"] = json!(number);
            if asked.explain {
                told["explanation"] =
                    serde_json::to_value(&explanation).context("could not write an explanation")?;
            }
            return print(&told.to_string());
        }
        print(&format!("{number}: {}", verdict_text(&rules, &verdict)))?;
        if asked.explain {
            for rule in explanation.rules() {
                print(&format!("    {}: {}", rule.rule, rule.because))?;
            }
        }
        Ok(())
    })?;
    Ok(true)
}

fn facts(path: &Path, number: u64, line: &str) -> anyhow::Result<Option<Facts>> {
    Facts::of_json(line, number)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("{} line {number} is no event", path.display()))
}

/// Calls back for each line that is not empty, with its number from 1.
fn each_line(path: &Path, mut take: impl FnMut(u64, &str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let file: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("could not read {}", path.display()))?)
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        let read = read.with_context(|| format!("could not read {}", path.display()))?;
        if read == 0 {
            break;
        }
        if read as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            bail!(
                "{} line {number} is longer than {LONGEST_LINE} bytes",
                path.display()
            );
        }
        let text = std::str::from_utf8(&line)
            .with_context(|| format!("{} line {number} is not UTF-8", path.display()))?;
        let text = text.trim();
        if !text.is_empty() {
            take(number, text)?;
        }
    }
    Ok(())
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Acts => "acts",
        Outcome::Shadow => "shadow",
        Outcome::AtLimit(_) => "at_limit",
        Outcome::Paused => "paused",
    }
}

fn verdict_json(rules: &RuleSet, verdict: &Verdict) -> Value {
    let ids: Vec<&str> = rules.ids().collect();
    let hits = verdict
        .hits
        .iter()
        .map(|hit| json!({ "rule": ids[hit.rule], "outcome": outcome(hit.outcome), "span": hit.span }));
    let acts = verdict
        .acts
        .iter()
        .map(|planned| json!({ "act": planned.act.to_string(), "approval": planned.approval }));
    json!({
        "verdict": if verdict.is_empty() { "pass" } else { "hit" },
        "rules": hits.collect::<Vec<_>>(),
        "acts": acts.collect::<Vec<_>>(),
        "ladder": verdict.ladder,
    })
}

fn verdict_text(rules: &RuleSet, verdict: &Verdict) -> String {
    if verdict.is_empty() {
        return "pass".to_owned();
    }
    let ids: Vec<&str> = rules.ids().collect();
    let hits = verdict.hits.iter().map(|hit| match hit.outcome {
        Outcome::Acts => ids[hit.rule].to_owned(),
        other => format!("{} ({})", ids[hit.rule], outcome(other).replace('_', " ")),
    });
    let acts = verdict.acts.iter().map(|planned| match planned.approval {
        0 => planned.act.to_string(),
        needed => format!("{} (needs {needed} approvals)", planned.act),
    });
    format!(
        "{} -> {}",
        hits.collect::<Vec<_>>().join(", "),
        acts.collect::<Vec<_>>().join(", ")
    )
}

fn replay(asked: &RulesReplay) -> anyhow::Result<bool> {
    let (source, checked, rules) = compiled(&asked.file)?;
    let Some(rules) = rules else {
        tell(&source, &checked);
        return Ok(false);
    };
    let live = match &asked.against {
        None => None,
        Some(path) => {
            let (source, checked, rules) = compiled(path)?;
            let Some(rules) = rules else {
                tell(&source, &checked);
                return Ok(false);
            };
            Some(rules)
        }
    };
    let mut replay = Replay::new(&rules, live.as_deref());
    each_line(&asked.events, |number, line| {
        let (line, outcome) = judged(line);
        if let Some(facts) = facts(&asked.events, number, &line)? {
            replay.event(Recorded { facts, outcome });
        }
        Ok(())
    })?;
    let report = replay.report();
    if asked.json {
        print(&serde_json::to_string(&report).context("could not write the report")?)?;
    } else {
        print(report.to_string().trim_end())?;
    }
    Ok(true)
}

/// Takes the member `outcome` (upheld, dismissed) from a line that has it: what people made of the event later.
fn judged(line: &str) -> (String, Option<Judged>) {
    if !line.contains("\"outcome\"") {
        return (line.to_owned(), None);
    }
    let Ok(Value::Object(mut members)) = serde_json::from_str(line) else {
        return (line.to_owned(), None);
    };
    let outcome = match members.get("outcome").and_then(Value::as_str) {
        Some("upheld") => Some(Judged::Upheld),
        Some("dismissed") => Some(Judged::Dismissed),
        _ => return (line.to_owned(), None),
    };
    members.remove("outcome");
    (Value::Object(members).to_string(), outcome)
}

fn fmt(asked: &RulesFmt) -> anyhow::Result<bool> {
    let mut sound = true;
    for path in &asked.files {
        let source = read(path)?;
        let formatted = match format(&source) {
            Ok(formatted) => formatted,
            Err(diagnostics) => {
                if asked.json {
                    print(
                        &json!({ "file": source.name(), "ok": false, "diagnostics": diagnostics })
                            .to_string(),
                    )?;
                } else {
                    eprint!(
                        "{}",
                        render(&diagnostics, &source, std::io::stderr().is_terminal())
                    );
                }
                sound = false;
                continue;
            }
        };
        let changes = formatted != source.text();
        if path.as_os_str() == "-" {
            write!(std::io::stdout(), "{formatted}")?;
            continue;
        }
        if changes && !asked.check {
            std::fs::write(path, &formatted)
                .with_context(|| format!("could not write {}", path.display()))?;
        }
        sound &= !(changes && asked.check);
        if asked.json {
            print(
                &json!({ "file": source.name(), "ok": !(changes && asked.check), "changed": changes })
                    .to_string(),
            )?;
        } else if changes {
            let did = if asked.check {
                "would be laid out anew"
            } else {
                "laid out anew"
            };
            print(&format!("{}: {did}", source.name()))?;
        }
    }
    Ok(sound)
}

fn preset(name: Option<&str>) -> anyhow::Result<bool> {
    let Some(name) = name else {
        for preset in PRESETS {
            print(&format!("{:<12} {}", preset.name, preset.about))?;
        }
        return Ok(true);
    };
    let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
        bail!("there is no preset `{name}`: `lockdown rules preset` lists them");
    };
    write!(std::io::stdout(), "{}", preset.text)?;
    Ok(true)
}
