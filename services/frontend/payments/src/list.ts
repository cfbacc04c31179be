/** The list of payments, newest first, with refunds. */

import { action, h, notice, Problem, problemNotice, replace, type SpanContext, traceId } from "@sandbox/platform";
import { list, type Payment, refund } from "./api";
import { APP } from "./app";
import { inWords } from "./money";

const STATES: Record<string, string> = {
  authorised: "Reserved",
  captured: "Paid",
  partially_refunded: "Partly refunded",
  refunded: "Refunded",
  declined: "Declined",
  failed: "Failed",
  pending: "Pending",
};

const when = (moment: string): string =>
  new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));

const left = (payment: Payment): number => payment.captured_amount - payment.refunded_amount;

export interface Listing {
  readonly element: HTMLElement;
  refresh(parent: SpanContext | undefined): Promise<void>;
}

/** The list; empty until the first refresh. */
export const listing = (): Listing => {
  const outcome = h("div");
  const rows = h("div", { "aria-live": "polite" }, h("p", { class: "loading" }, "Loading your payments…"));

  const refresh = async (parent: SpanContext | undefined): Promise<void> => {
    try {
      const payments = await list(parent);
      replace(
        rows,
        payments.length ? table(payments) : h("p", { class: "empty" }, "Nothing yet. Your first payment will be here."),
      );
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      replace(rows, problemNotice(error, "Your payments cannot be shown"));
    }
  };

  const giveBack = (payment: Payment): Promise<void> =>
    action(APP, "refund", async (span) => {
      try {
        await refund(payment.id, crypto.randomUUID(), span.context);
        replace(
          outcome,
          notice("good", `${inWords(left(payment), payment.currency)} refunded`, traceId(span.context.traceId)),
        );
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        replace(outcome, problemNotice(error, "The refund was not made"));
      }
      await refresh(span.context);
    });

  const ask = (payment: Payment): void => {
    const amount = inWords(left(payment), payment.currency);
    const dialog = h(
      "dialog",
      { "aria-labelledby": "refund-title" },
      h("h2", { id: "refund-title" }, `Refund ${amount}?`),
      h("p", {}, `It goes back to the card that ends in ${payment.card.last4}.`),
      h(
        "p",
        { class: "actions" },
        h("button", { type: "button", value: "yes", onclick: () => dialog.close("yes") }, "Refund"),
        h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Keep it"),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (dialog.returnValue === "yes") void giveBack(payment);
    });
    document.body.append(dialog);
    dialog.showModal();
  };

  const row = (payment: Payment): HTMLElement => {
    const what = payment.description || "Payment";
    const button = h(
      "button",
      { type: "button", class: "quiet small", "aria-label": `Refund ${what}`, onclick: () => ask(payment) },
      "Refund",
    );
    return h(
      "tr",
      {},
      h("td", { "data-label": "What for" }, h("strong", {}, what), h("small", {}, when(payment.created_at))),
      h("td", { "data-label": "Card" }, `•••• ${payment.card.last4}`),
      h(
        "td",
        { "data-label": "State" },
        h("span", { class: `state ${payment.status}` }, STATES[payment.status] ?? payment.status),
      ),
      h("td", { class: "amount", "data-label": "Amount" }, inWords(payment.amount, payment.currency)),
      h("td", {}, left(payment) > 0 && button),
    );
  };

  const table = (payments: readonly Payment[]): HTMLElement =>
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["What for", "Card", "State", "Amount"].map((name) => h("th", { scope: "col" }, name)),
          h("th", { scope: "col" }, h("span", { class: "unseen" }, "Action")),
        ),
      ),
      h("tbody", {}, ...payments.map(row)),
    );

  return {
    element: h(
      "section",
      { class: "card payments", "aria-labelledby": "list-title" },
      h("h2", { id: "list-title" }, "Your payments"),
      outcome,
      rows,
    ),
    refresh,
  };
};
