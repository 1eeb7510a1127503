"""Support that is lacking, and support that only looks so: planted overlap through nuisances, effects and verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.effects.average import AverageEffects, average_effects
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit
from dunnhumby_pipeline.causal.overlap.overlap import overlap_diagnostics, propensity_table
from dunnhumby_pipeline.causal.overlap.positivity import (
    Region,
    certain_shares,
    not_identified,
    overlap_region,
    overlap_sizes,
)
from dunnhumby_pipeline.contracts.names import SPEND
from dunnhumby_pipeline.orchestration.checks import causal
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.report.answer import main_effects, plain_answer
from dunnhumby_pipeline.settings import CheckSettings, EffectSettings, NuisanceSettings, OverlapSettings
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.known_truth import Known, planted_overlap
from dunnhumby_pipeline_tests.fakes.results import study

CHECKS, OVERLAP = CheckSettings(), OverlapSettings()


@dataclass(frozen=True)
class Studied:
    known: Known
    nuisances: pd.DataFrame
    propensity: pd.DataFrame
    effects: AverageEffects
    verdicts: dict[str, Verdict]


def studied(known: Known) -> Studied:
    settings = NuisanceSettings(n_folds=5, n_repeats=1, n_jobs=1)
    nuisances = cross_fit(known.trials, known.x, settings, 1, (SPEND,)).nuisances
    propensity = propensity_table(nuisances, known.x, OVERLAP)
    effects = average_effects(known.trials, known.x, nuisances, propensity, EffectSettings(), 0.95, SPEND)
    diagnostics = overlap_diagnostics(propensity, known.trials["index_day"])
    verdicts = {
        "positivity": causal.positivity(nuisances, CHECKS),
        "bounded": causal.propensities_bounded(nuisances, CHECKS),
        "arms": causal.arms_in_overlap(propensity, CHECKS),
        "sizes": causal.effective_arms(diagnostics, CHECKS),
        "share": causal.overlap_share(diagnostics, CHECKS),
        "agree": causal.estimators_agree(effects.differences, CHECKS),
    }
    return Studied(known, nuisances, propensity, effects, verdicts)


@pytest.fixture(scope="module")
def apart() -> Studied:
    return studied(planted_overlap(2000, seed=1))


@pytest.fixture(scope="module")
def rare() -> Studied:
    return studied(planted_overlap(3000, seed=1, prevalence=0.05, strength=1.0, bend=0.0))


def identified(found: Studied) -> dict[str, bool]:
    return {name: bool(row["identified"]) for name, row in main_effects(found.effects.effects).items()}


def test_where_hardly_anything_overlaps_the_check_blocks_and_the_ato_alone_is_told(apart: Studied) -> None:
    assert apart.verdicts["positivity"].metrics["share_without_support"] > 0.3
    assert apart.propensity["in_overlap"].mean() < 0.35
    passed = {name: verdict.passed for name, verdict in apart.verdicts.items()}
    assert not any(passed[name] for name in ("positivity", "bounded", "share", "agree"))
    assert identified(apart) == {"ATO": True, "ATE": False, "ATT": False}
    ato = main_effects(apart.effects.effects)["ATO"]
    assert ato["ci_lower"] < apart.known.ato < ato["ci_upper"]


def test_estimates_of_one_sign_that_lie_apart_do_not_agree(apart: Studied) -> None:
    message = apart.verdicts["agree"].message
    effects = apart.effects.effects
    ate = effects[(effects["campaign"] == "all") & (effects["estimand"] == "ATE") & (effects["population"] == "all")]
    assert (ate["estimate"] > 0).all()
    assert ate["ci_upper"].min() < ate["ci_lower"].max()
    assert "beyond noise: ATE: AIPW less Inverse propensity weighted" in message


def test_what_is_not_identified_is_struck_and_never_said_to_be_proven(apart: Studied) -> None:
    tables = study.tables_of(average_effects=apart.effects.effects)
    works = dict(plain_answer(tables).points)["Does the campaign work?"]
    assert "ATE" not in works and "ATT" not in works
    alt = pages.alt("effects", tables)
    assert "ATE not identified here; ATT not identified here" in alt
    rows = pages.grid("every_estimate", tables).rows
    struck = {row[2].text for row in rows if row[3].struck}
    assert {"AIPW (ATE)", "AIPW of the treated (ATT)", "TMLE (ATE)"} <= struck
    assert not any("Overlap weighted" in name for name in struck)
    assert all(row[5].text.startswith("not identified here") for row in rows if row[3].struck)


def test_a_rare_campaign_with_good_controls_is_a_study_like_any_other(rare: Studied) -> None:
    assert rare.known.trials["treated"].mean() == pytest.approx(0.05, abs=0.01)
    assert rare.propensity["propensity"].between(0.1, 0.9).mean() < 0.2
    assert {name for name, verdict in rare.verdicts.items() if not verdict.passed} == set()
    assert rare.propensity["in_overlap"].mean() > 0.9
    assert identified(rare) == {"ATO": True, "ATE": True, "ATT": True}


def test_the_region_is_that_of_a_campaign_that_treats_one_in_two() -> None:
    treated = np.repeat([1.0, 0.0], [5, 95])
    region = overlap_region(treated, np.full(100, 0.05), np.zeros(100, dtype=bool), OVERLAP)
    # Odds of 1 to 9 and 9 to 1, times 1 to 19.
    assert (region.lowest, region.highest) == pytest.approx((1 / 172, 9 / 28))
    half = overlap_region(np.repeat([1.0, 0.0], 50), np.full(100, 0.5), np.zeros(100, dtype=bool), OVERLAP)
    assert (half.lowest, half.highest) == pytest.approx((0.1, 0.9))
    for arm in (0.0, 1.0):
        nobody = overlap_region(np.full(9, arm), np.full(9, 0.5), np.zeros(9, dtype=bool), OVERLAP)
        assert not nobody.holds(np.linspace(0.01, 0.99, 99)).any()


@pytest.mark.parametrize(("n_treated", "inside"), [(8, True), (1, False)])
def test_trials_at_a_bound_within_the_region_count_by_how_many_were_treated(n_treated: int, inside: bool) -> None:
    # 5 % treated; of 2,000 trials at .01 the region's edge of 1 in 172 expects 11.6.
    treated = np.concatenate([np.repeat([1.0, 0.0], [n_treated, 2000 - n_treated]), np.repeat([1.0, 0.0], [192, 1800])])
    propensity = np.repeat([0.01, 0.09], [2000, 1992])
    bounded = propensity == 0.01
    region = overlap_region(treated, propensity, bounded, OVERLAP)
    assert bool(region.holds(propensity)[0]) is inside
    assert region.holds(propensity)[-1]
    # So for the controls of a campaign that leaves out few.
    flipped = overlap_region(1 - treated, 1 - propensity, bounded, OVERLAP)
    assert (flipped.lowest, flipped.highest) == pytest.approx((1 - region.highest, 1 - region.lowest))
    why = not_identified("ATE", treated, propensity, bounded, region.holds(propensity))
    assert (why is None) is inside


def test_tails_of_one_arm_are_seen_though_no_propensity_reaches_its_bound() -> None:
    rng = np.random.default_rng(3)
    cause = np.sort(rng.normal(size=2000))
    treated = (rng.random(2000) < 1 / (1 + np.exp(-8 * cause))).astype(float)
    timid = 1 / (1 + np.exp(-cause))
    assert sum(certain_shares(treated, timid, OVERLAP)) > 0.4
    table = pd.DataFrame({"treated": treated, "propensity": timid, "propensity_bounded": False})
    assert not causal.positivity(table, CHECKS).passed
    chance = (rng.random(2000) < timid).astype(float)
    assert sum(certain_shares(chance, timid, OVERLAP)) < 0.1
    assert causal.positivity(table.assign(treated=chance), CHECKS).passed


def test_too_few_effective_trials_identify_nothing_and_block() -> None:
    treated = np.repeat([1.0, 0.0], [40, 400])
    propensity, no = np.full(440, 1 / 11), np.zeros(440, dtype=bool)
    assert overlap_sizes(treated, propensity) == pytest.approx((40, 400))
    for estimand in ("ATO", "ATE", "ATT"):
        why = not_identified(estimand, treated, propensity, no, ~no)
        assert why == "where both arms occur, the trials are worth 40 treated and 400 control ones"
    assert not_identified("association", treated, propensity, no, ~no) is None
    assert not_identified("ATO", treated, propensity, no, ~no, least=20) is None
    table = pd.DataFrame({"treated": treated, "propensity": propensity, "propensity_bounded": no})
    found = causal.positivity(table, CHECKS)
    assert not found.passed
    assert "at least 50 of each are needed" in found.message
    assert Region(0.1, 0.2).holds(np.array([0.1, 0.15, 0.3])).tolist() == [True, True, False]
