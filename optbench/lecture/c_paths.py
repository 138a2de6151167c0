"""C1 and C2: paths through narrow bowls, of momentum and of RMSProp, and what momentum's cold start costs."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis.statistics import bootstrap_interval
from optbench.claims import drawing
from optbench.claims.claim import Budget, Claim, Measured, Verdict, estimate_text, exact, fresh_seeds, percent_text
from optbench.claims.criterion import AtMost, Below, Within
from optbench.lecture.planes import (
    Method,
    draw_bowl,
    find_curvature,
    measure_paths,
    new_bowl_panels,
    path_length,
    run_paths,
    select_farthest_path,
    share_of_reversals,
    steps_to_halve,
)
from optbench.lecture.runs import (
    block_medians,
    block_ratio_interval,
    blocks_of_seeds,
    final_suboptimalities,
    shift_grid,
    tune_rates,
)

PROBLEM, CONDITION = "quadratic(dim=2, condition=100.0, noise=0.02)", 100.0
BATCH, STEPS = 64, 100
BETAS = (0.0, 0.5, 0.8, 0.9, 0.98)
OWN, SAME = "own best rate", "rate of GD"
START_BETAS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
WARM, SHORT_OF = 10, 0.1  # the lecture's number of steps, and the shortfall that still counts as warm
HORIZONS = (10, 100)
COST = 1.25
COST_BETAS = (0.5, 0.9, 0.98)
PLAIN, CORRECTED = "without", "with correction"


def path_label(beta: float, rate: str = OWN) -> str:
    """Return the label of a path: beta and the kind of rate; "GD" for beta 0."""
    return f"beta1 {beta:g}, {rate}" if beta else "GD"


@cache
def momentum_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run momentum with each beta, at its own best rate and at that of gradient descent, tuned anew in each block.

    Returns `tuned`: the best rate of each beta and block; `measured`: a row for each path; `paths`: those of one seed
    of the first block.
    """
    parts: dict[str, list] = {"tuned": [], "measured": [], "paths": []}
    for block, tuning, reporting in blocks_of_seeds(budget):
        rates = tune_rates(
            PROBLEM, "momentum", [{"beta1": beta} for beta in BETAS], shift_grid(0.1, 200.0, 34, tuning[0]), tuning,
            steps=STEPS, batch_size=BATCH,
        )  # fmt: skip
        rate = dict(zip(BETAS, rates, strict=True))
        methods = [
            Method(path_label(beta, kind), "momentum", lr, {"beta1": beta})
            for beta in BETAS
            for kind, lr in {OWN: rate[beta], SAME: rate[0.0]}.items()
            if beta or kind == OWN
        ]
        paths = run_paths(PROBLEM, methods, reporting, STEPS, BATCH)
        measured = measure_paths(paths, reversals=share_of_reversals, way=path_length, steps=steps_to_halve)
        parts["tuned"].append(pd.DataFrame({"block": block, "beta1": BETAS, "lr": rates}))
        parts["measured"].append(measured.assign(block=block))
        parts["paths"] += [select_farthest_path(paths)] if block == 0 else []
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def measure_momentum(column: str, what: str, unit: str) -> Callable[[dict[str, pd.DataFrame]], Measured]:
    """Return (tables) -> Measured: a column of momentum for each beta over that of GD with the same start and noise.

    column: of the table `measured`; what: its name in words; unit: that of the number.
    """

    def measured_against_gd(tables: dict[str, pd.DataFrame]) -> Measured:
        """Measure the ratio to gradient descent by beta and rate."""
        table, plain = tables["measured"], path_label(0.0)
        labels = [label for label in table["label"].unique() if label != plain]
        cells = {label: block_ratio_interval(table, column, label, plain) for label in sorted(labels)}
        return Measured(
            cells=cells,
            effect=cells[path_label(0.9)],
            measure=f"{what}, as a multiple of GD's, at beta1 = 0.9, both at their best rates",
            answer=f"At beta1 = 0.9, momentum has {estimate_text(cells[path_label(0.9)])} times GD's {unit}, each at "
            "its best rate.",
            detail=f"Median of GD: {table.loc[table['label'] == plain, column].median():.3g}.",
        )

    return measured_against_gd


