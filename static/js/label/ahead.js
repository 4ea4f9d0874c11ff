/* The next item, looked at ahead so that it is there at once, also without a connection. Nobody holds it yet. */

import { ask } from "./net.js";

export class Ahead {
  constructor(url, person) {
    this.url = url;
    this.person = person;
    this.waiting = [];
    this.asking = false;
  }

  /** The next item, unless it is a known one by now; or null. */
  take(isKnown) {
    while (this.waiting.length) {
      const workspace = this.waiting.shift();
      if (!isKnown(workspace.dataset.token)) return workspace;
    }
    return null;
  }

  /** Look ahead again when nothing is left. Failing is no harm: then the next item comes with the answer to a submission. */
  async fill(isKnown) {
    if (!this.url || this.asking || this.waiting.length) return;
    this.asking = true;
    try {
      const response = await ask(this.url);
      if (response.status !== 200) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      // Somebody else may have logged in in another tab: what they are to label is not for this page.
      const mine = [...page.querySelectorAll(".workspace")].filter((each) => each.dataset.person === this.person);
      this.waiting = mine.filter((each) => !isKnown(each.dataset.token));
    } catch {
      // Offline, or signed out: whoever needs the server next says so.
    } finally {
      this.asking = false;
    }
  }
}
