/** Sends spans to the gateway with the OpenTelemetry SDK; loaded when the first spans are queued. */

import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, type Tracer, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { type App, config } from "./config";
import { scrub, spanAttributes } from "./policy";
import { drainTo, type FinishedSpan, type SpanContext } from "./trace";

const PATH = "/telemetry/traces";
/** Milliseconds between batches: a trace should be visible within a second. */
const DELAY_MILLISECONDS = 500;

let replayed: SpanContext;
const ids = { generateTraceId: () => replayed.traceId, generateSpanId: () => replayed.spanId };

const exporter = new OTLPTraceExporter({ url: new URL(PATH, location.href).href, timeoutMillis: 5_000 });
const tracers = new Map<App, Tracer>();

/** One resource per micro-frontend, because the resource names the owner of a span. */
const tracerOf = (app: App): Tracer => {
  let tracer = tracers.get(app);
  if (!tracer) {
    const provider = new TracerProvider({
      resource: resourceFromAttributes({
        "service.name": app,
        "service.namespace": "sandbox",
        "service.version": config.apps[app].version,
        "deployment.environment.name": config.environment,
        "telemetry.sdk.language": "webjs",
      }),
      idGenerator: ids,
      spanProcessors: [
        new BatchSpanProcessor({ exporter, scheduledDelayMillis: DELAY_MILLISECONDS, maxExportBatchSize: 64 }),
      ],
    });
    tracer = provider.getTracer("@sandbox/platform");
    tracers.set(app, tracer);
  }
  return tracer;
};

const replay = (span: FinishedSpan): void => {
  replayed = span.context;
  const parent = span.parent
    ? trace.setSpanContext(ROOT_CONTEXT, {
        traceId: span.parent.traceId,
        spanId: span.parent.spanId,
        traceFlags: TraceFlags.SAMPLED,
      })
    : ROOT_CONTEXT;
  const recorded = tracerOf(span.app).startSpan(
    scrub(span.name),
    {
      kind: span.kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL,
      startTime: span.start,
      attributes: spanAttributes(span.attributes),
    },
    parent,
  );
  if (span.failed) recorded.setStatus({ code: SpanStatusCode.ERROR });
  recorded.end(span.end);
};

drainTo(replay);
