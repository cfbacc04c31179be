/** The session. The access token is in memory; the refresh token is in the tab's storage, so a reload keeps it. */

import type { App } from "./config";
import { type Call, call, Problem } from "./http";
import { logger } from "./logger";
import type { SpanContext } from "./trace";

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

const STORED = "sandbox.refresh";
/** Time before expiry at which an access token is exchanged, so that none expires during a request. */
const EARLY_MILLISECONDS = 20_000;

const log = logger("frontend-shell");
const listeners = new Set<(loggedIn: boolean) => void>();
let access: { token: string; until: number } | undefined;
let refreshing: Promise<void> | undefined;

const keep = (tokens: Tokens): void => {
  access = { token: tokens.access_token, until: Date.now() + tokens.expires_in * 1_000 - EARLY_MILLISECONDS };
  sessionStorage.setItem(STORED, tokens.refresh_token);
};

const forget = (): void => {
  access = undefined;
  sessionStorage.removeItem(STORED);
  for (const listener of listeners) listener(false);
};

const refresh = async (app: App, parent: SpanContext | undefined): Promise<void> => {
  const refresh_token = sessionStorage.getItem(STORED);
  if (!refresh_token) throw new Problem(401, "logged-out", "Log in first.", parent?.traceId ?? "");
  try {
    keep(await call<Tokens>(app, { method: "POST", path: "/api/auth/refresh", body: { refresh_token }, parent }));
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) {
      log.info("session ended");
      forget();
    }
    throw problem;
  }
};

export const session = {
  get loggedIn(): boolean {
    return Boolean(access ?? sessionStorage.getItem(STORED));
  },

  /** Call `listener` at each change; the returned function unsubscribes. */
  onChange(listener: (loggedIn: boolean) => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },

  async logIn(app: App, credentials: { email: string; password: string }, parent: SpanContext): Promise<void> {
    keep(await call<Tokens>(app, { method: "POST", path: "/api/auth/login", body: credentials, parent }));
    for (const listener of listeners) listener(true);
  },

  /** Make a call as the logged-in user; an expired access token is exchanged first. */
  async call<Result>(app: App, request: Call): Promise<Result> {
    if (!access || access.until < Date.now()) {
      // A refresh token works once, so concurrent calls share one exchange.
      refreshing ??= refresh(app, request.parent).finally(() => {
        refreshing = undefined;
      });
      await refreshing;
    }
    const headers = { ...request.headers, Authorization: `Bearer ${access?.token}` };
    try {
      return await call<Result>(app, { ...request, headers });
    } catch (problem) {
      if (problem instanceof Problem && problem.status === 401) forget();
      throw problem;
    }
  },

  async logOut(app: App, parent: SpanContext): Promise<void> {
    try {
      await session.call(app, { method: "POST", path: "/api/auth/logout", parent });
    } finally {
      forget();
    }
  },
};
