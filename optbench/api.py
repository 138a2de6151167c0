"""The Python interface: the words, defaults and errors are those of the commands."""

import inspect
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Unpack

from optbench.catalogue import loader
from optbench.contract.arguments import Count, checked, condition
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.paths import path_of
from optbench.contract.problems import Family, Problem
from optbench.contract.schedules import Schedule
from optbench.plan.keywords import Keywords

if TYPE_CHECKING:
    from optbench.results.results import Results
    from optbench.single.one_cohort import CohortResult, Result

Plugins = str | Path | Iterable[str | Path]
Points = Sequence[int] | str | None
_OfWeights = Annotated[
    Callable, condition(lambda value: callable(value) and not isinstance(value, type), "a function of the weights")
]
_OfProgress = Annotated[
    Callable[[int, int, str], Any], condition(callable, "a function of three arguments: done, total, last")
]
_Function = TypeVar("_Function", bound=Callable)


def optimizers(plugin: Plugins = ()) -> dict[str, Optimizer]:
    """Return all optimizers by name, with those of the plug-ins; wrappers and SciPy's baselines are not among them.

    Args:
        plugin: a file, or several, with records of your own.

    Returns:
        The records, in the order of ``optbench list``.

    Raises:
        OptbenchError: a plug-in is not there, or does not load.

    Example:
        >>> optimizers()["adam"].hyperparameters["beta1"]
        0.9
    """
    return loader.load_all(plugin).optimizers


def problems(plugin: Plugins = ()) -> dict[str, Family]:
    """Return all problems by name, with those of the plug-ins.

    Args:
        plugin: a file, or several, with records of your own.

    Returns:
        The records, in the order of ``optbench list``.

    Raises:
        OptbenchError: a plug-in is not there, or does not load.

    Example:
        >>> problems()["quadratic"].build({"dim": 3}).dim
        3
    """
    return loader.load_all(plugin).problems


def schedules(plugin: Plugins = ()) -> dict[str, Schedule]:
    """Return all schedules by name, with those of the plug-ins.

    Args:
        plugin: a file, or several, with records of your own.

    Returns:
        The records, in the order of ``optbench list``.

    Raises:
        OptbenchError: a plug-in is not there, or does not load.

    Example:
        >>> schedules()["inverse"].with_values({"decay_rate": 0.5}).text
        'inverse(decay_rate=0.5)'
    """
    return loader.load_all(plugin).schedules


