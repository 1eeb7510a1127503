"""Scoring a new month with the stored model: raw files to scores, while the tables of the study stay as they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.fingerprints import fingerprint_once
from dunnhumby_pipeline.orchestration.platform.origin import Origin, raw_observations
from dunnhumby_pipeline.orchestration.platform.partitions import PARTITION, campaign_types
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import replacing
from dunnhumby_pipeline.orchestration.platform.versions import digest, effective

if TYPE_CHECKING:
    from dunnhumby_pipeline.causal.cate.model_store import EffectModel
    from dunnhumby_pipeline.causal.cate.scoring import Recipe
    from dunnhumby_pipeline.causal.design.matrix import DesignMatrix
    from dunnhumby_pipeline.causal.nuisance.stored_propensity import StoredPropensity

SCORE_JOB = "score_only"
# On a run that scores: which files, by which model.
SCORED = "dunnhumby/scored"
MODEL_FILES = ("cate_model", "scoring_recipe", "segment_model")
# What the model of the effect was fitted by.
_SETTINGS = ("seed", "confidence", "trial", "overlap", "cate")


class CannotScoreError(Exception):
    """The stored model cannot score these data. The message says why, in a line."""


def recipe_of(
    study: Study,
    campaign_type: str,
    trials: pd.DataFrame,
    nuisances: pd.DataFrame,
    design: "DesignMatrix",
    propensity: "StoredPropensity",
    files: Mapping[str, TablePath],
) -> "Recipe":
    """What scoring will need of the model that has just been fitted to `trials`; `files` are those it rests on."""
    from dunnhumby_pipeline.causal.cate.scoring import Fitted, Recipe, file_digest, formulas
    from dunnhumby_pipeline.causal.design.stored_design import StoredDesign
    from dunnhumby_pipeline.causal.nuisance.recalibration import line_of
    from dunnhumby_pipeline.causal.overlap.positivity import overlap_region

    settings, origin = study.settings, Origin.read(study.origin)
    latest = int(trials.loc[trials["index_day"].idxmax(), "campaign"])
    treated, propensities = nuisances["treated"].to_numpy(dtype=float), nuisances["propensity"].to_numpy(dtype=float)
    bounded = nuisances["propensity_bounded"].to_numpy(dtype=bool)
    region = overlap_region(treated, propensities, bounded, settings.overlap)
    last = nuisances.loc[nuisances["campaign"] == latest]
    fitted = Fitted(
        campaign_type=campaign_type,
        latest_campaign=latest,
        trial=settings.trial.model_dump(mode="json"),
        confidence=settings.confidence,
        overlap=(region.lowest, region.highest),
        line=line_of(
            last["propensity_as_fitted"].to_numpy(dtype=float),
            last["treated"].to_numpy(),
            settings.nuisance.recalibration_min_arm,
        ),
        settings=digest([repr(effective(settings, name)) for name in _SETTINGS]),
        data=origin.description if origin is not None else "tables of unknown origin",
    )
    stored = StoredDesign.of(design)
    digests = {name: file_digest(path) for name, path in files.items()}
    known = formulas((*stored.numeric, *stored.categorical))
    return Recipe(fitted, stored, propensity, known, digests)


def stored_model(study: Study, campaign_type: str) -> tuple["Recipe", "EffectModel"]:
    """The recipe and model of a campaign type, as they were stored together.

    Raises CannotScoreError when there is none, a file was altered, or the features are others by now.
    """
    from dunnhumby_pipeline.causal.cate.model_store import load_effect_model
    from dunnhumby_pipeline.causal.cate.scoring import load_recipe, require_as_fitted
    from dunnhumby_pipeline.causal.design.stored_design import OtherFeaturesError
    from dunnhumby_pipeline.engine.arrays import ArraysFileError

    paths = {name: study.table(name, None if name == "segment_model" else campaign_type) for name in MODEL_FILES}
    try:
        recipe = load_recipe(paths.pop("scoring_recipe"))
        model = load_effect_model(paths["cate_model"])
        require_as_fitted(recipe, model, paths)
    except FileNotFoundError as error:
        raise CannotScoreError(
            f"there is no stored model of {campaign_type} in {study.warehouse} ({Path(str(error.filename)).name} is "
            "missing); run `dunnhumby run` first"
        ) from error
    except (ArraysFileError, OtherFeaturesError) as error:
        raise CannotScoreError(f"{error}; `dunnhumby run` fits the model again") from error
    return recipe, model


def score_new_month(study: Study, campaign_type: str, target: Path) -> tuple[pd.DataFrame, str]:
    """Score the households of the study's raw files and write them to `target` (.csv or .parquet), whole or not at
    all; the scores, and the model in words.

    The raw files are read into a folder of their own: no table of the study changes. Raises CannotScoreError, before
    it reads them, when the stored model cannot be used, and JourneyError when they cannot.
    """
    from dunnhumby_pipeline.causal.cate.scoring import score_households
    from dunnhumby_pipeline.causal.design.stored_design import OtherFeaturesError
    from dunnhumby_pipeline.engine.duck import connect
    from dunnhumby_pipeline.engine.spreadsheet import write_csv
    from dunnhumby_pipeline.journey.cleaning import clean
    from dunnhumby_pipeline.segmentation.segments.look_back import window_segments
    from dunnhumby_pipeline.segmentation.segments.model_store import load_model

    settings = study.settings
    recipe, model = stored_model(study, campaign_type)
    segments = load_model(study.table("segment_model"))
    source = study.source()
    with study.staging() as staging:
        with connect(settings.engine) as connection:
            tables = clean(source, staging, connection, settings.journey).tables
        try:
            scores = score_households(
                tables, recipe, model, lambda rows: window_segments(rows, "campaign", segments), settings.engine
            )
        except OtherFeaturesError as error:
            raise CannotScoreError(str(error)) from error
    with replacing(target) as part:
        if target.suffix == ".parquet":
            scores.to_parquet(part, index=False)
        else:
            write_csv(scores, part)
    fitted = recipe.fitted
    words = (
        f"{model.learner.name}, {len(model.covariates)} covariates, fitted to {campaign_type} in {fitted.data} "
        f"(settings {fitted.settings}, model {recipe.files['cate_model'][:16]})"
    )
    return scores, words


def default_target(study: Study, campaign_type: str) -> Path:
    """Where scores go when no place is named: HOME/scores/TYPE.csv."""
    return study.home.root / "scores" / f"{campaign_type}.csv"


def due_to_be_scored(study: Study, instance: dg.DagsterInstance, campaign_type: str) -> dict[str, str] | None:
    """The tags of a run that scores a campaign type: what it would score, and by which model. None when there is no
    stored model, or a run has scored just that already.
    """
    paths = [study.table(name, None if name == "segment_model" else campaign_type) for name in MODEL_FILES]
    if not all(path.is_file() for path in paths):
        return None
    seen = [observed.fingerprint for observed in raw_observations(study.source())]
    tags = {SCORED: digest([*seen, *(fingerprint_once(path) for path in paths)])}
    wanted = {**tags, PARTITION: campaign_type}
    done = dg.RunsFilter(job_name=SCORE_JOB, statuses=[dg.DagsterRunStatus.SUCCESS], tags=wanted)
    return None if instance.get_runs(done, limit=1) and default_target(study, campaign_type).is_file() else tags


@dg.op(description="Scores the households of the raw files with the stored model; fits nothing.")
def score_households_of_month(context: dg.OpExecutionContext, study: dg.ResourceParam[Study]) -> None:
    from dunnhumby_pipeline.journey.source import JourneyError

    target = default_target(study, context.partition_key)
    with refusing(CannotScoreError, JourneyError):
        scores, model = score_new_month(study, context.partition_key, target)
    context.add_output_metadata({"scores": dg.MetadataValue.path(str(target)), "n": len(scores), "model": model})


@dg.job(
    name=SCORE_JOB,
    partitions_def=campaign_types,
    description="Today's households of one campaign type scored with its stored model: no table changes, and nothing "
    "is fitted.",
)
def score_only() -> None:
    score_households_of_month()
