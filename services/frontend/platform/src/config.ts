/** Configuration of the deployment, which the gateway writes into each page; none of it is built in. */

export type App = "frontend-shell" | "frontend-account" | "frontend-payments";

export interface Deployed {
  readonly version: string;
  readonly team: string;
  /** DSN for its errors; null without an error tracker. */
  readonly dsn: string | null;
  readonly styles: readonly string[];
}

export interface Config {
  readonly environment: "dev" | "staging" | "prod";
  readonly apps: Readonly<Record<App, Deployed>>;
  /** Sampling ratios from 0 to 1, which the gateway sets by environment. */
  readonly sampling: {
    readonly errors: number;
    readonly traces: number;
    readonly sentryTraces: number;
  };
  /** W3C traceparent of the page request's server span. */
  readonly traceparent: string | null;
  /** Whether the failure panel is shown. */
  readonly breakable: boolean;
}

export const config: Config = JSON.parse(document.getElementById("config")?.textContent ?? "null");

export const release = (app: App): string => `${app}@${config.apps[app].version}`;
