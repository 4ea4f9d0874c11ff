/* The label screen: one item after the other, without a page load and without losing anything.
 *
 * Everything here sends the same forms that the page has without JavaScript. An answer is first kept in the browser and then
 * told to the server; a submission waits in the outbox until the server has it, while the next item is on the screen already.
 */

import { Ahead } from "./label/ahead.js";
import { Autosave } from "./label/autosave.js";
import { Clock } from "./label/clock.js";
import { listen } from "./label/keys.js";
import { Offline, SignedOut, ask, delayAfter, isJson, sentenceOf, waitForNetwork } from "./label/net.js";
import { Outbox } from "./label/outbox.js";
import { keepPlace, returnToPlace } from "./label/place.js";
import { Sheet } from "./label/sheet.js";
import { announce } from "./label/speech.js";
import { hideNotice, say, showNotice } from "./label/status.js";
import { Storage, onlyInMemory, prune } from "./label/storage.js";
import { Tabs } from "./label/tabs.js";
import { open } from "./label/windows.js";

const HEARTBEAT_MS = 60_000;
const LONG_AWAY_MS = 60_000;
const LOOK_AGAIN_MS = 1000;
const GIVE_UP_ON_A_TAB = 20; // looks

const page = document.getElementById("workspace");
const here = page.dataset.home;
const storage = new Storage(page.dataset.person, here);
const clock = new Clock(() => beat());
const tabs = new Tabs(`conflictscope-label:${page.dataset.person}`);
const ahead = new Ahead(page.dataset.ahead, page.dataset.person);
const outbox = new Outbox(storage, posted);

let sheet = null;
let autosave = null;
let offline = false;
let gone = ""; // an item that another tab has submitted while this one was out of sight
let signingIn = false;
let last = null; // what the person has just dealt with here: an item's token, and whether it was skipped
let standing = ""; // why what is answered would not count, as the server last said
let asked = ""; // the answers at odds that the person has been asked about, and may submit all the same

/* --- an item comes --- */

function begin(root, { notice = "" } = {}) {
  autosave?.stop();
  clock.take();
  sheet = root.dataset.token ? new Sheet(root, { changed, typed, submit, skip, flag, undoLast }) : null;
  asked = "";
  if (!sheet) return;
  autosave = new Autosave(sheet, { storage, clock, tell: saved, mayTell: () => !outbox.size });
  const draft = storage.draft(sheet.token);
  if (draft) sheet.apply(draft);
  sheet.start();
  if (draft) sheet.begun = true;
  if (outbox.has(sheet.token)) {
    // It was submitted before this page was loaded, or just now in another tab: only the server does not know yet.
    waitForServer();
    elsewhere(sheet.token);
    return;
  }
  if (sheet.editing) say("saved", draft ? "Changed, not submitted yet" : "");
  else if (draft) autosave.keep();
  if (notice) showNotice(notice);
  showLease();
  if (!outbox.size) ahead.fill(known);
}

/** Put another item, or the reason why there is none, in the place of the one on the screen. */
function show(fragment, { notice = "", words = "Next item." } = {}) {
  const old = document.getElementById("workspace");
  if (!offline) hideNotice();
  const fresh = document.adoptNode(fragment);
  // An item looked at ahead brings no progress along: the last one stands until the server has answered.
  const progress = old.querySelector(".label-progress");
  if (progress && !fresh.querySelector(".label-progress") && fresh.dataset.token) fresh.prepend(progress);
  old.replaceWith(fresh);
  // After an earlier submission was changed, the page is the label screen again, also when it is loaded anew.
  if (location.pathname !== here) history.replaceState(null, "", here);
  scrollTo(0, 0);
  begin(fresh, { notice });
  const title = fresh.querySelector(".label-item") ?? fresh.querySelector("h1");
  title?.focus({ preventScroll: true });
  const told = fresh.querySelector(".label-notice")?.textContent.trim() ?? "";
  announce(sheet ? `${words} ${told}`.trim() : "");
}

function fragmentOf(html) {
  return html ? new DOMParser().parseFromString(html, "text/html").getElementById("workspace") : null;
}

