//! `lockdown detect`: the classifier of spam and scams, from the command line.

use crate::cli::DetectCommand;
use anyhow::{Context as _, bail};
use lockdown_policy::detect::spam::{Classifier, Reader, Sample};
use lockdown_runtime::chain;
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A message, as a line of JSON.
#[derive(Deserialize)]
struct Message {
    t: String,
    #[serde(default)]
    y: Option<u8>,
}

pub(crate) fn run(command: DetectCommand) -> ExitCode {
    let done = match command {
        DetectCommand::Train { files, model, from } => train(&files, &model, from.as_deref()),
        DetectCommand::Score { files, model, json } => score(&files, model.as_deref(), json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockdown: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn train(files: &[PathBuf], model: &Path, from: Option<&Path>) -> anyhow::Result<()> {
    let mut messages = Vec::new();
    read(files, |place, message| {
        let is_spam = match message.y {
            Some(label @ (0 | 1)) => label == 1,
            _ => bail!("{place} has no label: `y` is 1 for spam and 0 for ham"),
        };
        messages.push((message.t, is_spam));
        Ok(())
    })?;
    let samples: Vec<Sample<'_>> = messages
        .iter()
        .map(|(text, is_spam)| Sample {
            text,
            is_spam: *is_spam,
        })
        .collect();
    let spam = samples.iter().filter(|sample| sample.is_spam).count();
    if spam == 0 || spam == samples.len() {
        bail!(
            "both kinds are needed to tell them apart: {spam} of {} messages are spam",
            samples.len()
        );
    }
    let begun = from.map_or_else(|| Ok(Classifier::default()), load)?;
    let bytes = begun.trained(&samples).to_bytes();
    std::fs::write(model, &bytes).with_context(|| format!("could not write {}", model.display()))?;
    eprintln!(
        "Learnt from {} messages, {spam} of them spam; wrote {} ({} KiB).",
        samples.len(),
        model.display(),
        bytes.len().div_ceil(1024)
    );
    Ok(())
}

fn score(files: &[PathBuf], model: Option<&Path>, as_json: bool) -> anyhow::Result<()> {
    let model = model.map_or_else(|| Ok(Classifier::base()), load)?;
    let mut reader = Reader::default();
    let mut out = BufWriter::new(std::io::stdout().lock());
    read(files, |_, message| {
        let opinion = model.judge(&mut reader, &message.t);
        if as_json {
            let opinion = json!({
                "probability": opinion.probability,
                "known": opinion.known,
                "abstains": opinion.abstains,
            });
            writeln!(out, "{opinion}")?;
        } else {
            writeln!(out, "{:.6}", opinion.probability)?;
        }
        Ok(())
    })?;
    out.flush().context("could not write what was found")
}

fn load(path: &Path) -> anyhow::Result<Classifier> {
    let bytes = std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    Classifier::from_bytes(&bytes).with_context(|| format!("{} is no model to work with", path.display()))
}

/// Hands over each message of the files, or of stdin, with its place for a complaint.
fn read(files: &[PathBuf], mut each: impl FnMut(&str, Message) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if files.is_empty() {
        return read_one("stdin", std::io::stdin().lock(), &mut each);
    }
    for path in files {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("could not open {name}"))?;
        read_one(&name, BufReader::new(file), &mut each)?;
    }
    Ok(())
}

fn read_one(
    name: &str,
    lines: impl BufRead,
    each: &mut impl FnMut(&str, Message) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for (number, line) in (1..).zip(lines.lines()) {
        let place = format!("{name}:{number}");
        let line = line.with_context(|| format!("could not read {place}"))?;
        if line.trim().is_empty() {
            continue;
        }
        let message = serde_json::from_str(&line).with_context(|| format!("{place} is no message"))?;
        each(&place, message)?;
    }
    Ok(())
}
