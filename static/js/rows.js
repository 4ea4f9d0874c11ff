/* Rows of a form that people put in order: by two buttons each, or by dragging. Without this, they write the numbers. */

for (const list of document.querySelectorAll("[data-rows]")) {
  const ranks = list.dataset.rows === "ranks";
  const rows = () => [...list.querySelectorAll(":scope > [data-row]")];
  const place = (row) => row.querySelector(ranks ? "input[type=number]" : "input[name$='-ORDER']");
  const nameOf = (row) => row.querySelector(ranks ? "label" : "input[name$='-name']");
  const called = (row) => (ranks ? nameOf(row).textContent : nameOf(row).value) || "this value";

  /* Ties stay ties where only the order of rows changes: the numbers are dealt out again in their new order. */
  const number = () => {
    const numbers = rows().map((row) => Number(place(row).value) || Infinity).sort((a, b) => a - b);
    rows().forEach((row, index) => {
      const written = ranks ? numbers[index] : index + 1;
      if (place(row).value || nameOf(row).value) place(row).value = Number.isFinite(written) ? written : index + 1;
    });
  };
  const say = document.createElement("p");
  say.className = "visually-hidden";
  say.setAttribute("role", "status");
  list.before(say);

  const move = (row, by) => {
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    by < 0 ? other.before(row) : other.after(row);
    number();
    say.textContent = `${called(row)}: place ${rows().indexOf(row) + 1} of ${rows().length}`;
  };

  for (const row of rows()) {
    const buttons = row.querySelector("[data-row-tools]");
    for (const [by, sign, word] of [[-1, "↑", "up"], [1, "↓", "down"]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button button-small button-ghost";
      button.textContent = sign;
      button.setAttribute("aria-label", `Move ${called(row)} ${word}`);
      button.addEventListener("click", () => {
        move(row, by);
        button.focus();
      });
      buttons.append(button);
    }
    row.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", String(rows().indexOf(row))));
    /* Only from the buttons' line, so that text in the fields can still be marked with the mouse. */
    buttons.addEventListener("pointerdown", () => (row.draggable = true));
    row.addEventListener("dragend", () => (row.draggable = false));
  }
  list.addEventListener("dragover", (event) => event.preventDefault());
  list.addEventListener("drop", (event) => {
    event.preventDefault();
    const dragged = rows()[Number(event.dataTransfer.getData("text/plain"))];
    const onto = event.target.closest("[data-row]");
    if (!dragged || !onto || dragged === onto) return;
    rows().indexOf(dragged) < rows().indexOf(onto) ? onto.after(dragged) : onto.before(dragged);
    number();
  });
}
