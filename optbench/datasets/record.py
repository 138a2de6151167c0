"""The record of a data set, and the preparation of raw examples: split, encode, fill in, scale."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from optbench.contract import names
from optbench.contract.errors import OptbenchError, unknown
from optbench.datasets.preparation import (
    Preparation,
    Standardizer,
    class_name,
    find_unknown,
    fit_transformer,
    name_some,
    parse_number,
    split_kinds,
    transform,
)

SHARES = (0.8, 0.1)
"""Shares of the examples that are for training and validation, the rest being for testing."""
OWN_SHARES = (0.6, 0.2)
"""The same of the user's own data, of which few rows would test too little."""
FIXED_SHARES = (0.8, 0.2)
"""The same where the test rows are given besides."""
# Classes: a target with more values is refused as one
MOST_CLASSES = 100
# Classes: a whole-numbered target with more values, or with fewer rows each, is a real one, if no classes are asked for
_MOST_COUNTED, _ROWS_EACH = 20, 3
FILLS = {"": "median", "median": "median", "mean": "mean", "drop": "median"}
"""The words of ``missing``, and the number of the training rows that fills gaps; ``drop`` leaves none in known rows."""
# Examples: the fewest of which a fifth is one
FEWEST_EXAMPLES = 5
ARRAY_TARGET = "target array y"
"""How the target of the user's own arrays is described."""
REPEAT = "repeat another one"
"""What the note on equal rows says."""
LIMITS = {
    "examples": f"[{FEWEST_EXAMPLES}, inf)", "features": "[1, inf)", "hidden": "[1, inf)", "arms": "[2, inf)",
    "noise": "[0, inf)", "seed": "[0, inf)", "label_noise": "[0, 1]",
}  # fmt: skip
"""Limits of parameters that mean the same in every set."""
SPLITS = {
    SHARES: "validation and test rows drawn with seed 0 (a tenth each)",
    OWN_SHARES: "validation and test rows drawn with seed 0 (a fifth each)",
    FIXED_SHARES: "test rows as given, validation rows drawn with seed 0 from the others (a fifth of them)",
}
"""The split by its shares, in words."""


class Entry(NamedTuple):
    """A data set of the catalogue: how it is made, its parameters, and what ``list`` shows."""

    make: Callable
    """A function of the parameters -> Raw or Dataset."""
    parameters: Mapping[str, Any]
    """The defaults."""
    rows: int | None
    """All rows at the defaults; None if that is up to a file."""
    features: int | None
    target: str
    """"2 classes", "10 classes", "real"."""
    about: str
    extra: bool = False
    """True if it needs the extra ``datasets``."""


class Rows(NamedTuple):
    """Indices of the training, validation and test rows among the examples; see `split_rows`."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    """Where the test rows are given besides: indices into those."""


@dataclass(frozen=True)
class Dataset:
    """x (n, features), y (n,): real targets, or classes 0, 1, ... as floats; and the same for the test examples.

    Weights are trained on the training rows, x and y; settings are chosen on the validation rows, and judged on the
    test rows.
    """

    x: Any
    y: np.ndarray
    x_test: Any
    y_test: np.ndarray
    classes: int
    """0 where the targets are real numbers."""
    source: str
    digest: str = ""
    """sha256 of the user's file; "" for a set that its name and parameters say all about."""
    name: str = ""
    """A name with the parameters that differ from their defaults, or the path of a file."""
    target: str = ""
    """The targets in words, with the number of classes or their range."""
    warning: str = ""
    """A warning about the user's file, if its target is likely to be another column than the one taken."""
    hint: str = ""
    """The request for another target of the user's file."""
    x_validation: Any = None
    """The same for validation; None if there are too few examples."""
    y_validation: np.ndarray | None = None
    rows: Rows | None = None
    """The rows of each part, as indices into the examples that are left after rows were dropped; None if the generator
    draws each part by itself."""
    split: str = "the generator's"
    """The choice of validation and test rows, in words."""
    scaling: str = "as generated"
    """The scaling of features and target, in words."""
    notes: tuple[str, ...] = ()
    """Changes to rows and columns of the user's own data: left out, filled in, made numbers."""
    folds: int = 1
    """The folds that its test rows are one of; 1 where there is one split."""
    preparation: Preparation | None = None
    """What the training rows taught, enough to prepare other rows; None for a set that a generator made as it is."""
    kind: str = ""
    """The name of its entry in the catalogue, "file" for the user's own."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Those of the entry, by name."""

    def __repr__(self) -> str:
        """Return the data in words."""
        return self.text

    @property
    def text(self) -> str:
        """The data in words: "digits: 1,438 training, 179 validation and 180 test rows, 64 features, target: ...".

        For the user's own data also its changes, split and scaling.
        """
        return "; ".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """The parts of the text: the size, and for the user's own data each change, the split and the scaling."""
        features = self.x.shape[1]
        middle = "" if self.y_validation is None else f", {len(self.y_validation):,} validation"
        size = f"{len(self.x):,} training{middle} and {len(self.x_test):,} test rows"
        count = f"{features:,} feature{'s' * (features != 1)}"
        text = ", ".join(filter(None, (f"{self.name}: {size}", count, self.target)))
        own = (*self.notes, self.split, self.scaling) if self.digest else ()
        return text, *own


