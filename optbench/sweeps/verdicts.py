"""The methods of `optbench.Results` that compare: verdicts, ranking, costs and winners."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from optbench import analysis
from optbench.analysis.measures import LOG_TAIL
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, shown
from optbench.wording.notebook import notebook_html
from optbench.wording.winners import winners


class Verdicts:
    """The methods of `optbench.Results` that compare optimizers; `Results` itself holds the tables."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    timings: pd.DataFrame
    problems: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def tuning_seeds(self) -> list[int]:
        """The seeds on which settings are chosen; reported values come from the other seeds."""
        return [int(seed) for seed in self.provenance.get("tuning_seeds", [])]

    @property
    def choose_by(self) -> str:
        """The measure that settings were chosen by."""
        return str(self.provenance.get("choose_by", LOG_TAIL))

    @property
    def searched(self) -> dict[str, dict[str, str]]:
        """The search ranges by optimizer and parameter, from which a sweep with trials drew them; empty without."""
        return dict(self.provenance.get("searched") or {})

    def verdicts(self, choose_by: str | None = None, of: str = "optimizer") -> pd.DataFrame:
        """Compare each pair of optimizers on each problem: the better one, by how much, and how certain that is.

        Args:
            choose_by: the measure: "log_tail", "test_loss" or a metric such as "test_accuracy"; by default the one that
                the sweep chose by.
            of: what is compared: "optimizer", "batch_size" or "schedule"; all else is tuned.

        Returns:
            A row for each problem and pair, and rows "all" over the problems: verdict on ``a`` (better, worse,
            equivalent or undecided), ratio with its interval, adjusted p, detectable ratio, blocks that would decide.

        Raises:
            OptbenchError: the measure or the column does not exist.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).verdicts()[["a", "b", "verdict"]].values.tolist()
            [['gd', 'adam', 'better']]
        """
        return analysis.verdicts(self.runs, self._measure(choose_by), of)

    def ranking(self, choose_by: str | None = None, of: str = "optimizer") -> pd.DataFrame:
        """Rank the optimizers on each problem and over all problems; several may share a place.

        Args:
            choose_by: as in ``verdicts``.
            of: as in ``verdicts``.

        Returns:
            A row a problem and optimizer, and rows "all": place, first (nobody beats it), value with its interval,
            mean rank, the probability of being better than a rival.

        Raises:
            OptbenchError: the measure or the column does not exist.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).ranking()[["optimizer", "place"]].values.tolist()
            [['gd', 1], ['adam', 2]]
        """
        return analysis.ranking(self.runs, self._measure(choose_by), of)

    def costs(
        self,
        choose_by: str | None = None,
        of: str = "optimizer",
        losses: float | Mapping[str, float] | None = None,
    ) -> pd.DataFrame:
        """Return the cost for each tuned optimizer to get near the minimum and stay there, and its final values.

        These are the runs that ``verdicts`` compares: of every block the setting it has chosen, on its fresh seeds.

        Args:
            choose_by: as in ``verdicts``.
            of: as in ``verdicts``.
            losses: a training loss to be reached, or one for each problem by name; by default a tenth, a hundredth, a
                thousandth and 1e-5 of the first suboptimality.

        Returns:
            A row a problem and optimizer: runs, seeds, failures and unfinished (shares), the medians of log_tail,
            log_area, test_loss and metrics; and for each target, named by its share or loss, reached_0.1 (share),
            samples_to_0.1 and seconds_to_0.1 (spent by all runs, over the number that reached it; inf for none).

        Raises:
            OptbenchError: the measure or the column does not exist.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).costs(losses=5)[["optimizer", "runs", "reached_5"]].values.tolist()
            [['gd', 8, 1.0], ['adam', 8, 0.0]]

        Source:
            Hansen et al. 2021, Optimization Methods and Software 36(1), section 4: expected running times to targets.
        """
        chosen = analysis.chosen_runs(self.runs, self._measure(choose_by), of)
        targets = None if losses is None else analysis.fixed_targets(self.runs, losses, self.problems)
        return analysis.costs(self, ["problem", of], chosen, targets)

    def best_of_n(
        self,
        choose_by: str | None = None,
        of: str = "optimizer",
        counts: Sequence[int] = (1, 3, 5, 10, 20, 50),
        defaults: pd.DataFrame | Sequence[Mapping[str, Any]] | None = None,
    ) -> pd.DataFrame:
        """Return the gain from tuning: the expected value, on fresh seeds, of the best of n trials.

        Args:
            choose_by: as in ``verdicts``.
            of: as in ``verdicts``.
            counts: the numbers n of trials; all the trials that were made come last.
            defaults: a row or a mapping for each optimizer, which names the setting to show beside them: the column
                ``optimizer`` and whatever else tells its runs from others, such as ``lr``.

        Returns:
            A row a problem, optimizer and n: kind ("trials" or "defaults"), trials (how many there are), value with its
            interval, blocks, failures (the expected share).

        Raises:
            OptbenchError: the measure, a column or an optimizer does not exist, a number is below 1, or the default of
                an optimizer is several settings.

        Example:
            >>> three = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": "1e-5:1e-3:3", "steps": 50}
            >>> table = sweep(three, seeds=8).best_of_n(defaults=[{"optimizer": "gd", "lr": 1e-5}])
            >>> table[["kind", "n", "value"]].round(1).values.tolist()
            [['defaults', 0, 9.5], ['trials', 1, 5.3], ['trials', 3, 4.0]]
        """
        settings = None if defaults is None else _settings(defaults)
        return analysis.best_of_n(self.runs, counts, self._measure(choose_by), of, defaults=settings)

    def winners(self, choose_by: str | None = None) -> pd.DataFrame:
        """Return the optimizers in first place, on each problem and over all: setting, lead, certainty and costs.

        Args:
            choose_by: as in ``verdicts``.

        Returns:
            A row a problem and optimizer in first place, and rows "all" if there are several problems: its setting;
            value with its interval; verdict of first place (better, equivalent, undecided, alone or failed); the
            nearest rival, with its ratio over this one, the interval, adjusted p and the blocks that would decide;
            and the costs of the targets, as ``costs`` names them.

        Raises:
            OptbenchError: the measure does not exist.

        Example:
            >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
            >>> sweep(two, seeds=8).winners()[["optimizer", "lr", "verdict", "rival"]].values.tolist()
            [['gd', 0.001, 'better', 'adam']]
        """
        return winners(self, self.tuning_seeds, self._measure(choose_by), self.searched)

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows: the sentences of the answer, and the table of the winners."""
        return notebook_html(self, self.tuning_seeds, self.choose_by, self.searched)

    def _measure(self, choose_by: str | None) -> str:
        """Return the measure that is given, or the one that the sweep chose by."""
        return self.choose_by if choose_by is None else choose_by


def _settings(defaults: Any) -> pd.DataFrame:
    """Return a table or a list of mappings as a table with a row for each setting; raise OptbenchError for others."""
    if isinstance(defaults, pd.DataFrame):
        return defaults
    rows = arguments.items("defaults", defaults)
    if strange := [row for row in rows if not isinstance(row, Mapping)]:
        example = {"optimizer": "gd", "lr": 0.1}
        raise OptbenchError(f"defaults: {shown(strange[0])} must be a mapping, such as {example}")
    return pd.DataFrame(rows)