/** Ask what is in the person's hands now. `words` say why it is another item, `still` what to know if it is the same. */
async function refresh(words, { still = words, failures = 0 } = {}) {
  try {
    const response = await ask(here);
    const fragment = response.ok ? fragmentOf(await response.text()) : null;
    if (fragment && fragment.dataset.person !== page.dataset.person) throw new SignedOut();
    reached();
    const same = sheet && fragment?.dataset.token === sheet.token;
    if (!fragment) {
      location.reload();
    } else if (same && busy()) {
      show(fragment, { notice: still });
    } else if (same) {
      if (autosave.dirty) return;
      const form = fragment.querySelector("#label-form");
      if (!sheet.editing) sheet.apply([...new FormData(form)]);
      adopt(fragment);
    } else {
      show(fragment, { notice: words });
    }
  } catch (error) {
    unreachable(error);
    if (!(error instanceof Offline) || !busy()) return;
    // Nothing else would ever end the waiting.
    await waitForNetwork(delayAfter(failures));
    if (busy()) refresh(words, { still, failures: failures + 1 });
  }
}

/** The item on the screen is the one that the server has given out: keep it as it is, and take over what is new about it. */
function adopt(fragment) {
  const progress = fragment.querySelector(".label-progress");
  if (progress) document.querySelector(".label-progress")?.replaceWith(document.adoptNode(progress));
  if (sheet && fragment.dataset.token === sheet.token) {
    sheet.leaseEnds = Date.now() + 1000 * Number(fragment.dataset.leaseSeconds);
  }
  if (autosave.dirty) autosave.send();
  showLease();
  ahead.fill(known);
}

/** The item on the screen has been left, here or in another tab. */
function busy() {
  return sheet?.root.hasAttribute("aria-busy") ?? false;
}

function known(token) {
  return token === sheet?.token || outbox.has(token);
}

/* --- answers --- */

function changed() {
  autosave.keep();
  tabs.tellAnswers(sheet.token, sheet.entries());
  if (sheet.editing) say("saved", "Changed, not submitted yet");
}

function typed() {
  autosave.keep(600);
  if (sheet.editing) say("saved", "Changed, not submitted yet");
}

function saved(state, reply) {
  if (state === "saving") say("saving", offline ? "Offline: will retry" : "Saving…");
  else if (state === "saved") {
    reached();
    told(reply.notice, "Saved");
    sheet.leaseEnds = Date.now() + 1000 * reply.lease_seconds;
    showLease();
  } else if (state === "offline") {
    unreachable(new Offline());
  } else if (state === "signedout") {
    unreachable(new SignedOut());
  } else if (reply.code === "already_submitted") {
    elsewhere(sheet.token);
  } else {
    say("problem", reply.sentence ?? "The server refused this. Reload the page.", true);
  }
}

/* --- leaving an item --- */

/** "Saved" never stands for "does not count": where that is so, this is what is said. */
function told(notice, words) {
  say(notice ? "problem" : "saved", notice ? "Kept, see above" : words);
  if (notice) showNotice(notice);
  else if (standing) hideNotice();
  standing = notice ?? "";
}

function submit() {
  if (!sheet || busy()) return;
  const left = sheet.complete();
  if (left) {
    say("problem", left === 1 ? "One question is left" : `${left} questions are left`, true);
    return;
  }
  const odds = sheet.atOdds();
  const form = sheet.form();
  if (odds && asked !== odds) {
    asked = odds;
    say("problem", `${odds} Press Enter again if you mean both.`, true);
    return;
  }
  if (odds) form.set("sure", "1");
  leave(sheet.element.action, form);
}

function skip(drawer) {
  leave(drawer.action, new FormData(drawer), { skipped: true });
}

/** What was dealt with last comes back: a skipped item into one's hands, a submitted one to be changed. */
async function undoLast() {
  if (!last) {
    announce("There is nothing to undo.");
    return;
  }
  if (outbox.size) {
    say("saving", "One moment: the last item is still being sent.", true);
    return;
  }
  const { token, skipped } = last;
  if (!skipped) {
    location.assign(`${here}${token}/`);
    return;
  }
  try {
    const response = await ask(`${here}${token}/skip/undo/`, { body: new FormData() });
    const fragment = response.ok ? fragmentOf(await response.text()) : null;
    if (!fragment) {
      say("problem", await sentenceOf(response), true);
      return;
    }
    last = null;
    show(fragment, { words: "The item that you skipped." });
  } catch (error) {
    unreachable(error);
  }
}

