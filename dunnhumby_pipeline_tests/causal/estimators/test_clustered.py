"""Numbers of households."""

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.estimators.clustered import first_seen


@pytest.mark.parametrize("lowest, highest", [(0, 40), (5, 90), (0, 10**9), (-50, 50), (3, 4)])
def test_households_are_numbered_in_the_order_in_which_they_come(lowest: int, highest: int) -> None:
    for n in (1, 2, 100):
        households = np.random.default_rng(n).integers(lowest, highest, n)
        assert first_seen(households).tolist() == pd.factorize(households)[0].tolist()
    assert len(first_seen(np.array([], dtype=np.int64))) == 0
