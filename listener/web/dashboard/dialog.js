// A confirmation: what will change, from and to, and the sentence of what went wrong.

import { h, render } from "./dom.js";

// `fields` describes what is asked; `act` does it and may fail with an Error. Answers once closed.
export function confirm({ title, fields, label, act, kind = "primary" }) {
  const dialog = document.createElement("dialog");
  const opener = document.activeElement;
  let busy = false;
  let problem = null;

  function draw() {
    render(dialog, h("form", { method: "dialog", onsubmit: submit },
      h("h2", { id: "dialog-title" }, title),
      fields(draw),
      problem && h("p", { class: "notice bad", role: "alert" }, problem),
      h("div", { class: "actions end" },
        h("button", { type: "button", onclick: () => dialog.close(), disabled: busy }, "Leave it"),
        h("button", { type: "submit", class: kind, disabled: busy }, busy ? "Asking …" : label))));
  }

  async function submit(event) {
    event.preventDefault();
    if (busy) return;
    busy = true;
    problem = null;
    draw();
    try {
      const goTo = await act();
      dialog.close();
      if (goTo) location.hash = goTo;
    } catch (fault) {
      problem = fault.message;
    } finally {
      busy = false;
      if (dialog.isConnected) draw();
    }
  }

  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.onclose = () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus();
  };
  document.body.append(dialog);
  draw();
  dialog.showModal();
}

export function change(from, to) {
  return h("dl", { class: "change" },
    h("div", {}, h("dt", {}, "From"), h("dd", {}, from)),
    h("div", {}, h("dt", {}, "To"), h("dd", {}, to)));
}
