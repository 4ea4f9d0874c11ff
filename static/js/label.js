/* The label screen: keys, answers saved as they are given, and the next item without a page load.
 *
 * Everything here sends the same forms that the page has without JavaScript. What the server has not acknowledged yet is
 * also kept in the browser's own storage, so that a reload or a dropped connection loses nothing.
 */

const STORE = "conflictscope-label:";
const KEEP_DRAFTS_MS = 14 * 24 * 3600 * 1000;
const RETRY_MS = [1000, 2000, 4000, 8000, 15000];
const IDLE_MS = 2 * 60 * 1000;
const TYPING = "textarea, select, input:not([type=radio], [type=checkbox]), [contenteditable]";

class Offline extends Error {}

/** Send a form in the background. Throws Offline when no answer came, or one that asks to try again. */
async function post(url, body, signal) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      body,
      signal,
      credentials: "same-origin",
      headers: { "X-Requested-With": "label" },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Offline(error.message);
  }
  if (response.status >= 500 || response.status === 429 || response.status === 408) throw new Offline(response.statusText);
  return response;
}

/** Drafts that the server has not acknowledged, by the token of their item. A browser may refuse to store anything. */
const drafts = {
  put(token, entries) {
    try {
      localStorage.setItem(STORE + token, JSON.stringify({ at: Date.now(), entries }));
    } catch {
      // Storage is full or forbidden: the server's copy is the only one, as the saved state says.
    }
  },
  get(token) {
    try {
      return JSON.parse(localStorage.getItem(STORE + token))?.entries ?? null;
    } catch {
      return null;
    }
  },
  drop(token) {
    try {
      localStorage.removeItem(STORE + token);
    } catch {
      // Nothing was stored either.
    }
  },
  prune() {
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(STORE)) continue;
        const kept = JSON.parse(localStorage.getItem(key));
        if (!kept || Date.now() - kept.at > KEEP_DRAFTS_MS) localStorage.removeItem(key);
      }
    } catch {
      // As above.
    }
  },
};

class Sheet {
  constructor(root) {
    this.root = root;
    this.token = root.dataset.token;
    this.form = root.querySelector("#label-form");
    this.questions = [...root.querySelectorAll(".question")];
    this.state = root.querySelector("#save-state");
    this.current = 0;
    this.history = [];
    this.sending = false;
    this.dirty = false;
    this.failures = 0;
    this.over = false;
    this.editing = root.hasAttribute("data-editing"); // a submission: kept here until it is submitted again
    this.activeSeconds = 0; // not yet told to the server
    this.leaseEnds = Date.now() + 1000 * Number(root.dataset.leaseSeconds);
  }