@dataclass(frozen=True)
class Raw:
    """Raw examples: x (n, features) and y (n,), of which 20% are held out: half of them to validate, half to test.

    ``x``: an array, or a table whose columns are floats, NaN where one is missing, or texts.
    ``own``: they are the user's, and 20% are for validation, 20% for testing. ``test``: the test examples where they
    are fixed; 20% of the others are for validation.

    ``classes``: their number, y being 0, 1, ...; 0 for real targets; None if it follows from the values of y.
    ``scaled``: the features share one scale already (pixels), and stay as they are. ``target``: a description of y;
    ``suspicion``: a warning if y looks like an index rather than a target; ``hint``: how to choose another column.
    """

    x: Any
    y: np.ndarray
    classes: int | None
    source: str
    test: tuple[Any, np.ndarray] | None = None
    scaled: bool = False
    own: bool = False
    name: str = ""
    """The name for messages about faulty examples."""
    target: str = "target"
    suspicion: str = ""
    hint: str = ""
    labels: tuple[str, ...] = ()
    """The names of the classes 0, 1, ... if y holds their numbers."""
    fill: str = "median"
    """The number of the training rows that fills gaps in a table: their mean, or their median."""
    constants: bool = False
    """Whether constant columns of a table stay."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    """The reasons why columns are left out, by name."""
    target_name: str = "y"


def prepare_data_set(raw: Raw, classes: bool | int | None = None, fold: tuple[int, int] = (0, 1)) -> Dataset:
    """Return the data set of raw examples: split, with classes encoded, gaps filled and columns standardized.

    Held-out rows count for the list of classes only: means and scales come from training rows. ``classes``: the kind of
    targets that is wanted, as for ``datasets.load``. ``fold``: which of how many folds is for testing (`split_folds`).
    Raises OptbenchError for data that cannot be learned from.
    """
    if len(raw.x) < FEWEST_EXAMPLES:
        left = f" ({raw.notes[0]})" if raw.notes else ""
        raise OptbenchError(
            f"{words_of(raw.name)}: {len(raw.x)} examples are too few{left}; it takes at least {FEWEST_EXAMPLES}"
        )
    shares = FIXED_SHARES if raw.test is not None else OWN_SHARES if raw.own else SHARES
    equal = None
    if raw.own:
        equal = find_equal_rows(raw.x, raw.y)
        raw = replace(raw, notes=(*raw.notes, *describe_equal_rows(raw.name, equal)))
    rows = split_rows(len(raw.x), shares, equal)
    split = SPLITS[shares]
    if fold[1] > 1:
        rows = split_folds(len(raw.x), *fold, equal)
        split = f"test rows are a fold of {fold[1]}, drawn with seed 0, and validation rows a fifth of all"
    ends = np.cumsum([len(rows.training), len(rows.validation)])
    take = getattr(raw.x, "iloc", raw.x)
    x_test, y_test = raw.test if raw.test is not None else (take[rows.test], raw.y[rows.test])
    known = take[np.concatenate(rows[:2])]
    count, labels, hint = raw.classes, raw.labels, raw.suspicion or raw.hint
    every = np.concatenate([raw.y[rows.training], raw.y[rows.validation], y_test])
    if count is None:
        try:
            every, labels = encode(raw.name, every, classes)
        except OptbenchError as error:
            raise OptbenchError(f"{error}{f'; {hint}' * bool(hint)}") from None
        count = len(labels)
    ys = np.split(every, ends)
    named = classes or raw.labels or raw.y.dtype.kind not in "biuf"  # whole numbers may be real targets
    warnings = filter(
        None, (raw.suspicion, *raw.warnings, _unseen_warning(ys[0], labels) if named and not raw.suspicion else "")
    )
    warning = "; ".join(f"{words_of(raw.name)}: {each}" for each in warnings)
    target = _target_text(raw, every, count, labels)
    prepared, every_x, notes = prepare_features(raw, known, x_test, len(rows.training))
    xs = np.split(every_x, ends)
    scaling = "features as they come"
    if not raw.scaled:
        which = "numbers" if prepared.levels else "features"
        scaling = f"{which}{' and target' * (not count)} standardized by the training rows"
    mean, scale = 0.0, 1.0
    if not count:
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = ys[0].mean(), ys[0].std()
        if not np.isfinite(mean + scale):
            raise OptbenchError(f"{words_of(raw.name)}: the target has values too large to be standardized")
        if not scale > 0:
            raise OptbenchError(f"{words_of(raw.name)}: the target is constant")
        ys = [(y - mean) / scale for y in ys]
    if raw.classes is None and count > 2:
        hint = "; ".join(filter(None, (hint, f"positive={labels[0]!r} makes two of them: it against the rest")))
    (x, x_validation, x_test), (y, y_validation, y_test) = (
        [np.ascontiguousarray(part, dtype=float) for part in parts] for parts in (xs, ys)
    )
    there = len(rows.validation) > 0
    return Dataset(
        x, y, x_test, y_test, count, raw.source, hint=hint, target=target, warning=warning, scaling=scaling,
        x_validation=x_validation if there else None, y_validation=y_validation if there else None,
        rows=Rows(rows.training, rows.validation, np.arange(len(y_test))) if raw.test is not None else rows,
        split=split, notes=notes, folds=fold[1],
        preparation=replace(
            prepared, target=raw.target_name, classes=tuple(labels) or tuple(map(str, range(count))),
            target_mean=float(mean), target_scale=float(scale),
        ),
    )  # fmt: skip


def redraw_labels(data: Dataset, name: str, share: float) -> Dataset:
    """Return the data set with this share of its training labels drawn anew, each class as likely; 0: as it is.

    Which and what is drawn with seed 0. Labels of validation and test rows stay: they measure what was learned beside
    the noise (Zhang et al. 2017, arXiv 1611.03530, redraw so). name: for the message of the OptbenchError for targets
    that are no classes.
    """
    if not share:
        return data
    if not data.classes:
        raise OptbenchError(f"data set {name}: label_noise={share} needs classes, and the target is real")
    rng = np.random.default_rng([0, 1])
    rows = rng.permutation(len(data.y))[: round(share * len(data.y))]
    y = np.array(data.y, float)
    y[rows] = rng.integers(data.classes, size=len(rows))
    return replace(data, y=y, target=f"{data.target}, {len(rows):,} training labels redrawn")


def _unseen_warning(y: np.ndarray, labels: Sequence[str]) -> str:
    """Return a warning of a class that no training row has; "" if there is none.

    y: targets of the training rows; labels: the names of the classes, none for real targets.
    """
    there = np.bincount(y.astype(int), minlength=len(labels)) if labels else ()
    unseen = [label for label, count in zip(labels, there, strict=True) if not count]
    return f"no training row is of the class {unseen[0]!r}: it cannot be learned" if unseen else ""


def prepare_features(raw: Raw, known: Any, test: Any, count: int) -> tuple[Preparation, np.ndarray, tuple[str, ...]]:
    """Return (preparation, x, notes): what the training rows teach of features, and all rows prepared by it.

    known: training rows, so many as count, and validation rows, arrays or tables as `test` is. Columns of a table that
    are constant in its training rows are left out. Raises OptbenchError for values too large to be standardized, and if
    no feature is left.
    """
    if isinstance(known, np.ndarray):
        transformer = None if raw.scaled else Standardizer.fit(known[:count])
        x = np.concatenate([known, test])
        x = x if transformer is None else transformer.transform(x)
        return Preparation(transformer, tuple(f"x{i}" for i in range(x.shape[1])), {}), x, raw.notes
    import pandas as pd

    table = pd.concat([known, test])
    numbers, texts = split_kinds(table)
    left_out = dict(raw.left_out)
    if not raw.constants:
        different = {name: table[name][:count].nunique(dropna=name in numbers) for name in (*numbers, *texts)}
        left_out |= {name: "constant" for name, values in different.items() if values <= 1}
        numbers, texts = ([name for name in part if different[name] > 1] for part in (numbers, texts))
    if not numbers and not texts:
        raise OptbenchError(f"{words_of(raw.name)}: there is no feature to learn from: {_reason_words(left_out)}")
    table = table[[*numbers, *texts]]
    try:
        transformer, levels = fit_transformer(table[:count], raw.fill)
    except OptbenchError as error:
        raise OptbenchError(f"{words_of(raw.name)}: {error}") from None
    notes, gaps = [*raw.notes], table.isna().sum()
    if some := [f"{name} ({gaps[name]:,})" for name in numbers if gaps[name]]:
        notes.append(f"missing numbers filled in with the {raw.fill} of the training rows: {name_some(some)}")
    if some := [f"{name} ({gaps[name]:,})" for name in texts if gaps[name]]:
        notes.append(f"missing texts are a level of their own: {name_some(some)}")
    if some := [f"{name} ({len(each)})" for name, each in levels.items()]:
        notes.append(f"texts as columns of 0 and 1, one for each level: {name_some(some)}")
    if new := find_unknown(levels, table[count:]):
        notes.append(f"texts of no training row are none of the levels: {name_some(new)}")
    if left_out:
        notes.append(f"columns left out: {_reason_words(left_out)}")
    return Preparation(transformer, tuple(numbers), levels), transform(transformer, table), tuple(notes)


def _reason_words(left_out: Mapping[str, str]) -> str:
    """Return the columns that are left out with their reasons, as text; those of one reason stand together."""
    groups: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        groups.setdefault(reason, []).append(name)
    return ", ".join(f"{name_some(names)} ({reason})" for reason, names in groups.items())


def _target_text(raw: Raw, y: np.ndarray, classes: int, labels: tuple[str, ...]) -> str:
    """Return a description of y (n,), classes or real targets; of the user's own data with the rows of a class."""
    if not classes:
        return f"{raw.target}, real, from {y.min():.4g} to {y.max():.4g}"
    if not labels:
        return f"{raw.target} ({classes} classes)"
    sizes = np.bincount(y.astype(int), minlength=classes)
    short = [label if len(label) <= 30 else f"{label[:27]}..." for label in labels]
    if classes == 2:
        each = ", ".join(
            f"{i}{f' is {label}' * (label != str(i))} ({sizes[i]:,} rows)" for i, label in enumerate(short)
        )
        return f"{raw.target}, 2 classes: {each}"
    each = ", ".join(f"{label} {size:,}" for label, size in zip(short, sizes, strict=True))
    each = f"{each} rows" if classes <= 10 else f"{sizes.min():,} to {sizes.max():,} rows each"
    return f"{raw.target}, {classes} classes: {each}"


