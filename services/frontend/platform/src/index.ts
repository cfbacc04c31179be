/**
 * The module that the shell and all micro-frontends share. It is loaded once, before any of them, and starts error
 * handling, tracing and logging.
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

/** Load the exporter when the first spans have ended. */
export const loadExporter = (): Promise<unknown> => import("./export").catch(() => undefined);

/** The interface of a micro-frontend. */
export interface MicroFrontend {
  /** Render `view` into `place`; the returned function removes it. */
  mount(place: HTMLElement, view: string): () => void;
  /** Throw an error from this micro-frontend's own code, for the failure panel. */
  breakNow(): never;
}
