/* Several tabs of one browser show the same item: what is done in one is seen in the others. */

export class Tabs {
  constructor(key) {
    this.channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(key) : null;
  }

  /** `left(token)`: an item was submitted or skipped elsewhere; `answers(token, entries)`: it is being answered elsewhere. */
  listen({ left, answers }) {
    this.channel?.addEventListener("message", ({ data }) => {
      if (data.kind === "left") left(data.token);
      else answers(data.token, data.entries);
    });
  }

  tellLeft(token) {
    this.channel?.postMessage({ kind: "left", token });
  }

  tellAnswers(token, entries) {
    this.channel?.postMessage({ kind: "answers", token, entries });
  }
}
