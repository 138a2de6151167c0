"""The fixed words of the contracts, as types."""

from typing import Literal

Form = Literal["single", "lanes"]
"""The arrays of a problem's function: one run of shape (dim,), or all runs as (dim, runs)."""
Order = Literal["rows", "lanes", "thread"]
"""The layout of w in an update kernel: (runs, dim), (dim, runs), or the one lane of a GPU's thread."""
DtypeName = Literal["float32", "float64"]
"""The precision of a run."""
Device = Literal["cpu", "cuda"]
"""The device that a cohort has run on."""
DeviceChoice = Literal["auto", "cpu", "cuda"]
"""The device that the user asks for; "auto" takes a GPU if one can be used."""
Stage = Literal["grid", "screen", "widen", "race", "holdout", "final", "report"]
"""The stage of a run: of a full grid; or of a sweep with blocks of seeds, the last two on seeds that blocks share."""
