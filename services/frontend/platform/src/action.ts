/** User actions: each is a span that starts a trace, and the owner of errors in it. */

import type { App } from "./config";
import { annotate } from "./errors";
import { rootSpan, type Span } from "./trace";

/**
 * Run `work` as one user action, e.g. `action("frontend-payments", "pay", ...)`. An error that it throws is assigned to
 * this trace and rethrown.
 */
export const action = async <Result>(
  app: App,
  name: string,
  work: (span: Span) => Promise<Result> | Result,
): Promise<Result> => {
  const span = rootSpan(app, `click ${name}`);
  try {
    const result = await work(span);
    span.end();
    return result;
  } catch (error) {
    span.end(error instanceof Error ? error.name : "error");
    annotate(error, { app, trace: span.context, place: `${app.replace("frontend-", "")}: ${name}` });
    throw error;
  }
};
