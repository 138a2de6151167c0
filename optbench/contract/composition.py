"""Combine a wrapper and an optimizer into one optimizer, whose rule is a single function again."""

import ast
import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

from optbench.contract.equals import combine_equals
from optbench.contract.errors import PluginError
from optbench.contract.names import unique
from optbench.contract.optimizers import AFTER, AHEAD, Matrix, Optimizer, Wrapper, arguments
from optbench.contract.source_code import function_of, function_tree


@cache
def wrap(wrapper: Wrapper, base: Optimizer) -> Optimizer:
    """Return the optimizer of ``wrapper`` around ``base``, with the hyperparameters and the states of both.

    ``base``: the inner optimizer, which may be wrapped already. Raises PluginError if the two cannot be combined: they
    share a hyperparameter, or both report an iterate.
    """
    return _Composition(wrapper, base).optimizer()


class _Composition:
    """The combination of a wrapper and a base rule, whose slots and sums get a prefix.

    Hyperparameters keep their names, for these are columns of the tables.
    """

    def __init__(self, wrapper: Wrapper, base: Optimizer):
        """Find the wrapper's call of ``step``; raise PluginError if the two cannot be combined."""
        self.wrapper, self.base = wrapper, base
        self.owner = f"optimizer {wrapper.name}({base.name})"
        if wrapper.second_gradient and base.second_gradient:
            raise PluginError(f"{self.owner}: both take a second gradient")
        both = set(wrapper.hyperparameters) & set(base.hyperparameters)
        if both:
            raise PluginError(f"{self.owner}: both have a hyperparameter {min(both)!r}")
        if wrapper.report and base.report:
            raise PluginError(f"{self.owner}: {base.name} reports an iterate of its own already")
        inner = [*base.slots, *base.total, *base.block, *base.matrix]
        self.renamed = {name: f"_inner_{name}" for name in inner}
        self.tree = _Locals(wrapper.function).visit(function_tree(wrapper.function, self.owner))
        calls = [place for place, node in enumerate(self.tree.body) if _is_step(node)]
        uses = sum(isinstance(node, ast.Name) and node.id == "step" for node in ast.walk(self.tree))
        if len(calls) != 1 or uses != 1:
            raise PluginError(f"wrapper {wrapper.name}: must hold one statement 'name = step(w, g)', and no other step")
        self.at = calls[0]
        if base.second_gradient and _changes_gradient(self.tree, self.at):
            outer, _, inside = base.name.partition("(")
            hint = f"write {outer}({wrapper.name}({inside})" if inside else "leave one of both out"
            raise PluginError(
                f"{self.owner}: {base.name} takes a second gradient, which {wrapper.name} does not change: {hint}"
            )
        late = [name for name, stage in (*wrapper.total.items(), *wrapper.block.items()) if AFTER in arguments(stage)]
        early = next((name for name in late if name in _names_read(self.tree.body[: self.at + 1])), None)
        if early:
            raise PluginError(f"wrapper {wrapper.name}: reads {early!r}, a sum after the inner step, before that step")

    def optimizer(self) -> Optimizer:
        """Return the record of the combined optimizer."""
        wrapper, base = self.wrapper, self.base
        slots = (*wrapper.slots, *self._renamed_names(base.slots))
        scalars = tuple(unique([*wrapper.scalars, *self._renamed_names(base.scalars)]))
        report = wrapper.report or (self.renamed[base.report] if base.report else None)
        total, block = self._combined_sums(wrapper.total, base.total), self._combined_sums(wrapper.block, base.block)
        matrix = {
            self.renamed[name]: Matrix(self._combined_stage(stage.term), stage.transform, stage.memory)
            for name, stage in base.matrix.items()
        }
        return replace(
            base,
            name=f"{wrapper.name}({base.name})",
            rule=self._combined_rule(slots, scalars),
            slots=slots,
            scalars=scalars,
            hyperparameters={**base.hyperparameters, **wrapper.hyperparameters},
            source=f"{wrapper.name}: {wrapper.source}; {base.name}: {base.source}",
            doc=f"{wrapper.doc}\n\nAround {base.name}: {base.doc}",
            limits={**base.limits, **wrapper.limits},
            report=report,
            second_gradient=wrapper.second_gradient or base.second_gradient,
            ahead=AHEAD if wrapper.second_gradient else self.renamed.get(base.ahead, AHEAD),
            shared=(*wrapper.shared, *self._renamed_names(base.shared)),
            of_run=(*(() if wrapper.by_block else wrapper.shared), *self._renamed_names(base.run_slots)),
            total=total,
            block=block,
            matrix=matrix,
            search={**base.search, **wrapper.search},
            rate_means=wrapper.rate_means or base.rate_means,
            search_source="; ".join(
                f"{each.name}: {each.search_source}" for each in (wrapper, base) if each.search_source
            ),
            equals=combine_equals(wrapper.equals, base.equals),
            origins=wrapper.origins + base.origins,
        )

    def _renamed_names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return names of the base rule as they are in the combination: slots and sums with their prefix."""
        return tuple(self.renamed.get(name, name) for name in names)

    def _combined_rule(self, slots: tuple[str, ...], scalars: tuple[str, ...]) -> Callable:
        """Return the wrapper's function of these slots and scalars, with a call of the wrapped rule for ``step``."""
        tree = _Returns(self._renamed_names(self.base.slots)).visit(self._stepping_tree())
        return self._compile_tree(tree, ["w", "g", *slots, "lr", *scalars], {"_inner": self.base.rule})

    def _stepping_tree(self, target: str = "") -> ast.FunctionDef:
        """Return a copy of the wrapper's tree that calls the wrapped rule for ``step``; target: a name for the new w.

        Without one it is the wrapper's own.
        """
        tree, inner = copy.deepcopy(self.tree), self._renamed_names(self.base.slots)
        call = tree.body[self.at]
        call.value = _call_tree(
            "_inner", [*call.value.args, *map(_name_tree, (*inner, "lr", *self._renamed_names(self.base.scalars)))]
        )
        new = ast.Name(target, ast.Store()) if target else call.targets[0]
        call.targets = [
            ast.Tuple([new, *(ast.Name(name, ast.Store()) for name in inner)], ast.Store()) if inner else new
        ]
        return tree

    def _combined_sums(self, own: Mapping[str, Callable], inner: Mapping[str, Callable]) -> dict[str, Callable]:
        """Return the wrapper's sums before the inner step, those of the wrapped rule, and the wrapper's after it."""
        late = {name: self._later_sum(stage) for name, stage in own.items() if AFTER in arguments(stage)}
        sums = {name: stage for name, stage in own.items() if name not in late}
        return sums | {self.renamed[name]: self._combined_stage(stage) for name, stage in inner.items()} | late

    def _later_sum(self, stage: Callable) -> Callable:
        """Return the function of a sum after the inner step: it makes that step, and keeps nothing but the new w."""
        tree = self._stepping_tree("_new")
        values: list[ast.expr] = [_name_tree("_new" if name == AFTER else name) for name in arguments(stage)]
        tree.body[self.at + 1 :] = [ast.copy_location(ast.Return(_call_tree("_sum", values)), tree.body[self.at])]
        known = unique([*self._known, *self._renamed_names(self.base.scalars), *arguments(stage)])
        return self._compile_used(tree, known, {"_inner": self.base.rule, "_sum": stage})

    def _combined_stage(self, stage: Callable) -> Callable:
        """Return a sum's function of the wrapped rule, applied to the arguments that the wrapper passes to ``step``."""
        tree = copy.deepcopy(self.tree)
        call = tree.body[self.at]
        seen = dict(zip(("w", "g"), call.value.args, strict=True))
        values = [seen.get(name) or _name_tree(self.renamed.get(name, name)) for name in arguments(stage)]
        tree.body[self.at :] = [ast.copy_location(ast.Return(_call_tree("_inner", values)), call)]
        known = [*self._known, *self._renamed_names(unique([*self.base.scalars, *arguments(stage)]))]
        return self._compile_used(tree, known, {"_inner": stage})

    @property
    def _known(self) -> list[str]:
        """The arguments that every function of the combination may have."""
        return ["w", "g", *self.wrapper.slots, *self._renamed_names(self.base.slots), "lr", *self.wrapper.scalars]

    def _compile_used(self, tree: ast.FunctionDef, known: Iterable[str], scope: dict[str, Callable]) -> Callable:
        """Return the function of a tree with those of ``known`` as arguments that it uses; scope: more globals."""
        used = _names_read([tree])
        return self._compile_tree(tree, unique([name for name in known if name in used]), scope)

    def _compile_tree(self, tree: ast.FunctionDef, names: Iterable[str], scope: dict[str, Callable]) -> Callable:
        """Return the function of a tree with the arguments ``names``, in the wrapper's module; scope: more globals."""
        tree.args.args = [ast.arg(name) for name in names]
        return function_of(tree, self.wrapper.function, {**self.wrapper.function.__globals__, **scope})


