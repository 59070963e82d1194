//! `lockdown config check`.

use lockdown_runtime::Config;
use lockdown_runtime::config::Loaded;
use lockdown_runtime::lifecycle;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(as_json: bool) -> ExitCode {
    let Loaded { config, warnings } = match Config::load(&[]) {
        Ok(loaded) => loaded,
        Err(error) => return lifecycle::refuse("lockdown", &error),
    };
    if as_json {
        let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        println!("{}", json!({ "settings": config.report(), "warnings": warnings }));
        return ExitCode::SUCCESS;
    }
    let width = |length: fn(&str) -> usize, texts: &mut dyn Iterator<Item = &str>| {
        texts.map(length).max().unwrap_or(0)
    };
    let count = |text: &str| text.chars().count();
    let names = width(count, &mut config.report().iter().map(|row| row.name));
    let values = width(count, &mut config.report().iter().map(|row| row.value.as_str()));
    for row in config.report() {
        println!(
            "{:<names$}  {:<values$}  {}",
            row.name,
            row.value,
            row.origin.as_str()
        );
    }
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    ExitCode::SUCCESS
}