def find_equal_rows(features: Any, y: np.ndarray) -> np.ndarray | None:
    """Return a number for each row that equal rows have in common, (rows,); None where all rows differ.

    Rows with the same features are equal if their targets are, too. Where these differ, they are observations of their
    own, as in a table of a few categories: no copies.

    features: an array or a table, (rows, columns); y: the targets, (rows,) or (rows, outputs).
    """
    import pandas as pd  # which a list of problems does not need

    if not features.shape[1]:
        return None
    number = pd.factorize(pd.util.hash_pandas_object(pd.DataFrame(features), index=False))[0]
    aims = pd.util.hash_pandas_object(pd.DataFrame(y.reshape(len(y), -1)), index=False).groupby(number)
    alone = aims.transform("nunique").to_numpy() > 1
    number = np.where(alone, len(y) + np.arange(len(y)), number)
    return number if len(np.unique(number)) < len(number) else None


def describe_equal_rows(name: str, equal: np.ndarray | None) -> list[str]:
    """Return the sentence on rows that repeat others, if any; raise OptbenchError for too few different ones.

    name: of the data set; equal: of `find_equal_rows`.
    """
    if equal is None:
        return []
    different = len(np.unique(equal))
    if different < FEWEST_EXAMPLES:
        raise OptbenchError(
            f"{words_of(name)}: its {len(equal):,} rows repeat {different} different ones; it takes at least "
            f"{FEWEST_EXAMPLES}, so that no test row is one of training"
        )
    return [f"{len(equal) - different:,} of {len(equal):,} rows {REPEAT}, and equal rows are in one part of the split"]


