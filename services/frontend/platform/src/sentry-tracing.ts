/** Sentry's own browser tracing, for servers that keep transactions (SENTRY_TRACES_SAMPLE_RATE above 0). */

import { type BrowserClient, browserTracingIntegration, startBrowserTracingPageLoadSpan } from "@sentry/browser";
import { config } from "./config";

/** OpenTelemetry's trace stays the one that travels: Sentry propagates nothing, and its page load is a part of it. */
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
    // Without a decision of its own: the share of the setting decides.
    { sentryTrace: traceId && `${traceId}-${spanId}` },
  );
};
