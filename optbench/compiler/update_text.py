"""Write the text of a rule's kernel, whose arguments are those of contracts.py.

``optbench show NAME --kernel`` prints it. For momentum, in order "lanes", it is::

    def update(w, g, state, scalars, powers, blocks, t, first, last):
        _t = _real(t)                    # the step as a real number
        _c0 = scalars[0]                 # the rate of each run
        _c1 = scalars[1]                 # beta of each run
        for d in range(0, w.shape[0]):   # each parameter
            _w = w[d]
            _g = g[d]
            _s0 = state[0, d]            # its m
            for r in range(w.shape[1]):  # of each run: this loop becomes vector instructions
                _n, _n0 = _rule(_w[r], _g[r], _s0[r], _c0[r], _c1[r])
                _w[r] = _n
                _s0[r] = _n0

Names: ``_c`` rows of ``scalars`` (the rate, hyperparameters, sums), ``_p`` powers beta^t, ``_s`` slots of one number a
parameter, ``_h`` and ``_m`` slots that a block of parameters shares, before and after the step, ``_k`` constants that
are hoisted out of the rule and ``_q`` those of a sum (hoisting.py), ``_n`` new values, ``_f`` compiled functions;
``_key`` is what random numbers follow from (kit/random.py): all lanes of a kernel in order "lanes" share them.
"""

import ast
import re
from collections.abc import Callable, Sequence
from types import FunctionType

from optbench.compiler import hoisting
from optbench.compiler.contracts import ThreadUpdateArguments, UpdateArguments
from optbench.compiler.scalar_rows import SEED, Pass, kept_row, kept_sums, passes, scalar_rows, shared_row
from optbench.compiler.signatures import names
from optbench.compiler.translator import Translator, compile_tree, translator
from optbench.contract.optimizers import GIVEN, KEY, RANDOM, Matrix, Optimizer, arguments
from optbench.contract.types import Order
from optbench.kit import random


def kernel_text(record: Optimizer) -> str:
    """Return the text of a rule's kernel for many runs, behind that of the functions that it calls."""
    scalar = translator("float64", whole_literals=True)
    writer = Writer(record, "rows" if record.matrix else "lanes", scalar)
    writer.write_step()
    body = "\n".join(writer.lines)
    texts = []
    for name, function in writer.called.items():
        if name in body:
            tree = scalar.prepare(function, writer.owner)[0]
            tree.name = name
            texts.append(ast.unparse(tree))
    return "\n\n\n".join([*texts, f"def update({names(UpdateArguments)}):\n{body}\n"])


