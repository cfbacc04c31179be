/** What a person does: a span that begins a trace, and an owner for whatever fails in it. */

import type { App } from "./config";
import { annotate } from "./errors";
import { rootSpan, type Span } from "./trace";

/**
 * Run `work` as one thing that a person did, e.g. `action("frontend-payments", "pay", ...)`. What it throws is
 * remembered to belong to this trace, and thrown on.
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
