/* Windows over the item: the guideline, the keys, the latest submissions. The item and one's place in it stay as they are. */

import { ask } from "./net.js";

export async function open(id) {
  const dialog = document.getElementById(id);
  if (!dialog) return;
  const source = dialog.dataset.source;
  dialog.showModal();
  if (!source) return;
  const body = dialog.querySelector("[data-body]");
  try {
    const response = await ask(source);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-body]");
    if (fresh) body.replaceWith(document.adoptNode(fresh));
  } catch {
    body.textContent = "This cannot be shown without a connection.";
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(opener.dataset.dialog);
});
