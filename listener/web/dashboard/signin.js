// Signing in with the admin token.

import { post } from "./api.js";
import { h } from "./dom.js";
import { changed } from "./state.js";

let problem = null;
let busy = false;

export function view(signedIn) {
  async function submit(event) {
    event.preventDefault();
    const field = event.target.elements.token;
    busy = true;
    changed();
    try {
      await post("session", { token: field.value });
      problem = null;
      await signedIn();
    } catch (fault) {
      problem = fault.message;
      field.select();
    } finally {
      busy = false;
      changed();
    }
  }
  return h("form", { class: "signin card", onsubmit: submit },
    h("h1", { tabindex: "-1" }, "Sign in"),
    h("label", {}, "Admin token",
      h("input", { type: "password", name: "token", required: true, autocomplete: "current-password", "aria-describedby": "token-help" })),
    h("p", { id: "token-help", class: "small muted" }, "It is in ", h("code", {}, "admin.token"), " or the file of ", h("code", {}, "admin.token_file"), " of the configuration."),
    problem && h("p", { class: "notice bad", role: "alert" }, problem),
    h("button", { type: "submit", class: "primary", disabled: busy }, "Sign in"));
}
