/* How it stands: beside the submit button, and above the item when something needs the person. */

import { announce } from "./speech.js";

/** Visible always; said aloud only when it is a surprise. */
export function say(state, words, aloud = false) {
  const place = document.getElementById("save-state");
  if (!place) return;
  place.dataset.state = state;
  if (place.textContent !== words) place.textContent = words;
  if (aloud) announce(words);
}

export function hideNotice() {
  for (const notice of document.querySelectorAll("#workspace .label-notice")) notice.remove();
}

/** A sentence above the item, for what needs the person: in sight until the next item comes. */
export function showNotice(words, link) {
  const root = document.getElementById("workspace");
  const shown = root.querySelector(".label-notice");
  if (shown?.textContent === words) return;
  hideNotice();
  const notice = document.createElement("div");
  notice.className = "alert label-notice";
  const line = document.createElement("p");
  line.textContent = words;
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.textContent = link.text;
    line.append(" ", anchor);
  }
  notice.append(line);
  // With the progress it stays in sight, wherever one has scrolled to.
  (root.querySelector(".label-progress") ?? root).append(notice);
  announce(words);
}
