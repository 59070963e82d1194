//! One trace across processes: the W3C `traceparent`, carried beside an event or a request.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

/// The `traceparent` of the current span; `None` when no traces are made.
pub fn traceparent() -> Option<String> {
    let span = Span::current();
    // Asked for with every event: where nobody listens it costs nothing.
    if span.is_disabled() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Makes `span` a child of the span that `traceparent` names. It must not have been entered yet. A text that is no
/// `traceparent`, as any publisher may send, changes nothing.
pub fn follow(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&carrier);
    if opentelemetry::trace::TraceContextExt::span(&parent)
        .span_context()
        .is_valid()
    {
        // Refused only where no tracing layer is installed: then there is no trace to join.
        let _ = span.set_parent(parent);
    }
}
