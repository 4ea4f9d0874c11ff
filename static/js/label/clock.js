/* Time at work: counted while the page is in view and somebody has moved within the last two minutes. */

const IDLE_MS = 2 * 60 * 1000;
const SIGNS = ["keydown", "pointermove", "pointerdown", "wheel", "scroll", "touchmove"];

export class Clock {
  /** `returned()`: somebody moves again after a time in which nobody did. */
  constructor(returned) {
    this.lastMove = Date.now();
    this.seconds = 0;
    this.signs = 0;
    for (const sign of SIGNS) {
      addEventListener(sign, () => this.moved(returned), { passive: true, capture: true });
    }
    addEventListener("blur", () => (this.signs += 1));
    setInterval(() => {
      if (this.active) this.seconds += 1;
    }, 1000);
  }

  moved(returned) {
    this.signs += 1;
    const before = this.lastMove;
    this.lastMove = Date.now();
    if (this.lastMove - before >= IDLE_MS) returned();
  }

  get active() {
    return document.visibilityState === "visible" && Date.now() - this.lastMove < IDLE_MS;
  }

  /** The seconds since they were last taken; they are the taker's now, who may give them back. */
  take() {
    const taken = this.seconds;
    this.seconds = 0;
    return taken;
  }

  /** Keys, movements and changes of focus since they were last taken. */
  takeSigns() {
    const taken = this.signs;
    this.signs = 0;
    return taken;
  }

  giveBack(seconds) {
    this.seconds += seconds;
  }
}
