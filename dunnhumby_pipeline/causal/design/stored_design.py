"""How covariates become the columns of the design matrix, as plain values that a file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.matrix import LOOK_BACK, DesignMatrix

Array = NDArray[np.float64]


class OtherFeaturesError(ValueError):
    """Covariates are not those that a model takes. The message names them."""


@dataclass(frozen=True)
class StoredDesign:
    """A fitted `DesignMatrix`: what stands for missing values (`longest` of days that are cut off, else `medians`),
    which of the `numeric` covariates have an indicator of them, the `levels` of the `categorical` ones, and the
    `names` (p,) of the columns. Totals in `per_day` are taken per day of the look-back.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    longest: dict[str, float]
    medians: tuple[float, ...]
    indicators: tuple[int, ...]
    levels: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    per_day: tuple[str, ...] = ()

    @classmethod
    def of(cls, design: DesignMatrix) -> StoredDesign:
        """The values of a fitted design."""
        fitted = design.transformer.named_transformers_
        imputer = fitted["numeric"]
        return cls(
            design.numeric,
            design.categorical,
            dict(design.longest),
            tuple(float(median) for median in imputer.statistics_),
            tuple(int(position) for position in imputer.indicator_.features_),
            tuple(tuple(str(level) for level in levels) for levels in fitted["level"].categories_),
            design.names,
            design.per_day,
        )

    @classmethod
    def restored(cls, description: Mapping[str, Any]) -> StoredDesign:
        """The design whose `description` JSON has held."""
        held: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in description.items()
        }
        held["levels"] = tuple(tuple(levels) for levels in description["levels"])
        return cls(**held)

    @property
    def description(self) -> dict[str, Any]:
        """Its values, as JSON can hold them."""
        return asdict(self)

    def apply(self, frame: pd.DataFrame) -> Array:
        """(n, p) matrix of the rows of `frame`, as the fitted design gives it. A level that was not fitted is all
        zeros. Raises OtherFeaturesError when `frame` lacks covariates, or has text where numbers were.
        """
        days = LOOK_BACK if self.per_day else []
        lacking = [name for name in (*self.numeric, *self.categorical, *days) if name not in frame.columns]
        if lacking:
            raise OtherFeaturesError(f"the model takes {', '.join(lacking)}, which these households do not have")
        wrong = [name for name in self.numeric if not pd.api.types.is_numeric_dtype(frame[name])]
        if wrong:
            raise OtherFeaturesError(f"the model takes numbers of {', '.join(wrong)}, which are text here")
        known = frame[[*self.numeric, *self.categorical]].fillna(self.longest)
        if self.per_day:
            start, end = (frame[name].to_numpy(dtype=float) for name in LOOK_BACK)
            known = known.assign(**known[list(self.per_day)].div(end - start, axis=0))
        values = known[list(self.numeric)].to_numpy(dtype=float, na_value=np.nan)
        missing = np.isnan(values)
        levels = [
            (known[name].astype(str).to_numpy()[:, None] == np.array(own, dtype=object)[None, :]).astype(float)
            for name, own in zip(self.categorical, self.levels, strict=True)
        ]
        filled = np.where(missing, np.array(self.medians), values)
        return np.column_stack([filled, missing[:, list(self.indicators)].astype(float), *levels])
