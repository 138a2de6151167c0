// Tables as text: rows of cells -> CSV or LaTeX, and a text as a file that the browser saves.
optbench.exports = (() => {
  "use strict";
  const SPECIAL = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}",
    "–": "--", "…": "\\ldots{}", "·": "\\textperiodcentered{}", "→": "$\\rightarrow$",
  };

  // A text that LaTeX sets as it stands; 1.2e-5 becomes a power of ten.
  const latexText = (text) => {
    const power = /^(-?[\d.]+)e(-?\d+)$/.exec(text);
    if (power) return `$${power[1]} \\times 10^{${power[2]}}$`;
    return text.replace(/[\\{}&%$#_~^<>–…·→]/g, (each) => SPECIAL[each]);
  };

  // A spreadsheet would run a text that begins like a formula: an apostrophe before it says that it is none.
  const isFormula = (text) => /^[=+\-@\t\r\n]/.test(text) && Number.isNaN(Number(text)) && !/^[+-]inf$/.test(text);

  const csvText = (text) => {
    const plain = isFormula(text) ? `'${text}` : text;
    return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };

  // rows: arrays of {value, text, marks}, the headings first. numbers: whether each column holds numbers.
  const csv = (rows) => rows.map((row) => row.map((cell) => csvText(cell.value)).join(",")).join("\r\n") + "\r\n";

  // \textbf leaves formulas as they are: \boldmath sets them in bold.
  const bold = (text) => `\\textbf{${text.startsWith("$") ? "\\boldmath" : ""}${text}}`;

  const latexCell = (cell) => {
    const text = cell.marks.includes("best") ? bold(latexText(cell.text)) : latexText(cell.text);
    return cell.marks.includes("open") ? `${text}\\textsuperscript{\\textdagger}` : text;
  };

  const latex = (rows, numbers, caption) => {
    const lines = rows.map((row) => `${row.map(latexCell).join(" & ")} \\\\`);
    const columns = numbers.map((number) => (number ? "r" : "l")).join("");
    return [
      `% ${caption.replace(/\s+/g, " ")}`, "% needs the package booktabs", `\\begin{tabular}{${columns}}`, "\\toprule",
      lines[0], "\\midrule", ...lines.slice(1), "\\bottomrule", "\\end{tabular}", "",
    ].join("\n");
  };

  // Plain values -> CSV; null is an empty cell.
  const csvOf = (rows) => rows.map((row) => row.map((value) => csvText(String(value ?? ""))).join(",")).join("\n") + "\n";

  // A table element as it is seen -> Markdown, as a pull request takes it; columns of numbers to the right.
  const markdown = (table) => {
    const seen = (cell) => [...cell.childNodes].map((node) => node.textContent.trim()).filter(Boolean).join(" ")
      .replace(/\s+/g, " ").replace(/[\\|`*_<>[\]]/g, "\\$&");
    const line = (cells) => `| ${cells.join(" | ")} |`;
    const [head] = table.tHead.rows;
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    const rule = [...head.cells].map((cell) => (cell.classList.contains("number") ? "--:" : "---"));
    return [head, ...rows].map((row) => line([...row.cells].map(seen))).toSpliced(1, 0, line(rule)).join("\n") + "\n";
  };

  // Put a text into the clipboard; false where the browser keeps it from this page.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const focused = document.activeElement;
      const field = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy"); // of pages opened from a file
      field.remove();
      focused.focus();
      return done;
    }
  };

  // content: a text or a Blob.
  const save = (name, content, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: type.startsWith("text") ? `${type};charset=utf-8` : type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // Save an svg element as "svg", or as "png" of so many pixels.
  const savePicture = async (name, svg, format, width, height) => {
    const source = () => new XMLSerializer().serializeToString(svg);
    if (format === "svg") return save(name, source(), "image/svg+xml");
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(source())}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width), height: Math.round(height) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    save(name, await new Promise((done) => canvas.toBlob(done, "image/png")), "image/png");
  };
  return { csv, csvOf, latex, markdown, copy, save, savePicture };
})();
