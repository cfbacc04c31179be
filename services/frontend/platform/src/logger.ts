/** The logger. Messages are constants, values are fields, and only fields of the policy are kept. */

import type { App } from "./config";
import { config } from "./config";
import { type Circumstances, report } from "./errors";
import { logFields, type Value } from "./policy";
import { latestContext } from "./trace";

type Level = "debug" | "info" | "warn" | "error";

export interface Logger {
  debug(event: string, fields?: Record<string, Value>): void;
  info(event: string, fields?: Record<string, Value>): void;
  warn(event: string, fields?: Record<string, Value>): void;
  /** As in the services, a line of this level is also an error event. */
  error(event: string, error: unknown, circumstances?: Circumstances): void;
}

const lowest: Record<typeof config.environment, Level> = { dev: "debug", staging: "info", prod: "warn" };
const order: readonly Level[] = ["debug", "info", "warn", "error"];

const write = (level: Level, app: App, event: string, fields: Record<string, Value>): void => {
  if (order.indexOf(level) < order.indexOf(lowest[config.environment])) return;
  const line = {
    timestamp: new Date().toISOString(),
    level: level.toUpperCase(),
    message: event,
    service: app,
    environment: config.environment,
    version: config.apps[app].version,
    traceId: latestContext()?.traceId ?? "",
    ...logFields(fields),
  };
  console[level](JSON.stringify(line));
};

export const logger = (app: App): Logger => ({
  debug: (event, fields = {}) => write("debug", app, event, fields),
  info: (event, fields = {}) => write("info", app, event, fields),
  warn: (event, fields = {}) => write("warn", app, event, fields),
  error: (event, error, circumstances = {}) => {
    const error_type = error instanceof Error ? error.name : typeof error;
    write("error", app, event, { error_type });
    report(error, { app, event, ...circumstances });
  },
});
