"""One width of search for all optimizers of a comparison: the ranges that they share, and who keeps its own.

Whoever searches more widely wastes more trials, so that two equal optimizers with different ranges can be told apart.
A shared range holds those of all optimizers that search a parameter of that meaning: its name, or what the catalogue's
``equals`` says of another library's. A range or list that somebody gives, for one optimizer or for all, goes before it.
A rule without ``search=`` is tuned as the others are: what they search, and it has, it searches as well.

The folder's spec keeps the shared ranges, so that an optimizer which is added later moves none of the trials that are
drawn already, except those of a rule without ``search=`` that now shares one more range.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from optbench.catalogue.sources import is_shipped
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError, unknown
from optbench.contract.names import join_with_and
from optbench.contract.optimizers import Optimizer
from optbench.contract.search import RATE, RATES, Range, check_space, join_ranges, parse_range
from optbench.plan.spec_values import OWN
from optbench.plan.trials import Space, find_meaning


@dataclass(frozen=True)
class SharedRanges:
    """Search spaces whose ranges of the same meaning are the same."""

    spaces: tuple[Space, ...]
    ranges: Mapping[str, str]
    """The shared ranges as text, by the meaning of a parameter: what the folder's spec keeps."""
    notes: tuple[str, ...] = ()
    """The shared ranges, and who keeps its own, in words."""
    doubts: tuple[str, ...] = ()
    """What makes the comparison less fair than it could be."""


def share_ranges(spaces: Sequence[Space], asked: str | Mapping[str, str]) -> SharedRanges:
    """Return the search spaces with shared ranges.

    asked: ``COMMON``; ``OWN``, which changes nothing; or the ranges of some meanings, which others are added to.
    Raises OptbenchError for a meaning that no optimizer has or searches, and for a range that none takes.
    """
    if asked == OWN:
        return SharedRanges(tuple(spaces), {}, (), _warn_of_unstated(spaces, asked))
    given = {} if isinstance(asked, str) else {key: made for key, text in asked.items() if (made := parse_range(text))}
    searched: dict[str, dict[str, Range]] = {}
    for space in spaces:
        for key, meaning in _list_shared(space):
            searched.setdefault(meaning, {})[space.optimizer.name] = _range_of(space, key)
    for meaning, made in given.items():
        _check_given(spaces, meaning, made)
        searched.setdefault(meaning, {})
    common = {meaning: given.get(meaning) or join_ranges([*own.values()]) for meaning, own in searched.items()}
    found = {meaning: made for meaning, made in common.items() if made is not None}
    several = {key: made for key, made in found.items() if len(searched[key]) > 1}
    notes = [f"searched by all alike: {', '.join(f'{key}={made.text}' for key, made in several.items())}"] * bool(
        several
    )
    notes += [
        f"{space.optimizer.name} keeps a range of rates of its own, {space.rates.text}: its lr is {space.rate_means}"
        for space in spaces if space.rate_means and RATE in space.meanings and len(spaces) > 1
    ]  # fmt: skip
    filled = [_fill_unstated(space, found) for space in spaces]
    for space, full in zip(spaces, filled, strict=True):
        if more := [key for key in full.ranges if key not in space.ranges]:
            notes.append(f"{space.optimizer.name} states no search=: {', '.join(more)} searched as by the others")
    alike = tuple(_with_ranges(space, found) for space in filled)
    texts = {key: each.text for key, each in found.items()}
    return SharedRanges(alike, texts, tuple(notes), (*_warn_of_unstated(spaces, asked), *_warn_of_fixed(spaces, found)))


def _check_given(spaces: Sequence[Space], meaning: str, made: Range) -> None:
    """Raise OptbenchError if a range that is given for a meaning is of no use to any of the optimizers."""
    if meaning == RATE:
        check_space("ranges", {RATE: made}, {}, {})
        return
    names = [(space, key, find_meaning(space.optimizer, key)) for space in spaces
             for key in space.optimizer.hyperparameters]  # fmt: skip
    has = [(space, key) for space, key, known in names if meaning in (space.meanings.get(key, known), known)]
    if not has:
        raise unknown("parameter in ranges", meaning, {RATE, *(known for _, _, known in names)})
    open_ = [(space, key) for space, key in has if key not in space.fixed]
    free = [(space, key) for space, key in open_ if key in space.ranges or not _is_stated(space)]
    if open_ and not free:
        example = f"'{open_[0][0].optimizer.name}({open_[0][1]}={made.text})'"
        raise OptbenchError(f"ranges: no optimizer searches {meaning}; --optimizers {example} makes one search it")
    refusals = [_refusal(space.optimizer, key, made) for space, key in free]
    if refusals and all(refusals):
        raise OptbenchError(f"ranges: {meaning}={made.text} is out of its limits: {refusals[0]}")