def figure_momentum(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw paths of gradient descent and momentum through the bowl."""
    tuned = tables["tuned"]
    paths, rates = tables["paths"], tuned[tuned["block"] == 0].set_index("beta1")["lr"]
    shown = [(0.0, OWN), (0.9, SAME), (0.98, SAME), (0.5, OWN), (0.9, OWN), (0.98, OWN)]
    figure, grid = new_bowl_panels(2, 3, "Paths through a bowl 100 times as steep as flat", sharex=True, sharey=True)
    for ax, (beta, kind) in zip(grid.flat, shown, strict=True):
        name, rate = f"beta1 = {beta:g}" if beta else "GD", rates[beta if kind == OWN else 0.0]
        words = f"{name}, rate {rate:.2g} ({'its best' if kind == OWN else 'as GD'})"
        path = paths[paths["label"] == path_label(beta, kind)]
        draw_bowl(ax, path, paths, CONDITION, drawing.INK[BETAS.index(beta)], words)
    return figure


def figure_betas(column: str, title: str) -> Callable[[dict[str, pd.DataFrame], Verdict], Figure]:
    """Return (tables, verdict) -> Figure: the ratios to gradient descent that are judged, against beta, at both rates.

    column: of the table `measured`.
    """

    def draw(tables, verdict):
        """Draw the ratios with their intervals; below the line at 1 momentum is better than gradient descent."""
        rows = [
            (
                f"{beta:g}",
                f"at the {kind}",
                *block_ratio_interval(tables["measured"], column, path_label(beta, kind), "GD"),
            )
            for beta in BETAS[1:]
            for kind in (OWN, SAME)
        ]
        table = pd.DataFrame(rows, columns=["beta1", "rate", "median", "low", "high"])
        return drawing.interval_figure({"": table}, "beta1", "rate", title, ylabel="momentum / GD", level=1.0)

    return draw


def _momentum_criterion(what: str) -> Below:
    """Return the criterion of a claim: the measure `what` of momentum, divided by that of GD, is below 1."""
    return Below(
        what=f"{what}, as a multiple of that of GD with the same start and noise",
        each="every beta1 from 0.5 to 0.98, at its own best rate and at that of GD",
        on="beta1 and the rate",
        limit=1.0,
    )


_CAPTION = "Medians over blocks of seeds with 95% intervals; each block tunes its rates anew, on other seeds."
_RATIOS = (
    "Each mark is a setting of the criterion: momentum's number over GD's, with the same start and noise. An interval "
    f"below the dotted line at 1 agrees with the claim, one above it disagrees. {_CAPTION}"
)


def correction_schedule(beta: float, steps: int) -> str:
    """Return the text of the schedule with which `momentum` in effect divides its average by 1 - beta^t."""
    return f"table(factors={tuple(1 / (1 - beta**t) for t in range(1, steps + 1))})"


@cache
def warm_up_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `steps`: the length of momentum's steps over that of corrected ones, by the formula and as measured.

    The rate is so small that the gradient does not change on the way, and rounding is far smaller than the rate.
    """
    rate, steps = 1e-6, 60
    methods = [Method(f"{beta}", "momentum", rate, {"beta1": beta}) for beta in START_BETAS]
    paths = run_paths("quadratic(dim=2, condition=1.0, noise=0.0)", methods, [0], steps, 1024)
    rows = []
    for name, path in paths.groupby("label", sort=False):
        beta, way = float(name), path[["w_1", "w_2"]].diff().iloc[1:]
        full = rate * np.hypot(path["gradient_1"], path["gradient_2"]).iloc[:-1].to_numpy()
        length = np.hypot(way["w_1"], way["w_2"]).to_numpy() / full
        rows += [(beta, t, 1 - beta**t, value) for t, value in enumerate(length, start=1)]
    return {"steps": pd.DataFrame(rows, columns=["beta1", "step", "exact", "measured"])}


def measure_warm_up(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of a corrected step that momentum's tenth step lacks, by beta."""
    tenth = tables["steps"][tables["steps"]["step"] == WARM].set_index("beta1")["measured"]
    cells = {f"beta1 {beta:g}": exact(1 - length) for beta, length in tenth.items()}
    enough = tables["steps"][tables["steps"]["measured"] >= 1 - SHORT_OF].groupby("beta1")["step"].min()
    return Measured(
        cells=cells,
        effect=cells["beta1 0.9"],
        measure=f"share that step {WARM} is short of, at beta1 = 0.9",
        answer=f"At beta1 = 0.9, step {WARM} is {percent_text(cells['beta1 0.9'])} shorter than the corrected one.",
        detail=f"Steps until {1 - SHORT_OF:.0%} are reached: "
        + ", ".join(f"{step} at {beta:g}" for beta, step in enough.items())
        + ".",
    )


def figure_warm_up(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the length of momentum's steps over that of corrected ones, a line for each beta."""
    return drawing.line_figure(
        tables["steps"], "step", "measured", "beta1", "How far momentum's average has warmed up: by beta1",
        levels={1 - SHORT_OF: "nine tenths"}, marks={WARM: "10 steps"}, xlabel="step",
        ylabel="step length / corrected step length", xlim=(1, 60), ylim=(0, 1.03),
    )  # fmt: skip


@cache
def cost_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run momentum with and without the correction, each at its best rate, tuned anew in each block.

    Returns `final`: a reporting run a row: block, beta1, seed, lr, steps, `label` (PLAIN or CORRECTED),
    `suboptimality`.
    """
    parts = []
    for block, tuning, reporting in blocks_of_seeds(budget):
        for steps in HORIZONS:
            settings = [
                {"beta1": beta, "schedule": schedule}
                for beta in COST_BETAS
                for schedule in ("constant", correction_schedule(beta, steps))
            ]
            run = {"steps": steps, "batch_size": BATCH}
            rates = tune_rates(PROBLEM, "momentum", settings, shift_grid(0.1, 200.0, 24, tuning[0]), tuning, **run)
            tuned = [{**setting, "lr": rate} for setting, rate in zip(settings, rates, strict=True)]
            final = final_suboptimalities(PROBLEM, "momentum", tuned, reporting, **run)
            for seed, row in zip(reporting, final, strict=True):
                table = pd.DataFrame(tuned).assign(block=block, seed=seed, steps=steps, suboptimality=row)
                parts.append(table.assign(label=[PLAIN, CORRECTED] * len(COST_BETAS)).drop(columns="schedule"))
    return {"final": pd.concat(parts, ignore_index=True)}


def loss_ratios(tables: dict[str, pd.DataFrame]) -> dict[str, tuple]:
    """Return setting -> (ratio, low, high): the final loss without the correction over that with it, by block.

    tables: of `cost_experiment`; a setting is beta1 and the number of steps, in words.
    """
    return {
        f"beta1 {beta:g}, {steps} steps": block_ratio_interval(part, "suboptimality", PLAIN, CORRECTED)
        for (beta, steps), part in tables["final"].groupby(["beta1", "steps"], sort=True)
    }


def measure_cost(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the final loss without the correction over that with it, by beta and number of steps."""
    cells = loss_ratios(tables)
    return Measured(
        cells=cells,
        effect=cells["beta1 0.9, 10 steps"],
        measure="final loss without the correction over that with it, after 10 steps at beta1 = 0.9",
        answer="At beta1 = 0.9, leaving the correction out makes the loss after 10 steps "
        f"{estimate_text(cells['beta1 0.9, 10 steps'])} times as high.",
    )


def figure_cost(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the final loss with and without the correction, a panel for each number of steps."""
    panels = {
        f"{steps} steps": drawing.medians(part, ["beta1", "label"], "suboptimality")
        for steps, part in block_medians(tables["final"], ["steps", "beta1", "label"], "suboptimality").groupby("steps")
    }
    title = "Final loss with and without bias correction, each at its best rate"
    return drawing.interval_figure(panels, "beta1", "label", title, ylabel="suboptimality")


CONDITIONS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
ANGLES, STEEPNESS = (0, 20, 45), (100.0, 1000.0)
NAMES = {"gd": ("GD", drawing.find_color("gd")), "rmsprop": ("RMSProp", drawing.find_color("rmsprop"))}


@cache
def find_rotated_bowl(angle: int, condition: float, noise: float = 0.02) -> str:
    """Return the name of a bowl whose steep axis is `angle` degrees off the nearest coordinate axis, up to 0.5 degrees.

    It is a random quadratic with the first such seed; condition: its condition number; noise: that of its gradients.
    """
    family = optbench.problems()["quadratic"]
    for seed in range(10_000):
        problem = family.build({"dim": 2, "condition": condition, "noise": noise, "seed": seed})
        steep = np.abs(find_curvature(problem)[1][1])
        if abs(np.degrees(np.arctan2(steep.min(), steep.max())) - angle) < 0.5:
            return problem.name
    raise AssertionError("half a degree of 45 is not rare")


@cache
def rates_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `ratios` of coordinate 1 to coordinate 2 over 15 steps: of root mean square gradients, of effective rates.

    The effective rate of a step is the change of the weight over the gradient; the mean over steps is geometric.
    """
    rows = []
    for condition in CONDITIONS:
        methods = [Method("rmsprop", "rmsprop", 0.02, {"beta2": 0.9})]
        paths = run_paths(
            find_rotated_bowl(0, condition, 0.0), methods, fresh_seeds(budget.count_seeds(6, 20)), 15, 1024
        )
        for seed, path in paths.groupby("seed"):
            gradient = path[["gradient_1", "gradient_2"]].to_numpy()[:-1]
            rate = -np.diff(path[["w_1", "w_2"]].to_numpy(), axis=0) / gradient
            size, effective = np.sqrt(np.mean(gradient**2, axis=0)), np.exp(np.mean(np.log(rate), axis=0))
            rows.append((condition, seed, size[0] / size[1], effective[0] / effective[1]))
    return {"ratios": pd.DataFrame(rows, columns=["condition", "seed", "gradient_ratio", "rate_ratio"])}


def measure_rates(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the exponent of the effective rate as a power of the gradient."""
    table = np.log(tables["ratios"].pivot(index="seed", columns="condition", values=["gradient_ratio", "rate_ratio"]))
    pairs = np.stack([table["gradient_ratio"], table["rate_ratio"]], axis=2)
    exponent = bootstrap_interval(pairs, lambda rows: np.polyfit(rows[..., 0].ravel(), rows[..., 1].ravel(), 1)[0])
    return Measured(
        cells={"all": exponent},
        effect=exponent,
        measure="exponent of the effective rate against the gradient",
        answer=f"The effective rate is proportional to the gradient's size to the power {estimate_text(exponent)}.",
    )


def figure_rates(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the ratio of the effective rates against that of the gradients."""
    ratios = tables["ratios"]
    names = [f"condition {condition:g}" for condition in CONDITIONS]
    with drawing.axes(None, "RMSProp divides large gradients by large numbers", names) as ax:
        for name, (_, part), color in zip(names, ratios.groupby("condition"), drawing.INK[1:], strict=False):
            ax.plot(part["gradient_ratio"], part["rate_ratio"], ".", color=color, label=name)
        ends = np.array([ratios["gradient_ratio"].min(), ratios["gradient_ratio"].max()])
        drawing.draw_guide(ax, ends, 1 / ends, "slope −1")
        drawing.draw_level(ax, 1.0, "GD")
        ax.set(xscale="log", yscale="log", xlabel="ratio of the gradients", ylabel="ratio of the effective rates")
        drawing.set_log_axes(ax)
    return drawing.figure_of(ax)


@cache
def rotated_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run gradient descent and RMSProp on bowls of each angle and condition, at rates tuned anew in each block.

    Returns `tuned`: these rates; `measured`: a row for each path; `paths`: those of one seed of the first block.
    """
    problems = {find_rotated_bowl(angle, condition): (angle, condition) for condition in STEEPNESS for angle in ANGLES}
    parts: dict[str, list] = {"tuned": [], "measured": [], "paths": []}
    for block, tuning, reporting in blocks_of_seeds(budget):
        rates = shift_grid(0.003, 2.0, 20, tuning[0])
        for problem, (angle, condition) in problems.items():
            setting = {"block": block, "angle": angle, "condition": condition}
            methods = [
                Method(name, name, tune_rates(problem, name, [{}], rates, tuning, steps=STEPS, batch_size=BATCH)[0])
                for name in NAMES
            ]
            tuned = [{"optimizer": method.optimizer, "lr": method.lr} for method in methods]
            paths = run_paths(problem, methods, reporting, STEPS, BATCH)
            measured = measure_paths(paths, way=path_length, steps=steps_to_halve)
            parts["tuned"].append(pd.DataFrame(tuned).assign(**setting))
            parts["measured"].append(measured.assign(**setting))
            parts["paths"] += [select_farthest_path(paths).assign(**setting)] if block == 0 else []
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def group_by_setting(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return name of the setting, "45°, condition 100" -> its rows of the table, in ascending order."""
    return {
        f"{angle}°, condition {condition:g}": part for (condition, angle), part in table.groupby(["condition", "angle"])
    }


def measure_rmsprop(column: str, what: str, unit: str) -> Callable[[dict[str, pd.DataFrame]], Measured]:
    """Return (tables) -> Measured: a column of RMSProp over that of GD with the same start and noise.

    column: of the table `measured`; what: its name in words; unit: that of the number.
    """

    def measured_against_gd(tables: dict[str, pd.DataFrame]) -> Measured:
        """Measure the ratio to gradient descent by angle and condition number."""
        groups = group_by_setting(tables["measured"])
        cells = {name: block_ratio_interval(part, column, "rmsprop", "gd") for name, part in groups.items()}
        return Measured(
            cells=cells,
            effect=cells["0°, condition 100"],
            measure=f"{what}, as a multiple of GD's, at 0° and condition 100",
            answer=f"RMSProp has {estimate_text(cells['0°, condition 100'])} times GD's {unit} on an upright bowl.",
        )

    return measured_against_gd


def figure_rmsprop(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw paths of gradient descent and RMSProp through a bowl at three angles."""
    tuned = tables["tuned"]
    paths, rates = tables["paths"], tuned[tuned["block"] == 0].set_index(["angle", "condition", "optimizer"])["lr"]
    title = "GD and RMSProp at their best rates, the bowl (condition 100) turned"
    figure, grid = new_bowl_panels(2, len(ANGLES), title, sharex=True, sharey=True)
    paths = paths[paths["condition"] == STEEPNESS[0]]
    for row, name in zip(grid, NAMES, strict=True):
        for ax, angle in zip(row, ANGLES, strict=True):
            path = paths[(paths["angle"] == angle) & (paths["label"] == name)]
            words = f"{NAMES[name][0]}, turned {angle}°, rate {rates[angle, STEEPNESS[0], name]:.2g}"
            draw_bowl(ax, path, paths, STEEPNESS[0], NAMES[name][1], words)
    return figure


def figure_settings(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the length of the path and the steps to halve the distance, by angle and condition number."""
    measured = tables["measured"].replace({"label": {key: words for key, (words, _) in NAMES.items()}})
    measured = measured.sort_values(["condition", "angle"], kind="stable")
    measured["bowl"] = [f"{row.angle}°\n{row.condition:g}" for row in measured.itertuples()]
    texts = {"way": "distance traveled along the steep axis / start", "steps": "steps to halve the flat distance"}
    panels = {
        text: drawing.medians(block_medians(measured, ["bowl", "label"], column), ["bowl", "label"], column)
        for column, text in texts.items()
    }
    for table in panels.values():
        table[["median", "low", "high"]] = table[["median", "low", "high"]].clip(upper=2 * STEPS)
    title = "RMSProp and GD against the turn of the bowl (degrees) and its condition number"
    figure = drawing.interval_figure(panels, "bowl", "label", title)
    last = figure.axes[-1]
    places = [place for place in (1, 2, 5, 10, 20, 50, STEPS) if place >= last.get_ylim()[0]]
    last.set_yticks([*places, 2 * STEPS], [*map(str, places), "never"])  # within the steps of a run
    last.set_ylim(top=3 * STEPS)
    return figure


def _rmsprop_criterion(what: str) -> Below:
    """Return the criterion of a claim: the measure ``what`` of RMSProp, divided by that of GD, is below 1."""
    return Below(
        what=f"{what}, RMSProp's as a multiple of GD's, both at their best rates",
        each="bowls of condition 100 and 1000 whose steep axis is 0, 20 or 45 degrees off a coordinate axis",
        on="the bowl",
        limit=1.0,
    )


_TRAVELED = "distance traveled along the steep axis"

CLAIMS = (
    Claim(
        id="C1.1",
        sentence="Momentum smooths the steps: the path turns back along the steep axis less often.",
        formulas=("V = β_1 V + (1 - β_1) dW", "W = W - α V"),
        experiment=momentum_experiment,
        criterion=_momentum_criterion("the share of the steps that turn back along the steep axis"),
        measure=measure_momentum("reversals", "share of steps that turn back", "turns along the steep axis"),
        figure=figure_momentum,
        caption="Offsets from the minimum (star) along the flat axis (across) and the steep one (up): 100 steps of one "
        "seed, a dot each, the square the last.",
    ),
    Claim(
        id="C1.2",
        sentence="Momentum oscillates less: it travels a shorter distance along the steep axis.",
        formulas=("V = β_1 V + (1 - β_1) dW", "W = W - α V"),
        experiment=momentum_experiment,
        criterion=_momentum_criterion(f"the distance traveled along the steep axis in {STEPS} steps"),
        measure=measure_momentum("way", _TRAVELED, _TRAVELED),
        figure=figure_betas("way", "Distance traveled along the steep axis in 100 steps, as a multiple of GD's"),
        caption=_RATIOS,
    ),
    Claim(
        id="C1.3",
        sentence="Momentum gets ahead faster along the flat axis.",
        formulas=("V = β_1 V + (1 - β_1) dW", "W = W - α V"),
        experiment=momentum_experiment,
        criterion=_momentum_criterion(
            f"the steps that halve the distance along the flat axis (infinite if not within {STEPS})"
        ),
        measure=measure_momentum(
            "steps",
            "steps to halve the distance along the flat axis",
            "steps to halve the distance along the flat axis",
        ),
        figure=figure_betas("steps", "Steps to halve the distance along the flat axis, as a multiple of GD's"),
        caption=_RATIOS,
    ),
    Claim(
        id="C1.4",
        sentence="After about 10 steps the average has warmed up.",
        formulas=(r"\frac{V}{1 - β_1^t}",),
        experiment=warm_up_experiment,
        criterion=AtMost(
            what=f"the share that step {WARM} is shorter than the bias-corrected one, on a constant slope",
            each="every beta1 from 0.5 to 0.98",
            on="beta1",
            limit=SHORT_OF,
            percent=True,
        ),
        measure=measure_warm_up,
        figure=figure_warm_up,
        caption="Exactly 1 - beta1^t; the lines are walked. Dashed: the lecture's 10 steps, and nine tenths.",
    ),
    Claim(
        id="C1.5",
        sentence="Momentum does without bias correction.",
        formulas=(r"\frac{V}{1 - β_1^t}",),
        experiment=cost_experiment,
        criterion=Below(
            what="the final loss without the correction over that with it, each at its best rate",
            each="three beta1, after 10 and after 100 steps",
            on="beta1 and the steps",
            limit=COST,
        ),
        measure=measure_cost,
        figure=figure_cost,
        caption=f"{_CAPTION} Undecided settings would need far more seeds: both sides are tuned anew in each block, "
        "and the luck of tuning moves the ratio by more than the correction does. Three times as many blocks left four "
        "of the six settings open.",
    ),
    Claim(
        id="C2.1",
        sentence="RMSProp divides large derivatives by a large number and small ones by a small number.",
        formulas=("S = β_2 S + (1 - β_2) dW^2", r"W = W - α \frac{dW}{\sqrt{S + ε}}"),
        experiment=rates_experiment,
        criterion=Within(
            what="the exponent p of (ratio of the effective rates of the two coordinates) ~ (ratio of their "
            "gradients)^p across condition numbers from 3 to 1000 (GD has 0)",
            least=-1.2,
            most=-0.8,
        ),
        measure=measure_rates,
        figure=figure_rates,
        caption="Each dot is a run of 15 steps: root mean square gradients and mean effective rates, coordinate 1 over "
        "2.",
    ),
    Claim(
        id="C2.2",
        sentence="RMSProp damps the oscillation along the steep axis.",
        formulas=("S = β_2 S + (1 - β_2) dW^2", r"W = W - α \frac{dW}{\sqrt{S + ε}}"),
        experiment=rotated_experiment,
        criterion=_rmsprop_criterion(f"the distance traveled along the steep axis in {STEPS} steps"),
        measure=measure_rmsprop("way", _TRAVELED, _TRAVELED),
        figure=figure_rmsprop,
        caption="Offsets from the minimum (star) along the bowl's own axes: 100 steps of one seed, a dot each, the "
        "square the last. Nine blocks leave bowls undecided, as the rates that are tuned differ from block to block; "
        "27 of them (--seeds 27) take three times as long and narrow the intervals.",
    ),
    Claim(
        id="C2.3",
        sentence="RMSProp speeds up along the flat axis.",
        formulas=("S = β_2 S + (1 - β_2) dW^2", r"W = W - α \frac{dW}{\sqrt{S + ε}}"),
        experiment=rotated_experiment,
        criterion=_rmsprop_criterion(
            f"the steps that halve the distance along the flat axis (infinite if not within {STEPS})"
        ),
        measure=measure_rmsprop("steps", "steps to halve the flat distance", "steps to halve the flat distance"),
        figure=figure_settings,
        caption=f"{_CAPTION} Not halved in 100 steps is infinite in the verdict, and 200 in the picture.",
    ),
)
