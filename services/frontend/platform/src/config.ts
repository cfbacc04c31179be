/** What the gateway knows at deploy time and writes into the page: nothing of it is built in. */

export type App = "frontend-shell" | "frontend-account" | "frontend-payments";

export interface Deployed {
  readonly version: string;
  readonly team: string;
  /** Where its errors go; null where there is no error tracker. */
  readonly dsn: string | null;
  readonly styles: readonly string[];
}

export interface Config {
  readonly environment: "dev" | "staging" | "prod";
  readonly apps: Readonly<Record<App, Deployed>>;
  /** Shares from 0 to 1; the gateway takes them from the policy of the environment. */
  readonly sampling: {
    readonly errors: number;
    readonly traces: number;
    readonly sentryTraces: number;
  };
  /** Context of the server span that answered the page; W3C form. */
  readonly traceparent: string | null;
  /** Whether the panel that breaks things exists. */
  readonly breakable: boolean;
}

export const config: Config = JSON.parse(document.getElementById("config")?.textContent ?? "null");

export const release = (app: App): string => `${app}@${config.apps[app].version}`;