def split_rows(count: int, shares: tuple[float, float], equal: np.ndarray | None = None) -> Rows:
    """Return the rows of each part of so many examples, in an order drawn with seed 0.

    shares: of training and validation rows; the others are for testing. The order does not depend on them: rows that
    test with OWN_SHARES are those held out with SHARES. equal: of `find_equal_rows`; such rows are in one part.
    """
    order = np.random.default_rng(0).permutation(count)
    return Rows(*_cut(order, [round(count * shares[0]), round(count * sum(shares))], equal))


def split_folds(count: int, fold: int, folds: int, equal: np.ndarray | None = None) -> Rows:
    """Return the rows of each part where a fold, from 0, of so many examples is for testing, in the order of one split.

    Each example is in the test part of one fold. A fifth validates, other ones in each fold, and all folds have the
    same number of training rows. equal: as of `split_rows`; rows that equal the last ones of training do not validate.
    Raises OptbenchError for too few examples.
    """
    different = count if equal is None else len(np.unique(equal))
    if different < folds:
        raise OptbenchError(f"folds: {folds} are too many for {different} {'different ' * (different < count)}examples")
    sizes = [len(part) for part in np.array_split(np.arange(count), folds)]
    parts = _cut(np.random.default_rng(0).permutation(count), np.cumsum(sizes)[:-1].tolist(), equal)
    others = np.concatenate([*parts[fold + 1 :], *parts[:fold]])
    size = count - max(map(len, parts)) - count // 5
    if size < 1:
        raise OptbenchError(f"folds: most of the {count:,} rows are equal, and too few others are left for training")
    training, validation = np.split(others, [size])
    if equal is not None:
        validation = validation[~np.isin(equal[validation], equal[training])]
    return Rows(training, validation, parts[fold])


