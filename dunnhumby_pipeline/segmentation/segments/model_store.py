"""A fitted segmentation with its names, and the file it is kept in: arrays and JSON, no code."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.segmentation.factors.factors import Factors
from dunnhumby_pipeline.segmentation.factors.matrix import FeatureScaling, Treatment, fit_scaling
from dunnhumby_pipeline.segmentation.segments.clusters import Clusters, Labels, Method, Recipe, Segmentation

Array = NDArray[np.float64]

# Models of format 1 are the same but for the names of their segments, which said a value tier and a stage.
FORMAT_VERSION, TIERED_NAMES = 2, 1
ARRAYS = ("fill", "knots", "loadings", "centroids")
DESCRIPTION = "description"
FIRST_RUN = "first run"
# What numpy, zipfile, zlib and json raise of files with flipped bits, or deep or huge values.
DAMAGES = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class ModelFileError(Exception):
    """A model file cannot be used. The message names it, what was expected and what was found."""


@dataclass(frozen=True)
class SegmentModel:
    """A fitted segmentation, the names of its segments and factors, and what it was fitted from.

    `slugs` and `names` follow the rows of the centroids. `settings_fingerprint` and `data_version` are the caller's:
    which settings and which data gave this model.
    """

    fitted: Segmentation
    method: Method
    slugs: tuple[str, ...]
    names: tuple[str, ...]
    factor_names: tuple[str, ...]
    seed: int
    settings_fingerprint: str
    data_version: str

    @property
    def features(self) -> tuple[str, ...]:
        return self.fitted.scaling.features

    @property
    def recipe(self) -> Recipe:
        """What a refit of the same kind fits."""
        shape = self.fitted.clusters.centroids.shape
        return Recipe(self.features, shape[1], shape[0], self.method, self.fitted.scaling.treatment)

    def scores(self, features: pd.DataFrame) -> Array:
        """Factor scores (n, k) of new households, placed among the households of the fit.

        Raises MatrixError when a feature is missing.
        """
        return self.fitted.scores(features)

    def labels(self, features: pd.DataFrame) -> Labels:
        """Index (n,) into `slugs` and `names` of new households, placed among the households of the fit."""
        return self.fitted.labels(features)

    def segments(self, features: pd.DataFrame) -> pd.Series:
        """Slug of each row of `features`, placed among the households of the fit."""
        return pd.Series(np.array(self.slugs, dtype=object)[self.labels(features)], index=features.index)

    def among_themselves(self, features: pd.DataFrame) -> Segmentation:
        """The same factors and segments, with percentiles among the households of `features`.

        For a window of another length, or another month: totals grow with the time they are counted over, and no
        household is new or larger for it. A feature that is constant there is 0 for all. Raises MatrixError when a
        feature is missing or has no value.
        """
        scaling = fit_scaling(features, self.features, treatment=self.fitted.scaling.treatment, constant_ok=True)
        return replace(self.fitted, scaling=scaling)


def save_model(model: SegmentModel, path: Path) -> None:
    """Write `model` to `path` (.npz) whole or not at all."""
    fitted = model.fitted
    description = {
        "format_version": FORMAT_VERSION,
        "features": fitted.scaling.features,
        "treatment": fitted.scaling.treatment,
        "method": model.method,
        "slugs": model.slugs,
        "names": model.names,
        "factor_names": model.factor_names,
        "n_iterations": fitted.factors.n_iterations,
        "converged": fitted.factors.converged,
        "seed": model.seed,
        "settings_fingerprint": model.settings_fingerprint,
        "data_version": model.data_version,
    }
    text = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                fill=fitted.scaling.fill,
                knots=fitted.scaling.knots,
                loadings=fitted.factors.loadings,
                centroids=fitted.clusters.centroids,
                **{DESCRIPTION: text},
            )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def previous_model(path: TablePath) -> tuple[SegmentModel | None, str]:
    """(the model of the run before at `path`, ''), or (None, why there is none that can be used).

    A file that cannot be used is no reason to stop: the run that replaces it starts as a first one would, and the
    words say what was wrong with it. One of format 1 can be used: its segments are found again, and take names of
    today.
    """
    try:
        return _loaded(path, (FORMAT_VERSION, TIERED_NAMES)), ""
    except FileNotFoundError:
        return None, FIRST_RUN
    except ModelFileError as error:
        return None, str(error)


def load_model(path: TablePath, features: tuple[str, ...] | None = None) -> SegmentModel:
    """The model that `save_model` wrote, number for number, from this machine or an object store.

    Nothing in the file is executed. `features`: those it must have, in any order. Raises FileNotFoundError when there
    is no file, and ModelFileError when it is corrupt, incomplete, of another format version, or of other features.
    """
    model = _loaded(path, (FORMAT_VERSION,))
    if features is not None and set(features) != set(model.features):
        raise ModelFileError(
            f"{path} is of other features: only there {_listed(set(model.features) - set(features))}, only expected "
            f"{_listed(set(features) - set(model.features))}; fit again, or set segmentation.feature_groups"
        )
    return model


def _loaded(path: TablePath, versions: tuple[int, ...]) -> SegmentModel:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name], dtype=float) for name in ARRAYS}
            described = json.loads(stored[DESCRIPTION].tobytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no model; expected a file that a study wrote") from None
    except DAMAGES as error:
        raise ModelFileError(
            f"{path} is not a model: expected arrays {', '.join(ARRAYS)} and a description, found: "
            f"{error or type(error).__name__}; fit the segments again"
        ) from error
    found = described.get("format_version") if isinstance(described, dict) else None
    if found == TIERED_NAMES and found not in versions:
        raise ModelFileError(
            f"{path} names its segments by value tier and stage, as models of format version {TIERED_NAMES} did; "
            "segments now have names of how they shop: fit them again (`dunnhumby run` does, and rebuilds what rests "
            "on them)"
        )
    if found not in versions:
        raise ModelFileError(
            f"{path} has format version {found!r}, expected {FORMAT_VERSION}; fit the segments again, or read it with "
            "the release that wrote it"
        )
    try:
        model = _assembled(arrays, described)
        _check_shapes(path, model)
    except KeyError as error:
        raise ModelFileError(f"{path} lacks {error} in its description; fit the segments again") from error
    except DAMAGES as error:
        raise ModelFileError(f"{path} has a description of other values: {error}; fit the segments again") from error
    if model.method not in get_args(Method):
        raise ModelFileError(f"{path} was fitted by {model.method!r}, expected one of {', '.join(get_args(Method))}")
    if model.fitted.scaling.treatment not in get_args(Treatment):
        raise ModelFileError(f"{path} treats features by {model.fitted.scaling.treatment!r}; fit the segments again")
    return model


def _assembled(arrays: dict[str, Array], described: dict) -> SegmentModel:
    features = _texts(described, "features")
    fitted = Segmentation(
        FeatureScaling(features, arrays["fill"], arrays["knots"], described["treatment"]),
        Factors(features, arrays["loadings"], int(described["n_iterations"]), bool(described["converged"])),
        Clusters(arrays["centroids"]),
    )
    return SegmentModel(
        fitted=fitted,
        method=described["method"],
        slugs=_texts(described, "slugs"),
        names=_texts(described, "names"),
        factor_names=_texts(described, "factor_names"),
        seed=int(described["seed"]),
        settings_fingerprint=_text(described, "settings_fingerprint"),
        data_version=_text(described, "data_version"),
    )


def _text(described: dict, name: str) -> str:
    value = described[name]
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a text, found {type(value).__name__}")
    return value


def _texts(described: dict, name: str) -> tuple[str, ...]:
    value = described[name]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(set(value)) < len(value):
        raise TypeError(f"{name}: expected texts that differ, found others")
    return tuple(value)


def _check_shapes(path: TablePath, model: SegmentModel) -> None:
    scaling, loadings, centroids = model.fitted.scaling, model.fitted.factors.loadings, model.fitted.clusters.centroids
    p, k, s = len(model.features), len(model.factor_names), len(model.slugs)
    expected = {"fill": (p,), "knots": (len(scaling.knots), p), "loadings": (k, p), "centroids": (s, k)}
    found = {
        "fill": scaling.fill.shape,
        "knots": scaling.knots.shape,
        "loadings": loadings.shape,
        "centroids": centroids.shape,
    }
    wrong = [f"{name} {expected[name]}, found {found[name]}" for name in expected if expected[name] != found[name]]
    if len(model.names) != s:
        wrong.append(f"{s} names, found {len(model.names)}")
    finite = all(np.isfinite(one).all() for one in (scaling.fill, scaling.knots, loadings, centroids))
    if wrong or not finite:
        trouble = "; ".join(wrong) or "finite numbers, found others"
        raise ModelFileError(f"{path} does not fit together: expected {trouble}; fit the segments again")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
