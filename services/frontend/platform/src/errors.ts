/**
 * Catches what nobody handled, from the first line on. Sentry's SDK is loaded after the page has been drawn, or at once
 * when there is an error; what was caught meanwhile waits for it, so no error is missed by its coming late.
 */

import { type App, config } from "./config";
import { latestContext, now, type SpanContext } from "./trace";

export interface Caught {
  readonly error: unknown;
  readonly app: App;
  readonly trace: SpanContext | undefined;
  /** Where in the product it happened: a constant such as `payments: pay`. */
  readonly place: string;
  readonly handled: boolean;
  readonly mechanism: string;
  /** The name of the log event that reports it, if one does. */
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

/** The part of the product that is on the screen; a word of ours, never an address. */
export const setView = (name: string): void => {
  view = name;
};

/** Remember of an error that flies on what its catcher at the top cannot know. */
export const annotate = (error: unknown, circumstances: Circumstances): void => {
  if (typeof error === "object" && error !== null && !known.has(error)) known.set(error, circumstances);
};

/** Report an error once, whoever else reports it as well. */
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

/** Whose code threw: every file has its micro-frontend and release in its address. The platform's acts for others. */
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
/** Fetch Sentry's SDK, once. Without it (blocked, offline) the application goes on and errors stay in the console. */
export const loadSdk = (): void => {
  if (loading || !config.apps["frontend-shell"].dsn) return;
  loading = true;
  import("./sentry").catch(() => {
    loading = false;
  });
};

addEventListener("error", (event) => {
  // A picture or a script that does not load is an `error` event of its element, without an error.
  if (event.error) report(event.error, { handled: false, mechanism: "onerror" });
});
addEventListener("unhandledrejection", (event) => {
  report(event.reason, { handled: false, mechanism: "onunhandledrejection" });
});
performance.mark("listening");
