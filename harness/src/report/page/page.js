(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  document.documentElement.classList.add("js");

  const rows = all(".row");
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const hint = one("#comparing")?.textContent; // What the page says before anything is compared.
  const columns = []; // The columns of the matrix that the reader compares, two at most.

  const chosen = (name) => new Set(all(`[name=${name}]:checked`).map((box) => box.value));
  const value = (selector) => one(selector)?.value.toLowerCase() ?? "";

  function differs(row) {
    const cells = all("td", row);
    return cells[columns[0]].className !== cells[columns[1]].className;
  }

  function filter() {
    const words = value("#search").split(/\s+/).filter(Boolean);
    const suite = value("#suite");
    const [verdicts, levels] = [chosen("verdict"), chosen("level")];
    let shown = 0;
    for (const row of rows) {
      const fits =
        words.every((word) => texts.get(row).includes(word)) &&
        (!suite || row.closest(".suite").id.toLowerCase() === `suite-${suite}`) &&
        row.dataset.verdict.split(" ").some((verdict) => verdicts.has(verdict)) &&
        levels.has(row.dataset.level) &&
        (!one("#differing")?.checked || "differs" in row.dataset) &&
        (columns.length < 2 || differs(row));
      row.hidden = !fits;
      shown += fits;
    }
    const narrowed = shown < rows.length;
    for (const part of all(".suite")) {
      part.hidden = narrowed && all(".row", part).every((row) => row.hidden);
      if (narrowed && (words.length > 0 || suite || columns.length > 1 || one("#differing")?.checked)) part.open = true;
    }
    const counter = one("#shown");
    if (counter) counter.textContent = `${shown} of ${rows.length} checks`;
  }

  // A link to a part that is folded or filtered away shows it.
  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let part = target; part; part = part.parentElement) {
      part.hidden = false;
      if (part.tagName === "DETAILS") part.open = true;
    }
    target.scrollIntoView();
  }

  // In the matrix, a click on the heads of two columns leaves only the checks that differ.
  function compare(button) {
    const column = Number(button.dataset.column);
    const at = columns.indexOf(column);
    if (at >= 0) columns.splice(at, 1);
    else if (columns.push(column) > 2) columns.shift();
    const names = [];
    for (const head of all("[data-column]")) {
      const pressed = columns.includes(Number(head.dataset.column));
      head.setAttribute("aria-pressed", pressed);
      if (pressed) names.push(head.title);
    }
    filter();
    const different = rows.filter((row) => !row.hidden).length;
    one("#comparing").textContent =
      columns.length === 2
        ? `${different} checks differ between ${names[0]} and ${names[1]}. Click a column again to see all checks.`
        : columns.length === 1
          ? `${names[0]} is selected. Click a second column to see what differs.`
          : hint;
  }

  // Copies the command beside the button, or selects it where the browser does not allow that.
  function copy(button) {
    const command = button.parentElement.querySelector(".command");
    const select = () => getSelection().selectAllChildren(command);
    if (!navigator.clipboard) return select();
    navigator.clipboard.writeText(command.textContent).then(() => (button.textContent = "Copied"), select);
  }

  function fold(open) {
    all(".suite").forEach((part) => (part.open = open));
  }

  for (const name of ["input", "change"]) {
    document.addEventListener(name, (event) => event.target.closest(".tools") && filter());
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.column) compare(button);
    if (button.dataset.fold) fold(button.dataset.fold === "open");
    if (button.classList.contains("copy")) copy(button);
  });
  addEventListener("hashchange", reveal);
  filter();
  reveal();
})();
