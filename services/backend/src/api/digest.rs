//! What went on in a community on a day, as it is told in its log channel.

use super::access::Needs;
use super::input::{Query, bad_query};
use super::route::{Answer, Found, Give, Given, InGuild, Route};
use crate::problem::{Code, Problem};
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse as _;
use chrono::NaiveDate;
use lockdown_moderation::digest::{self, Digest};
use lockdown_runtime::chain;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use std::sync::Mutex;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DigestOf")]
struct Which {
    /// A day by the clock of the community; yesterday when it is absent.
    day: Option<NaiveDate>,
}

/// 200: a picture.
struct Picture(Vec<u8>);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of_guild(Method::GET, "/digest", "getDigest", Needs::Sight, show).says(
            "Show what went on on a day",
            "In numbers, with those of the seven days before it. Days begin and end by the clock of the community; an hour that \
             lies in two belongs to the one in which it begins.",
        ),
        Route::of_guild(
            Method::GET,
            "/digest/chart",
            "getDigestChart",
            Needs::Sight,
            picture,
        )
        .says(
            "Show what went on on a day as a picture",
            "Messages in blue, who joined in green, who left in red, cases in orange: of the day in full colour, of the seven days \
             before it in a pale one.",
        ),
    ]
}

// === impl Picture ===

impl Give for Picture {
    fn give(self) -> Answer {
        let response = ([(header::CONTENT_TYPE, "image/png")], self.0).into_response();
        Answer {
            stream: Some(Mutex::new(response)),
            ..Answer::empty(StatusCode::OK)
        }
    }

    fn describe(generator: &mut SchemaGenerator) -> Vec<Given> {
        let given = Given::json::<String>(200, "The picture.", generator);
        vec![Given {
            media: "image/png",
            ..given
        }]
    }
}

async fn show(asked: InGuild, Query(which): Query<Which>) -> Result<Found<Digest>, Problem> {
    of(&asked, &which).await.map(Found)
}

async fn picture(asked: InGuild, Query(which): Query<Which>) -> Result<Picture, Problem> {
    let digest = of(&asked, &which).await?;
    digest::chart(&digest).map(Picture).map_err(|error| {
        tracing::error!("A chart could not be drawn: {}", chain(&error));
        Problem::of(Code::Internal)
    })
}

async fn of(asked: &InGuild, which: &Which) -> Result<Digest, Problem> {
    let (desk, guild) = (&asked.call.api.desk, asked.guild_ref());
    let zone = desk.settings(&guild).await?.0.zone();
    let today = asked.call.now().with_timezone(&zone).date_naive();
    let yesterday = today.pred_opt().unwrap_or(today);
    let day = which.day.unwrap_or(yesterday);
    if day > today {
        return Err(bad_query("day", "The day has not begun.".into()));
    }
    Ok(desk.digest(&guild, day).await?)
}
