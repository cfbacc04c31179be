/** The failure panel: causes errors on purpose, for demonstrations and tests. Not in production. */

import {
  action,
  busy,
  call,
  config,
  h,
  latestContext,
  notice,
  Problem,
  problemNotice,
  replace,
  traceId,
} from "@sandbox/platform";
import { load, mountInto, type Remote } from "./loading";

type Place = "shell" | Remote;

const PLACES: readonly [Place, string][] = [
  ["shell", "Shell"],
  ["frontend-account", "Account"],
  ["frontend-payments", "Payments"],
];
const MILLISECONDS_OF_A_BURST = 10_000;

class DeliberateFailure extends Error {
  override readonly name = "DeliberateFailure";
}

const breakShell = (): never => {
  throw new DeliberateFailure("the shell was told to fail");
};

const thrower = async (place: Place): Promise<() => never> =>
  place === "shell" ? breakShell : (await load(place)).breakNow;

const choice = (group: string, label: string, place: string, onclick: () => void): HTMLElement =>
  h("button", { type: "button", class: "quiet", "data-break": `${group} ${place}`, onclick }, label);

const card = (title: string, text: string, ...controls: HTMLElement[]): HTMLElement =>
  h("section", { class: "card" }, h("h2", {}, title), h("p", {}, text), h("p", { class: "actions" }, ...controls));

export const breakPanel = (): HTMLElement => {
  const outcome = h("div", { class: "outcome", "aria-live": "polite" });

  const told = (title: string, text: string): void => {
    const id = latestContext()?.traceId;
    replace(outcome, notice("good", title, h("p", {}, text), id ? traceId(id) : undefined));
  };

  const throwIn = (place: Place): void => {
    void action("frontend-shell", `throw in ${place}`, async () => {
      const fail = await thrower(place);
      told("Thrown", "Nobody handled it. It is on its way to the error tracker.");
      fail();
    });
  };

  const rejectIn = (place: Place): void => {
    void action("frontend-shell", `reject in ${place}`, async () => {
      const fail = await thrower(place);
      told("Rejected", "A promise was rejected and nobody was waiting for it.");
      void Promise.resolve().then(fail);
    });
  };

  const burst = (form: HTMLFormElement): void => {
    void busy(form, async () => {
      const count = Number(new FormData(form).get("count"));
      for (let sent = 0; sent < count; sent++) {
        setTimeout(() => breakShell(), (sent * MILLISECONDS_OF_A_BURST) / count);
      }
      await new Promise((done) => setTimeout(done, MILLISECONDS_OF_A_BURST));
      told("Burst over", `${count} errors in ${MILLISECONDS_OF_A_BURST / 1_000} seconds.`);
    });
  };

  const unload = (remote: Remote): void => {
    void action("frontend-shell", `unload ${remote}`, async (span) => {
      const missing = `/assets/${remote}/${config.apps[remote].version}/absent.js`;
      await mountInto(outcome, remote, "payments", span.context, () => import(/* @vite-ignore */ missing));
    });
  };

  const server = (service: string): void => {
    void action("frontend-shell", `fail ${service}`, async (span) => {
      try {
        await call("frontend-shell", {
          method: "POST",
          path: "/api/debug/{service}/error",
          parameters: { service },
          parent: span.context,
        });
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        replace(outcome, problemNotice(error, `The ${service} service failed, as you asked`));
      }
    });
  };

  const form = h(
    "form",
    { class: "row" },
    h("label", { for: "burst" }, "Errors"),
    h("input", { id: "burst", name: "count", type: "number", min: 1, max: 1000, value: 50, required: true }),
    h("button", { class: "quiet", "data-break": "burst" }, "Start"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    burst(form);
  });

  return h(
    "div",
    {},
    h("h1", {}, "Break something"),
    h(
      "p",
      { class: "lead" },
      "Each button makes one real failure. Take the trace id and look for it: in the error tracker, in Tempo, in the mail of the team that owns it.",
    ),
    outcome,
    h(
      "div",
      { class: "cards" },
      card(
        "An error nobody handles",
        "Thrown in the code of:",
        ...PLACES.map(([place, label]) => choice("throw", label, place, () => throwIn(place))),
      ),
      card(
        "A rejected promise",
        "Left alone by the code of:",
        ...PLACES.map(([place, label]) => choice("reject", label, place, () => rejectIn(place))),
      ),
      card(
        "A micro-frontend that does not load",
        "Its file is not there. You see what a customer would see.",
        ...PLACES.slice(1).map(([place, label]) => choice("unload", label, place, () => unload(place as Remote))),
      ),
      card(
        "A service that fails",
        "An exception in:",
        ...["gateway", "auth", "payments"].map((name) => choice("server", name, name, () => server(name))),
      ),
      card("A burst of errors", "One after the other, within ten seconds.", form),
    ),
  );
};
