/** The few pieces that both micro-frontends show alike. */

import { h } from "./dom";
import { Problem } from "./http";

/** A labelled input; `hint` is tied to it for those who hear the page. */
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

/** A trace id that can be copied: what a person tells support. */
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

/** A box that is read aloud when it appears. */
export const notice = (
  kind: "good" | "bad",
  title: string,
  ...more: (Node | string | false | undefined)[]
): HTMLElement =>
  h("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" }, h("strong", {}, title), ...more);

/** What went wrong, in words, with the id that finds it. An error that is no Problem is not ours to explain. */
export const problemNotice = (problem: Problem, title = "That did not work"): HTMLElement =>
  notice("bad", title, h("p", {}, problem.detail), problem.traceId !== "" && traceId(problem.traceId));

/** While `work` runs, the form's button says so and cannot be pressed again. */
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
