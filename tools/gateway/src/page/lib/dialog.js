// The one dialog: what it says, and what it is left with.

import { at, h } from "./dom.js";

/** Opens it; closing gives the focus back to where it was, as `<dialog>` does. */
export function openDialog(title, ...content) {
  const dialog = at("dialog");
  dialog.replaceChildren(
    h("h2", { id: "dialog-title" }, title),
    ...content,
    h("form", { method: "dialog", class: "buttons" }, h("button", { autofocus: true }, "Close")),
  );
  dialog.showModal();
  return dialog;
}

/** Asks before something is done: `said` names shard and graph. `work` returns the sentence that is shown afterwards. */
export function confirmed(title, said, label, work) {
  const dialog = at("dialog"),
    told = h("p", { role: "status" });
  const button = h(
    "button",
    {
      type: "button",
      class: "primary",
      onclick: async () => {
        button.disabled = true;
        try {
          told.textContent = await work();
          button.remove();
        } catch (error) {
          told.textContent = `✕ ${error.message}`;
          button.disabled = false;
        }
      },
    },
    label,
  );
  dialog.replaceChildren(
    h("h2", { id: "dialog-title" }, title),
    h("p", {}, said),
    told,
    h("form", { method: "dialog", class: "buttons" }, button, h("button", { autofocus: true }, "Close")),
  );
  dialog.showModal();
}
