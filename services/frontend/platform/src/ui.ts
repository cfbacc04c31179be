/** Elements that both micro-frontends share. */

import { h } from "./dom";
import { Problem } from "./http";

/** A labelled input; `hint` is linked to it for screen readers. */
export const field = (
  label: string,
  attributes: Record<string, string | number | boolean>,
  hint?: string,
): HTMLElement => {
  const id = `field-${attributes.name}`;
  const described = hint ? { "aria-describedby": `${id}-hint` } : {};
  return h(
    "p",
    { class: "field" },
    h("label", { for: id }, label),
    h("input", { id, ...described, ...attributes }),
    hint && h("small", { id: `${id}-hint` }, hint),
  );
};

/** A trace id with a copy button, for support requests. */
export const traceId = (id: string): HTMLElement => {
  const copy = h("button", { type: "button", class: "quiet", "aria-label": "Copy the trace id" }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(id).then(
      () => copy.replaceChildren("Copied"),
      () => copy.replaceChildren("Select it by hand"),
    );
  });
  return h("p", { class: "trace" }, h("span", {}, "Trace id "), h("code", { "data-trace-id": id }, id), copy);
};

/** A box that screen readers announce when it appears. */
export const notice = (
  kind: "good" | "bad",
  title: string,
  ...more: (Node | string | false | undefined)[]
): HTMLElement =>
  h("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" }, h("strong", {}, title), ...more);

/** Show a Problem in words, with its trace id. Other errors are not explained. */
export const problemNotice = (problem: Problem, title = "That did not work"): HTMLElement =>
  notice("bad", title, h("p", {}, problem.detail), problem.traceId !== "" && traceId(problem.traceId));

/** Mark the form as busy and disable its buttons while `work` runs. */
export const busy = async (form: HTMLFormElement, work: () => Promise<void>): Promise<void> => {
  const buttons = [...form.querySelectorAll("button")];
  form.setAttribute("aria-busy", "true");
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } finally {
    form.removeAttribute("aria-busy");
    for (const button of buttons) button.disabled = false;
  }
};

export { Problem };
