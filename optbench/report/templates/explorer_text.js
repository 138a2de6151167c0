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

  const shorten = (text, length) => (text.length > length ? text.slice(0, length - 1).trimEnd() + "…" : text);

  // "a", "a and b", "a, b and c"
  const listed = (names) =>
    names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;

  const count = (many, one, more = one + "s") => `${many.toLocaleString("en")} ${many === 1 ? one : more}`;

  // The labels of an axis, about so many: [value, text] each. A log axis has them at decades, where those are few also
  // between them.
  const ticks = ({ type, range, tickvals, ticktext, percent }, many) => {
    const [low, high] = range, written = percent ? (value) => `${Number((100 * value).toPrecision(6))}%` : plain;
    if (tickvals) return tickvals.map((value, place) => [value, ticktext ? ticktext[place] : written(value)]);
    const span = high - low;
    if (type !== "log") return round(low, high, many).map((value) => [value, written(value)]);
    if (span <= 0.35) return round(10 ** low, 10 ** high, many).map((value) => [value, written(value)]);
    const every = Math.max(1, Math.ceil(span / Math.min(8, many)));
    const factors = [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1]].find((list) => list.length * span <= 1.2 * many) || [1];
    const values = [];
    for (let exponent = Math.floor(low); exponent <= high; exponent += 1) {
      if (exponent % every) continue;
      for (const factor of factors) {
        const value = Number(`${factor}e${exponent}`);
        if (Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9) values.push(value);
      }
    }
    return values.map((value) => [value, low < -4 || high > 5 ? power(value) : plain(value)]);
  };
  // Round numbers from low to high, about `many` of them.
  const round = (low, high, many) => {
    const rough = (high - low) / Math.max(2, many), unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * [1, 2, 5, 10].find((each) => each * unit >= 0.999 * rough), first = Math.ceil(low / step - 1e-9);
    return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
  };
  const plain = (value) => {
    const size = Math.abs(value);
    return size && (size < 1e-4 || size >= 1e6) ? power(value) : value.toLocaleString("en", { maximumSignificantDigits: 6 });
  };
  const power = (value) => {
    const [mantissa, exponent] = value.toExponential(4).split("e");
    const raised = [...String(Number(exponent))].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
    return `${Number(mantissa) === 1 ? "" : Number(mantissa) + "×"}10${raised}`;
  };

  return { ticks, number, shorten, listed, count };
})();
