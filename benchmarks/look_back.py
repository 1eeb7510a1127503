"""How the effect of a first TypeA campaign depends on the look-back, and the placebo that shows why.

    python -m benchmarks.look_back [HOME]

For each length: propensity AUC, share in overlap and overlap-weighted effect on spend by campaign; and the negative
controls, of which the placebo outcome is spend *before* the look-back, which no campaign can have touched.
"""

from __future__ import annotations

import sys

import pandas as pd

from dunnhumby_pipeline.causal.design.cohort import build_cohort, covariate_columns
from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix
from dunnhumby_pipeline.causal.doubts.negative_controls import negative_controls
from dunnhumby_pipeline.causal.effects.average import average_effects
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
from dunnhumby_pipeline.causal.overlap.overlap import overlap_diagnostics, propensity_table
from dunnhumby_pipeline.contracts.names import PRIMARY_ESTIMATOR, SPEND
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import Home, Settings, load_settings

LENGTHS = (38, 91, 182)
TYPE = "TypeA"


def main(home: Home) -> None:
    settings = load_settings(home)
    tables = Study(settings, home).journey_tables()
    for length in LENGTHS:
        trial = settings.trial.model_copy(update={"look_back_days": length})
        found, controls = study(tables, settings.model_copy(update={"trial": trial}))
        print(f"\nlook-back of {length} days")
        print(found.round(3).to_string(index=False))
        print(controls.round(1).to_string(index=False))


def study(tables: dict[str, TablePath], settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Overlap and overlap-weighted effect on spend by campaign; negative controls. Without look-back segments."""
    trials = build_cohort(tables, TYPE, settings.trial, settings.engine).trials
    x = fit_design_matrix(trials, covariate_columns(TYPE)).apply(trials)
    nuisances = cross_fit(trials, x, settings.nuisance, settings.seed_for("nuisances")).nuisances
    propensity = propensity_table(nuisances, x, settings.overlap)
    diagnostics = overlap_diagnostics(propensity, trials["index_day"])
    effects = average_effects(trials, x, nuisances, propensity, settings.effects, settings.confidence, SPEND).effects
    estimated = effects[effects["primary"] & (effects["estimator"] == PRIMARY_ESTIMATOR)]
    columns = ["campaign", "index_day", "n_trials", "n_treated", "auc", "share_in_overlap", "estimate", "se"]
    data = residuals(trials, nuisances, SPEND)
    controls = negative_controls(tables, trials, x, data, TYPE, settings, settings.seed_for("negative_controls"))
    return diagnostics.merge(estimated[["campaign", "estimate", "se"]], on="campaign")[columns], controls.frame


if __name__ == "__main__":
    main(Home.resolve(sys.argv[1] if len(sys.argv) > 1 else None))