def _cut(order: np.ndarray, ends: Sequence[int], equal: np.ndarray | None) -> list[np.ndarray]:
    """Return rows cut into parts, none of which is empty; equal rows stand side by side, and a cut avoids them."""
    if equal is None:
        return np.split(order, ends)
    _, first, place = np.unique(equal[order], return_index=True, return_inverse=True)
    order = order[np.argsort(first[place], kind="stable")]  # behind the first one of its like
    between, cuts = np.flatnonzero(np.diff(equal[order])) + 1, list[int]()
    inner = [end for end in ends if end < len(order)]  # where test rows are given, there is no other part for them
    for left, end in zip(reversed(range(len(inner))), inner, strict=True):
        free = between[between > (cuts[-1] if cuts else 0)]
        free = free[: len(free) - left]
        cuts.append(int(free[np.argmin(np.abs(free - end))]))
    return np.split(order, [*cuts, *[len(order)] * (len(ends) - len(inner))])


def decode_texts(owner: str, y: np.ndarray) -> np.ndarray:
    """Return texts that are stored as bytes decoded, anything else unchanged.

    owner: begins the message of the OptbenchError if they cannot be decoded.
    """
    several = y.dtype.kind == "O" and y.size and all(isinstance(each, bytes) for each in y.flat)
    if y.dtype.kind != "S" and not several:
        return y
    try:
        return np.array([each.decode() for each in y.ravel().tolist()]).reshape(y.shape)
    except UnicodeDecodeError:
        raise OptbenchError(f"{owner} holds bytes that are no text in UTF-8: decode them, or give numbers") from None


