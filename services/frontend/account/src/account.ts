import { action, h, latestContext, Problem, problemNotice, replace, session } from "@sandbox/platform";
import { APP } from "./app";

interface Account {
  readonly name: string;
  readonly email: string;
  readonly created_at: string;
}

const logOut = (): Promise<void> =>
  action(APP, "log out", (span) =>
    session.logOut(APP, span.context).catch((error: unknown) => {
      // The browser forgets the session even if the request fails.
      if (!(error instanceof Problem)) throw error;
    }),
  );

const row = (name: string, value: string): HTMLElement[] => [h("dt", {}, name), h("dd", {}, value)];

/** The logged-in account, and the log-out button. */
export const accountPage = async (place: HTMLElement): Promise<void> => {
  replace(place, h("p", { class: "loading", role: "status" }, "Loading your account…"));
  try {
    const account = await session.call<Account>(APP, { path: "/api/auth/me", parent: latestContext() });
    const since = new Intl.DateTimeFormat("en", { dateStyle: "long" }).format(new Date(account.created_at));
    replace(
      place,
      h(
        "section",
        { class: "card narrow" },
        h("h1", {}, account.name),
        h("dl", {}, ...row("Mail address", account.email), ...row("Customer since", since)),
        h("p", {}, h("button", { type: "button", class: "quiet", onclick: () => void logOut() }, "Log out")),
      ),
    );
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    replace(place, problemNotice(error, "Your account cannot be shown"));
  }
};
