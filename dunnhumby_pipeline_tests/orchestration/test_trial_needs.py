"""Needs as a label of trials: where none can be told, trials are studied without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dunnhumby_pipeline.orchestration.assets.trials import needs_of
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.segmentation.needs.needs import BASKET_MIX
from dunnhumby_pipeline.settings import Home, load_settings


def test_without_needs_trials_have_none_and_the_reason_is_told(tmp_path: Path) -> None:
    study = Study(home=Home(tmp_path), settings=load_settings())
    rng = np.random.default_rng(1)
    features = pd.DataFrame(rng.random((60, len(BASKET_MIX))), columns=list(BASKET_MIX))
    features.insert(0, "household_key", range(60))
    scores = features[["household_key"]].assign(factor_1=0.5)
    loadings = pd.DataFrame({"factor": ["factor_1"], "feature": ["frequency"], "loading": [1.0]})
    look_backs = features.assign(campaign=8)
    needs, reason = needs_of(look_backs, features, scores, loadings, study)
    assert reason == "" and (needs != "none").mean() > 0.9 and needs.index.equals(look_backs.index)
    alike = features.assign(**dict.fromkeys(BASKET_MIX, 0.2))
    needs, reason = needs_of(look_backs, alike, scores, loadings, study)
    assert (needs == "none").all() and needs.index.equals(look_backs.index)
    assert "households differ in 0 features" in reason