@checked
def minimize(
    problem: Any,
    x0: Any = None,
    optimizer: "str | AnyOptimizer | type | None" = None,
    *,
    args: Any = (),
    jac: Any = None,
    lr: float | None = None,
    tune: bool = False,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | str = "full",
    schedule: str | Schedule = "constant",
    callback: _OfWeights | None = None,
    seed: int = 0,
    dtype: str = "float64",
    points: Points = None,
    start: Any = None,
    run_timeout: float | str | None = None,
    device: str = "cpu",
    plugin: Plugins = (),
    **hyperparameters: Any,
) -> "Result":
    """Run one optimizer on one problem, or on a function of your own: ``minimize(f, x0, "adam", lr=0.1)``.

    Args:
        problem: a function ``f(w, *args)`` that returns a number; a pair (f, gradient); a problem's name, with
            parameters if need be (``"quadratic(dim=100)"``); or a record.
        x0: (dim,), the start point. A problem brings its own: the optimizer may stand here,
            ``minimize("rosenbrock", "adam")``.
        optimizer: a name, with hyperparameters if need be, a record, a rule, or a class of PyTorch's; by default
            SciPy's L-BFGS, which needs no rate and ends by itself.
        args: further arguments of the function and its gradient.
        jac: the gradient of the function, as SciPy has it: a function of the same arguments; True if ``f`` returns the
            value and the gradient; None for central differences. One that is given is compared with these at ``x0``,
            and a warning says where it differs.
        lr: the learning rate, also called ``learning_rate``; by default it is tuned. SciPy's methods have none.
        tune: True: find the rate by runs with 19 rates, over the range in which the optimizer is tuned in sweeps.
        steps: the budget in updates; by default 1,000, of SciPy's methods 10,000 evaluations.
        epochs: the budget in passes over the data, instead of ``steps``; an epoch that is begun is finished.
        batch_size: examples of a step, or "full".
        schedule: a name, with parameters if need be, or a record.
        callback: called with the weights after every step, or at ``points``; with SciPy's OptimizeResult (x and fun)
            if its argument is called ``intermediate_result``. It ends the run by raising StopIteration.
        seed: of the start point, the mini-batches and the noise.
        dtype: "float64" or "float32".
        points: steps to evaluate at, besides the first and the last; "every" for all; by default some, log-spaced, or
            on two parameters and without data all, of at most 20,000.
        start: the same as ``x0``.
        run_timeout: seconds, or a text such as "2m", after which a run ends where it is. A run takes its share of the
            time of those that run beside it.
        device: "cpu"; "cuda", a GPU; or "auto", a GPU where one is and can run this. No card has been tried yet.
        plugin: a file, or several, with records of your own.
        **hyperparameters: the optimizer's, by name.

    Returns:
        The last weights, the curve and how the run ended, also under SciPy's names: x, fun, nit, nfev, success,
        message. A run that diverges is no error but has that status. ``optbench.figures.curves(result)``, or of a list
        of results, draws the losses, and ``optbench.figures.paths`` on two parameters the paths over the contours.

    Raises:
        OptbenchError: the input cannot run.

    Example:
        >>> minimize(lambda w: (w[0] - 1) ** 2 + (w[1] + 2) ** 2, [0.0, 0.0]).x.round(3).tolist()
        [1.0, -2.0]
        >>> minimize("rosenbrock", "adam", lr=0.05, steps=2000).w.round(3).tolist()
        [1.0, 1.0]
    """
    from optbench.single import minimize as run

    if isinstance(x0, str | AnyOptimizer | type) or callable(x0):
        if optimizer is not None and optimizer is not x0 and optimizer != x0:
            raise OptbenchError("minimize: behind the problem stand x0 and the optimizer, minimize(f, x0, 'adam')")
        x0, optimizer = None, x0
    if optimizer is None and isinstance(method := hyperparameters.get("method"), str):
        del hyperparameters["method"]
        optimizer = {"L-BFGS-B": "lbfgs", "CG": "cg"}.get(method, method)
    for name in {"maxiter", "tol", "options", "bounds", "constraints"} & hyperparameters.keys():
        way = "runs are without limits" if name in ("bounds", "constraints") else "steps= is the length of a run"
        raise OptbenchError(f"minimize: {name} is SciPy's and unknown here: {way}")
    if start is not None and x0 is not None:
        raise OptbenchError("minimize: x0 and start are the same: give one")
    if isinstance(optimizer, tuple):
        raise OptbenchError("minimize: the third argument is the optimizer; those of the function are args=(...)")
    catalogue = loader.load_all(plugin)
    record, values = run.choose_optimizer(optimizer, catalogue)
    if "method" in hyperparameters and "method" not in record.hyperparameters:
        raise OptbenchError(
            "minimize: the method is called optimizer: SciPy's L-BFGS-B is 'lbfgs' here, its CG is 'cg'"
        )
    if "learning_rate" in hyperparameters and "learning_rate" not in record.hyperparameters:
        rate = hyperparameters.pop("learning_rate")
        if lr is not None:
            raise OptbenchError("minimize: lr and learning_rate are the same: give one")
        lr = rate
    if isinstance(record, Baseline) and (batch_size != "full" or schedule != "constant" or lr is not None):
        asked = "without an optimizer it is lbfgs, which" if optimizer is None else record.name
        raise OptbenchError(f"minimize: {asked} has no lr and no schedule, and runs on the full batch")
    if tune and lr is not None:
        raise OptbenchError("minimize: tune=True finds the rate: leave lr out")
    try:
        return run.minimize(
            run.choose_problem(problem, start if x0 is None else x0, args, jac), record,
            {"lr": lr, "schedule": schedule} | values | hyperparameters, tune=tune, steps=steps, epochs=epochs,
            batch_size=batch_size, seed=seed, dtype=dtype, points="every" if callback and points is None else points,
            x0=x0, start=start, run_timeout=run_timeout, device=device, callback=callback, catalogue=catalogue,
        )  # fmt: skip
    except KeyboardInterrupt as error:
        way = "run_timeout= ends a run with what it has, and so does a callback that raises StopIteration"
        error.args = error.args or (f"minimize was interrupted, and nothing of the run is kept; {way}",)
        raise


