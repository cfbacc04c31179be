/** Sentry's own browser tracing, for trackers that store transactions (SENTRY_TRACES_SAMPLE_RATE above 0). */

import { type BrowserClient, browserTracingIntegration, startBrowserTracingPageLoadSpan } from "@sentry/browser";
import { config } from "./config";

/** Only OpenTelemetry's trace is propagated; Sentry's page load is part of that trace. */
export const trace = (client: BrowserClient): void => {
  client.addIntegration(
    browserTracingIntegration({
      instrumentPageLoad: false,
      traceFetch: false,
      traceXHR: false,
      enableInp: false,
      beforeStartSpan: (options) => ({ ...options, name: options.op === "pageload" ? "documentLoad" : "navigate" }),
    }),
  );
  const [, traceId, spanId] = config.traceparent?.split("-") ?? [];
  startBrowserTracingPageLoadSpan(
    client,
    { name: "documentLoad", startTime: performance.timeOrigin / 1_000 },
    // No sampling decision here: the configured ratio applies.
    { sentryTrace: traceId && `${traceId}-${spanId}` },
  );
};
