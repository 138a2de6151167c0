// Every table.data sorts by its headings, filters by a text where it is long, and can be saved as CSV or LaTeX,
// as `optbench report --tables` writes it where the page has that, or copied as Markdown.
(() => {
  "use strict";
  const LONG = 8; // rows from which a filter is worth its place

  const make = (tag, text, properties = {}) => Object.assign(document.createElement(tag), { textContent: text }, properties);

  // The text of a cell without what stands below it in small.
  const textOf = (cell) =>
    [...cell.childNodes]
      .filter((node) => !(node.classList && node.classList.contains("under")))
      .map((node) => node.textContent)
      .join("")
      .trim();
  const valueOf = (cell) => cell.dataset.value ?? textOf(cell);

  // Numbers as numbers, an interval by its lower end, what is missing last whatever the direction, all else as words.
  const orderOf = (text) => {
    const [, low] = /^\[(.+?), .+\]$/.exec(text) || [text, text];
    return low === "" || low === "–" ? null : low === "inf" ? Infinity : low === "-inf" ? -Infinity : Number(low);
  };
  const compare = (a, b, sign) => {
    const [x, y] = [orderOf(a), orderOf(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    if (Number.isNaN(x) || Number.isNaN(y)) return sign * a.localeCompare(b, undefined, { numeric: true });
    return x === y ? 0 : x < y ? -sign : sign;
  };

  const sortBy = (table, heads, place) => {
    const up = heads[place].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[place].setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [valueOf(row.cells[place]), row]);
    rows.sort((a, b) => compare(a[0], b[0], up ? 1 : -1));
    body.append(...rows.map(([, row]) => row));
  };

  // Show the rows that have every word of a text, in their data-words if they have these; return how many.
  const filter = (rows, text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const content = (row.dataset.words ?? row.textContent).toLowerCase();
      row.hidden = !words.every((word) => content.includes(word));
    }
    return rows.filter((row) => !row.hidden).length;
  };
  optbench.filter = filter;

  // What is seen, in the order in which it is seen.
  const contents = (table) => {
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    return [table.tHead.rows[0], ...rows].map((row) =>
      [...row.cells].map((cell) => ({
        value: valueOf(cell), text: textOf(cell), marks: (cell.dataset.marks || "").split(" "),
      })),
    );
  };

  // What is seen, in lines that the page has: {head, rows, foot}, with a row for each of the table's at first.
  const joined = ({ head, rows, foot }, table) => {
    const seen = [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => rows[row.dataset.row]);
    return [...head, ...seen, ...foot, ""].join("\n");
  };

  const tools = (table) => {
    const bar = make("div", "", { className: "tools" });
    const caption = table.caption.textContent.trim();
    const status = make("span", "", { className: "status" });
    status.setAttribute("role", "status");
    if (table.tBodies[0].rows.length >= LONG) {
      const field = make("input", "", { type: "search", placeholder: "filter" });
      field.setAttribute("aria-label", `Filter the rows of: ${caption}`);
      field.addEventListener("input", () => {
        const rows = [...table.tBodies[0].rows], count = filter(rows, field.value);
        status.textContent = field.value.trim() ? `${count} of ${rows.length} rows` : "";
      });
      bar.append(field);
    }
    bar.append(status);
    const button = (word, action, verb = "Save as") => {
      const each = make("button", word, { type: "button" });
      each.setAttribute("aria-label", `${verb} ${word}: ${caption}`);
      each.addEventListener("click", action);
      bar.append(each);
    };
    const numbers = () => [...table.tHead.rows[0].cells].map((cell) => cell.classList.contains("number"));
    const { csv, latex, markdown, copy, save } = optbench.exports;
    const lines = table.closest(".tabled").querySelector("script.export");
    const whole = lines && JSON.parse(lines.textContent);
    [...table.tBodies[0].rows].forEach((row, place) => (row.dataset.row = place));
    const { name } = table.dataset;
    button("CSV", () => save(`${name}.csv`, whole ? joined(whole.csv, table) : csv(contents(table)), "text/csv"));
    button("LaTeX", () => save(`${name}.tex`, whole ? joined(whole.tex, table) : latex(contents(table), numbers(), caption), "text/plain"));
    button("Markdown", async () => (status.textContent = (await copy(markdown(table))) ? "Copied." : "No clipboard here."), "Copy as");
    return bar;
  };

  for (const table of document.querySelectorAll("table.data")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = make("button", head.textContent.trim(), { type: "button", className: "sort" });
      button.addEventListener("click", () => sortBy(table, heads, place));
      head.replaceChildren(button);
    });
    table.parentElement.before(tools(table));
  }
})();
