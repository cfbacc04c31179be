/** The account micro-frontend: sign up, log in, see the account, log out. */

import {
  action,
  busy,
  call,
  field,
  h,
  type MicroFrontend,
  Problem,
  problemNotice,
  replace,
  session,
} from "@sandbox/platform";
import { accountPage } from "./account";
import { APP } from "./app";

export { breakNow } from "./break";

interface Form {
  readonly title: string;
  readonly button: string;
  readonly fields: HTMLElement[];
  readonly other: HTMLElement;
}

const EMAIL = { name: "email", type: "email", autocomplete: "username", required: true, maxlength: 254 };

const FORMS = {
  "log-in": () => ({
    title: "Welcome back",
    button: "Log in",
    fields: [
      field("Mail address", EMAIL),
      field("Password", { name: "password", type: "password", autocomplete: "current-password", required: true }),
    ],
    other: h("p", {}, "No account yet? ", h("a", { href: "#/sign-up" }, "Sign up")),
  }),
  "sign-up": () => ({
    title: "Create an account",
    button: "Sign up",
    fields: [
      field("Name", { name: "name", autocomplete: "name", required: true, maxlength: 200 }),
      field("Mail address", EMAIL, "Nothing is sent to it: every mail of the sandbox stays on this machine."),
      field(
        "Password",
        { name: "password", type: "password", autocomplete: "new-password", required: true, minlength: 8 },
        "At least 8 characters.",
      ),
    ],
    other: h("p", {}, "You have an account? ", h("a", { href: "#/log-in" }, "Log in")),
  }),
} satisfies Record<string, () => Form>;

type View = keyof typeof FORMS;

const NAMES: Record<View, string> = { "log-in": "log in", "sign-up": "sign up" };

const explain = (problem: Problem, view: View): HTMLElement => {
  if (problem.status === 409) return problemNotice(problem, "There is an account with this address already");
  if (problem.status === 401 && view === "log-in") return problemNotice(problem, "Address and password do not match");
  return problemNotice(problem);
};

const submit = (form: HTMLFormElement, outcome: HTMLElement, view: View): Promise<void> =>
  action(APP, NAMES[view], async (span) => {
    const given = Object.fromEntries(new FormData(form)) as Record<string, string>;
    const credentials = { email: given.email ?? "", password: given.password ?? "" };
    try {
      if (view === "sign-up") {
        await call(APP, {
          method: "POST",
          path: "/api/auth/register",
          body: { ...credentials, name: given.name },
          parent: span.context,
        });
      }
      await session.logIn(APP, credentials, span.context);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      replace(outcome, explain(error, view));
    }
  });

const formPage = (place: HTMLElement, view: View): void => {
  const { title, button, fields, other } = FORMS[view]();
  const outcome = h("div");
  const form = h(
    "form",
    { class: "card narrow", "aria-labelledby": "form-title" },
    h("h1", { id: "form-title" }, title),
    outcome,
    ...fields,
    h("p", {}, h("button", {}, button)),
    other,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy(form, () => submit(form, outcome, view));
  });
  place.append(form);
};

export const mount: MicroFrontend["mount"] = (place, view) => {
  const root = h("div");
  place.append(root);
  if (view === "account") void accountPage(root);
  else formPage(root, view === "sign-up" ? view : "log-in");
  return () => root.remove();
};
