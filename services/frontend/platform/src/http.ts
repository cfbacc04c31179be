/** Calls to the API, with traces, timeouts and typed errors. */

import type { App } from "./config";
import { Span, type SpanContext } from "./trace";

/** An error response of the API (RFC 9457). `traceId` finds the request in every store. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly kind: string,
    readonly detail: string,
    readonly traceId: string,
    readonly members: Record<string, unknown> = {},
  ) {
    super(kind);
  }
}

export interface Call {
  readonly method?: "GET" | "POST";
  /** Path template, with `{name}` for each of `parameters`. The template is recorded, the URL is not. */
  readonly path: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly parent: SpanContext | undefined;
}

const TIMEOUT_MILLISECONDS = 15_000;

const addressOf = ({ path, parameters = {}, query }: Call): string => {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parameters[name] ?? ""));
  return query ? `${filled}?${new URLSearchParams(query)}` : filled;
};

/** Return the response's JSON, or undefined if it has none. Throws Problem; its status is 0 without a response. */
export const call = async <Result>(app: App, request: Call): Promise<Result> => {
  const { method = "GET", path, body, headers, parent } = request;
  const span = new Span(app, `${method} ${path}`, "client", parent);
  span.set("http.request.method", method);
  span.set("url.template", path);
  let answer: Response;
  let content: unknown;
  try {
    answer = await fetch(addressOf(request), {
      method,
      headers: {
        ...headers,
        traceparent: span.traceparent,
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
    const text = await answer.text();
    content = text ? JSON.parse(text) : undefined;
  } catch (error) {
    const kind = error instanceof DOMException && error.name === "TimeoutError" ? "timeout" : "network";
    span.end(kind);
    throw new Problem(0, kind, "The server could not be reached. Try again in a moment.", span.context.traceId);
  }
  span.set("http.response.status_code", answer.status);
  span.end(answer.status >= 400 ? String(answer.status) : undefined);
  if (answer.ok) return content as Result;
  const told = (content ?? {}) as Record<string, unknown>;
  const kind = String(told.type ?? "").replace("urn:problem:", "");
  const traceId = String(told.trace_id ?? span.context.traceId);
  throw new Problem(answer.status, kind, String(told.detail ?? "The server gave no reason."), traceId, told);
};
