/* Rows of a form that people put in order: by buttons, by dragging, or by writing numbers. Without this, they write the numbers. */

for (const list of document.querySelectorAll("[data-rows]")) {
  const ranks = list.dataset.rows === "ranks";
  const rows = () => [...list.querySelectorAll(":scope > [data-row]")];
  const place = (row) => row.querySelector(ranks ? "input[type=number]" : "input[name$='-ORDER']");
  const nameOf = (row) => row.querySelector(ranks ? "label" : "input[name$='-name']");
  const called = (row) => (ranks ? nameOf(row).textContent.trim() : nameOf(row).value) || "this value";
  const numberOf = (row) => Number(place(row).value) || Infinity;

  const say = document.createElement("p");
  say.className = "visually-hidden";
  say.setAttribute("role", "status");
  list.before(say);

  const isTied = (row) => {
    const above = row.previousElementSibling;
    return Boolean(above) && numberOf(above) === numberOf(row);
  };
  /* What is changed here by script is told as if it had been written by hand: previews listen. */
  const changed = () => {
    for (const row of rows()) {
      const button = row.querySelector("[data-tie]");
      if (!button) continue;
      button.disabled = row === list.firstElementChild;
      button.setAttribute("aria-pressed", String(isTied(row)));
    }
    list.dispatchEvent(new Event("change", { bubbles: true }));
  };
  /* Ties stay where they are while rows change places: the numbers are dealt out again in their new order. */
  const number = () => {
    const numbers = rows().map(numberOf).sort((a, b) => a - b);
    rows().forEach((row, index) => {
      const written = ranks ? numbers[index] : index + 1;
      if (place(row).value || nameOf(row).value) place(row).value = Number.isFinite(written) ? written : index + 1;
    });
    changed();
  };
  const tie = (row) => {
    const tied = rows().map((each) => (each === row ? !isTied(each) : isTied(each)));
    let rank = 0;
    rows().forEach((each, index) => {
      rank += tied[index] && index ? 0 : 1;
      place(each).value = rank;
    });
    const above = called(row.previousElementSibling);
    say.textContent = isTied(row) ? `${called(row)} is tied with ${above}` : `${called(row)} comes after ${above}`;
    changed();
  };
  const move = (row, by) => {
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    by < 0 ? other.before(row) : other.after(row);
    number();
    say.textContent = `${called(row)}: place ${rows().indexOf(row) + 1} of ${rows().length}`;
  };

  const addButton = (row, sign, label, action) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button-small button-ghost";
    button.textContent = sign;
    button.setAttribute("aria-label", label);
    button.addEventListener("click", () => {
      action();
      button.focus();
    });
    row.querySelector("[data-row-tools]").append(button);
    return button;
  };
  const equip = (row) => {
    addButton(row, "↑", `Move ${called(row)} up`, () => move(row, -1));
    addButton(row, "↓", `Move ${called(row)} down`, () => move(row, 1));
    if (ranks) addButton(row, "=", `Tie ${called(row)} with the one above`, () => tie(row)).dataset.tie = "";
    const tools = row.querySelector("[data-row-tools]");
    row.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", String(rows().indexOf(row))));
    /* Only from the buttons' line, so that text in the fields can still be marked with the mouse. */
    tools.addEventListener("pointerdown", () => (row.draggable = true));
    row.addEventListener("dragend", () => (row.draggable = false));
  };
  rows().forEach(equip);

  /* One row more, as often as it is asked for; without this, one more with each storing. */
  const blank = list.parentElement.querySelector("template[data-row-new]");
  const total = list.parentElement.querySelector("input[name$='-TOTAL_FORMS']");
  const most = Number(list.parentElement.querySelector("input[name$='-MAX_NUM_FORMS']")?.value) || Infinity;
  if (blank && total) {
    const more = document.createElement("button");
    more.type = "button";
    more.className = "button";
    more.textContent = "One value more";
    more.addEventListener("click", () => {
      const holder = document.createElement("template");
      holder.innerHTML = blank.innerHTML.replaceAll("__prefix__", total.value);
      const row = holder.content.querySelector("[data-row]");
      list.append(row);
      equip(row);
      total.value = Number(total.value) + 1;
      more.disabled = Number(total.value) >= most;
      nameOf(row).focus();
    });
    list.after(more);
  }
  /* A number that is written by hand puts its row where it belongs. */
  list.addEventListener("change", (event) => {
    if (!ranks || event.target.type !== "number") return;
    const focused = document.activeElement;
    rows()
      .sort((a, b) => numberOf(a) - numberOf(b))
      .forEach((row) => list.append(row));
    focused.focus();
    changed();
  });
  list.addEventListener("dragover", (event) => event.preventDefault());
  list.addEventListener("drop", (event) => {
    event.preventDefault();
    const dragged = rows()[Number(event.dataTransfer.getData("text/plain"))];
    const onto = event.target.closest("[data-row]");
    if (!dragged || !onto || dragged === onto) return;
    rows().indexOf(dragged) < rows().indexOf(onto) ? onto.after(dragged) : onto.before(dragged);
    number();
  });
  changed();
}
