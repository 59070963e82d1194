//! A service in a process of its own, as a fleet runs it.

use super::Process;
use crate::context::Context;
use crate::ops;
use anyhow::Context as _;
use std::future::Future;
use std::process::ExitCode;

/// Who serves a service's health and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// The service has an HTTP side of its own.
    Own,
    /// [`ops`] does.
    Ops,
}

/// Runs one service of a fleet. `required` names the variables without which it stops and says so; `REDIS_URL` is
/// always among them, since services reach each other over Redis alone.
pub fn alone<F, Fut>(
    name: &'static str,
    version: &'static str,
    required: &'static [&'static str],
    http: Http,
    body: F,
) -> ExitCode
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    debug_assert!(
        required.contains(&"REDIS_URL"),
        "a service of a fleet needs the bus"
    );
    Process::service(name, version).requires(required).run(move |ctx| async move {
        // What has begun answers already while the rest does not: it is ready when all of it has.
        let start = ctx.health.component("start", true);
        if http == Http::Ops {
            let listener = ops::bind(ctx.config.http.addr).await.context("could not serve health and metrics")?;
            let serving = ops::serve(listener, ctx.health.clone(), ctx.metrics.clone(), ctx.shutdown.clone());
            tracing::info!(addr = %ctx.config.http.addr, "Health and metrics on http://{}", ctx.config.http.addr);
            ctx.tasks.spawn("ops", serving);
        }
        body(ctx).await?;
        start.up();
        Ok(())
    })
}