class Writer:
    """A writer of one kernel's source: powers, the passes of scalars.py with sums and matrices, and the rule.

    ``order``: "rows" or "lanes", or "thread" for the one lane ``r`` of a thread of a GPU: there w and g are (dim,),
    and state (k, dim, runs). ``scalar`` compiles the functions that the kernel calls.

    Attributes:
        lines: the body of the kernel.
        constants: the number of rows at the end of ``scalars`` in which the kernel keeps constants of each run.
    """

    def __init__(self, record: Optimizer, order: Order, scalar: Translator):
        """Translate the rule; no line of the kernel is written yet."""
        self.record, self.order, self.scalar = record, order, scalar
        self.owner, self.rows = f"optimizer {record.name}", scalar_rows(record)
        self.power_names = [f"{power}_t" for power in record.powers]
        self.computed = {*record.total, *record.block}
        self.needed = {"lr", SEED, *record.scalar_arguments()}
        self.flat = order != "lanes"
        self.lane, self.at_run = ("", ", r") if self.flat else ("[r]", "")
        inner, key = scalar.translate(record.rule, self.owner)
        self.namespace, self.keys = {"_rule": inner, "_real": scalar.real_type}, [key]
        self.called: dict[str, Callable] = {"_rule": record.rule}
        self.lines: list[str] = []
        self.constants = 0
        # Random numbers are made of whole ones, which a rule's translator would convert.
        self.whole = Translator(scalar.dtype, False, scalar.compile, scalar.replaced, scalar.rewrite, scalar.mark)

    def write_step(self) -> FunctionType:
        """Return the kernel of a whole step, a Python function that is still to be compiled."""
        at = self._add_beginning()
        for each in passes(self.record)[:-1]:
            self._add_pass(at, each)
        return self._finish(at)

    def write_sums(self, k: int) -> FunctionType:
        """Return the kernel, to be compiled, that makes the ``k``-th pass, and writes its sums to ``scalars``.

        It finds those of the passes before it there. With k = 0 it also multiplies the powers.
        """
        self.computed -= {name for each in passes(self.record)[:k] for name, _ in each.total}
        at = self._add_beginning(powers=k == 0)
        self._add_pass(at, passes(self.record)[k])
        for name, _ in passes(self.record)[k].total:
            self.add_line(at, f"scalars[{self.rows.index(name)}, r] = _c{self.rows.index(name)}")
        return self.compile(UpdateArguments)

    def write_rule(self) -> FunctionType:
        """Return the kernel, to be compiled, that makes the step after the kernels of `write_sums`.

        It reads the powers and the sums over all parameters that these have written, and applies the rule.
        """
        self.computed -= set(self.record.total)
        at = self._add_beginning(powers=False)
        return self._finish(at)

    def compile(self, contract: type) -> FunctionType:
        """Return ``lines`` as a Python function, still to be compiled; its arguments are the fields of ``contract``."""
        text = "\n".join([f"def NAME({names(contract)}):", *self.lines])
        key = "".join([*self.keys, self.scalar.dtype])
        return compile_tree(text, "update", self.record.rule, self.namespace, key)

    @property
    def _all(self) -> tuple[str, str]:
        """The code of the bounds of a loop over all parameters: the first index, and the one behind the last."""
        return "0", "w.shape[1]" if self.order == "rows" else "w.shape[0]"

    def _add_beginning(self, powers: bool = True) -> int:
        """Add the lines before the first sum; ``powers``: with those that multiply powers. Return the indentation."""
        self.add_line(1, "_t = _real(t)")
        at = 1
        if self.order == "rows":
            self.add_line(1, "for r in range(first, last):")
            at = 2
        if powers and self.power_names:
            if not self.flat:
                self.add_line(1, "for r in range(w.shape[1]):")
            self.multiply_powers(at if self.flat else 2)
        self.read_scalars(at)
        self.add_key(at, "0")
        if self.flat:
            self._add_views(at, "r")
        if not self.record.by_block:
            self._read_shared(at)
        return at

    def _finish(self, at: int) -> FunctionType:
        """Add the last pass, at indentation level ``at``, and return the kernel, still to be compiled.

        It calls the rule for each parameter and stores what this returns; of a slot that a run's parameters share, only
        the first one does.
        """
        record, (*earlier, final) = self.record, passes(self.record)
        at, bounds = self._begin_blocks(at) if record.by_block else (at, self._all)
        self._add_local(at, final, earlier, bounds)
        lines = [f"{self.results} = {self.call_of_rule(at)}", "_w[@] = _n"]
        lines += [f"_s{k}[@] = _n{record.slots.index(slot)}" for k, slot in enumerate(record.own)]
        once = [f"_m{j}{self.lane} = _n{record.slots.index(slot)}" for j, slot in enumerate(record.shared)]
        first, last = bounds
        if once and not self.flat:  # the same number at each element, but a row of runs: only the first one writes it
            self.add_line(at, f"_second = min({first} + 1, {last})")
            self._add_loop(at, first, "_second", [*lines, *once])
            first, once = "_second", []
        self._add_loop(at, first, last, [*lines, *once])
        kept = "scalars[{row}, r]" if self.flat else "_h{j}[r]"
        for j, slot in enumerate(record.shared):
            place = kept.format(row=shared_row(record, slot, False), j=j)
            self._add_for_each_run(at, f"{place} = _m{j}{self.lane}")
        return self.compile(ThreadUpdateArguments if self.order == "thread" else UpdateArguments)

    def _add_pass(self, at: int, each: Pass) -> None:
        """Add the loops of a pass before the last one, at indentation level ``at``."""
        if not each.by_block:
            self._add_sums(at, each.total, *self._all)
            return
        self._begin_sums(at, each.total)
        at, bounds = self._begin_blocks(at)
        self._add_local(at, each, passes(self.record)[: passes(self.record).index(each)], bounds)
        self._add_sums(at, each.total, *bounds, begin=False)

    def _begin_blocks(self, at: int) -> tuple[int, tuple[str, str]]:
        """Add the head of a loop over blocks; return the indentation inside, and the bounds of a block's elements."""
        self.add_line(at, "for b in range(blocks.shape[0]):")
        at, bounds = at + 1, ("blocks[b, 0]", "blocks[b, 1]")
        self.add_block_numbers(at)
        if self.flat:  # views of the block: an index that numba cannot see to be positive does not vectorize
            self._add_views(at, "r", f"[{':'.join(bounds)}]")
            bounds = "0", "_w.shape[0]"
            self.add_key(at, "b")
        self._read_shared(at)
        return at, bounds

    def _add_local(self, at: int, each: Pass, earlier: Sequence[Pass], bounds: tuple[str, str]) -> None:
        """Add the sums and matrices of a block in a pass, behind lines that read those of ``earlier`` passes."""
        kept, here = kept_sums(self.record), [name for group in each.local for name, _ in group]
        before = {name for other in earlier for group in other.local for name, _ in group}
        for name in kept:
            if name in before or (name in here and not self.flat):
                place = f"scalars[{kept_row(self.record, name)}{self.at_run}]"
                self.add_line(at, f"_c{self.rows.index(name)} = {place}")
        for group in each.local:
            name, stage = group[0]
            if isinstance(stage, Matrix):
                self._add_matrix(at, name, stage, *bounds)
            else:
                self._add_sums(at, group, *bounds)
        for name in here:
            if name in kept and self.flat:
                self.add_line(at, f"scalars[{kept_row(self.record, name)}, r] = _c{self.rows.index(name)}")

    # The pieces; ``@`` in a line stands for the place of the element. GPU kernels are put together of some of them.

    def add_line(self, at: int, line: str) -> None:
        """Append a line of code at indentation level ``at``."""
        self.lines.append("    " * at + line)

    def add_block_numbers(self, at: int) -> None:
        """Add the lines that name what the engine knows of block ``b``; ``at``: their level of indentation."""
        self.add_line(at, "_rows, _columns = _real(blocks[b, 2]), _real(blocks[b, 3])")
        if "role" in self.needed:
            self.add_line(at, "_role = _real(blocks[b, 6])")

    def add_key(self, at: int, block: str) -> None:
        """Add the line that names the key of this block's random numbers if there are any; block: its index, as code.

        In order "lanes" it is the key of the first block, from whose beginning parameters are numbered.
        """
        if self.record.is_random:
            seed = f"_c{self.rows.index(SEED)}{'' if self.flat else '[0]'}"
            key_of = self.compile_helper(random.key_of, self.whole)
            self.add_line(at, f"_key = {key_of}(int({seed}), t, blocks[{block}, 7])")

    def add_random(self, at: int, lines: Sequence[str], place: str) -> None:
        """Add lines that draw the random numbers that lines of code read; place: of the element, as code."""
        for name in RANDOM:
            if any(re.search(rf"\b_{name}\b", line) for line in lines):
                draw = self.compile_helper(getattr(random, name), self.whole)
                self.add_line(at, f"_{name} = _real({draw}(_key, {place}))")

    def multiply_powers(self, at: int) -> None:
        """Add the lines that multiply each running product beta^(t-1) by beta; ``at``: their level of indentation.

        The products are float64: in float32, 1 - beta^t would have few digits left while beta^t is near 1.
        """
        # Below 1e-30 a power is nothing beside 1; left alone it would become a denormal number, ten times as slow.
        for i, name in enumerate(self.record.powers):
            product = f"powers[{i}, r] * scalars[{self.rows.index(name)}, r]"
            self.add_line(at, f"powers[{i}, r] = {product} if powers[{i}, r] > 1e-30 else 0.0")

    def read_scalars(self, at: int) -> None:
        """Add lines, at indentation level ``at``, that name the values, or rows of values, equal for all parameters."""
        for i in range(len(self.power_names)):
            self.add_line(at, f"_p{i} = powers[{i}{self.at_run}]")
        for i, name in enumerate(self.rows):
            if name in self.needed and not (self.flat and name in self.computed):
                self.add_line(at, f"_c{i} = scalars[{i}{self.at_run}]")

    @property
    def results(self) -> str:
        """The names of the rule's results, the new weight and slots, as code: "_n, _n0, _n1"."""
        return ", ".join(["_n", *(f"_n{k}" for k in range(len(self.record.slots)))])

    def call_of_rule(self, at: int) -> str:
        """Add lines, at level ``at``, that compute costly values equal for all parameters; return the call's code."""
        record, parts = self.record, hoisting.hoist(self.record)
        values = ["w", "g", *record.slots, "lr", *record.scalars]
        return self._call("_rule", values, parts, at, 0, "_k")

    def call_of_term(self, at: int, function: Callable, first: int) -> tuple[str, int]:
        """Add lines, at indentation level ``at``, that compute the costly constants of a function that is summed.

        first: the number of constants of the functions before it. Returns the code of the function's call, and the
        number of its own constants.
        """
        parts = hoisting.hoist_sum(self.record, function)
        name = "" if parts else self.compile_helper(function)
        return self._call(name, arguments(function), parts, at, first, "_q"), parts.count if parts else 0

    def _call(self, name: str, values: list[str], parts: hoisting.Hoisted | None, at: int, first: int, k: str) -> str:
        """Return the call of a function, or of the rest of its ``parts`` behind lines that compute its constants.

        values: the names of its arguments; at: the level of indentation. The names of constants begin with ``k``,
        numbered from ``first`` on.
        """
        texts = [*map(self.argument_text, values)]
        if parts is None:
            return f"{name}({', '.join(texts)})"
        made = [f"{k}{first + j}" for j in range(parts.count)]
        function = self.compile_helper(parts.first)
        call = f"{function}({', '.join(map(self.argument_text, parts.names))})"
        if self.flat:  # in the kernel's dtype, also what is made of a power
            self.add_line(at, f"_wide{function} = {call}")
            wide = [f"_wide{function}[{j}]" for j in range(len(made))] if len(made) > 1 else [f"_wide{function}"]
            self.add_line(at, f"{', '.join(made)} = {', '.join(f'_real({each})' for each in wide)}")
        else:
            self.constants = max(self.constants, first + len(made))
            for j, constant in enumerate(made):
                self.add_line(at, f"{constant} = scalars[scalars.shape[0] - {1 + first + j}]")
            made = [f"{constant}[r]" for constant in made]
            self._add_for_each_run(at, f"{', '.join(made)} = {call}")
        return f"{self.compile_helper(parts.rest)}({', '.join([*texts, *made])})"

    def compile_helper(self, function: Callable, other: Translator | None = None) -> str:
        """Compile a function that the kernel calls, by ``other`` or else ``scalar``; return its name in the code."""
        compiled, key = (other or self.scalar).translate(function, self.owner)
        label = f"_f{len(self.namespace)}"
        self.namespace[label], self.called[label] = compiled, function
        self.keys.append(key)
        return label

    def argument_text(self, name: str) -> str:
        """Return the expression that stands for a rule's argument in a line of the kernel's source."""
        record = self.record
        if name in ("w", "g"):
            return f"_{name}[@]"
        if name in record.own:
            return f"_s{record.own.index(name)}[@]"
        if name in record.shared:
            return f"_h{record.shared.index(name)}{self.lane}"
        if name in record.matrix:
            return f"_s{len(record.own)}[@]"
        if name in self.power_names:
            return f"_p{self.power_names.index(name)}{self.lane}"
        if name in self.rows:
            return f"_c{self.rows.index(name)}{self.lane}"
        assert name in (*GIVEN, KEY), name
        return f"_{name}"

    def _add_for_each_run(self, at: int, line: str) -> None:
        """Add a line that is carried out for each run: in order "lanes" by a loop of its own."""
        if not self.flat:
            self.add_line(at, "for r in range(w.shape[1]):")
        self.add_line(at + (not self.flat), line)

    def _add_loop(self, at: int, first: str, last: str, lines: list[str]) -> None:
        """Add a loop over the elements from ``first`` to ``last``, texts of code; ``@`` in its lines is the index."""
        if self.flat:
            self.add_line(at, f"for i in range({first}, {last}):")
            place, at = "i", at + 1
            self.add_random(at, lines, "i")
        else:
            self.add_line(at, f"for d in range({first}, {last}):")
            self._add_views(at + 1, "d")
            self.add_random(at + 1, lines, "d")
            self.add_line(at + 1, "for r in range(w.shape[1]):")
            place, at = "r", at + 2
        for line in lines:
            self.add_line(at, line.replace("@", place))

    def _add_views(self, at: int, index: str, part: str = "") -> None:
        """Add the lines that name the rows ``index`` of w, g and state, at indentation level ``at``.

        part: an index of a part of a row, such as "[first:last]"; "" for the whole row.
        """
        alone = self.order == "thread"
        for name in "wg":
            self.add_line(at, f"_{name} = {name}{'' if alone else f'[{index}]'}{part}")
        for k in range(len(self.record.own) + len(self.record.matrix)):
            self.add_line(at, f"_s{k} = state[{k}, {':, ' if alone else ''}{index}]{part}")

    def _begin_sums(self, at: int, group: list[tuple]) -> None:
        """Add the lines that set sums (name, function) to zero."""
        for name, _ in group:
            self._add_for_each_run(at, f"_c{self.rows.index(name)}{self.lane} = _real(0)")

    def _add_sums(self, at: int, group: list[tuple], first: str, last: str, begin: bool = True) -> None:
        """Add the loop that sums scalar functions over elements.

        group: (name of the sum, function) of each; first, last: as for `_add_loop`; begin: True to begin at zero.
        """
        lines: list[str] = []
        count = 0
        for name, function in group:
            if begin:
                self._begin_sums(at, [(name, function)])
            call, more = self.call_of_term(at, function, count)
            lines.append(f"_c{self.rows.index(name)}{self.lane} += {call}")
            count += more
        self._add_loop(at, first, last, lines)

    def _add_matrix(self, at: int, name: str, stage: Matrix, first: str, last: str) -> None:
        """Add the lines that fill the rule's matrix ``name`` element by element and transform it as a whole.

        first, last: as for `_add_loop`.
        """
        k = len(self.record.own) + [*self.record.matrix].index(name)
        values = ", ".join(map(self.argument_text, arguments(stage.term)))
        self._add_loop(at, first, last, [f"_s{k}[@] = {self.compile_helper(stage.term)}({values})"])
        transform = self.compile_helper(stage.transform, translator(self.scalar.dtype))
        block = f"_s{k}.reshape(blocks[b, 2], blocks[b, 3])"
        memory = f"state[{k + 1}:].reshape(-1)[blocks[b, 4]:blocks[b, 5]]"
        rest = [self.argument_text(name) for name in arguments(stage.transform)[2:]]
        self.add_line(at, f"{transform}({', '.join([block, memory, *rest])})")

    def _read_shared(self, at: int) -> None:
        """Add lines that name the values of shared slots, and the places of those of the next step."""
        for j, slot in enumerate(self.record.shared):
            self.add_line(at, f"_h{j} = scalars[{shared_row(self.record, slot, False)}{self.at_run}]")
            fresh = f"scalars[{shared_row(self.record, slot, True)}]"
            self.add_line(at, f"_m{j} = {f'_h{j}' if self.flat else fresh}")
