/**
 * What the shell gives to itself and to every micro-frontend, loaded once and before any of them: errors are caught,
 * spans recorded and lines written from here on.
 */

export { action } from "./action";
export { type App, config } from "./config";
export { h, replace } from "./dom";
export { annotate, loadSdk, report, setView } from "./errors";
export { type Call, call, Problem } from "./http";
export { type Logger, logger } from "./logger";
export { session } from "./session";
export { latestContext, parseTraceparent, rootSpan, type Span, type SpanContext, whenSpansWait } from "./trace";
export { busy, field, notice, problemNotice, traceId } from "./ui";

/** Fetch what sends spans, once there are some. */
export const loadExporter = (): Promise<unknown> => import("./export").catch(() => undefined);

/** What the shell asks of a micro-frontend. */
export interface MicroFrontend {
  /** Draw `view` into `place`; the result takes it down again. */
  mount(place: HTMLElement, view: string): () => void;
  /** Throw an error from this micro-frontend's own code, for the panel that breaks things. */
  breakNow(): never;
}
