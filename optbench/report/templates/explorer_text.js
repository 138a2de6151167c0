// How numbers and names are written in charts.
optbench.text = (() => {
  "use strict";

  // Significant digits with short exponents, as `wording.labels.number` writes them: "0.0012", "1.2e-5".
  const number = (value, digits = 3) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    if (value === 0) return "0";
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    if (exponent >= -4 && exponent < digits) return String(Number(value.toPrecision(digits)));
    return `${Number(mantissa)}e${Number(exponent)}`;
  };

  // Plotly reads some HTML in what it draws: a name is text, whatever stands in it.
  const plain = (text) =>
    String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\$/g, "&#36;");

  const shorten = (text, length) => (text.length > length ? text.slice(0, length - 1).trimEnd() + "…" : text);

  // "a", "a and b", "a, b and c"
  const listed = (names) =>
    names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;

  const count = (many, one, more = one + "s") => `${many.toLocaleString("en")} ${many === 1 ? one : more}`;

  // Where a log axis over `range` (of exponents) has its labels: at decades, where those are few also between them.
  const ticks = ([low, high], narrow) => {
    const span = high - low;
    if (!(span > 0.35)) return {}; // so near that Plotly's own are good
    const every = Math.max(1, Math.ceil(span / 8));
    const factors = span > 3 ? [1] : span > 1.3 ? (narrow ? [1] : [1, 2, 5]) : narrow ? [1, 2, 5] : [1, 1.5, 2, 3, 5, 7];
    const tickvals = [];
    for (let exponent = Math.floor(low); exponent <= high; exponent += 1) {
      if (exponent % every) continue;
      for (const factor of factors) {
        const value = factor * 10 ** exponent;
        if (Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9) tickvals.push(value);
      }
    }
    return { tickvals, ticktext: tickvals.map(low < -4 || high > 5 ? power : (value) => String(Number(value.toPrecision(3)))) };
  };
  const power = (value) => {
    const [mantissa, exponent] = value.toExponential(1).split("e");
    const raised = [...String(Number(exponent))].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
    return `${Number(mantissa) === 1 ? "" : Number(mantissa) + "×"}10${raised}`;
  };

  return { ticks, number, plain, shorten, listed, count };
})();
