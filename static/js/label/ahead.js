/* The next items, looked at ahead so that they are there at once, also without a connection. Nobody holds them yet. */

import { ask } from "./net.js";

const ENOUGH = 2;

export class Ahead {
  constructor(url) {
    this.url = url;
    this.waiting = [];
    this.asking = false;
  }

  /** The next item that is none of those, or null. */
  take(isKnown) {
    while (this.waiting.length) {
      const workspace = this.waiting.shift();
      if (!isKnown(workspace.dataset.token)) return workspace;
    }
    return null;
  }

  /** Look ahead again when little is left. Failing is no harm: then the next item comes with the answer to a submission. */
  async fill(isKnown) {
    if (!this.url || this.asking || this.waiting.length >= ENOUGH) return;
    this.asking = true;
    try {
      const response = await ask(this.url);
      if (response.status !== 200) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      this.waiting = [...page.querySelectorAll(".workspace")].filter((each) => !isKnown(each.dataset.token));
    } catch {
      // Offline, or signed out: whoever needs the server next says so.
    } finally {
      this.asking = false;
    }
  }
}