def _is_stated(space: Space) -> bool:
    """Return True unless this is a rule that does not say where it is tuned."""
    return not isinstance(space.optimizer, Optimizer) or bool(space.optimizer.search)


def _fill_unstated(space: Space, common: Mapping[str, Range]) -> Space:
    """Return a space with the shared ranges of all that its rule has and states no range of; others as they are."""
    rule = space.optimizer
    if _is_stated(space):
        return space
    ranges, meanings = dict(space.ranges), dict(space.meanings)
    for key in rule.hyperparameters:
        meaning = find_meaning(rule, key)
        if (
            key not in space.fixed
            and key not in ranges
            and meaning in common
            and not _refusal(rule, key, common[meaning])
        ):
            ranges[key], meanings[key] = common[meaning], meaning
    return replace(space, ranges=ranges, meanings=meanings)


def _list_shared(space: Space) -> list[tuple[str, str]]:
    """Return the parameters of a space whose range may be a shared one, each with its meaning."""
    return [(key, meaning) for key, meaning in space.meanings.items() if key != RATE or not space.rate_means]


def _range_of(space: Space, key: str) -> Range:
    """Return the range of a parameter."""
    return space.rates if key == RATE else space.ranges[key]


def _with_ranges(space: Space, common: Mapping[str, Range]) -> Space:
    """Return a space with the shared ranges; one that its optimizer refuses an end of stays as it is."""
    rates, ranges = space.rates, dict(space.ranges)
    for key, meaning in _list_shared(space):
        if meaning not in common:
            continue
        if key == RATE:
            rates = common[meaning]
        elif not _refusal(space.optimizer, key, common[meaning]):
            ranges[key] = common[meaning]
    return replace(space, rates=rates, ranges=ranges)


def _refusal(optimizer: AnyOptimizer, key: str, made: Range) -> str:
    """Return why an optimizer does not take the ends of a range for a hyperparameter; "" if it does."""
    try:
        for end in made.ends:
            optimizer.with_values({key: end})
    except OptbenchError as error:
        return str(error)
    return ""


def _warn_of_unstated(spaces: Sequence[Space], asked: str | Mapping[str, str]) -> tuple[str, ...]:
    """Return a warning about optimizers whose range of rates nobody chose, if there are others, in a tuple."""
    free = [space for space in spaces if RATE in space.meanings]
    usual = [space.optimizer.name for space in free if space.rates == RATES and RATE not in space.optimizer.search]
    if not usual or len(usual) == len(free):
        return ()
    whose = "the others search their own" if asked == OWN else "all optimizers search one range that holds it"
    verb = "states" if len(usual) == 1 else "state"
    return (
        f"{', '.join(usual)} {verb} no range of rates, so that {RATES.text} is taken, and {whose}; "
        "--lr, or learning_rates, gives all another one",
    )


def _warn_of_fixed(spaces: Sequence[Space], common: Mapping[str, Range]) -> Iterator[str]:
    """Yield a warning for each rule of the user's whose ``search=`` leaves out what others search.

    Rules that ship leave out what their sources do not tune.
    """
    for space in spaces:
        rule = space.optimizer
        if not isinstance(rule, Optimizer) or not rule.search or all(is_shipped(each.file) for each in rule.origins):
            continue
        left = [
            key for key in rule.hyperparameters
            if key not in space.ranges and key not in space.fixed and find_meaning(rule, key) in common
        ]  # fmt: skip
        if left:
            where, which = ("its default", "it") if len(left) == 1 else ("their defaults", "them")
            yield (
                f"{rule.name} keeps {join_with_and(left)} at {where}, which others search: name {which} in its search= "
                "as well, or leave search= out"
            )