  start() {
    this.restoreDraft();
    this.given = new Map(this.questions.map((question) => [question.dataset.question, this.answerOf(question)]));
    this.form.addEventListener("change", (event) => this.changed(event));
    this.form.addEventListener("input", (event) => {
      if (event.target.matches("textarea")) this.keep(600);
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.questions.forEach((question, index) => {
      question.addEventListener("focusin", () => this.goTo(index));
    });
    for (const drawer of this.root.querySelectorAll(".drawer form")) {
      drawer.addEventListener("submit", (event) => {
        event.preventDefault();
        if (drawer.closest("#skip")) this.leave(drawer.action, new FormData(drawer), "Skipping…");
        else this.raiseFlag(drawer);
      });
    }
    const undo = this.root.querySelector("#undo");
    undo.hidden = false;
    undo.addEventListener("click", () => this.undo());
    const open = this.questions.findIndex((question) => this.answerOf(question) === null);
    this.goTo(open === -1 ? 0 : open);
    this.showLease();
    if (this.dirty) this.send();
  }

  answerOf(question) {
    return question.querySelector("input:checked")?.value ?? null;
  }

  unanswered() {
    return this.questions.filter((question) => this.answerOf(question) === null);
  }

  entries() {
    return [...new FormData(this.form)].filter(([name]) => name !== "csrfmiddlewaretoken");
  }

  restoreDraft() {
    const entries = drafts.get(this.token);
    if (!entries) return;
    const draft = new Map(entries);
    for (const input of this.form.querySelectorAll("input[type=radio]")) input.checked = draft.get(input.name) === input.value;
    for (const area of this.form.querySelectorAll("textarea")) {
      area.value = draft.get(area.name) ?? "";
      if (area.value) area.closest("details").open = true;
    }
    this.dirty = true;
  }

  /* --- moving and answering --- */

  goTo(index, { focus = false, scroll = focus } = {}) {
    if (index < 0 || index >= this.questions.length) return;
    this.questions[this.current].classList.remove("is-current");
    this.current = index;
    const question = this.questions[index];
    question.classList.add("is-current");
    if (focus) {
      (question.querySelector("input:checked") ?? question.querySelector("input")).focus({ preventScroll: true });
    }
    if (scroll) question.scrollIntoView({ block: "nearest" });
  }

  /** To the next question without an answer; when all have one, to the next in order. */
  moveOn(how) {
    const open = this.unanswered().map((question) => this.questions.indexOf(question));
    const next = open.find((index) => index > this.current) ?? open[0];
    this.goTo(next ?? Math.min(this.current + 1, this.questions.length - 1), how);
  }

  answer(key) {
    const question = this.questions[this.current];
    const inputs = [...question.querySelectorAll("input[type=radio]")];
    const chosen = inputs.find((input) => input.dataset.key === key) ?? inputs[Number(key) - 1];
    if (!chosen) return false;
    if (!chosen.checked) {
      chosen.checked = true;
      this.answered(chosen);
    }
    this.moveOn({ focus: true });
    return true;
  }

  /** By mouse, touch or a screen reader: the focus stays where it is, and the keys go on with the next question. */
  changed(event) {
    if (event.target.matches("input[type=radio]")) {
      this.answered(event.target);
      this.moveOn();
    } else {
      this.keep();
    }
  }

  answered(input) {
    this.history.push([input.name, this.given.get(input.name)]);
    this.given.set(input.name, input.value);
    input.closest(".question").classList.remove("is-missing");
    this.root.querySelector("#label-error")?.remove();
    this.keep();
  }

  undo() {
    const last = this.history.pop();
    if (!last) {
      announce("There is nothing to undo.");
      return;
    }
    const [field, before] = last;
    const question = this.questions.find((each) => each.dataset.question === field);
    for (const input of question.querySelectorAll("input[type=radio]")) input.checked = input.value === before;
    this.given.set(field, before);
    this.goTo(this.questions.indexOf(question), { focus: true });
    announce("Undone.");
    this.keep();
  }

  comment() {
    const details = this.questions[this.current].querySelector(".comment");
    details.open = true;
    details.querySelector("textarea").focus();
  }

  openDrawer(id) {
    const drawer = this.root.querySelector(id);
    drawer.open = true;
    drawer.querySelector("input:not([type=hidden])").focus();
  }

  backToQuestion(from) {
    const details = from.closest("details");
    if (details && !from.value) details.open = false;
    this.goTo(this.current, { focus: true });
  }

  /* --- saving --- */

  keep(delay = 0) {
    this.dirty = true;
    drafts.put(this.token, this.entries());
    if (this.editing) {
      this.say("saved", "Not submitted yet");
      return;
    }
    this.say("saving", "Saving…");
    clearTimeout(this.timer);
    if (delay) this.timer = setTimeout(() => this.send(), delay);
    else this.send();
  }

  /** One request at a time, each with all answers as they stand: an older one can never overtake a newer one. */
  async send() {
    clearTimeout(this.timer);
    if (this.sending || this.over || this.editing) return;
    this.sending = true;
    this.dirty = false;
    this.abort = new AbortController();
    try {
      const body = this.told();
      const response = await post(this.form.dataset.answers, body, this.abort.signal);
      if (this.over) return;
      if (await this.accepted(response)) {
        this.failures = 0;
        this.activeSeconds -= Number(body.get("active_seconds"));
        if (!this.dirty) {
          drafts.drop(this.token);
          this.say("saved", "Saved");
        }
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Offline)) throw error;
      this.dirty = true;
      this.say("offline", "Offline: will retry");
      this.timer = setTimeout(() => this.send(), RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
      return;
    } finally {
      this.sending = false;
    }
    if (this.dirty && !this.over) this.send();
  }

  /** Everything as it stands, with the time spent at work since the server last heard of it. */
  told() {
    const body = new FormData(this.form);
    body.set("active_seconds", this.activeSeconds);
    return body;
  }

  async accepted(response) {
    const json = response.headers.get("Content-Type")?.startsWith("application/json");
    if (response.ok && json && !response.redirected) {
      this.leaseEnds = Date.now() + 1000 * (await response.json()).lease_seconds;
      this.showLease();
      return true;
    }
    // A page instead of an answer: the login has run out. The draft stays, and is sent when the person is back.
    const sentence = json
      ? (await response.json()).sentence
      : "You are signed out. Your answers are kept in this browser: reload the page to sign in again.";
    this.say("problem", sentence);
    return false;
  }

  say(state, words) {
    if (this.state.textContent === words && this.state.dataset.state === state) return;
    this.state.dataset.state = state;
    this.state.textContent = words;
  }

  /* --- leaving the item --- */

  submit() {
    const open = this.unanswered();
    for (const question of this.questions) question.classList.toggle("is-missing", open.includes(question));
    if (open.length) {
      this.goTo(this.questions.indexOf(open[0]), { focus: true });
      announce(open.length === 1 ? "One question is left." : `${open.length} questions are left.`);
      this.say("problem", open.length === 1 ? "One question is left" : `${open.length} questions are left`);
      return;
    }
    this.leave(this.form.action, this.told(), "Submitting…");
  }

  /** Send, and put what comes back in this item's place; again and again while there is no connection. */
  async leave(url, body, words) {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.abort?.abort();
    drafts.put(this.token, this.entries());
    this.root.setAttribute("aria-busy", "true");
    this.say("saving", words);
    for (let failures = 0; ; failures++) {
      try {
        const response = await post(url, body);
        const html = await response.text();
        if (response.ok && !response.redirected) drafts.drop(this.token);
        replaceWorkspace(html, response);
        return;
      } catch (error) {
        if (!(error instanceof Offline)) throw error;
        this.say("offline", "Offline: will retry");
        await waitForNetwork(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
      }
    }
  }

  async raiseFlag(drawer) {
    try {
      const response = await post(drawer.action, new FormData(drawer));
      const reply = response.headers.get("Content-Type")?.startsWith("application/json") ? await response.json() : {};
      if (!response.ok || !reply.flag) {
        this.say("problem", reply.sentence ?? "The flag was not stored. Reload the page and try again.");
        return;
      }
      const line = document.createElement("li");
      line.textContent = `Flagged: ${reply.flag}`;
      this.root.querySelector("#flags").append(line);
      drawer.reset();
      drawer.closest("details").open = false;
      announce("Flagged.");
      this.goTo(this.current, { focus: true });
    } catch (error) {
      if (!(error instanceof Offline)) throw error;
      this.say("offline", "Offline: the flag is not stored yet, press Enter in its field to try again");
    }
  }

  showLease() {
    if (this.editing) return;
    const minutes = Math.ceil((this.leaseEnds - Date.now()) / 60000);
    this.root.querySelector("#lease").textContent =
      minutes > 0 ? `held for ${minutes} min` : "no longer held for you: submit all the same";
  }
}

let sheet = null;

function announce(words) {
  document.getElementById("announcer").textContent = words;
}

function waitForNetwork(milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    }
    addEventListener("online", done);
  });
}

