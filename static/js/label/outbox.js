/* Submissions on their way. They wait here, in order, until the server has them: through an outage, a reload, a closed tab.
 *
 * Sending twice is harmless, because the server counts an item once; so an entry leaves the outbox only when its answer is here.
 */

import { Offline, SignedOut, ask, delayAfter, sentenceOf, waitForNetwork } from "./net.js";

export class Outbox {
  /** `tell(state, detail)`: sending, offline, signedout, refused (with a sentence), sent (with what came back), emptied (by
   * another tab, while this one waited for the network).
   */
  constructor(storage, tell) {
    this.storage = storage;
    this.tell = tell;
    this.busy = false;
  }

  get size() {
    return this.storage.outbox().length;
  }

  has(token) {
    return this.storage.outbox().some((entry) => entry.token === token);
  }

  add(entry) {
    const others = this.storage.outbox().filter((each) => each.token !== entry.token);
    this.storage.putOutbox([...others, entry]);
  }

  /** Send everything. `next()` names the item to have in hand after the last entry, empty for whichever comes. */
  async flush(next) {
    if (this.busy) return;
    this.busy = true;
    try {
      for (let failures = 0; this.size; ) {
        const [entry, ...later] = this.storage.outbox();
        this.tell("sending", entry);
        try {
          await this.send(entry, later.length ? "-" : next());
          failures = 0;
        } catch (error) {
          if (error instanceof SignedOut) {
            this.tell("signedout");
            return;
          }
          if (!(error instanceof Offline)) throw error;
          this.tell("offline", entry);
          await waitForNetwork(delayAfter(failures++));
          if (!this.size) this.tell("emptied");
        }
      }
    } finally {
      this.busy = false;
    }
  }

  async send(entry, next) {
    const body = new FormData();
    for (const [name, value] of entry.fields) body.append(name, value);
    const response = await ask(entry.url, { body, next });
    const html = response.status === 200 || response.status === 422 ? await response.text() : "";
    const sentence = response.ok || html ? "" : await sentenceOf(response);
    // What was put in its place meanwhile has not been sent.
    this.storage.putOutbox(this.storage.outbox().filter((each) => each.token !== entry.token || each.at !== entry.at));
    if (response.ok && !this.has(entry.token)) this.storage.dropDraft(entry.token);
    if (sentence) this.tell("refused", { entry, sentence });
    else this.tell("sent", { entry, html });
  }
}
