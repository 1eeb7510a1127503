"""Fitted needs with their names, and the file they are kept in: arrays and JSON, no code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.arrays import ArraysFileError, read_arrays, write_arrays
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.segmentation.needs.layers import Layer
from dunnhumby_pipeline.segmentation.needs.purchases import Goods
from dunnhumby_pipeline.segmentation.needs.selection import LEVELS
from dunnhumby_pipeline.segmentation.segments.model_store import DAMAGES

Array = NDArray[np.float64]
FORMAT_VERSION = 1
FIRST_RUN = "first run"
_SOURCES = ("commodities", "departments", "nothing")


class NeedModelError(Exception):
    """A file of needs cannot be used. The message names it, what was expected and what was found."""


@dataclass(frozen=True)
class NeedModel:
    """`goods` that are factored, their `weights` (p,), and by level ('label', 'tag') the layer and its names.

    Without any goods there are no layers. `settings_fingerprint`, `names_fingerprint` and `data_version`: which
    settings, file of names and data gave it.
    """

    goods: Goods
    weights: Array
    layers: dict[str, Layer]
    names: dict[str, tuple[str, ...]]
    settings_fingerprint: str
    names_fingerprint: str
    data_version: str


def save_need_model(model: NeedModel, path: Path) -> None:
    """Write `model` to `path` (.npz)."""
    arrays = {"weights": model.weights}
    for level, layer in model.layers.items():
        arrays |= {f"{level}_loadings": layer.loadings, f"{level}_scale": layer.scale}
    described = {
        "format_version": FORMAT_VERSION,
        "source": model.goods.source,
        "goods": list(model.goods.names),
        "reason": model.goods.reason,
        "covered": model.goods.covered,
        "names": {level: list(names) for level, names in model.names.items()},
        "settings_fingerprint": model.settings_fingerprint,
        "names_fingerprint": model.names_fingerprint,
        "data_version": model.data_version,
    }
    write_arrays(path, arrays, described)


def load_need_model(path: TablePath) -> NeedModel:
    """The model that `save_need_model` wrote. Raises FileNotFoundError when there is none, and NeedModelError when the
    file is damaged, incomplete, or of another format.
    """
    try:
        arrays, described = read_arrays(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there are no needs; expected a file that a study wrote") from None
    except (ArraysFileError, *DAMAGES) as error:
        raise NeedModelError(f"{path} is no model of needs ({error}); materialise household_needs again") from error
    found = described.get("format_version") if isinstance(described, dict) else None
    if found != FORMAT_VERSION:
        raise NeedModelError(
            f"{path} has format version {found!r}, expected {FORMAT_VERSION}; materialise household_needs again"
        )
    try:
        goods = Goods(
            described["source"], tuple(described["goods"]), str(described["reason"]), float(described["covered"])
        )
        names = {level: tuple(map(str, named)) for level, named in described["names"].items()}
        layers = {
            level: Layer(np.asarray(arrays[f"{level}_loadings"], float), np.asarray(arrays[f"{level}_scale"], float))
            for level in names
        }
        model = NeedModel(
            goods,
            np.asarray(arrays["weights"], float),
            layers,
            names,
            *(str(described[key]) for key in ("settings_fingerprint", "names_fingerprint", "data_version")),
        )
        _check(model)
    except DAMAGES as error:
        raise NeedModelError(f"{path} does not fit together ({error}); materialise household_needs again") from error
    return model


def previous_needs(path: TablePath) -> tuple[NeedModel | None, str]:
    """(the needs of the run before, ''), or (None, why there are none that can be used)."""
    try:
        return load_need_model(path), ""
    except FileNotFoundError:
        return None, FIRST_RUN
    except NeedModelError as error:
        return None, str(error)


def _check(model: NeedModel) -> None:
    p = len(model.goods.names)
    if model.goods.source not in _SOURCES or len(set(model.goods.names)) < p or model.weights.shape != (p,):
        raise ValueError(f"expected weights of {p} goods that differ, found {model.weights.shape}")
    for level, layer in model.layers.items():
        k = len(model.names[level])
        fits = layer.loadings.shape == (k, p) and layer.scale.shape == (k,) and len(set(model.names[level])) == k
        numbers = np.concatenate([layer.loadings.ravel(), layer.scale, model.weights])
        if level not in LEVELS or not fits or not (np.isfinite(numbers).all() and (numbers >= 0).all()):
            raise ValueError(f"level {level!r}: expected {k} needs of {p} goods, found {layer.loadings.shape}")
        if not (layer.scale > 0).all():
            raise ValueError(f"level {level!r}: a need has no scale")
