"""The model of the effect in a file: arrays of numbers and JSON, nothing that is executed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.registry import DEAR, LEARNERS
from dunnhumby_pipeline.causal.cate.stacking import Stack
from dunnhumby_pipeline.engine.arrays import ArraysFileError, read_arrays, write_arrays
from dunnhumby_pipeline.engine.tables import TablePath

FORMAT_VERSION = 1


def _known() -> dict[str, type[Learner]]:
    return {**LEARNERS, **DEAR, Stack.name: Stack}


@dataclass(frozen=True)
class EffectModel:
    """A fitted learner, and the names (p,) of the covariates that it takes, in their order."""

    learner: Learner
    covariates: tuple[str, ...]


def save_effect_model(model: EffectModel, path: Path) -> None:
    """Write `model` to `path` (.npz)."""
    learner = model.learner
    described = {"format_version": FORMAT_VERSION, "learner": learner.name, "params": learner.get_params()}
    write_arrays(path, learner.arrays(), {**described, "covariates": model.covariates})


def load_effect_model(path: TablePath) -> EffectModel:
    """The model that `save_effect_model` wrote; it predicts what it predicted before.

    Raises FileNotFoundError without a file, and ArraysFileError when it holds no model, or one of an
    unknown learner or format version.
    """
    arrays, described = read_arrays(path)
    name, version, known = described.get("learner"), described.get("format_version"), _known()
    if version != FORMAT_VERSION or name not in known:
        raise ArraysFileError(
            f"{path} holds learner {name!r} in format version {version!r}; expected one of {', '.join(known)} in "
            f"version {FORMAT_VERSION}: fit the model of the effect again"
        )
    learner = known[name](**described["params"]).restore(arrays)
    return EffectModel(learner, tuple(described["covariates"]))
