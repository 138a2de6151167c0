"""The fixed words of the contracts, as types: what a checker can hold wherever one of them is passed on."""

from typing import Literal

Form = Literal["single", "lanes"]
"""How a problem's function sees its runs: one of shape (dim,), or all of them as (dim, runs)."""
Order = Literal["rows", "lanes", "thread"]
"""How an update kernel walks through w: (runs, dim), (dim, runs), or the one lane of a GPU's thread."""
DtypeName = Literal["float32", "float64"]
"""In what a run is computed."""
Device = Literal["cpu", "cuda"]
"""Where a cohort has run."""
DeviceChoice = Literal["auto", "cpu", "cuda"]
"""Where the user wants it to run; "auto" takes a GPU where one can be used."""
Stage = Literal["grid", "screen", "race", "holdout"]
"""What a run of a sweep is for: one of a full grid, or a stage of a sweep whose seeds stand in blocks."""
Status = Literal["ok", "diverged", "deadline", "failed"]
"""How a run ended."""
