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
are hoisted out of the rule and ``_q`` those of a sum (hoisting.py), ``_n`` new values, ``_f`` compiled functions.
"""

import ast
from collections.abc import Callable, Mapping
from types import FunctionType

from optbench.compiler import hoisting
from optbench.compiler.contracts import ThreadUpdateArguments, UpdateArguments
from optbench.compiler.signatures import names
from optbench.compiler.translator import Translator, compile_tree, translator
from optbench.contract.optimizers import GIVEN, Optimizer, arguments
from optbench.contract.types import Order


def scalar_rows(record: Optimizer) -> tuple[str, ...]:
    """Return the names of the rows of ``scalars`` before the shared slots."""
    return ("lr", *record.hyperparameters, *record.total, *record.block)


def scalar_count(record: Optimizer, blocks: int) -> int:
    """Return the number of rows of ``scalars``.

    Two a shared slot, whose new value the rest of the block must not see; at the end those of hoisting.py.
    """
    rows = len(scalar_rows(record)) + 2 * len(record.shared) * (blocks if record.by_block else 1)
    return rows + constant_count(record)


def constant_count(record: Optimizer) -> int:
    """Return the most constants that are kept of a run at a time: those of the rule, or of one group of sums."""
    rule = hoisting.hoist(record)
    groups = [*together(record.total), *together(record.block)]
    sums = [[hoisting.hoist_sum(record, function) for _, function in group] for group in groups]
    return max([rule.count if rule else 0, *(sum(parts.count for parts in group if parts) for group in sums)])


def together(stages: Mapping) -> list[list[tuple]]:
    """Return the sums (name, function) in groups, in order; within a group no sum needs the result of another."""
    groups: list[list[tuple]] = []
    for name, function in stages.items():
        if not groups or {other for other, _ in groups[-1]} & set(arguments(function)):
            groups.append([])
        groups[-1].append((name, function))
    return groups


def kernel_text(record: Optimizer) -> str:
    """Return the text of a rule's kernel for many runs, behind that of the functions that it calls."""
    scalar = translator("float64", whole_literals=True)
    writer = Writer(record, "rows" if record.matrix else "lanes", scalar)
    writer.function()
    body = "\n".join(writer.lines)
    texts = []
    for name, function in writer.called.items():
        if name in body:
            tree = scalar.prepare(function, writer.owner)[0]
            tree.name = name
            texts.append(ast.unparse(tree))
    return "\n\n\n".join([*texts, f"def update({names(writer.contract)}):\n{body}\n"])


