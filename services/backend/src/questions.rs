//! Questions that come over the bus. The API's own answers are in `server.rs`.

use lockdown_bus::{Answering, Asked, Bus, SubscribeError};
use lockdown_events::{HealthRequest, RequestError};
use lockdown_runtime::Context;
use lockdown_runtime::health::Report;

/// Answers `request:health` with the report of this process, or with the part of it that is asked for.
pub(crate) async fn answer_health(ctx: &Context, bus: &Bus) -> Result<Answering, SubscribeError> {
    let health = ctx.health.clone();
    bus.requests()
        .answer("health", move |asked: Asked<HealthRequest>| {
            let answer = report(health.report(), asked.data);
            async { answer }
        })
        .await
}

fn report(mut report: Report, asked: HealthRequest) -> Result<Report, RequestError> {
    let Some(name) = asked.component else {
        return Ok(report);
    };
    report.components.retain(|component| component.name == name);
    if report.components.is_empty() {
        return Err(RequestError {
            code: "not_found".to_owned(),
            message: format!("no part of this process is called `{name}`"),
        });
    }
    Ok(report)
}
