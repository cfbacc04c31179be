/** Sentry's own browser tracing, for servers that keep transactions (SENTRY_TRACES_SAMPLE_RATE above 0). */

import { type BrowserClient, browserTracingIntegration } from "@sentry/browser";

/** OpenTelemetry's trace stays the one that travels: Sentry propagates nothing. */
export const trace = (client: BrowserClient): void => {
  client.addIntegration(browserTracingIntegration({ traceFetch: false, traceXHR: false, enableInp: false }));
};