function leave(url, form, { skipped = false } = {}) {
  autosave.stop();
  last = { token: sheet.token, skipped };
  form.delete("csrfmiddlewaretoken");
  form.set("active_seconds", clock.take());
  form.set("signs", clock.takeSigns());
  storage.putDraft(sheet.token, sheet.entries());
  outbox.add({ token: sheet.token, url, fields: [...form], at: Date.now() });
  tabs.tellLeft(sheet.token);
  const next = sheet.editing ? null : ahead.take(known);
  if (next) show(next);
  else waitForServer();
  outbox.flush(wish);
}

/** The item to have in hand when all is sent: the one on the screen, unless it is among what is sent. */
function wish() {
  return sheet && !outbox.has(sheet.token) ? sheet.token : "";
}

/** Nothing can be done with the item any more, and what comes next is not here yet. */
function waitForServer() {
  autosave.stop();
  sheet.root.setAttribute("aria-busy", "true");
  sheet.root.querySelector(".label-columns").inert = true;
  say("saving", "Submitting…");
}

function posted(state, detail) {
  const waiting = outbox.size;
  if (state === "sending") {
    if (busy() && !offline) say("saving", "Submitting…");
  } else if (state === "offline") {
    unreachable(new Offline());
  } else if (state === "signedout") {
    unreachable(new SignedOut());
  } else if (state === "refused") {
    showNotice(detail.sentence);
    if (sheet?.token === detail.entry.token) refresh(detail.sentence);
  } else if (state === "emptied") {
    reached();
    if (busy()) refresh("");
    else if (autosave?.dirty) autosave.send();
  } else {
    reached();
    arrived(detail.entry, fragmentOf(detail.html), waiting);
  }
}

/** The server has a submission, and says which item is in the person's hands now. */
function arrived(entry, fragment, waiting) {
  if (!fragment) {
    if (!waiting && (!sheet || sheet.token === entry.token)) location.reload();
    return;
  }
  const mine = sheet && sheet.token !== entry.token;
  if (mine && (waiting || sheet.begun || fragment.dataset.token === sheet.token)) {
    adopt(fragment);
  } else if (!waiting) {
    const taken = mine && fragment.dataset.token;
    show(fragment, taken ? { notice: "The item you saw had just gone to somebody else. This is another one." } : {});
  }
}

async function flag(drawer) {
  const about = sheet;
  try {
    const response = await ask(drawer.action, { body: new FormData(drawer) });
    if (!response.ok || !isJson(response)) {
      say("problem", await sentenceOf(response), true);
      return;
    }
    const { flag: reason } = await response.json();
    if (about === sheet) sheet.flagged(drawer, reason);
    announce("Flagged.");
  } catch (error) {
    if (error instanceof SignedOut) unreachable(error);
    else say("offline", "Offline: the flag is not stored. Press Enter in its field to try again", true);
  }
}

/* --- with the server, or without --- */

function unreachable(error) {
  const waiting = outbox.size;
  const kept = waiting > 1 ? `${waiting} submissions are` : waiting ? "your submission is" : "your answers are";
  if (error instanceof SignedOut) {
    say("problem", "You are signed out");
    showNotice(`You are signed out; ${kept} kept in this browser. Sign in again, and all is sent.`, {
      text: "Sign in",
      href: here,
    });
    return;
  }
  if (!(error instanceof Offline)) throw error;
  if (waiting) showNotice(`No connection. ${kept[0].toUpperCase()}${kept.slice(1)} kept in this browser, and sent as soon as it is back.`);
  else if (!offline) announce("Offline. Your answers are kept and will be sent.");
  offline = true;
  say("offline", "Offline: will retry");
}

function reached() {
  if (!offline) return;
  offline = false;
  hideNotice();
  announce("Back online.");
  if (document.getElementById("save-state")?.dataset.state === "offline") say("saved", "Saved");
}

/* --- the lease --- */

function showLease() {
  const place = document.getElementById("lease");
  if (!place) return;
  if (!sheet || sheet.editing || outbox.has(sheet.token)) {
    place.textContent = "";
    return;
  }
  const minutes = Math.ceil((sheet.leaseEnds - Date.now()) / 60_000);
  place.textContent = minutes > 0 ? `held for ${minutes} min` : "no longer held for you: submit all the same";
  const soon = minutes <= 3;
  if (soon && !place.classList.contains("is-soon")) {
    announce(minutes > 0 ? "This item goes to somebody else soon, unless you go on." : "This item is no longer held for you.");
  }
  place.classList.toggle("is-soon", soon);
}

