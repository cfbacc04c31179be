/** Sentry's client, loaded later. Each event goes to the project of its micro-frontend. */

import {
  BrowserClient,
  type BrowserOptions,
  defaultStackParser,
  type Event,
  type EventHint,
  type Exception,
  getCurrentScope,
  makeFetchTransport,
  makeMultiplexedTransport,
  Scope,
  type StackFrame,
} from "@sentry/browser";
import lists from "../policy.json";
import { config, release } from "./config";
import { type Caught, drainTo } from "./errors";
import { scrub, sourceFile } from "./policy";

/** Send through the gateway: same-origin, so not blocked as a third party, and rejected events are counted. */
const TUNNEL = "/telemetry/errors";
/** Concurrent events. The default of 64 would drop events in a burst of errors. */
const BUFFER = 1_000;

const ours = (hint: EventHint): Caught => (hint.data as { caught: Caught }).caught;

type TransactionEvent = Parameters<NonNullable<BrowserOptions["beforeSendTransaction"]>>[0];

const only = (given: object, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([key]) => keys.includes(key)));

const frame = (given: StackFrame): StackFrame => {
  const filename = sourceFile(given.filename);
  return {
    ...only(given, lists.frame_keys),
    filename,
    in_app: filename !== "app:///elsewhere",
    function: scrub(given.function ?? "?"),
  };
};

/** An exception's message can contain anything, so only type and stack are kept. */
const exception = (given: Exception): Exception => ({
  type: scrub(given.type ?? "Error"),
  value: "",
  mechanism: given.mechanism && { type: given.mechanism.type, handled: given.mechanism.handled ?? true },
  stacktrace: { frames: (given.stacktrace?.frames ?? []).map(frame) },
});

/** Rebuild a transaction of Sentry's own tracing: durations only, no request URLs. */
export const rebuildTransaction = (event: TransactionEvent): TransactionEvent =>
  ({
    event_id: event.event_id,
    type: "transaction",
    platform: "javascript",
    environment: config.environment,
    release: release("frontend-shell"),
    start_timestamp: event.start_timestamp,
    timestamp: event.timestamp,
    sdk: event.sdk && { name: event.sdk.name, version: event.sdk.version },
    transaction: scrub(event.transaction ?? ""),
    contexts: { trace: only(event.contexts?.trace ?? {}, lists.transaction_span_keys) },
    measurements: event.measurements,
    spans: (event.spans ?? []).map((span) => only(span, lists.transaction_span_keys)),
    tags: { service: "frontend-shell", team: config.apps["frontend-shell"].team },
  }) as unknown as TransactionEvent;

/** Rebuild an event with only what the policy allows, without additions of the SDK or of libraries. */
export const rebuild = (event: Event, caught: Caught): Event => {
  const { trace, app } = caught;
  return {
    event_id: event.event_id,
    platform: "javascript",
    level: event.level,
    timestamp: caught.time / 1_000,
    environment: config.environment,
    release: release(app),
    sdk: event.sdk && { name: event.sdk.name, version: event.sdk.version },
    transaction: scrub(caught.place),
    debug_meta: {
      images: event.debug_meta?.images?.flatMap((image) =>
        image.type === "sourcemap" ? [{ ...image, code_file: sourceFile(image.code_file) }] : [],
      ),
    },
    exception: { values: (event.exception?.values ?? []).map(exception) },
    contexts: trace && { trace: { trace_id: trace.traceId, span_id: trace.spanId } },
    tags: {
      service: app,
      team: config.apps[app].team,
      ...(trace && { trace_id: trace.traceId }),
      ...(caught.event && { event: caught.event }),
    },
  } as Event;
};

const client = new BrowserClient({
  dsn: config.apps["frontend-shell"].dsn ?? undefined,
  environment: config.environment,
  release: release("frontend-shell"),
  sampleRate: config.sampling.errors,
  tunnel: TUNNEL,
  transport: makeMultiplexedTransport(makeFetchTransport, ({ getEvent }) => {
    const app = getEvent()?.tags?.service;
    const dsn = app && config.apps[app as keyof typeof config.apps]?.dsn;
    return dsn ? [dsn] : [];
  }),
  transportOptions: { bufferSize: BUFFER },
  stackParser: defaultStackParser,
  // No automatic collection: no URLs, clicks, console, sessions, user or browser details.
  integrations: [],
  dataCollection: { userInfo: false },
  maxBreadcrumbs: 0,
  sendClientReports: false,
  beforeSend: (event, hint) => rebuild(event as Event, ours(hint)) as typeof event,
  ...(config.sampling.sentryTraces > 0 && {
    tracesSampleRate: config.sampling.sentryTraces,
    tracePropagationTargets: [],
    // As transactions, which the gateway can validate and more trackers store.
    traceLifecycle: "static",
    beforeSendTransaction: rebuildTransaction,
  }),
});
client.init();

if (config.sampling.sentryTraces > 0) {
  getCurrentScope().setClient(client);
  import("./sentry-tracing").then(({ trace }) => trace(client)).catch(() => undefined);
}

drainTo((caught) => {
  const mechanism = { type: caught.mechanism, handled: caught.handled };
  client.captureException(caught.error, { mechanism, data: { caught } }, new Scope());
});
