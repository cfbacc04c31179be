/** The payment form. */

import { action, busy, field, h, notice, Problem, problemNotice, replace, traceId } from "@sandbox/platform";
import { type Order, pay } from "./api";
import { APP } from "./app";
import { CURRENCIES, inWords, toMinor } from "./money";

const TEST_CARDS: readonly [string, string][] = [
  ["4242 4242 4242 4242", "is approved"],
  ["4000 0000 0000 0002", "is declined"],
  ["4000 0000 0000 9995", "has no funds"],
];

const DECLINES: Record<string, string> = {
  generic_decline: "The bank gave no reason.",
  insufficient_funds: "There is not enough money on the card.",
  lost_card: "The card was reported lost.",
  stolen_card: "The card was reported stolen.",
  expired_card: "The card has expired.",
  incorrect_cvc: "The security code is not right.",
};

const explain = (problem: Problem): HTMLElement => {
  if (problem.status !== 402) return problemNotice(problem, "The payment was not made");
  const why = DECLINES[String(problem.members.decline_reason)] ?? "The bank said no.";
  return notice(
    "bad",
    "The card was declined",
    h("p", {}, `${why} Nothing was charged. Try another card.`),
    traceId(problem.traceId),
  );
};

const orderOf = (form: HTMLFormElement): Order | string => {
  const given = Object.fromEntries(new FormData(form)) as Record<string, string>;
  const amount = toMinor(given.amount ?? "");
  if (!amount) return "Write the amount like 12.50.";
  const expiry = /^\s*(\d{1,2})\s*\/\s*(\d{2}|\d{4})\s*$/.exec(given.expiry ?? "");
  if (!expiry) return "Write the expiry date like 12/30.";
  const year = Number(expiry[2]);
  const card = {
    number: (given.number ?? "").replace(/\D/g, ""),
    exp_month: Number(expiry[1]),
    exp_year: year < 100 ? 2000 + year : year,
    cvc: (given.cvc ?? "").trim(),
  };
  return { amount, currency: given.currency ?? "EUR", description: given.description ?? "", card };
};

/** The form; `paid` is called after each payment, also a declined one, because the list shows both. */
export const payForm = (paid: () => void): HTMLElement => {
  const outcome = h("div");
  // The key stays until the order changes, is paid or is declined, so that a repeat of the same order pays once.
  let key = { order: "", value: "" };

  const submit = (): Promise<void> =>
    action(APP, "pay", async (span) => {
      const order = orderOf(form);
      if (typeof order === "string")
        return replace(outcome, notice("bad", "Something is not filled in right", h("p", {}, order)));
      const content = JSON.stringify(order);
      if (key.order !== content) key = { order: content, value: crypto.randomUUID() };
      try {
        const payment = await pay(order, key.value, span.context);
        span.set("payment.outcome", payment.status);
        key = { order: "", value: "" };
        const done = `You paid ${inWords(payment.amount, payment.currency)}`;
        replace(outcome, notice("good", done, traceId(span.context.traceId)));
        form.reset();
        paid();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        span.set("payment.outcome", error.status === 402 ? "declined" : "failed");
        replace(outcome, explain(error));
        if (error.status === 402) {
          key = { order: "", value: "" };
          paid();
        }
      }
    });

  const fill = (number: string): void => {
    for (const [name, value] of Object.entries({ number, expiry: "12/30", cvc: "123" })) {
      (form.elements.namedItem(name) as HTMLInputElement).value = value;
    }
  };

  const currency = h(
    "select",
    { id: "field-currency", name: "currency" },
    ...CURRENCIES.map((name) => h("option", {}, name)),
  );
  const form = h(
    "form",
    { class: "card", "aria-labelledby": "pay-title" },
    h("h2", { id: "pay-title" }, "New payment"),
    outcome,
    h(
      "div",
      { class: "pair" },
      field("Amount", { name: "amount", inputmode: "decimal", required: true, placeholder: "12.50" }),
      h("p", { class: "field" }, h("label", { for: "field-currency" }, "Currency"), currency),
    ),
    field("What for", { name: "description", maxlength: 200, placeholder: "A book" }),
    field("Card number", {
      name: "number",
      inputmode: "numeric",
      autocomplete: "cc-number",
      required: true,
      maxlength: 23,
    }),
    h(
      "div",
      { class: "pair" },
      field("Expires", {
        name: "expiry",
        inputmode: "numeric",
        autocomplete: "cc-exp",
        required: true,
        placeholder: "MM/YY",
      }),
      field("Security code", {
        name: "cvc",
        inputmode: "numeric",
        autocomplete: "cc-csc",
        required: true,
        maxlength: 4,
      }),
    ),
    h(
      "fieldset",
      { class: "test-cards" },
      h("legend", {}, "Test cards"),
      ...TEST_CARDS.map(([number, what]) =>
        h(
          "button",
          { type: "button", class: "chip", onclick: () => fill(number) },
          `…${number.slice(-4)} `,
          h("span", {}, what),
        ),
      ),
    ),
    h("p", {}, h("button", {}, "Pay")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy(form, submit);
  });
  return form;
};
