/**
 * Records spans from the start. The OpenTelemetry SDK, which sends them, is loaded later and receives the spans that
 * have ended by then, so none is lost and nothing waits for it.
 */

import type { App } from "./config";
import { config } from "./config";
import type { Value } from "./policy";

export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

export interface FinishedSpan {
  readonly app: App;
  readonly name: string;
  readonly kind: "internal" | "client";
  readonly context: SpanContext;
  readonly parent: SpanContext | undefined;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly failed: boolean;
  readonly attributes: Record<string, Value>;
}

const random = (bytes: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export const now = (): number => performance.timeOrigin + performance.now();

/** Sample by trace id, as OpenTelemetry's TraceIdRatioBased, so that all parts of a trace decide alike. */
const inShare = (traceId: string, share: number): boolean => Number.parseInt(traceId.slice(18), 16) < share * 2 ** 56;

const newTrace = (): { traceId: string; sampled: boolean } => {
  const traceId = random(16);
  return { traceId, sampled: inShare(traceId, config.sampling.traces) };
};

const finished: FinishedSpan[] = [];
let sink: ((span: FinishedSpan) => void) | undefined;
let onFirst: (() => void) | undefined;
let latest: SpanContext | undefined;

/** The trace of the last user action; errors without a trace of their own belong to it. */
export const latestContext = (): SpanContext | undefined => latest;

export class Span {
  readonly context: SpanContext;
  private readonly attributes: Record<string, Value> = {};
  private ended = false;

  constructor(
    readonly app: App,
    readonly name: string,
    readonly kind: "internal" | "client",
    readonly parent?: SpanContext,
    readonly start: number = now(),
  ) {
    const { traceId, sampled } = parent ?? newTrace();
    this.context = { traceId, spanId: random(8), sampled };
  }

  set(key: string, value: Value): void {
    this.attributes[key] = value;
  }

  get traceparent(): string {
    return `00-${this.context.traceId}-${this.context.spanId}-${this.context.sampled ? "01" : "00"}`;
  }

  end(failure?: string): void {
    if (this.ended || !this.context.sampled) return;
    this.ended = true;
    if (failure) this.attributes["error.type"] = failure;
    const { app, name, kind, context, parent, start, attributes } = this;
    emit({ app, name, kind, context, parent, start, end: now(), failed: Boolean(failure), attributes });
  }
}

/** Start the span of a user action. Later errors and calls belong to it. */
export const rootSpan = (app: App, name: string, parent?: SpanContext, start?: number): Span => {
  const span = new Span(app, name, "internal", parent, start);
  latest = span.context;
  return span;
};

const emit = (span: FinishedSpan): void => {
  if (sink) {
    sink(span);
    return;
  }
  finished.push(span);
  onFirst?.();
  onFirst = undefined;
};

/** Call `ready` when the first span has ended, to load the exporter. */
export const whenSpansWait = (ready: () => void): void => {
  if (finished.length) ready();
  else onFirst = ready;
};

/** Pass all further spans to `receiver`, the queued ones first. */
export const drainTo = (receiver: (span: FinishedSpan) => void): void => {
  sink = receiver;
  for (const span of finished.splice(0)) receiver(span);
};

/** Parse the value of a W3C traceparent header. */
export const parseTraceparent = (text: string | null): SpanContext | undefined => {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text ?? "");
  if (!match) return undefined;
  const [, traceId = "", spanId = "", flags = "00"] = match;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
};
