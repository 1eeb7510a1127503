"""Scoring a new month: the stored model says what it said, fits nothing, and refuses what it was not fitted to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.cate import scoring
from dunnhumby_pipeline.causal.cate.model_store import EffectModel
from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix
from dunnhumby_pipeline.causal.design.stored_design import OtherFeaturesError, StoredDesign
from dunnhumby_pipeline.causal.nuisance.models import fit_propensity
from dunnhumby_pipeline.causal.nuisance.stored_propensity import StoredPropensity
from dunnhumby_pipeline.engine.arrays import ArraysFileError, read_arrays, write_arrays
from dunnhumby_pipeline.orchestration.other_types import others
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.scoring import stored_model
from dunnhumby_pipeline.settings import Home, TrialSettings
from dunnhumby_pipeline.simulate.plan import RetailerPlan
from dunnhumby_pipeline.simulate.simulate import simulate
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, as_variables, command, quick_settings


def covariates(rng: np.random.Generator, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "monetary_sales": rng.gamma(2, 50, n),
            "recency": rng.integers(0, 90, n),
            "basket_trend": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "purchase_interval_median": np.where(rng.random(n) < 0.3, np.nan, rng.gamma(2, 5, n)),
            "age_desc": rng.choice(["25-34", "35-44", "unknown"], n),
            "campaign": rng.choice([8, 13], n),
            "lookback_start": rng.choice([285, 322], n),
            "index_day": 504,
        }
    )


def test_a_stored_design_makes_the_columns_of_the_fitted_one() -> None:
    rng = np.random.default_rng(1)
    design = fit_design_matrix(covariates(rng, 300), ["monetary_sales", "recency", "basket_trend", "age_desc"])
    stored = StoredDesign.restored(StoredDesign.of(design).description)
    new = covariates(rng, 50)
    new.loc[3, "age_desc"] = "65+"
    new.loc[4, "campaign"] = 30
    new["basket_trend"] = new["basket_trend"].astype("Float64")
    np.testing.assert_array_equal(stored.apply(new), design.apply(new.astype({"basket_trend": float})))
    assert stored.names == design.names and "monetary_sales" in stored.per_day
    with pytest.raises(OtherFeaturesError, match="takes index_day, which"):
        stored.apply(new.drop(columns="index_day"))
    with pytest.raises(OtherFeaturesError, match="takes recency, which"):
        stored.apply(new.drop(columns="recency"))
    with pytest.raises(OtherFeaturesError, match="numbers of recency"):
        stored.apply(new.assign(recency="often"))


def test_a_stored_propensity_says_what_the_fitted_one_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(800, 4)) * (1, 50, 0.1, 1)
    treated = (rng.random(800) < 1 / (1 + np.exp(-x[:, 0] - np.abs(x[:, 3])))).astype(float)
    fitted = fit_propensity(x, treated, np.arange(800), seed=1)
    write_arrays(tmp_path / "propensity.npz", StoredPropensity.of(fitted).arrays(), {})
    stored = StoredPropensity.restored(read_arrays(tmp_path / "propensity.npz")[0])
    new = rng.normal(size=(100, 4)) * (1, 50, 0.1, 1)
    np.testing.assert_allclose(stored.probability(new), fitted.probability(new), rtol=1e-6)


@pytest.fixture(scope="module")
def finished(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return small.copy(tmp_path_factory.mktemp("scoring"))


@pytest.fixture(scope="module")
def set_as_studied() -> dict[str, str]:
    return as_variables(quick_settings())


def test_the_month_of_the_study_is_scored_as_the_study_scored_it(
    finished: Laboratory, tmp_path: Path, set_as_studied: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fits_nothing(*_: object, **__: object) -> None:
        raise AssertionError("scoring fitted a model")

    for place in ("dunnhumby_pipeline.causal.nuisance.models", "dunnhumby_pipeline.causal.cate.selection"):
        for name in ("fit_propensity", "fit_outcomes", "fit_cate"):
            monkeypatch.setattr(f"{place}.{name}", fits_nothing, raising=False)
    before = {file: file.stat().st_mtime_ns for file in finished.home.warehouse.rglob("*") if file.is_file()}
    out = tmp_path / "scores.parquet"
    result = command("score", "--home", finished.home.root, "--raw", str(finished.raw), "--out", out, **set_as_studied)
    assert result.exit_code == 0, result.output
    assert "fitted to TypeA" in result.output and str(out.name) in "".join(result.output.split())
    scores = pd.read_parquet(out).set_index("household_key")
    studied = pd.read_parquet(finished.table("household_effects")).set_index("household_key").sort_index()
    assert scores.index.tolist() == studied.index.tolist()
    for name in ("cate", "cate_lower", "cate_upper", "propensity"):
        np.testing.assert_allclose(scores[name].astype(float), studied[name].astype(float), rtol=1e-5)
    pd.testing.assert_series_equal(scores["lookback_segment"], studied["lookback_segment"])
    assert scores["received_before"].tolist() == studied["received_before"].tolist()
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_a_new_month_gets_scores_of_its_own_households(
    finished: Laboratory, tmp_path: Path, set_as_studied: dict[str, str]
) -> None:
    simulate(tmp_path / "raw", RetailerPlan(n_households=150, n_products=400, lines_per_basket=4, seed=5))
    place = {"--home": finished.home.root, "--raw": tmp_path / "raw"}
    result = command("score", *(part for pair in place.items() for part in pair), **set_as_studied)
    assert result.exit_code == 0, result.output
    scores = pd.read_csv(finished.home.root / "scores" / "TypeA.csv")
    assert 0 < len(scores) <= 150
    assert scores["cate"].notna().all() and scores["propensity"].between(0, 1).all()


def test_the_job_scores_the_raw_files_of_the_home(finished: Laboratory, tmp_path: Path) -> None:
    own = finished.copy(tmp_path)
    with own.history() as instance:
        job = own.defs().resolve_job_def("score_only")
        done = job.execute_in_process(instance=instance, partition_key="TypeA")
    assert done.success
    scores = pd.read_csv(own.home.root / "scores" / "TypeA.csv")
    assert scores["household_key"].is_unique and scores["cate"].notna().all()


def test_without_a_model_or_with_an_altered_one_nothing_is_scored(
    finished: Laboratory, tmp_path: Path, set_as_studied: dict[str, str]
) -> None:
    raw = finished.raw
    empty = command("score", "--home", tmp_path / "new", "--raw", str(raw), **set_as_studied)
    assert empty.exit_code == 2
    assert "there is no stored model of TypeA" in empty.output
    other = finished.copy(tmp_path)
    model = other.table("cate_model").with_suffix(".npz")
    arrays, described = read_arrays(model)
    write_arrays(model, {**arrays, "effect": np.array(99.0)}, described)
    altered = command("score", "--home", other.home.root, "--raw", str(raw), **set_as_studied)
    assert altered.exit_code == 2
    assert "altered" in altered.output and "Traceback" not in altered.output
    with pytest.raises(Exception, match="is not the file that the model was stored with"):
        stored_model(_study(other.home), "TypeA")
    assert command("score", "--home", other.home.root, "--out", tmp_path / "scores.txt").exit_code == 2


def _study(home: Home) -> Study:
    return Study(quick_settings(), home)


def test_other_features_or_columns_are_refused(finished: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, model = stored_model(_study(finished.home), "TypeA")
    scoring.require_as_fitted(recipe, model, {})
    fewer = EffectModel(model.learner, model.covariates[1:])
    with pytest.raises(OtherFeaturesError, match=model.covariates[0]):
        scoring.require_as_fitted(recipe, fewer, {})
    changed = dataclasses.replace(recipe, features={**recipe.features, "recency": "days since the last line, of old"})
    with pytest.raises(OtherFeaturesError, match="other features: recency is gone or computed otherwise"):
        scoring.require_as_fitted(changed, model, {})
    with pytest.raises(ArraysFileError, match="altered or replaced"):
        scoring.require_as_fitted(recipe, model, {"cate_model": finished.table("household_effects")})


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "recipe.npz", {"a": np.zeros(1)}, {"format_version": 0})
    with pytest.raises(ArraysFileError, match="no recipe of this release"):
        scoring.load_recipe(tmp_path / "recipe.npz")


def test_a_type_is_compared_with_those_that_lie_on_disk(finished: Laboratory) -> None:
    study = _study(finished.home)
    [of_a], told, missing = others(study, "TypeB")
    assert (of_a.campaign_type, len(of_a.trials)) == ("TypeA", len(of_a.nuisances))
    assert told is not None and told.empty
    assert set(missing) == {"TypeC"} and "dunnhumby run --campaign-type TypeC" in missing["TypeC"][1]
    longer = Study(study.settings.model_copy(update={"trial": TrialSettings(follow_up_days=10)}), finished.home)
    studies, _, missing = others(longer, "TypeB")
    assert studies == [] and "other data or settings" in missing["TypeA"][1]
