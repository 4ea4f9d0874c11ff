/* Lists of scenarios by keyboard: j and k walk through the rows, / searches; on a scenario's page n and p go through the
   same list, and on other pages a key follows the link that names it. Keys are ignored while typing and with a modifier, and can be switched off. On a phone facets start closed. */

const STORE = "explore-keys-off";
const NARROW = matchMedia("(max-width: 55.99rem)");

const off = () => localStorage.getItem(STORE) === "1";

/** The line that names the keys, with the button that switches them off: shown only where there is a keyboard to use. */
function showKeys() {
  for (const line of document.querySelectorAll("[data-keys]")) {
    line.hidden = false;
    line.classList.toggle("is-off", off());
    const button = line.querySelector("[data-keys-switch]");
    button.textContent = off() ? "Switch keys on" : "Switch keys off";
  }
}

const rows = () => [...document.querySelectorAll("[data-row]")];

function step(by) {
  const all = rows();
  if (!all.length) return false;
  const here = all.indexOf(document.activeElement);
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1);
  all[next].focus();
  all[next].closest("tr").scrollIntoView({ block: "nearest" });
  return true;
}

function search() {
  const field = document.getElementById("search");
  field?.focus();
  field?.select();
  return Boolean(field);
}

function follow(key) {
  const link = document.querySelector(`a[data-key="${key}"]`);
  link?.click();
  return Boolean(link);
}

const COMMANDS = { j: () => step(1), k: () => step(-1), "/": search };

/** The command of a key; without one of its own it follows the link that names it. */
const command = (key) => COMMANDS[key] ?? (/^[a-z]$/.test(key) ? () => follow(key) : () => false);

function typing(target) {
  return target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target instanceof Element ? event.target : document.body;
  if (event.key === "Escape" && target.id === "search") {
    event.preventDefault(); // some browsers would empty the field
    target.blur();
    return;
  }
  if (typing(target)) return;
  // Arrows scroll the page, unless the person is in the list already.
  if (target.matches("[data-row]") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    if (step(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
    return;
  }
  if (off()) return;
  if (command(event.key)()) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-keys-switch]")) return;
  if (off()) localStorage.removeItem(STORE);
  else localStorage.setItem(STORE, "1");
  showKeys();
});

/* Which facets are open outlives the list's being fetched again. */
const opened = new Map();

function fold() {
  for (const facet of document.querySelectorAll(".facet")) {
    const chosen = facet.querySelector(":checked") !== null;
    facet.open = opened.get(facet.dataset.facet) ?? (chosen || !NARROW.matches);
  }
}

document.addEventListener("click", (event) => {
  const facet = event.target instanceof Element ? event.target.closest(".facet > summary")?.parentElement : null;
  if (facet) opened.set(facet.dataset.facet, !facet.open);
});
document.addEventListener("htmx:afterSwap", fold);
/* A page that the browser goes back to may have been fetched in part: it asks for the whole again. */
window.addEventListener("pageshow", fold);

fold();
showKeys();
