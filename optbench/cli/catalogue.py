"""What ``list`` and ``show`` print: wrapped to a terminal, and uncut, a line an entry, where it goes elsewhere."""

import json
import textwrap

from rich.text import Text

from optbench.catalogue import description, listing
from optbench.catalogue.listing import KINDS, value_text
from optbench.cli.terminal import console, load_catalogue

_TITLES = {
    "wrapper": "Wrappers: around any optimizer, clip(adam, norm=1), and around each other",
    "baseline": "Baselines: SciPy's methods on the full batch, which search their own step length",
    "schedule_wrapper": "Wrappers: around any schedule, warmup(cosine)",
}
_WIDEST = 120
_SHOWN = 10
"""The longest minimizer that is printed."""


def show_list(kind: str | None, as_json: bool, files) -> None:
    """The rows of a kind, by family; without a kind, all names. Raises OptbenchError for a kind that there is not."""
    catalogue = load_catalogue(files)
    rows = [row for each in ([kind] if kind is not None else KINDS) for row in listing.rows(catalogue, each)]
    if as_json:
        _print_json(rows)
    elif kind is not None:
        _table(rows)
    else:
        for part, found in _grouped(rows, lambda row: row["kind"]):
            _entry(_count(len(found), part.replace("_", " ")), 20, ", ".join(row["name"] for row in found))
        _print("", "More: optbench list optimizers, optbench show adam")


def show_name(text: str, as_json: bool, files) -> None:
    """All about a name. Raises OptbenchError for one that nobody has."""
    found = description.describe(load_catalogue(files), text)
    if as_json:
        _print_json(found)
        return
    for i, record in enumerate(found):
        _print(*[""] * bool(i))
        _record(record)


def _table(rows) -> None:
    indent = max(len(row["name"]) for row in rows) + 4
    for i, (title, found) in enumerate(_grouped(rows, lambda row: _TITLES.get(row["kind"], row["family"]))):
        _print(*[""] * bool(i), (_filled(title), "bold"))
        for row in found:
            _entry(f"  {row['name']}", indent, row["formula"], listing.values_text(row["defaults"]))


def _record(record) -> None:
    _print((f"{record['kind'].replace('_', ' ')} {record['name']}", "bold"))
    for paragraph in record["description"].split("\n\n"):
        _print("", _filled(paragraph))
    parameters = record["parameters"]
    columns = [[key, value_text(each["value"]), _remark(each)] for key, each in parameters.items()]
    wide, wider = (max((len(row[i]) for row in columns), default=0) + 2 for i in (0, 1))
    _print(*[""] * bool(columns))
    for key, value, remark in columns:
        _entry(f"  {key.ljust(wide)}{value}", wide + wider + 2, "", remark)
    _print("")
    facts = _FACTS[record["kind"]](record) | {"source": record["source"], "file": ", ".join(record["files"])}
    for label, text in facts.items():
        if text:
            _entry(label, 12, text)
    if record.get("around"):
        _print("")
        _record(record["around"])


def _remark(parameter) -> str:
    limit, default = parameter["limit"], parameter["default"]
    words = f"in {limit}" if isinstance(limit, str) else " or ".join(limit or ())
    return ", ".join(filter(None, (words, f"default {value_text(default)}" * (default != parameter["value"]))))


def _optimizer(record) -> dict:
    state, sums = record["state"], record["sums"]
    slots = {place: state[f"by_{place}"] for place in ("parameter", "block", "run")}
    memory = [
        f"{_count(len(found), 'number')} a {place} ({', '.join(found)})" for place, found in slots.items() if found
    ]
    for stage in state["matrix"]:
        memory.append(f"{_count(stage['numbers'], 'number')} for a block of {_shape(stage['block'])}")
    stages = {"all": "sums over all parameters", "block": "sums over each block", "matrix": "each block as a matrix"}
    needs = [f"{words} ({', '.join(sums[key])})" for key, words in stages.items() if sums[key]]
    none = "none" + " of its own" * (record["kind"] == "wrapper")
    reported = "" if record["reported"] == "w" else f"{record['reported']}; the gradient is taken at w"
    return {"memory": ", ".join(memory) or none, "needs": ", ".join(needs), "reported": reported}


def _schedule(record) -> dict:
    factors = record["factors"]
    if not factors:
        return {}
    *firsts, last = (f"{factor:.3g}" for factor in factors["factor"])
    steps = f"{factors['epochs']} epochs of {factors['steps'] // factors['epochs']} steps"
    return {"example": f"{', '.join(firsts)} at the first steps of {steps}, and {last} at the last step"}


def _problem(record) -> dict:
    blocks = ", ".join(map(_shape, record["blocks"]))
    dim = f"{record['dim']:,}" + f", in blocks of {blocks}" * (record["blocks"] != [[record["dim"]]])
    examples = f"{record['examples']:,} an epoch, by convention: there is no data"
    if record["data"]:
        test = f", {record['test_examples']:,} to test" if record["test_examples"] else ""
        examples = f"{record['examples']:,} to train{test}"
    noise = f"{record['noise']:g} / sqrt(batch size), standard deviation of a coordinate of the gradient"
    at, domain = record["minimizer"] or (), record["domain"] or ()
    minimum = f"{record['minimum']:.10g}" + f" at {_point(at)}" * (0 < len(at) <= _SHOWN)
    return {
        "dimension": dim,
        "examples": examples,
        "noise": noise * bool(record["noise"]),
        "metrics": ", ".join(record["metrics"]),
        "minimum": f"{minimum} ({record['minimum_source']})",
        "drawn in": " x ".join(f"[{low:.4g}, {high:.4g}]" for low, high in domain),
    }


_FACTS = {
    "optimizer": _optimizer,
    "wrapper": _optimizer,
    "baseline": lambda record: {},
    "schedule": _schedule,
    "schedule_wrapper": _schedule,
    "problem": _problem,
}


def _shape(block) -> str:
    return " x ".join(f"{side:,}" for side in block)


def _point(coordinates) -> str:
    return f"({', '.join(f'{each:.6g}' for each in coordinates)})"


def _count(number, word) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"


def _grouped(rows, key):
    """The rows of each key, in the order of its first."""
    return [(value, [row for row in rows if key(row) == value]) for value in dict.fromkeys(map(key, rows))]


def _entry(label, indent, text, remark="") -> None:
    """A label and what hangs beside it; the remark goes below in a terminal, and on the same line elsewhere."""
    beside = bool(text and remark)
    between = f"\n{' ' * indent}" * beside if console.is_terminal else "   " * beside
    label = f"{label} ".ljust(indent) if text or remark else label
    _print(Text.assemble((label, "bold"), _filled(text, indent), between, (_filled(remark, indent), "dim")))


def _filled(text, indent=0) -> str:
    """Wrapped to the terminal, the lines behind the first one indented; elsewhere one line."""
    text = text.replace("\n", " ")
    if not console.is_terminal:
        return text
    width = max(min(console.width, _WIDEST) - indent, 20)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)


def _print(*lines: str | tuple[str, str] | Text) -> None:
    """Each line as it is, not cut; a pair is a text and its style."""
    for line in lines:
        console.print(Text.assemble(line), soft_wrap=True)


def _print_json(data) -> None:
    print(json.dumps(data, indent=2, allow_nan=False))
