/* Answers are saved as they are given: at once in the browser, and on the server as soon as it can be reached. */

import { Offline, SignedOut, ask, delayAfter, isJson } from "./net.js";

export class Autosave {
  /** `tell(state, detail)`: saving, saved (with seconds of lease), offline, signedout, refused (with the server's answer).
   * `mayTell()`: whether the server knows of the item yet; until then the answers are kept here only.
   */
  constructor(sheet, { storage, clock, tell, mayTell }) {
    Object.assign(this, { sheet, storage, clock, tell, mayTell });
    this.dirty = false;
    this.sending = false;
    this.failures = 0;
    this.stopped = false;
  }

  /** Something has changed; after `delay`, in which more may change, the server is told. */
  keep(delay = 0) {
    this.dirty = true;
    this.storage.putDraft(this.sheet.token, this.sheet.entries());
    if (!this.sheet.answersUrl) return;
    this.tell("saving");
    clearTimeout(this.timer);
    if (delay) this.timer = setTimeout(() => this.send(), delay);
    else this.send();
  }

  /** One request at a time, each with all answers as they stand: an older one can never overtake a newer one. */
  async send() {
    clearTimeout(this.timer);
    if (this.sending || this.stopped || !this.sheet.answersUrl || !this.mayTell()) return;
    this.sending = true;
    this.dirty = false;
    this.abort = new AbortController();
    const body = this.sheet.form();
    const seconds = this.clock.take();
    body.set("active_seconds", seconds);
    let kept = false;
    try {
      const response = await ask(this.sheet.answersUrl, { body, signal: this.abort.signal });
      kept = response.ok && isJson(response);
      if (this.stopped) return;
      const reply = isJson(response) ? await response.json() : {};
      this.failures = 0;
      if (!kept) {
        this.tell("refused", reply);
      } else if (!this.dirty) {
        this.storage.dropDraft(this.sheet.token);
        this.tell("saved", reply);
      }
    } catch (error) {
      this.dirty = true;
      if (this.stopped) return;
      if (error instanceof SignedOut) this.tell("signedout");
      else if (error instanceof Offline) {
        this.tell("offline");
        this.timer = setTimeout(() => this.send(), delayAfter(this.failures++));
      } else throw error;
      return;
    } finally {
      this.sending = false;
      if (!kept) this.clock.giveBack(seconds);
    }
    if (this.dirty && !this.stopped) this.send();
  }

  /** The item is left: whatever is under way does not matter any more. */
  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.abort?.abort();
  }
}
