/** The payments micro-frontend: pay, list payments, refund. */

import { h, latestContext, type MicroFrontend } from "@sandbox/platform";
import { payForm } from "./form";
import { listing } from "./list";
import "./payments.css";

export { breakNow } from "./break";

export const mount: MicroFrontend["mount"] = (place) => {
  const payments = listing();
  const refresh = (): void => void payments.refresh(latestContext());
  const root = h("div", {}, h("h1", {}, "Payments"), h("div", { class: "desk" }, payForm(refresh), payments.element));
  place.append(root);
  refresh();
  return () => root.remove();
};
