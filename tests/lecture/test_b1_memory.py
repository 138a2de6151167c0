"""B1: the verdict turns with the state's size, the saving and the bits."""

import numpy as np
from lecture_claims import bend, tables, verdict


def test_b1_turns():
    assert verdict("B1", tables("B1")) == "holds"
    assert verdict("B1", bend("B1", "memory", differ=1)) == "does not hold"
    grown = bend("B1", "memory", ewa_bytes=lambda rows: rows["ewa_bytes"] * np.log(rows["window"] + 1))
    assert verdict("B1", grown) == "does not hold"
    later = bend(
        "B1", "memory", ewa_bytes=lambda rows: rows["ewa_bytes"] * (1 + 100 * (rows["step"] == rows["step"].min()))
    )
    assert verdict("B1", later) == "does not hold"
    assert verdict("B1", bend("B1", "memory", ewa_bytes=300.0)) == "depends"
    assert verdict("B1", bend("B1", "memory", ewa_bytes=3000.0)) == "does not hold"
