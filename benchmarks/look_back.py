"""How the effect of a first TypeA campaign depends on the look-back, and a placebo that shows why.

    python -m benchmarks.look_back [HOME]

For each length: propensity AUC, share in overlap and overlap-weighted effect on spend by wave; and the same
estimator with spend *before* the look-back as its outcome, which no campaign can have touched.
"""

from __future__ import annotations

import sys

import pandas as pd

from dunnhumby_pipeline.causal.average_effects import average_effects
from dunnhumby_pipeline.causal.cohort import Cohort, build_cohort, covariate_columns
from dunnhumby_pipeline.causal.design_matrix import fit_design_matrix
from dunnhumby_pipeline.causal.nuisance import cross_fit
from dunnhumby_pipeline.causal.overlap import overlap_diagnostics, propensity_table
from dunnhumby_pipeline.causal.waves import studied
from dunnhumby_pipeline.engine import duck
from dunnhumby_pipeline.features.purchases import purchases
from dunnhumby_pipeline.features.windows import observed_days
from dunnhumby_pipeline.orchestration.resources import Study
from dunnhumby_pipeline.settings import Home, Settings, load_settings

LENGTHS = (38, 91, 182)
SHORTEST_PLACEBO = 30


def main(home: Home) -> None:
    settings = load_settings(home)
    study = Study(settings, home)
    tables = study.journey_tables()
    first_day, _ = observed_days(tables["transactions"], settings.engine)
    for length in LENGTHS:
        trial = settings.trial.model_copy(update={"look_back_days": length})
        cohort = build_cohort(tables, "TypeA", trial, settings.engine)
        print(f"\nlook-back of {length} days")
        print(effects(cohort.trials, settings).to_string(index=False))
        before = spend_before(cohort, first_day, study)
        if len(before):
            print(f"placebo: spend in up to 89 days before that look-back, from day {first_day}")
            print(effects(before, settings).to_string(index=False))


def spend_before(cohort: Cohort, first_day: int, study: Study) -> pd.DataFrame:
    """The trials with the spend of the up to 89 days before the look-back as their outcome."""
    waves = studied(cohort.waves)
    waves = waves.assign(placebo_start=(waves["lookback_start"] - 89).clip(lower=first_day))
    waves = waves.loc[waves["lookback_start"] - waves["placebo_start"] >= SHORTEST_PLACEBO]
    windows = pd.DataFrame(
        {"window": waves["campaign"], "first_day": waves["placebo_start"], "index_day": waves["lookback_start"]}
    ).astype({"window": "int64", "first_day": "int32", "index_day": "int32"})
    tables = {"transactions": study.table("transactions"), "windows": windows}
    spent = duck.run(purchases(), tables, study.settings.engine).rename(columns={"window": "campaign"})
    trials = cohort.trials.loc[cohort.trials["campaign"].isin(waves["campaign"])]
    trials = trials.drop(columns="purchase_amount").merge(
        spent[["household_key", "campaign", "purchase_amount"]], on=["household_key", "campaign"], how="left"
    )
    return trials.fillna({"purchase_amount": 0.0})


def effects(trials: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Overlap and overlap-weighted effect on `purchase_amount` by wave."""
    design = fit_design_matrix(trials, covariate_columns("TypeA"))
    x = design.apply(trials)
    nuisances = cross_fit(trials, x, settings.nuisance, settings.seed_for("nuisances")).nuisances
    propensity = propensity_table(nuisances, x, settings.overlap)
    diagnostics = overlap_diagnostics(propensity, trials["index_day"])
    found = average_effects(
        trials, x, nuisances, propensity, settings.effects, settings.confidence, "purchase_amount"
    ).effects
    estimated = found.query("primary and estimator == 'overlap_weighted'")
    columns = ["wave", "index_day", "n_trials", "n_treated", "auc", "share_in_overlap", "estimate", "se"]
    return diagnostics.merge(estimated[["wave", "estimate", "se"]], on="wave")[columns].round(3)


if __name__ == "__main__":
    main(Home.resolve(sys.argv[1] if len(sys.argv) > 1 else None))
