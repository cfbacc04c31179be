/** Loads micro-frontends at run time. A failure is reported and affects no other part. */

import { config, h, logger, type MicroFrontend, replace, type SpanContext, traceId } from "@sandbox/platform";

export type Remote = "frontend-account" | "frontend-payments";

const NAMES: Record<Remote, string> = { "frontend-account": "Your account", "frontend-payments": "Payments" };

class MicroFrontendUnavailable extends Error {
  override readonly name = "MicroFrontendUnavailable";
}

// Names of the import map, as literals, so that the bundler does not resolve them.
const importing: Record<Remote, () => Promise<MicroFrontend>> = {
  "frontend-account": () => import("@sandbox/account"),
  "frontend-payments": () => import("@sandbox/payments"),
};

const style = (href: string): Promise<void> =>
  new Promise((resolve) => {
    if (document.querySelector(`link[href="${href}"]`)) return resolve();
    // A page without its style sheet still works.
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

/** Render the micro-frontend, or a fallback page. The returned function removes it. */
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
    // The browser's message contains a URL; only the type and the micro-frontend are reported.
    const cause = new MicroFrontendUnavailable(remote, { cause: error });
    logger(remote).error("module.failed", error instanceof TypeError ? cause : error, {
      app: remote,
      trace: context,
      place: `load ${remote}`,
    });
    // A failed import stays failed in this document, so a retry reloads the page.
    fallback(place, remote, context, () => location.reload());
    return () => undefined;
  }
};
