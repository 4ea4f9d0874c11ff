/* Keys printed on the controls. They do nothing while somebody types, or with a window open over the item. */

const TYPING = "textarea, select, input:not([type=radio], [type=checkbox]), [contenteditable]";

const COMMANDS = {
  ArrowDown: (sheet) => sheet.goTo(sheet.current + 1, { focus: true }),
  ArrowUp: (sheet) => sheet.goTo(sheet.current - 1, { focus: true }),
  U: (sheet) => sheet.undo(),
  C: (sheet) => sheet.comment(),
  E: (sheet) => sheet.examples(),
  D: (sheet) => sheet.alsoDefensible(),
  0: (sheet) => sheet.noOther(),
  S: (sheet) => sheet.openDrawer("#skip"),
  F: (sheet) => sheet.openDrawer("#flag"),
  Enter: (sheet) => sheet.on.submit(),
};

/** `sheet()`: the item on the screen, or null. `windows`: by key, which window it opens. */
export function listen(sheet, windows) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const target = event.target instanceof Element ? event.target : document.body;
    const item = sheet();
    if (target.closest(TYPING)) {
      if (event.key === "Escape") item?.backToQuestion(target);
      return;
    }
    const arrow = event.key.startsWith("Arrow");
    if (event.repeat && !arrow) return;
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    if (Object.hasOwn(windows, key)) {
      event.preventDefault();
      windows[key]();
      return;
    }
    if (!item || target.closest(".site-header")) return;
    if (event.key === "Enter" && target.closest("button, a, summary")) return;
    // A text that has the focus is scrolled by the arrows.
    if (arrow && target.closest(".label-item") && scrolls(target.closest(".label-item"))) return;
    const done = Object.hasOwn(COMMANDS, key) ? (COMMANDS[key](item), true) : /^[YNX1-9]$/.test(key) && item.answer(key);
    if (done) event.preventDefault();
  });
}

function scrolls(element) {
  return element.scrollHeight > element.clientHeight + 1;
}
