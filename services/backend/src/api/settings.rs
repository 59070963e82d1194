//! Settings: what a community chose.

use super::access::Needs;
use super::input::{Body, Nothing, Shape, Take, parse_body};
use super::route::{Answer, Give, Given, InGuild, Raw, Route};
use super::version::{CONDITIONS, etag, seen};
use crate::problem::{Code, Problem};
use axum::http::{Method, StatusCode};
use lockdown_moderation::desk::{Seen, SettingsAsk};
use lockdown_moderation::{Right, Settings};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

/// 200: what is chosen, with its version.
struct Chosen {
    version: u64,
    settings: Settings,
}

/// What shall be chosen.
struct New {
    settings: Settings,
    seen: Seen,
}

pub(super) fn routes() -> Vec<Route> {
    let configure = Needs::Right(Right::Configure);
    let sample = json!({ "locale": "en", "timezone": "Europe/Berlin", "messageDays": 30,
        "ladder": { "decay": "30d", "steps": [{ "points": 3, "action": "mute", "lasts": "1h" }] } });
    let mut answer = json!(Settings::default());
    for (name, value) in sample.as_object().into_iter().flatten() {
        answer[name] = value.clone();
    }
    answer["ladder"]["steps"][0]["needsApproval"] = json!(false);
    vec![
        Route::of_guild(Method::GET, "/settings", "getSettings", Needs::AnyRight, show)
            .says("Show the settings", "With the defaults of what nobody chose.")
            .answer(answer.clone()),
        Route::of_guild(Method::PUT, "/settings", "putSettings", configure, put)
            .says(
                "Choose settings",
                "All of them: what is left out is as if nobody had chosen it. Bots and workers go by them as soon as they hear \
                 of it.",
            )
            .refuses(&[Code::BadSettings, Code::Stale])
            .sample(sample)
            .answer(answer),
    ]
}

// === impl Chosen ===

impl Give for Chosen {
    fn give(self) -> Answer {
        Answer {
            etag: Some(etag(self.version)),
            ..Answer::of(StatusCode::OK, &self.settings)
        }
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        let given = Given::json::<Settings>(200, "In force.", generator);
        vec![Given {
            has_etag: true,
            ..given
        }]
    }
}

// === impl New ===

impl Take for New {
    fn take(raw: &Raw) -> Result<Self, Problem> {
        let sent: Value = parse_body(&raw.headers, &raw.body)?;
        let settings = Settings::read(&sent).map_err(|bad| {
            let message = bad.to_string();
            Problem::new(Code::BadSettings, message.clone()).at(bad.path, message)
        })?;
        Ok(Self {
            settings,
            seen: seen(&raw.headers),
        })
    }

    fn describe(generator: &mut SchemaGenerator) -> Shape {
        Shape {
            headers: CONDITIONS,
            ..Body::<Settings>::describe(generator)
        }
    }
}

async fn show(asked: InGuild, _: Nothing) -> Result<Chosen, Problem> {
    let (settings, version) = asked.call.api.desk.settings(&asked.guild_ref()).await?;
    Ok(Chosen { version, settings })
}

async fn put(asked: InGuild, new: New) -> Result<Chosen, Problem> {
    let ask = SettingsAsk {
        by: asked.call.actor(),
        guild: asked.guild_ref(),
        seen: new.seen,
        chain: Some(asked.call.chain.clone()),
    };
    let version = asked.call.api.desk.change_settings(&ask, &new.settings).await?;
    Ok(Chosen {
        version,
        settings: new.settings,
    })
}