def cohort(
    problem: str | Problem | Family,
    optimizer: str | AnyOptimizer,
    settings: Iterable[Mapping[str, Any]],
    *,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | str = "full",
    seed: int = 0,
    dtype: str = "float64",
    points: Points = None,
    start: Any = None,
    run_timeout: float | str | None = None,
    device: str = "cpu",
    plugin: Plugins = (),
) -> "CohortResult":
    """Run one optimizer with several settings from one start point, on the same mini-batches.

    Args:
        problem: a name, with parameters if need be, or a record.
        optimizer: a name, with hyperparameters if need be, or a record.
        settings: a mapping for each run: ``lr``, and if need be ``schedule`` and hyperparameters.
        steps: the budget in updates; exactly one of ``steps`` and ``epochs`` is given.
        epochs: the budget in passes over the data; an epoch that is begun is finished.
        batch_size: examples of a step, or "full".
        seed: of the start point, the mini-batches and the noise.
        dtype: "float64" or "float32".
        points: steps to evaluate at, besides the first and the last; "every" for all; by default some, log-spaced.
        start: (dim,), in the place of the problem's own start point.
        run_timeout: seconds, or a text such as "2m", after which a run ends where it is. A run takes its share of the
            time of those that run beside it.
        device: "cpu"; "cuda", a GPU; or "auto", a GPU where one is and can run this. No card has been tried yet.
        plugin: a file, or several, with records of your own.

    Returns:
        The tables of the runs, in the order of ``settings``, their last weights, and where the time went.

    Raises:
        OptbenchError: the input cannot run.

    Example:
        >>> rates = [{"lr": 0.001}, {"lr": 0.002, "schedule": "inverse"}]
        >>> cohort("rosenbrock", "gd", rates, steps=10, points="every").curves["run_id"].value_counts().to_dict()
        {'0': 11, '1': 11}
    """
    from optbench.single.one_cohort import run_single

    single = run_single(
        "cohort", problem, optimizer, settings, steps=steps, epochs=epochs, batch_size=batch_size, seed=seed,
        dtype=dtype, points=points, start=start, run_timeout=run_timeout, device=device,
        catalogue=loader.load_all(plugin),
    )  # fmt: skip
    return single.cohort_result()


def _with_keywords(function: _Function) -> _Function:
    """Show the keys of a spec one by one, in the place of ``**keys``, to Tab and help; return the function."""
    signature = inspect.signature(function)
    first, *own, _ = signature.parameters.values()
    made = inspect.Parameter.KEYWORD_ONLY
    kinds = inspect.get_annotations(Keywords)
    keys = [inspect.Parameter(key, made, default=None, annotation=kind) for key, kind in kinds.items()]
    function.__signature__ = signature.replace(parameters=[first, *keys, *own])  # type: ignore[attr-defined]
    return function


