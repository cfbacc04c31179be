/**
 * Catches unhandled errors from the start. Sentry's SDK is loaded after the page has been drawn, or at the first error.
 * Errors are queued until then, so none is lost.
 */

import { type App, config } from "./config";
import { latestContext, now, type SpanContext } from "./trace";

export interface Caught {
  readonly error: unknown;
  readonly app: App;
  readonly trace: SpanContext | undefined;
  /** Part of the product, a constant such as `payments: pay`. */
  readonly place: string;
  readonly handled: boolean;
  readonly mechanism: string;
  /** Name of the log event that reports it, if any. */
  readonly event: string | undefined;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface Circumstances {
  readonly app?: App;
  readonly trace?: SpanContext | undefined;
  readonly place?: string;
  readonly mechanism?: string;
  readonly handled?: boolean;
  readonly event?: string;
}

const known = new WeakMap<object, Circumstances>();
const reported = new WeakSet<object>();
const waiting: Caught[] = [];
let sink: ((caught: Caught) => void) | undefined;
let view = "start";

/** Set the part of the product on the screen: a constant of ours, never a URL. */
export const setView = (name: string): void => {
  view = name;
};

/** Attach context to a rethrown error, which the global handler cannot know. */
export const annotate = (error: unknown, circumstances: Circumstances): void => {
  if (typeof error === "object" && error !== null && !known.has(error)) known.set(error, circumstances);
};

/** Report an error once, however often this is called for it. */
export const report = (error: unknown, circumstances: Circumstances = {}): void => {
  if (typeof error === "object" && error !== null) {
    if (reported.has(error)) return;
    reported.add(error);
  }
  const about = { ...(typeof error === "object" && error ? known.get(error) : undefined), ...circumstances };
  const app = ownerOf(error) ?? about.app ?? "frontend-shell";
  const caught: Caught = {
    error,
    app: about.event === "module.failed" ? (about.app ?? app) : app,
    trace: about.trace ?? latestContext(),
    place: about.place ?? view,
    handled: about.handled ?? true,
    mechanism: about.mechanism ?? "generic",
    event: about.event,
    time: now(),
  };
  if (sink) sink(caught);
  else {
    waiting.push(caught);
    loadSdk();
  }
};

/** The micro-frontend whose code threw, from the file's address. Frames of the platform are skipped. */
export const ownerOf = (error: unknown): App | undefined => {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const [, app, file] of stack.matchAll(/\/assets\/(frontend-[a-z]+)\/[^/\s]+\/([\w.-]+)/g)) {
    const platform = app === "frontend-shell" && !file?.startsWith("main");
    if (app && app in config.apps && !platform) return app as App;
  }
  return undefined;
};

export const drainTo = (receiver: (caught: Caught) => void): void => {
  sink = receiver;
  for (const caught of waiting.splice(0)) receiver(caught);
};

let loading = false;
/** Load Sentry's SDK once. If that fails (blocked, offline), the application works, and errors stay in the console. */
export const loadSdk = (): void => {
  if (loading || !config.apps["frontend-shell"].dsn) return;
  loading = true;
  import("./sentry").catch(() => {
    loading = false;
  });
};

addEventListener("error", (event) => {
  // An image or script that fails to load fires an `error` event on its element, without an error object.
  if (event.error) report(event.error, { handled: false, mechanism: "onerror" });
});
addEventListener("unhandledrejection", (event) => {
  report(event.reason, { handled: false, mechanism: "onunhandledrejection" });
});
performance.mark("listening");
