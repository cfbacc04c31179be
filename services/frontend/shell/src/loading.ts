/** Loads micro-frontends at run time. One that does not load takes nothing else down and reports itself. */

import { config, h, logger, type MicroFrontend, replace, type SpanContext, traceId } from "@sandbox/platform";

export type Remote = "frontend-account" | "frontend-payments";

const NAMES: Record<Remote, string> = { "frontend-account": "Your account", "frontend-payments": "Payments" };

class MicroFrontendUnavailable extends Error {
  override readonly name = "MicroFrontendUnavailable";
}

// The names of the import map. Written out, because a bundler must leave them alone.
const importing: Record<Remote, () => Promise<MicroFrontend>> = {
  "frontend-account": () => import("@sandbox/account"),
  "frontend-payments": () => import("@sandbox/payments"),
};

const style = (href: string): Promise<void> =>
  new Promise((resolve) => {
    if (document.querySelector(`link[href="${href}"]`)) return resolve();
    // Without its style a page is plain, not broken.
    document.head.append(h("link", { rel: "stylesheet", href, onload: () => resolve(), onerror: () => resolve() }));
  });

export const load = async (remote: Remote): Promise<MicroFrontend> => {
  const [module] = await Promise.all([importing[remote](), ...config.apps[remote].styles.map(style)]);
  return module;
};

const fallback = (place: HTMLElement, remote: Remote, context: SpanContext, again: () => void): void =>
  replace(
    place,
    h(
      "section",
      { class: "card", role: "alert" },
      h(place.id === "main" ? "h1" : "h2", {}, `${NAMES[remote]} cannot be shown right now`),
      h("p", {}, "The rest of the page works. We have been told; you can try again at once."),
      traceId(context.traceId),
      h("button", { type: "button", onclick: again }, "Try again"),
    ),
  );

/** Draw the micro-frontend, or a useful page in its place. The result takes it down. */
export const mountInto = async (
  place: HTMLElement,
  remote: Remote,
  view: string,
  context: SpanContext,
  loading: () => Promise<MicroFrontend> = () => load(remote),
): Promise<() => void> => {
  try {
    const module = await loading();
    place.replaceChildren();
    return module.mount(place, view);
  } catch (error) {
    // What the browser says names an address; the type and whose it is are all that is needed.
    const cause = new MicroFrontendUnavailable(remote, { cause: error });
    logger(remote).error("module.failed", error instanceof TypeError ? cause : error, {
      app: remote,
      trace: context,
      place: `load ${remote}`,
    });
    // A module that failed once stays failed in this document, so trying again begins with a new one.
    fallback(place, remote, context, () => location.reload());
    return () => undefined;
  }
};