@_with_keywords
@checked
def sweep(
    spec: str | Path | Mapping[str, Any] | None = None,
    *,
    out: str | Path | None = None,
    workers: Count | None = None,
    executor: str = "threads",
    scheduler: str | None = None,
    extend: bool = False,
    isolate: str = "auto",
    worker_timeout: float | str = 60.0,
    retry_failed: bool = False,
    time_limit: float | str | None = None,
    progress: bool | None = None,
    callback: _OfProgress | None = None,
    **keys: Unpack[Keywords],
) -> "Results":
    """Run a sweep: algorithm x batch size x schedule over problems, rates and seeds.

    An interrupt, Ctrl-C or a notebook's, ends the sweep and returns what has finished, with a warning that says what is
    missing and how to resume; where nothing has finished, it is a KeyboardInterrupt.

    Args:
        spec: a TOML file, a mapping of the keys that follow, or None for the built-in default; those below go on top.
        data: your table, from which all below follow unless it is given: a file, a DataFrame or (X, y).
        target: its column to be predicted; by default the last.
        model: a file of PyTorch networks, each of which is a problem on that table.
        problems: names, with parameters if need be, records, and functions of your own, (f, x0) or
            ``optbench.function(f, x0)``; one or a list, as below.
        optimizers: names, "all", "adam*" or "family:signs", records, rules, and classes of PyTorch's kind.
        ablate: variants side by side, each tuned by itself: "adam(beta1=0.5|0.9)".
        have: what you have, as it is, beside what is tuned: "adam_torch, lr=0.001, batch 256, cosine, epochs 5", or as
            PyTorch writes it, "SGD(lr=0.01, momentum=0.9), batch 32"; without epochs it runs as long as the others.
        batch_sizes: examples of a step, or "full".
        schedules: names, with parameters if need be, and records.
        learning_rates: rates, a log-spaced grid "1e-4:1:9", or a range "log_uniform(1e-4, 1)" for trials.
        lr: the same as ``learning_rates``.
        trials: how many settings of each optimizer are drawn from its search space.
        search_seed: of that draw.
        ranges: where trials are drawn: "common", one range of a parameter for all optimizers, "own", or ranges by name.
        choose_by: measures to tune for: "time", "loss", or on held-out data "test_loss", "accuracy", "auc", ...
        judge_by: the one of them that verdicts are about; by default the first.
        blocks: blocks of seeds, each of which tunes and confirms its choice by itself.
        screen: seeds of a block on which all settings run.
        race: seeds of a block on which its best settings run besides.
        holdout: seeds of a block that report on its choice.
        finalists: how many settings of a block race.
        widen: rounds by which a search goes on around the best; 0 for none.
        final: seeds in common on which the choices of the blocks race.
        report: the most seeds in common that report on what is recommended.
        folds: how many folds of the data the blocks take in turn.
        seeds: without blocks, how many seeds, or which.
        tuning_seeds: how many of them choose settings; the others confirm the choice.
        epochs: the length of a run in passes over the data.
        steps: the length of a run in updates, instead of epochs.
        points: steps to evaluate at, besides the first and the last, or "every"; by default some, log-spaced.
        run_timeout: seconds, or a text such as "2m", after which a run is stopped.
        chosen: whole settings to run, in the place of lists: what ``chosen.toml`` of a folder has.
        plugins: files with records of your own. Where no optimizers are named, theirs run beside the usual ones.
        labels: what tables and figures call a problem or an optimizer, by its name.
        dtypes: "float64", "float32", or both.
        device: "cpu"; with "cuda" or "auto" a GPU runs what it can, and the table ``timings`` tells where each cohort
            ran; no card has been tried yet.
        out: the folder to keep it in, and to go on from where it was interrupted. None is a new one among the system's
            temporary files, which nobody but the system deletes; ``results.path`` says where.
        workers: threads, by default as many as there are cores.
        executor: "threads" of this process; or "dask", which asks for the extra of that name: workers are processes.
        scheduler: the address of a dask scheduler, whose workers are taken, wherever they are; by default the executor
            "dask" starts ``workers`` processes on this machine. Plug-ins and data travel with the work.
        extend: add to the sweep that ``out`` holds, and run what is missing: problems, optimizers, rates and other
            lists are added to its lists, numbers of seeds, blocks, trials and rounds (``widen``) may grow.
        isolate: "auto": cohorts of your own plug-ins run in worker processes, which may die; "always" or "never".
        worker_timeout: seconds, or a text such as "2m", after which a worker process without progress is ended.
        retry_failed: whether runs that have failed before are tried again.
        time_limit: seconds, or a text such as "10m", after which the sweep ends with what is complete; a later call
            resumes it in the same folder.
        progress: whether to show a bar, or lines where there is neither a terminal nor a notebook, and to say where
            results are kept without ``out``; None: on a terminal and in a notebook.
        callback: ``callback(done, total, last)`` is called in this thread while runs finish, up to ten times a second,
            and at the end of each stage: how many runs are done, how many are planned so far, and which finished last,
            such as "adam on rosenbrock". A StopIteration that it raises ends the sweep as an interrupt does; any other
            exception is passed on, and what has finished is kept.

    Returns:
        The tables. A problem or an optimizer that could not run is a warning, and its runs have failed; so is a file
        whose last column is the target for want of another name, and looks like none.

    Raises:
        OptbenchError: the input cannot run, or the folder cannot be written.
        KeyboardInterrupt: an interrupt came before the first runs had finished.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 10}
        >>> sweep(small, seeds=3).runs["status"].unique().tolist()
        ['ok']
        >>> def bowl(w):
        ...     return (w[0] - 1) ** 2 + (w[1] + 2) ** 2
        >>> sweep(small, problems=[(bowl, [0.0, 0.0]), "rosenbrock"], seeds=3).runs["problem"].unique().tolist()
        ['bowl', 'rosenbrock']
    """
    from optbench.plan.own_records import take_records
    from optbench.plan.spec_files import make_spec, read_spec
    from optbench.run.isolation import Isolation
    from optbench.run.session import Options
    from optbench.run.time_limit import TimeLimit
    from optbench.store.folder import extend_spec

    folder = None if out is None else path_of("out", out)
    isolation, time = Isolation(isolate, worker_timeout), TimeLimit.of(time_limit)
    options = Options(workers, executor, scheduler, isolation, extend, retry_failed, time)
    spec, changes, given = take_records(spec, keys, extend)
    if extend:
        if folder is None:
            raise OptbenchError("extend needs the folder of a sweep: out=")
        return _execute(extend_spec(folder, spec, changes, warnings.warn), folder, options, given, progress, callback)
    made = make_spec(spec, changes) if isinstance(spec, Mapping) else read_spec(spec, changes, folder)
    return _execute(made, folder, options, given, progress, callback)