/** While somebody is at work the item stays theirs, also while they only read. */
async function beat({ keepalive = false } = {}) {
  // An item looked at ahead is nobody's before the submissions are through: the server does not know of it.
  if (!sheet?.heartbeatUrl || !autosave.mayTell()) return;
  const about = sheet;
  const body = new FormData();
  const seconds = clock.take();
  body.set("active_seconds", seconds);
  try {
    const response = await ask(about.heartbeatUrl, { body, keepalive });
    if (!response.ok || about !== sheet) return;
    const { lease_seconds, state, notice } = await response.json();
    if (notice || standing) told(notice, "");
    if (state === "submitted" || state === "skipped") {
      elsewhere(about.token);
      return;
    }
    about.leaseEnds = Date.now() + 1000 * lease_seconds;
    showLease();
    if (offline) {
      reached();
      outbox.flush(wish);
    }
  } catch (error) {
    clock.giveBack(seconds);
    if (!keepalive) unreachable(error);
  }
}

setInterval(() => {
  showLease();
  if (clock.active) beat();
}, HEARTBEAT_MS);

/* --- other tabs, and coming back --- */

/** The item has been submitted or skipped in another tab or on another machine. */
function elsewhere(token, looks = 0) {
  if (sheet?.token !== token) return;
  if (document.visibilityState === "hidden") {
    gone = token;
    return;
  }
  if (outbox.has(token)) {
    // The other tab is still telling the server; if it takes long, that tab may be closed, and this one tells.
    const about = sheet;
    setTimeout(() => about === sheet && elsewhere(token, looks + 1), LOOK_AGAIN_MS);
    if (looks >= GIVE_UP_ON_A_TAB) outbox.flush(wish);
    return;
  }
  autosave.stop();
  storage.dropDraft(token);
  refresh("You have dealt with the last item in another tab or on another device.", { still: "" });
}

tabs.listen({
  left: (token) => {
    if (sheet?.token === token) {
      autosave.stop();
      sheet.root.setAttribute("aria-busy", "true");
      setTimeout(() => elsewhere(token), 500); // the other tab is telling the server just now
    }
  },
  answers: (token, entries) => {
    const typing = document.hasFocus() && document.activeElement?.matches("textarea");
    if (sheet?.token === token && !sheet.editing && !typing) sheet.apply(entries);
  },
});

let hiddenAt = Infinity;
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") {
    hiddenAt = Date.now();
    if (clock.seconds && !offline) beat({ keepalive: true });
    return;
  }
  if (gone) {
    const token = gone;
    gone = "";
    elsewhere(token);
  } else if (Date.now() - hiddenAt > LONG_AWAY_MS && sheet && !sheet.editing && !autosave.dirty && !outbox.size) {
    refresh("The item that you had before is done or has gone to somebody else.");
  }
});

addEventListener("online", () => {
  if (autosave?.dirty) autosave.send();
  else beat();
});
addEventListener("pagehide", () => keepPlace(sheet));
addEventListener("beforeunload", (event) => {
  // Drafts in the browser are told to the server at the next visit; of a submission one believes that it is there.
  if ((outbox.size && !signingIn) || (autosave?.dirty && onlyInMemory())) event.preventDefault();
});

/* --- keys --- */

listen(() => (busy() ? null : sheet), {
  "?": () => open("keys"),
  G: () => open("guideline"),
  L: () => open("latest"),
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-undo-skip]")) return;
  event.preventDefault();
  undoLast();
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-discard]")) storage.dropDraft(sheet.token);
  // Signing in again is how the submissions get sent: that needs no question.
  if (event.target.closest?.(".label-notice a")) signingIn = !(event.ctrlKey || event.metaKey || event.shiftKey);
});

document.documentElement.classList.add("scripted");
for (const button of document.querySelectorAll("[data-dialog][hidden]")) button.hidden = false;
prune();
begin(page);
// The item is read first, and the keys work wherever the focus is.
document.querySelector(".label-item")?.focus({ preventScroll: true });
if (sheet) returnToPlace(sheet);
if (outbox.size) outbox.flush(wish);
