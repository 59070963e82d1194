//! Logs on standard error, traces to a collector, metrics for a scraper.
//!
//! No secret leaves by any of them: everything that is written passes a [`Scrubber`], which knows the configured secrets
//! and what tokens look like.

mod metrics;
mod otlp;
mod propagation;
mod redact;

use std::error::Error;
use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

pub use self::metrics::Metrics;
pub use self::propagation::{follow, traceparent};
pub use self::redact::{EventWriter, Scrubber, Scrubbing};
use crate::config::{Config, LogFormat};

/// Longest wait for the last spans to leave.
const FLUSH: Duration = Duration::from_secs(2);

/// What was installed. [`Telemetry::shutdown`] sends what is still waiting.
pub struct Telemetry {
    scrubber: Scrubber,
    provider: Option<SdkTracerProvider>,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("telemetry is set up inside of a tokio runtime, which sends the traces")]
    NoRuntime,
    #[error("the log filter \"{filter}\" is malformed")]
    Filter {
        filter: String,
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("could not build the HTTP client that sends traces")]
    Client { source: Box<dyn Error + Send + Sync> },
    #[error("could not build the exporter of traces")]
    Exporter { source: Box<dyn Error + Send + Sync> },
    #[error("logging is already set up in this process")]
    Installed { source: TryInitError },
}

/// Sets logs and traces up for the whole process. Once, and inside of a tokio runtime.
pub fn init(config: &Config, service: &str, version: &str) -> Result<Telemetry, TelemetryError> {
    let ansi = config.log.format == LogFormat::Text && std::io::stderr().is_terminal();
    let (subscriber, telemetry) = build(config, service, version, std::io::stderr, ansi)?;
    // Libraries that write to the `log` crate are heard too.
    subscriber
        .try_init()
        .map_err(|source| TelemetryError::Installed { source })?;
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(telemetry)
}

/// What [`init`] installs, for tests: log lines go to `writer`, and nothing is global.
pub fn build<W>(
    config: &Config,
    service: &str,
    version: &str,
    writer: W,
    ansi: bool,
) -> Result<(impl Subscriber + Send + Sync + use<W>, Telemetry), TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let scrubber = Scrubber::new(config.secrets());
    let filter = EnvFilter::try_new(&config.log.filter).map_err(|source| TelemetryError::Filter {
        filter: config.log.filter.clone(),
        source,
    })?;
    let writer = Scrubbing::new(scrubber.clone(), writer);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match config.log.format {
        LogFormat::Text => fmt::layer()
            .with_ansi(ansi)
            .with_writer(writer)
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_ansi(false)
            .with_writer(writer)
            .with_filter(filter)
            .boxed(),
    };
    let provider = match &config.otel.endpoint {
        Some(endpoint) => Some(otlp::provider(endpoint, service, version, scrubber.clone())?),
        None => None,
    };
    // RUST_LOG is about lines. Spans leave from `info` up, without those that sending them would make.
    let exported = Targets::new().with_default(LevelFilter::INFO).with_targets(
        ["hyper", "hyper_util", "reqwest", "rustls", "h2", "opentelemetry"].map(|t| (t, LevelFilter::OFF)),
    );
    let spans = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("lockdown"))
            .with_location(false)
            .with_threads(false)
            .with_filter(exported)
    });
    let subscriber = tracing_subscriber::registry().with(lines).with(spans);
    Ok((subscriber, Telemetry { scrubber, provider }))
}

// === impl Telemetry ===

impl Telemetry {
    /// Shared with the log: hide a secret here, and it is hidden there.
    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    /// Sends what is still waiting, in two seconds at most. It blocks: call it from outside of the runtime.
    pub fn shutdown(self) {
        self.shutdown_within(FLUSH);
    }

    /// As [`Telemetry::shutdown`], with a shorter limit.
    pub fn shutdown_within(self, limit: Duration) {
        if let Some(provider) = self.provider {
            // Whether the collector took the last spans was logged by the client.
            let _ = provider.shutdown_with_timeout(limit.min(FLUSH));
        }
    }
}

/// An error with all of its causes, on one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat their source in their own message.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