def info() -> dict[str, Any]:
    """Return the versions, the machine, where kernels are kept, and what is known of CUDA, as ``optbench info --json``.

    Returns:
        A dictionary; in that under ``cuda``, ``missing`` says why no GPU can be used, and is None where one can.

    Example:
        >>> "missing" in info()["cuda"]
        True
    """
    from optbench.cli.info import read_facts

    return read_facts()


def _execute(spec: Any, out: Path | None, options: Any, given: Any, progress: Any, callback: Any) -> "Results":
    """Run a sweep into a folder, with its warnings, and return its results, or those of what was interrupted.

    out: the folder; None: a new one among the temporary files, which is deleted only where no run has finished.
    given: what came as objects of Python.
    """
    from optbench.cli.progress import make_progress
    from optbench.results import results
    from optbench.run import session
    from optbench.run.interrupts import Interrupted, handle_signals
    from optbench.store.cohort_files import CohortFiles

    status = None
    with handle_signals(["SIGINT"]):
        plan = session.load_and_plan(spec, options.isolation, given)
        for text in plan.warnings:
            warnings.warn(text, stacklevel=4)
        folder = Path(tempfile.mkdtemp(prefix="optbench-")) if out is None else out
        note = f"results are kept in {folder}, as no folder was given with out=" if out is None else ""
        try:
            with make_progress(progress, note) as show:
                status = session.execute(
                    plan, folder, options, watch=_watch(show, callback),
                    tell=lambda text: warnings.warn(text, stacklevel=6),
                )  # fmt: skip
        except BaseException as error:
            if not (any_finished := bool(CohortFiles(folder).ids())) and out is None:
                shutil.rmtree(folder, ignore_errors=True)
            if not (any_finished and isinstance(error, Interrupted)):  # not the signal that ends a whole command
                if isinstance(error, Interrupted) and not error.args:
                    where = f"; the same call with out={str(folder)!r} begins anew" if out is not None else ""
                    error.args = (
                        f"the sweep was interrupted before its first runs had finished: kept are the kernels "
                        f"that it had compiled, and no results{where}",
                    )
                if any_finished and not isinstance(error, OptbenchError):
                    error.add_note(f"what has finished is kept: the same call with out={str(folder)!r} resumes it")
                raise
    found = results.load(folder)
    if status is None:
        missing = found.missing or "its tables were not written yet"
        warnings.warn(f"interrupted; {missing}; the same call with out={str(folder)!r} resumes it", stacklevel=4)
        return found
    if status.out_of_time:
        done = f"{status.runs:,} of {status.total_runs:,} runs planned so far"
        limit = f"stopped by time_limit={options.time_limit.seconds:g} s after {done}"
        again = f"what was incomplete is left out; the same call with out={str(folder)!r} resumes it"
        warnings.warn(f"{limit}; {again}", stacklevel=4)
    for pair, reason in status.failed.items():
        warnings.warn(f"could not run {pair}: {reason}", stacklevel=4)
    return found


def _watch(show: Callable, callback: Callable[[int, int, str], Any] | None) -> Callable:
    """Return what is called with each status of a sweep: show, and the user's callback if runs have finished."""
    from optbench.run.interrupts import Interrupted

    done = 0

    def watch(status):
        """Show the status, and tell the callback."""
        nonlocal done
        show(status)
        if callback is not None and status.runs > done:
            done = status.runs
            try:
                callback(done, status.total_runs, status.last)
            except StopIteration:
                raise Interrupted(signal.SIGINT) from None

    return watch