def _is_step(node: ast.stmt) -> bool:
    """Return True for a statement ``name = step(w, g)``."""
    match node:
        case ast.Assign(targets=[ast.Name()], value=ast.Call(func=ast.Name(id="step"), args=[_, _])):
            return True
    return False


def _changes_gradient(tree: ast.FunctionDef, at: int) -> bool:
    """Return whether a wrapper gives its inner step another gradient than its own; at: the place of that statement."""
    call = tree.body[at].value  # type: ignore[attr-defined]
    stores = [part for node in tree.body[:at] for part in ast.walk(node) if isinstance(part, ast.Name)]
    changed = any(part.id == "g" and isinstance(part.ctx, ast.Store) for part in stores)
    return changed or not (isinstance(call.args[1], ast.Name) and call.args[1].id == "g")


def _names_read(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names in some syntax trees."""
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _name_tree(name: str) -> ast.Name:
    """Return the syntax tree of reading a name."""
    return ast.Name(name, ast.Load())


def _call_tree(name: str, values: list[ast.expr]) -> ast.Call:
    """Return the syntax tree of a call of a function by its name; values: the arguments as trees."""
    return ast.Call(_name_tree(name), values, [])


class _Locals(ast.NodeTransformer):
    """A rewriter that renames a wrapper's own variables, so that they differ from the names of the wrapped rule."""

    def __init__(self, function: Callable):
        self.own = set(function.__code__.co_varnames) - set(arguments(function))

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Return the name, with a prefix if it is a variable of the wrapper's own."""
        node.id = f"_own_{node.id}" if node.id in self.own else node.id
        return node


class _Returns(ast.NodeTransformer):
    """A rewriter that adds the wrapped rule's slots to the values that ``return w, slots`` returns."""

    def __init__(self, slots: Iterable[str]):
        self.slots = slots

    def visit_Return(self, node: ast.Return) -> ast.Return:
        """Return the statement with the slots behind what it returns."""
        own = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        values = [*own, *map(_name_tree, self.slots)]
        node.value = ast.Tuple(values, ast.Load()) if len(values) > 1 else values[0]
        return node