def encode(name: str, y: np.ndarray, classes: bool | int | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the targets as numbers, with the names of the classes: sorted values become 0, 1, ...; () for real ones.

    name: of the data set, for messages; classes: the wanted kind, as of ``datasets.load``. Texts and truth values are
    classes, and whole numbers can be. Raises OptbenchError if they are not as wanted.
    """
    text = y.dtype.kind not in "biuf"
    if classes is False and text:
        raise OptbenchError(
            f"{words_of(name)}: the target is text, not real numbers: logistic, softmax and mlp take classes"
        )
    whole = text or bool((y == np.floor(y)).all())
    values, place = np.unique(y, return_inverse=True) if classes is not False and whole else (y, y)
    if classes is None:
        most = max(2, min(_MOST_COUNTED, len(y) // _ROWS_EACH))
        classes = text or (whole and len(values) <= (2 if y.dtype.kind == "f" else most))
    if not classes:
        return y.astype(float), ()
    if not whole:
        raise OptbenchError(
            f"{words_of(name)}: the target has real values, not classes: least_squares, ridge and huber take those"
        )
    if len(values) < 2:
        raise OptbenchError(f"{words_of(name)}: all examples are of one class, {values.tolist()[0]!r}")
    if text and len(values) > max(len(y) // 2, 10):
        raise OptbenchError(
            f"{words_of(name)}: the target has {len(values):,} different texts in {len(y):,} rows: names, not classes"
        )
    if len(values) > MOST_CLASSES:
        raise OptbenchError(
            f"{words_of(name)}: the target has {len(values)} values; at most {MOST_CLASSES} are classes"
        )
    return place.reshape(-1).astype(float), tuple(class_name(value) for value in values.tolist())


def class_values(names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return classes by their names: as numbers or truth values where all names are such, else as texts.

    Example:
        >>> class_values(("0", "2")), class_values(("False", "True")), class_values(("2", "two"))
        ((0, 2), (False, True), ('2', 'two'))
    """
    if set(names) <= {"True", "False"}:
        return tuple(each == "True" for each in names)
    numbers = [number for each in names if (number := parse_number(each)) is not None and math.isfinite(number)]
    if len(numbers) < len(names):
        return names
    return tuple(int(each) if each.is_integer() else each for each in numbers)


def one_against_rest(path: str, name: str, y: np.ndarray, positive: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return 1 for the class ``positive`` and 0 for all others, with the names of both; ``y`` itself if it is ""."""
    if not positive:
        return y, ()
    values, place = np.unique(y, return_inverse=True)
    classes, number = [class_name(value) for value in values.tolist()], parse_number(positive)
    wanted = positive if positive in classes or number is None else class_name(number)
    if wanted not in classes:
        raise unknown(f"value of the target {name!r} in {words_of(path)}: positive", positive, classes)
    if len(classes) < 2:
        raise OptbenchError(f"{words_of(path)}: all examples are of one class, {wanted!r}")
    rest = classes[classes.index(wanted) - 1] if len(classes) == 2 else f"not {wanted}"
    return (place.reshape(-1) == classes.index(wanted)).astype(int), (rest, wanted)


def split_columns(texts: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Return the columns that ``drop`` names: each text is one of ``columns``, or several with commas between them."""
    columns = set(columns)
    parts = [part for text in texts for part in ([text] if text in columns else text.split(","))]
    return [part.strip() for part in parts if part.strip()]


def is_stored(path: str) -> bool:
    """Return True for a file that `store_data` has written, of which a user knows the arrays or the DataFrame alone."""
    return re.fullmatch(r"[0-9a-f]{16}\.parquet", Path(path).name) is not None


def words_of(path: str) -> str:
    """Return what messages call a data set, "data set d.csv"; "data" for arrays and a DataFrame."""
    return "data" if is_stored(path) else f"data set {path}"


def file_query(given: Mapping[str, Any], drop: Iterable[str] = (), **more: str) -> str:
    """Return how a user types a request for a file: these parameters and more, ``file(path='d.csv', ...)``.

    ``drop``: columns to leave out besides those of ``given``.
    """
    asked = {key: value for key, value in {**given, **more}.items() if value}
    left_out = (*asked.pop("drop", ()), *drop)
    if left_out:
        asked["drop"] = left_out if any("," in name for name in drop) else ",".join(left_out)
    return names.canonical("file", asked)
