"""Scores of a new month with the stored model of the effect: nothing is fitted.

What the model needs beside itself lies in a recipe, written with it: how covariates become its columns, which
features by which formulas, the settings of look-backs, the propensity, and the digests of the files that belong to
it. What is not as the recipe has it is refused: a model answers for the features it was fitted to, and for no others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.cate.model_store import EffectModel
from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_SEGMENT, Tables, covariates_today
from dunnhumby_pipeline.causal.design.stored_design import OtherFeaturesError, StoredDesign
from dunnhumby_pipeline.causal.nuisance.recalibration import moved
from dunnhumby_pipeline.causal.nuisance.stored_propensity import StoredPropensity
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.engine.arrays import ArraysFileError, read_arrays, write_arrays
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.settings import EngineSettings, TrialSettings

FORMAT_VERSION = 1
COLUMNS = [
    "household_key",
    "cate",
    "cate_lower",
    "cate_upper",
    "interval_of",
    "propensity",
    "in_overlap",
    "received_before",
    LOOK_BACK_SEGMENT,
]


@dataclass(frozen=True)
class Fitted:
    """What a model was fitted to: campaign type, its latest campaign, the settings of its trials as JSON, the
    confidence of its intervals, the propensities between which trials are in overlap, the line that recalibrates
    propensities in the latest campaign, if any, a digest of the settings behind it, and the data in words."""

    campaign_type: str
    latest_campaign: int
    trial: dict[str, Any]
    confidence: float
    overlap: tuple[float, float]
    line: tuple[float, float] | None
    settings: str
    data: str


@dataclass(frozen=True)
class Recipe:
    """All that scoring needs beside the model. `features`: formula of every feature, `files`: digest of every file
    that the scores rest on, by name."""

    fitted: Fitted
    design: StoredDesign
    propensity: StoredPropensity
    features: dict[str, str]
    files: dict[str, str]


def file_digest(path: TablePath) -> str:
    """SHA-256 of a file's content. FileNotFoundError when there is none."""
    with path.open("rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def formulas(covariates: tuple[str, ...]) -> dict[str, str]:
    """The formula of each covariate that is a feature, as the catalogue has it."""
    known = {feature.name: feature.formula for feature in CATALOGUE}
    return {name: known[name] for name in covariates if name in known}


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Write `recipe` to `path` (.npz)."""
    described = {
        "format_version": FORMAT_VERSION,
        "fitted": vars(recipe.fitted),
        "design": recipe.design.description,
        "features": recipe.features,
        "files": recipe.files,
    }
    write_arrays(path, recipe.propensity.arrays(), described)


def load_recipe(path: TablePath) -> Recipe:
    """The recipe that `save_recipe` wrote.

    Raises FileNotFoundError without a file, and ArraysFileError when it holds no recipe of this release.
    """
    arrays, described = read_arrays(path)
    if described.get("format_version") != FORMAT_VERSION or "fitted" not in described:
        raise ArraysFileError(f"{path} holds no recipe of this release: fit the model of the effect again")
    held: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in described["fitted"].items()
    }
    fitted = Fitted(**held)
    design = StoredDesign.restored(described["design"])
    return Recipe(fitted, design, StoredPropensity.restored(arrays), described["features"], described["files"])


def require_as_fitted(recipe: Recipe, model: EffectModel, files: Mapping[str, TablePath]) -> None:
    """Raise ArraysFileError, naming the file, when one of `files` is not the one that the recipe was written with,
    and OtherFeaturesError when the model takes other columns, or a feature has another formula by now."""
    for name, path in files.items():
        if file_digest(path) != recipe.files.get(name):
            raise ArraysFileError(f"{path} is not the file that the model was stored with; it was altered or replaced")
    if model.covariates != recipe.design.names:
        other = sorted(set(model.covariates) ^ set(recipe.design.names))
        raise OtherFeaturesError(f"model and recipe differ in the columns {', '.join(other) or '(their order)'}")
    now = formulas(tuple(recipe.features))
    changed = [name for name, formula in recipe.features.items() if now.get(name) != formula]
    if changed:
        raise OtherFeaturesError(
            f"the model was fitted to other features: {', '.join(changed)} {'are' if len(changed) > 1 else 'is'} "
            "gone or computed otherwise now"
        )


def score_households(
    tables: Tables,
    recipe: Recipe,
    model: EffectModel,
    segments_of: Callable[[pd.DataFrame], pd.Series],
    engine: EngineSettings,
) -> pd.DataFrame:
    """Effect and propensity of every household that shopped in the look-back that ends with the data (`COLUMNS`;
    effects in $), by the stored model.

    `segments_of` gives the look-back segment of each row. Raises OtherFeaturesError when the data give other
    covariates than the model takes.
    """
    fitted = recipe.fitted
    latest = pd.DataFrame({"campaign": [fitted.latest_campaign], "index_day": [0]})
    today = covariates_today(tables, fitted.campaign_type, latest, TrialSettings(**fitted.trial), engine)
    today[LOOK_BACK_SEGMENT] = segments_of(today)
    x, learner = recipe.design.apply(today), model.learner
    propensity = moved(recipe.propensity.probability(x), fitted.line)
    ends = learner.interval(x, fitted.confidence)
    lower, upper = (np.full(len(x), np.nan), np.full(len(x), np.nan)) if ends is None else ends
    scored = today[["household_key", "received_before", LOOK_BACK_SEGMENT]].assign(
        cate=learner.predict(x),
        cate_lower=lower,
        cate_upper=upper,
        propensity=propensity,
        in_overlap=(propensity >= fitted.overlap[0]) & (propensity <= fitted.overlap[1]),
    )
    whose = pd.Series(learner.interval_of, index=scored.index, dtype="str").where(scored["cate_lower"].notna())
    return scored.assign(interval_of=whose)[COLUMNS].sort_values("household_key", ignore_index=True)
