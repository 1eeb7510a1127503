"""Needs as a label of trials: where none can be told, trials are studied without."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dunnhumby_pipeline.orchestration.assets.trials import needs_of
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.segmentation.needs.evidence import need_evidence
from dunnhumby_pipeline.segmentation.needs.names import load_need_names
from dunnhumby_pipeline.segmentation.needs.store import save_need_model
from dunnhumby_pipeline.segmentation.needs.tables import find_needs
from dunnhumby_pipeline.settings import Home, NeedSettings, load_settings
from dunnhumby_pipeline_tests.fakes.planted_needs import KINDS, PRODUCTS, lines_of, products_of, stored


def test_without_needs_trials_have_none_and_the_reason_is_told(tmp_path: Path) -> None:
    study = Study(home=Home(tmp_path), settings=load_settings())
    kinds = [kind for kind in KINDS for _ in range(20)]
    settings = NeedSettings(n_refits=2, n_needs=4, n_tags=4)
    look_backs = pd.DataFrame({"household_key": range(1, len(kinds) + 1), "campaign": 8})
    campaigns = pd.DataFrame({"campaign": [8, 9], "lookback_start": [1, 5], "index_day": [401, 300]})
    for products, known in ((PRODUCTS, True), (products_of((None,) * len(PRODUCTS)), False)):
        paths = stored(tmp_path / "warehouse", lines_of(kinds), products)
        model = find_needs(
            need_evidence(paths, settings, study.settings.engine, 1), load_need_names(), settings, 1
        ).model
        save_need_model(model, tmp_path / "warehouse" / "need_model.npz")
        needs, reason = needs_of(look_backs, campaigns, study)
        assert needs.index.equals(look_backs.index)
        if known:
            assert reason == "" and (needs != "none").all() and needs.nunique() == 4
        else:
            assert (needs == "none").all() and "commodities with" in reason
