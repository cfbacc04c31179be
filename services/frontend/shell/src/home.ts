import { h } from "@sandbox/platform";

const point = (title: string, text: string): HTMLElement => h("li", {}, h("strong", {}, title), h("span", {}, text));

/** The trace of a payment as bars. The style sheet positions them. */
const WORK = ["click pay", "gateway", "payments", "auth", "card network", "INSERT"];

const waterfall = (): HTMLElement =>
  h(
    "figure",
    { class: "waterfall" },
    h("figcaption", {}, "One payment, as its trace"),
    h("ol", {}, ...WORK.map((name) => h("li", {}, h("span", {}, name)))),
  );

/** The home page for visitors without an account. */
export const home = (): HTMLElement =>
  h(
    "div",
    { class: "hero" },
    h(
      "div",
      {},
      h("h1", {}, "Payments you can follow"),
      h(
        "p",
        { class: "lead" },
        "Pay, refund and look again. Every click is one trace, from this page to the database row.",
      ),
      h(
        "p",
        { class: "actions" },
        h("a", { class: "button", href: "#/sign-up" }, "Create an account"),
        h("a", { class: "button quiet", href: "#/log-in" }, "Log in"),
      ),
    ),
    waterfall(),
    h(
      "ul",
      { class: "points" },
      point("Nothing is charged once too often", "A payment that is sent twice is made once."),
      point("Failures have a name", "If something goes wrong you get a trace id that finds it in every store."),
      point("Nobody watches you", "No address, card or mail is in any telemetry."),
    ),
  );
