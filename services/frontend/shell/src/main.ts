/** The shell: header, routes, and the micro-frontend of each route. */

import {
  config,
  h,
  loadExporter,
  loadSdk,
  parseTraceparent,
  replace,
  rootSpan,
  type Span,
  session,
  setView,
  whenSpansWait,
} from "@sandbox/platform";
import "./shell.css";
import { home } from "./home";
import { mountInto } from "./loading";
import { breakPanel } from "./panel";

type Owner = "shell" | "frontend-account" | "frontend-payments";

const VIEWS: Record<string, { title: string; owner: Owner; needsLogin?: true }> = {
  "": { title: "Welcome", owner: "shell" },
  "log-in": { title: "Log in", owner: "frontend-account" },
  "sign-up": { title: "Sign up", owner: "frontend-account" },
  account: { title: "Account", owner: "frontend-account", needsLogin: true },
  payments: { title: "Payments", owner: "frontend-payments", needsLogin: true },
  break: { title: "Break something", owner: "shell" },
};

const main = document.getElementById("main") as HTMLElement;
const navigation = document.getElementById("navigation") as HTMLElement;
let leave: () => void = () => undefined;
let wanted = 0;

const viewName = (): string => {
  const name = location.hash.replace(/^#\/?/, "");
  const view = VIEWS[name];
  if (!view) return "";
  if (view.needsLogin && !session.loggedIn) return "log-in";
  return name === "" && session.loggedIn ? "payments" : name;
};

const drawNavigation = (current: string): void => {
  const entries = session.loggedIn ? ["payments", "account"] : ["log-in", "sign-up"];
  if (config.breakable) entries.push("break");
  replace(
    navigation,
    h(
      "ul",
      {},
      ...entries.map((name) =>
        h(
          "li",
          {},
          h("a", { href: `#/${name}`, "aria-current": name === current ? "page" : undefined }, VIEWS[name]?.title),
        ),
      ),
    ),
  );
};

/** Show the view of the current URL; `span` is the user action that led here. */
const show = async (span: Span, first: boolean): Promise<void> => {
  const turn = ++wanted;
  const name = viewName();
  const view = VIEWS[name] as (typeof VIEWS)[string];
  setView(name || "home");
  leave();
  leave = () => undefined;
  document.title = `${view.title} · Sandbox Pay`;
  drawNavigation(name);
  if (view.owner === "shell") replace(main, name === "break" ? breakPanel() : home());
  else {
    const left = await mountInto(main, view.owner, name, span.context);
    if (turn !== wanted) return left();
    leave = left;
  }
  // Move the focus to the new content, for screen readers and keyboards.
  if (!first) main.focus();
  scrollTo(0, 0);
};

const navigate = async (): Promise<void> => {
  const span = rootSpan("frontend-shell", `navigate ${viewName() || "home"}`);
  await show(span, false);
  span.end();
};

const begin = async (): Promise<void> => {
  const span = rootSpan("frontend-shell", "documentLoad", parseTraceparent(config.traceparent), performance.timeOrigin);
  whenSpansWait(() => void loadExporter());
  addEventListener("hashchange", () => void navigate());
  session.onChange((loggedIn) => {
    location.hash = loggedIn ? "#/payments" : "#/log-in";
    drawNavigation(viewName());
  });
  await show(span, true);
  span.end();
  performance.mark("interactive");
  // The page is drawn: load Sentry's SDK now, so that a later error need not wait for it.
  requestIdleCallback(() => loadSdk(), { timeout: 2_000 });
};

void begin();