function replaceWorkspace(html, response) {
  const fragment = new DOMParser().parseFromString(html, "text/html").getElementById("workspace");
  if (!fragment || response.redirected) {
    // The login has run out, or the item is gone: the page itself says which.
    location.reload();
    return;
  }
  document.getElementById("workspace").replaceWith(document.adoptNode(fragment));
  scrollTo(0, 0);
  begin();
  const done = document.getElementById("progress-done")?.textContent;
  announce(sheet ? `Next item. ${done} done.` : document.querySelector("#workspace h1").textContent);
}

function begin() {
  const root = document.getElementById("workspace");
  sheet = root?.dataset.token ? new Sheet(root) : null;
  sheet?.start();
  // The item is read first: no scrolling past it.
  sheet?.goTo(sheet.current, { focus: true, scroll: false });
}

const COMMANDS = {
  ArrowDown: () => sheet.goTo(sheet.current + 1, { focus: true }),
  ArrowUp: () => sheet.goTo(sheet.current - 1, { focus: true }),
  Enter: () => sheet.submit(),
  U: () => sheet.undo(),
  C: () => sheet.comment(),
  S: () => sheet.editing || sheet.openDrawer("#skip"),
  F: () => sheet.openDrawer("#flag"),
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (!sheet || sheet.over || document.querySelector("dialog[open]")) return;
  const target = event.target instanceof Element ? event.target : document.body;
  if (target.closest(TYPING)) {
    if (event.key === "Escape") sheet.backToQuestion(target);
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  if (event.repeat && !arrow) return;
  if (event.key === "Enter" && target.closest("button, a, summary")) return;
  if (arrow && target.closest(".label-item")) return;
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const done = Object.hasOwn(COMMANDS, key) ? (COMMANDS[key](), true) : /^[YN1-9]$/.test(key) && sheet.answer(key);
  if (done) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (!dialog) return;
  event.preventDefault();
  dialog.showModal();
});

addEventListener("online", () => {
  if (sheet?.dirty) sheet.send();
});
addEventListener("beforeunload", (event) => {
  // Only while something is on its way and the browser could not keep a copy.
  if (sheet?.dirty && !drafts.get(sheet.token)) event.preventDefault();
});
setInterval(() => sheet?.showLease(), 30000);

// Time counts while the page is in view and somebody has moved within the last two minutes.
let lastMove = Date.now();
for (const sign of ["keydown", "pointermove", "pointerdown", "wheel", "scroll", "touchmove"]) {
  addEventListener(sign, () => (lastMove = Date.now()), { passive: true, capture: true });
}
setInterval(() => {
  if (sheet && !sheet.over && document.visibilityState === "visible" && Date.now() - lastMove < IDLE_MS) sheet.activeSeconds += 1;
}, 1000);

document.documentElement.classList.add("scripted");
for (const button of document.querySelectorAll("[data-dialog][hidden]")) button.hidden = false;
drafts.prune();
begin();