class Writer:
    """A writer of a kernel's source: powers, sums over all parameters, then for each block sums, matrix and rule.

    ``order``: "rows" or "lanes", or "thread" for the one lane ``r`` of a thread of a GPU: there w and g are (dim,),
    and state (k, dim, runs). ``scalar`` compiles the functions that the kernel calls.
    """

    contract: type = UpdateArguments

    def __init__(self, record: Optimizer, order: Order, scalar: Translator):
        self.record, self.order, self.scalar = record, order, scalar
        self.owner, self.rows = f"optimizer {record.name}", scalar_rows(record)
        self.power_names = [f"{power}_t" for power in record.powers]
        self.flat = order != "lanes"
        self.needed = {"lr", *record.asked()}
        inner, key = scalar.translate(record.rule, self.owner)
        self.namespace, self.keys = {"_rule": inner, "_real": scalar.real_type}, [key]
        self.lines: list[str] = []
        self.called: dict[str, Callable] = {"_rule": record.rule}

    def function(self) -> FunctionType:
        """Return the kernel as a Python function, which is still to be compiled."""
        return self.compile(ThreadUpdateArguments if self.order == "thread" else self.contract, self._body())

    def compile(self, contract: type, body: list[str]) -> FunctionType:
        """Return the function with these lines as its body; its arguments are the fields of ``contract``."""
        text = "\n".join([f"def NAME({names(contract)}):", *body])
        return compile_tree(
            text,
            "update",
            self.record.rule,
            self.namespace,
            "".join([*self.keys, self.scalar.dtype]),
        )

    def _body(self) -> list[str]:
        out = self.add
        out(1, "_t = _real(t)")
        if self.flat:
            at = 1
            if self.order == "rows":
                out(1, "for r in range(first, last):")
                at = 2
            self.powers(at)
            self.constants(at)
            self._views(at, "r")
            self._steps(at)
        else:
            self.first_of_lanes()
            self._steps(1)
        return self.lines

    def first_of_lanes(self) -> None:
        """Add lines that compute the powers of all lanes, and name the rows of values equal for all parameters."""
        if self.power_names:
            self.add(1, "for r in range(w.shape[1]):")
            self.powers(2)
        for i in range(len(self.power_names)):
            self.add(1, f"_p{i} = powers[{i}]")
        for i, name in enumerate(self.rows):
            if name in self.needed:
                self.add(1, f"_c{i} = scalars[{i}]")

    def constants(self, at: int) -> None:
        """Add lines that read the values which are the same for all parameters; ``at``: their level of indentation."""
        for i in range(len(self.power_names)):
            self.add(at, f"_p{i} = powers[{i}, r]")
        for i, name in enumerate(self.rows):
            if name in self.needed and name not in {**self.record.total, **self.record.block}:
                self.add(at, f"_c{i} = scalars[{i}, r]")

    def _steps(self, at: int) -> None:
        record, bounds = self.record, ("0", "w.shape[1]" if self.order == "rows" else "w.shape[0]")
        if not record.by_block:
            self._shared(at)
        self._sum(at, record.total, *bounds)
        if record.by_block:
            self.add(at, "for b in range(blocks.shape[0]):")
            at, bounds = at + 1, ("blocks[b, 0]", "blocks[b, 1]")
            self.add(at, "_rows, _columns = _real(blocks[b, 2]), _real(blocks[b, 3])")
            if self.flat:  # views of the block: an index that numba cannot see to be positive does not vectorize
                self._views(at, "r", f"[{':'.join(bounds)}]")
                bounds = "0", "_w.shape[0]"
            self._shared(at)
        self._sum(at, record.block, *bounds)
        if record.matrix:
            self._matrix(at, *bounds)
        results = ", ".join(["_n", *(f"_n{k}" for k in range(len(record.slots)))])
        call = f"{results} = {self.call_of_rule(at)}"
        stores = ["_w[@] = _n"]
        for k, slot in enumerate(record.slots):
            place = f"_s{record.own.index(slot)}[@]" if slot in record.own else self._fresh(slot)
            stores.append(f"{place} = _n{k}")
        self._loop(at, *bounds, [call, *stores])
        self._keep_shared(at)

    def call_of_rule(self, at: int) -> str:
        """Add lines that compute costly values which are the same for all parameters, and return the rule's call."""
        record, parts = self.record, hoisting.hoist(self.record)
        values = [*map(self.value, ("w", "g", *record.slots, "lr", *record.scalars))]
        if parts is None:
            return f"_rule({', '.join(values)})"
        values += self._constants_of(at, parts, [f"_k{j}" for j in range(parts.count)], 0)
        return f"{self.helper(parts.rest)}({', '.join(values)})"

    def term(self, at: int, function: Callable, first: int) -> tuple[str, int]:
        """Add lines that compute the costly constants of a summed function; first: the number of those kept before.

        Returns the call of the function, and the number of its constants.
        """
        values, parts = [*map(self.value, arguments(function))], hoisting.hoist_sum(self.record, function)
        if parts is None:
            return f"{self.helper(function)}({', '.join(values)})", 0
        values += self._constants_of(at, parts, [f"_q{first + j}" for j in range(parts.count)], first)
        return f"{self.helper(parts.rest)}({', '.join(values)})", parts.count

    def _constants_of(self, at: int, parts: hoisting.Hoisted, made: list[str], first: int) -> list[str]:
        """Add lines that compute constants under the names ``made``; return the text of each in an element's line.

        first: the number of constants that are kept before these.
        """
        function = self.helper(parts.first)
        call = f"{function}({', '.join(map(self.value, parts.names))})"
        if self.flat:  # in the kernel's dtype, also what is made of a power
            self.add(at, f"_wide{function} = {call}")
            wide = [f"_wide{function}[{j}]" for j in range(len(made))] if len(made) > 1 else [f"_wide{function}"]
            self.add(at, f"{', '.join(made)} = {', '.join(f'_real({each})' for each in wide)}")
            return made
        for j, name in enumerate(made):
            self.add(at, f"{name} = scalars[scalars.shape[0] - {constant_count(self.record) - first - j}]")
        made = [f"{name}[r]" for name in made]
        self.add(at, "for r in range(w.shape[1]):")
        self.add(at + 1, f"{', '.join(made)} = {call}")
        return made

    # The pieces; ``@`` in a line stands for the place of the element. GPU kernels are put together of some of them.

    def add(self, at: int, line: str) -> None:
        """Append a line of code at indentation level ``at``."""
        self.lines.append("    " * at + line)

    def _loop(self, at: int, first: str, last: str, lines: list[str]) -> None:
        """Add a loop over the elements from ``first`` to ``last`` with these lines, in which ``@`` is the index."""
        if self.flat:
            self.add(at, f"for i in range({first}, {last}):")
            place, at = "i", at + 1
        else:
            self.add(at, f"for d in range({first}, {last}):")
            self._views(at + 1, "d")
            self.add(at + 1, "for r in range(w.shape[1]):")
            place, at = "r", at + 2
        for line in lines:
            self.add(at, line.replace("@", place))

    def _views(self, at: int, index: str, part: str = "") -> None:
        """Add the lines that name the rows ``index`` of w, g and state, at indentation level ``at``.

        part: an index of a part of a row, such as "[first:last]"; "" for the whole row.
        """
        alone = self.order == "thread"
        for name in "wg":
            self.add(at, f"_{name} = {name}{'' if alone else f'[{index}]'}{part}")
        for k in range(len(self.record.own) + len(self.record.matrix)):
            self.add(at, f"_s{k} = state[{k}, {':, ' if alone else ''}{index}]{part}")

    def powers(self, at: int) -> None:
        """Add the lines that multiply each running product beta^(t-1) by beta; ``at``: their depth of indentation.

        The products are float64: in float32, 1 - beta^t would have few digits left while beta^t is near 1.
        """
        # Below 1e-30 a power is nothing beside 1; left alone it would become a denormal number, ten times as slow.
        for i, name in enumerate(self.record.powers):
            base = self.rows.index(name)
            self.add(at, f"powers[{i}, r] = powers[{i}, r] * scalars[{base}, r] if powers[{i}, r] > 1e-30 else 0.0")

    def value(self, name: str) -> str:
        """Return the expression that stands for a rule's argument in a line of the kernel's source."""
        record, lane = self.record, "" if self.flat else "[r]"
        if name in ("w", "g"):
            return f"_{name}[@]"
        if name in record.own:
            return f"_s{record.own.index(name)}[@]"
        if name in record.shared:
            return f"_h{record.shared.index(name)}{lane}"
        if name in record.matrix:
            return f"_s{len(record.own)}[@]"
        if name in GIVEN:
            return f"_{name}"
        if name in self.power_names:
            return f"_p{self.power_names.index(name)}{lane}"
        return f"_c{self.rows.index(name)}{lane}"

    def helper(self, function: Callable, other: Translator | None = None) -> str:
        """Compile a function that the kernel calls, and return its name in the kernel."""
        compiled, key = (other or self.scalar).translate(function, self.owner)
        label = f"_f{len(self.namespace)}"
        self.namespace[label], self.called[label] = compiled, function
        self.keys.append(key)
        return label

    def _sum(self, at: int, stages: Mapping, first: str, last: str) -> None:
        """Add the loops that sum scalar functions over elements; sums that do not depend on each other share a loop."""
        for taken in together(stages):
            lines: list[str] = []
            count = 0
            for name, function in taken:
                row = self.rows.index(name)
                target = f"_c{row}" if self.flat else f"_c{row}[r]"
                if self.flat:
                    self.add(at, f"_c{row} = _real(0)")
                else:
                    self.add(at, "for r in range(w.shape[1]):")
                    self.add(at + 1, f"{target} = 0.0")
                call, more = self.term(at, function, count)
                lines.append(f"{target} += {call}")
                count += more
            self._loop(at, first, last, lines)

    def _matrix(self, at: int, first: str, last: str) -> None:
        (stage,) = self.record.matrix.values()
        k = len(self.record.own)
        values = ", ".join(map(self.value, arguments(stage.term)))
        self._loop(at, first, last, [f"_s{k}[@] = {self.helper(stage.term)}({values})"])
        transform = self.helper(stage.transform, translator(self.scalar.dtype))
        block = f"_s{k}.reshape(blocks[b, 2], blocks[b, 3])"
        memory = f"state[{k + 1}:].reshape(-1)[blocks[b, 4]:blocks[b, 5]]"
        rest = [self.value(name) for name in arguments(stage.transform)[2:]]
        self.add(at, f"{transform}({', '.join([block, memory, *rest])})")

    def row_of(self, slot: str, fresh: bool) -> str:
        """Return the index expression of a shared slot's row in ``scalars``; fresh: of its value in the next step."""
        count = len(self.record.shared)
        j = len(self.rows) + self.record.shared.index(slot) + (count if fresh else 0)
        return f"{j} + {2 * count} * b" if self.record.by_block else f"{j}"

    def _fresh(self, slot: str) -> str:
        j = self.record.shared.index(slot)
        return f"_m{j}" if self.flat else f"_m{j}[r]"

    def _shared(self, at: int) -> None:
        for j, slot in enumerate(self.record.shared):
            if self.flat:
                self.add(at, f"_h{j} = scalars[{self.row_of(slot, False)}, r]")
                self.add(at, f"_m{j} = _h{j}")
            else:
                self.add(at, f"_h{j} = scalars[{self.row_of(slot, False)}]")
                self.add(at, f"_m{j} = scalars[{self.row_of(slot, True)}]")

    def _keep_shared(self, at: int) -> None:
        for j, slot in enumerate(self.record.shared):
            if self.flat:
                self.add(at, f"scalars[{self.row_of(slot, False)}, r] = _m{j}")
            else:
                self.add(at, "for r in range(w.shape[1]):")
                self.add(at + 1, f"_h{j}[r] = _m{j}[r]")
