/**
 * Inline in the page, before every other script. If the shell or the platform does not load, it shows what a customer
 * can do, and reports the error with its own code, because the platform's is missing.
 */

import type { config as deployed } from "@sandbox/platform";

const APP = "frontend-shell";

const random = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const read = (): typeof deployed => JSON.parse(document.getElementById("config")?.textContent ?? "null");

const show = (main: Element, traceId: string): void => {
  const section = document.createElement("section");
  section.className = "card";
  section.setAttribute("role", "alert");
  const title = document.createElement("h1");
  title.textContent = "Sandbox Pay cannot be shown right now";
  const text = document.createElement("p");
  text.textContent =
    "A part of the page did not arrive. We have been told. Your payments are safe; try again in a moment.";
  const trace = document.createElement("p");
  trace.className = "trace";
  if (traceId) {
    const id = document.createElement("code");
    id.dataset.traceId = id.textContent = traceId;
    trace.append("Trace id ", id);
  }
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Try again";
  again.addEventListener("click", () => location.reload());
  section.append(title, text, trace, again);
  main.replaceChildren(section);
};

const report = (type: string, traceId: string, spanId: string): void => {
  const { apps, environment } = read();
  const { dsn, version, team } = apps[APP];
  if (!dsn) return;
  const event = {
    event_id: random(),
    timestamp: Date.now() / 1_000,
    platform: "javascript",
    level: "fatal",
    environment,
    release: `${APP}@${version}`,
    transaction: `load ${APP}`,
    exception: {
      values: [{ type, value: "", mechanism: { type: "generic", handled: true }, stacktrace: { frames: [] } }],
    },
    contexts: { trace: { trace_id: traceId, span_id: spanId } },
    tags: { service: APP, team, event: "module.failed", ...(traceId && { trace_id: traceId }) },
  };
  const body = [{ dsn }, { type: "event" }, event].map((part) => JSON.stringify(part)).join("\n");
  void fetch("/telemetry/errors", { method: "POST", body, keepalive: true }).catch(() => undefined);
};

addEventListener(
  "error",
  (event) => {
    const main = document.getElementById("main");
    if (!main?.querySelector(".loading")) return;
    const missing = event.target instanceof HTMLScriptElement;
    if (!missing && !event.error) return;
    const [, traceId = "", spanId = ""] = (read().traceparent ?? "").split("-");
    show(main, traceId);
    // Once the platform has loaded, it reports errors itself.
    const heard = performance.getEntriesByName("listening").length > 0;
    if (missing || !heard) report(missing ? "ShellUnavailable" : "ShellFailed", traceId, spanId);
  },
  true,
);
