"""B5: the bias exactly, and verdicts that turn with their tables."""

import numpy as np
from lecture_claims import bend, tables, verdict


def test_b5_the_bias_is_beta_to_the_t():
    bias = tables("B5.1")["bias"]
    np.testing.assert_allclose(bias["plain"], 1 - bias["beta"] ** bias["t"], rtol=1e-12)
    np.testing.assert_allclose(bias["corrected"], 1.0, rtol=1e-12)
    assert sorted(bias["t"].unique()) == list(range(1, 51))


def test_b5_start_turns():
    plain = {"corrected": lambda rows: rows["plain"]}
    assert verdict("B5.1", tables("B5.1")) == "holds"
    unmended, wrong = bend("B5.1", "starts", **plain), bend("B5.1", "bias", **plain)
    assert verdict("B5.1", unmended) == "depends"
    assert verdict("B5.1", wrong) == "depends"
    assert verdict("B5.1", wrong | {"starts": unmended["starts"]}) == "depends"
    off = bend("B5.1", "bias", plain=0.5, corrected=0.5)
    assert verdict("B5.1", off | {"starts": unmended["starts"]}) == "does not hold"
    half = bend("B5.1", "starts", corrected=lambda rows: 1 + (rows["plain"] - 1) * (0.4 + 0.2 * (rows["seed"] % 2)))
    assert verdict("B5.1", half) == "undecided"


def test_b5_mended_is_how_far_single_series_are_off():
    """Averages over series hide what each is off by: half of them too high and half too low is not mended."""
    either = bend("B5.1", "starts", corrected=lambda rows: 1 + 0.9 * (-1.0) ** rows["seed"])
    assert verdict("B5.1", either) == "depends"


def test_b5_fading_turns():
    assert verdict("B5.2", tables("B5.2")) == "depends"
    assert verdict("B5.2", bend("B5.2", "bias", plain=1.0)) == "holds"
    assert verdict("B5.2", bend("B5.2", "bias", plain=0.9)) == "does not hold"
