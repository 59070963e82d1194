//! Spans to an OpenTelemetry collector: OTLP over HTTP, protobuf.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::{KeyValue, Value};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;

use super::redact::Scrubber;
use super::{TelemetryError, chain};
use crate::secret::SecretUrl;

/// Longest wait for a collector that does not answer; the spans of that batch are lost.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The exporter's own thread knows no runtime, so the client brings one.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
    reachability: Arc<Reachability>,
}

/// Says once that the collector went away, and once that it is back: a batch goes out every five seconds.
#[derive(Debug)]
struct Reachability {
    endpoint: String,
    is_away: AtomicBool,
}

/// Spans carry whatever was put into their fields, so they are scrubbed like log lines.
#[derive(Debug)]
struct ScrubbingExporter {
    inner: OtlpExporter,
    scrubber: ScrubberOf,
}

/// A scrubber for spans, with the `Debug` that an exporter must have.
struct ScrubberOf(Scrubber);

/// Spans leave in batches, from a thread of their own; a full queue drops spans and never blocks.
pub(super) fn provider(
    endpoint: &SecretUrl,
    service: &str,
    version: &str,
    scrubber: Scrubber,
) -> Result<SdkTracerProvider, TelemetryError> {
    let runtime = Handle::try_current().map_err(|_| TelemetryError::NoRuntime)?;
    let traces = match endpoint.url().path() {
        // The specification adds the path to a base address; an address that has it already is understood too.
        path if path.ends_with("/v1/traces") => endpoint.clone(),
        _ => endpoint.join_path("v1/traces"),
    };
    let http = reqwest::Client::builder()
        .timeout(EXPORT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|source| TelemetryError::Client {
            source: Box::new(source),
        })?;
    let reachability = Reachability {
        endpoint: traces.masked(),
        is_away: AtomicBool::new(false),
    };
    let exporter = OtlpExporter::builder()
        .with_http()
        .with_http_client(Client {
            http,
            runtime,
            reachability: Arc::new(reachability),
        })
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces.expose())
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|source| TelemetryError::Exporter {
            source: Box::new(source),
        })?;
    let resource = Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new("service.version", version.to_owned()))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(ScrubbingExporter {
            inner: exporter,
            scrubber: ScrubberOf(scrubber),
        })
        .build())
}

// === impl Client ===

impl HttpClient for Client {
    fn send_bytes<'a, 'f>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let response = http.execute(request.try_into()?).await?;
            let status = response.status();
            let body = response.bytes().await?;
            if !status.is_success() {
                return Err(format!("the collector answered {status}").into());
            }
            let mut answer = Response::new(body);
            *answer.status_mut() = status;
            Ok::<_, HttpError>(answer)
        });
        Box::pin(async move {
            let result = sent.await.unwrap_or_else(|stopped| Err(stopped.into()));
            self.reachability.note(result.as_ref().err());
            result
        })
    }
}

// === impl Reachability ===

impl Reachability {
    fn note(&self, failure: Option<&HttpError>) {
        let was_away = self.is_away.swap(failure.is_some(), Ordering::Relaxed);
        let endpoint = &self.endpoint;
        match failure {
            Some(error) if !was_away => {
                let error: &(dyn Error + 'static) = error.as_ref();
                let error = chain(error);
                tracing::warn!(
                    endpoint,
                    error,
                    "Traces do not reach {endpoint}: {error}. They are dropped until it answers; \
                     OTEL_EXPORTER_OTLP_ENDPOINT sets the address"
                );
            }
            None if was_away => tracing::info!(endpoint, "Traces reach {endpoint} again"),
            _ => {}
        }
    }
}

// === impl ScrubbingExporter ===

impl SpanExporter for ScrubbingExporter {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            self.scrubber.span(span);
        }
        self.inner.export(batch).await
    }

    fn shutdown_with_timeout(&mut self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&mut self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

// === impl ScrubberOf ===

impl ScrubberOf {
    fn span(&self, span: &mut SpanData) {
        span.name = self.0.scrub(&span.name).into();
        self.attributes(&mut span.attributes);
        for event in &mut span.events.events {
            event.name = self.0.scrub(&event.name).into();
            self.attributes(&mut event.attributes);
        }
        if let opentelemetry::trace::Status::Error { description } = &mut span.status {
            *description = self.0.scrub(description).into();
        }
    }

    fn attributes(&self, attributes: &mut [KeyValue]) {
        for KeyValue { value, .. } in attributes {
            // Numbers and booleans hold no secret, and tracing makes no arrays.
            if let Value::String(text) = value {
                *value = Value::String(self.0.scrub(text.as_str()).into());
            }
        }
    }
}

impl std::fmt::Debug for ScrubberOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrubber")
    }
}
