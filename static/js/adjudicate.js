/* Settling by keyboard: digits answer and move on, arrows move, R to the reason, N to the next item, Ctrl and Enter settle. */

const form = document.getElementById("settle-form");
const questions = [...form.querySelectorAll(".question")];
const reason = document.getElementById("reason");
let current = 0;

function goTo(index) {
  if (index < 0 || index >= questions.length) return;
  questions[current].classList.remove("is-current");
  current = index;
  questions[current].classList.add("is-current");
  questions[current].scrollIntoView({ block: "nearest" });
}

function answer(key) {
  const chosen = questions[current].querySelector(`input[data-key="${key}"]`);
  if (!chosen) return false;
  chosen.checked = true;
  if (current + 1 < questions.length) goTo(current + 1);
  else reason.focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.("textarea, select, input:not([type=radio])")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const done = {
    ArrowDown: () => (goTo(current + 1), true),
    ArrowUp: () => (goTo(current - 1), true),
    R: () => (reason.focus(), true),
    N: () => (document.getElementById("later")?.click(), true),
  }[key]?.() || (/^[1-9]$/.test(key) && answer(key));
  if (done) event.preventDefault();
});

for (const [index, question] of questions.entries()) question.addEventListener("focusin", () => goTo(index));
goTo(0);
