/* One item on the screen: its questions and answers, and where one is among them. Knows no server. */

import { announce } from "./speech.js";

export class Sheet {
  /** `on`: what to call when the person has changed an answer, or typed, or wants to submit, skip or flag. */
  constructor(root, on) {
    this.root = root;
    this.on = on;
    this.token = root.dataset.token;
    this.editing = root.hasAttribute("data-editing"); // a submission opened again: nothing is stored until it is submitted
    this.element = root.querySelector("#label-form");
    this.answersUrl = this.element.dataset.answers ?? "";
    this.heartbeatUrl = this.element.dataset.heartbeat ?? "";
    this.questions = [...root.querySelectorAll(".question")];
    this.current = 0;
    this.history = [];
    this.begun = false; // the person has answered something here since it was shown
    this.leaseEnds = Date.now() + 1000 * Number(root.dataset.leaseSeconds);
  }

  start() {
    this.remember();
    this.element.addEventListener("change", (event) => this.changed(event));
    this.element.addEventListener("input", (event) => {
      if (event.target.matches("textarea")) this.touched("typed");
    });
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.on.submit();
    });
    this.questions.forEach((question, index) => question.addEventListener("focusin", () => this.goTo(index)));
    for (const drawer of this.root.querySelectorAll(".drawer form")) {
      drawer.addEventListener("submit", (event) => {
        event.preventDefault();
        if (drawer.closest("#skip")) this.on.skip(drawer);
        else this.on.flag(drawer);
      });
    }
    const undo = this.root.querySelector("#undo");
    undo.hidden = false;
    this.root.querySelector(".label-again").hidden = false;
    undo.addEventListener("click", () => this.undo());
    const open = this.questions.findIndex((question) => !this.said(question));
    this.goTo(open === -1 ? 0 : open);
  }

  /** What the form would send. */
  form() {
    const form = new FormData(this.element);
    form.delete("csrfmiddlewaretoken");
    return form;
  }

  entries() {
    return [...this.form()];
  }

  /** Show these answers and comments in place of those that stand. */
  apply(entries) {
    const given = new Map(entries);
    for (const input of this.element.querySelectorAll("input[type=radio]")) input.checked = given.get(input.name) === input.value;
    for (const area of this.element.querySelectorAll("textarea")) {
      area.value = given.get(area.name) ?? "";
      if (area.value) area.closest("details").open = true;
    }
    this.remember();
  }

  remember() {
    this.given = new Map();
    for (const input of this.element.querySelectorAll("input[type=radio]")) {
      if (input.checked || !this.given.has(input.name)) this.given.set(input.name, input.checked ? input.value : null);
    }
    for (const question of this.questions) this.offerSecond(question);
  }

  answerOf(question) {
    return question.querySelector(`input[name="${question.dataset.question}"]:checked`)?.value ?? null;
  }

  /** The ways to say that another answer is defensible, too; none where one answer is all that is asked for. */
  secondOf(question) {
    return [...question.querySelectorAll(".second input")];
  }

  /** Whether all that is asked of the question has been said: where it is asked, also whether there is a second answer. */
  said(question) {
    const second = this.secondOf(question);
    if (this.answerOf(question) === "unsure") return true;
    return this.answerOf(question) !== null && (!second.length || second.some((input) => input.checked));
  }

  unanswered() {
    return this.questions.filter((question) => !this.said(question));
  }

  /* --- moving and answering --- */

  goTo(index, { focus = false, scroll = focus } = {}) {
    if (index < 0 || index >= this.questions.length) return;
    this.questions[this.current].classList.remove("is-current");
    this.current = index;
    const question = this.questions[index];
    question.classList.add("is-current");
    if (focus) {
      const waits = this.answerOf(question) !== null && !this.said(question);
      const given = question.querySelector(`input[name="${question.dataset.question}"]:checked`);
      const inSecond = waits ? this.secondOf(question).find((input) => !input.disabled) : null;
      (inSecond ?? given ?? question.querySelector("input")).focus({ preventScroll: true });
    }
    const calm = focus || matchMedia("(prefers-reduced-motion: reduce)").matches; // what a style sheet says does not bind a script
    if (scroll) question.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  }

  /** To the next question without an answer. When all have one, to the next in order, and from the last one nowhere. */
  moveOn(how) {
    const here = this.questions[this.current];
    if (this.answerOf(here) !== null && !this.said(here)) {
      this.goTo(this.current, how); // there is more to say of it: whether another answer is defensible, too
      return;
    }
    const open = this.unanswered().map((question) => this.questions.indexOf(question));
    const next = open.find((index) => index > this.current) ?? open[0];
    this.goTo(next ?? Math.min(this.current + 1, this.questions.length - 1), how);
  }

  answer(key) {
    const question = this.questions[this.current];
    const inputs = [...question.querySelectorAll(`input[name="${question.dataset.question}"]`)];
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
      // Without keys one would have to scroll for each question.
      this.moveOn({ scroll: matchMedia("(hover: none)").matches });
    } else {
      this.touched("changed");
    }
  }

  /** One key: the next answer beside the one given is defensible, too, of this question or of the one dealt with before. */
  alsoDefensible() {
    const question = this.questionInHand();
    const others = question ? this.secondOf(question).filter((input) => !input.disabled) : [];
    if (!others.length) return;
    // The first of them says that there is no other: from there on, one after the other, and back to it.
    const at = Math.max(others.findIndex((input) => input.checked), 0);
    this.chooseSecond(question, others[(at + 1) % others.length]);
  }

  noOther() {
    const question = this.questionInHand();
    const none = question && this.secondOf(question)[0];
    if (none) this.chooseSecond(question, none);
  }

  questionInHand() {
    const here = this.questions[this.current];
    if (this.answerOf(here) !== null) return here;
    const [last] = this.history.at(-1) ?? [];
    return this.questions.find((question) => last && question.querySelector(`input[name="${last}"]`)) ?? null;
  }

  chooseSecond(question, input) {
    if (!input.checked) {
      input.checked = true;
      this.answered(input);
    }
    const words = input.closest("label").querySelector("span").textContent;
    announce(input === this.secondOf(question)[0] ? "No other answer." : `Also defensible: ${words}.`);
    if (question === this.questions[this.current]) this.moveOn({ focus: true });
  }

  /** The answer given is no second one beside itself. */
  offerSecond(question) {
    const first = this.answerOf(question);
    const [none, ...others] = this.secondOf(question);
    if (!none) return;
    for (const input of others) {
      input.disabled = first === null || input.value === first;
      input.closest("label").hidden = input.value === first;
      if (input.disabled) input.checked = false;
    }
    if (none.dataset.usual !== undefined && !others.some((input) => input.checked)) none.checked = true;
    this.given.set(none.name, [none, ...others].find((input) => input.checked)?.value ?? null);
  }

  answered(input) {
    const question = input.closest(".question");
    this.history.push([input.name, this.given.get(input.name)]);
    this.given.set(input.name, input.value);
    question.classList.remove("is-missing");
    this.offerSecond(question);
    this.root.querySelector("#label-error")?.remove();
    this.touched("changed");
  }

  touched(how) {
    this.begun = true;
    this.on[how]();
  }

  undo() {
    const last = this.history.pop();
    if (!last) {
      this.on.undoLast();
      return;
    }
    const [field, before] = last;
    const question = this.questions.find((each) => each.querySelector(`input[name="${field}"]`));
    for (const input of question.querySelectorAll(`input[name="${field}"]`)) input.checked = input.value === before;
    this.given.set(field, before);
    this.offerSecond(question);
    this.goTo(this.questions.indexOf(question), { focus: true });
    announce("Undone.");
    this.touched("changed");
  }

  /** Whether every question has an answer; otherwise those without are marked, and the first has the focus. */
  complete() {
    const open = this.unanswered();
    for (const question of this.questions) question.classList.toggle("is-missing", open.includes(question));
    if (open.length) this.goTo(this.questions.indexOf(open[0]), { focus: true });
    return open.length;
  }

  /** In words where a choice and the scale beside it contradict each other; empty where none do. */
  atOdds() {
    for (const scale of this.questions.filter((each) => each.dataset.places)) {
      const beside = this.questions.find((each) => each.dataset.question === scale.dataset.places);
      const chosen = beside && this.answerOf(beside);
      const place = Number(this.answerOf(scale));
      const middle = (scale.querySelectorAll(".options-scale input").length + 1) / 2;
      if ((chosen === "a" && place > middle) || (chosen === "b" && place < middle)) {
        const other = chosen === "a" ? "B" : "A";
        this.goTo(this.questions.indexOf(scale), { focus: true });
        return `You chose ${chosen.toUpperCase()}, and ${place} on the scale is on the side of ${other}.`;
      }
    }
    return "";
  }

  /* --- what opens and closes --- */

  comment() {
    const details = this.questions[this.current].querySelector(".comment");
    details.open = true;
    details.querySelector("textarea").focus();
  }

  examples() {
    const details = this.questions[this.current].querySelector(".examples");
    if (details) details.open = !details.open;
  }

  openDrawer(id) {
    const drawer = this.root.querySelector(id);
    if (!drawer) return;
    drawer.open = true;
    drawer.querySelector("input:not([type=hidden])").focus();
  }

  backToQuestion(from) {
    const details = from.closest("details");
    if (details && !from.value) details.open = false;
    this.goTo(this.current, { focus: true });
  }

  flagged(drawer, reason) {
    const line = document.createElement("li");
    line.textContent = `Flagged: ${reason}`;
    this.root.querySelector("#flags").append(line);
    drawer.reset();
    drawer.closest("details").open = false;
    this.goTo(this.current, { focus: true });
  }
}
