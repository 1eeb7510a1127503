"""When households are said to differ: a model beats one effect for all, and what it says holds on others."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, CONSTANT

BLP = "blp"


@dataclass(frozen=True)
class Proof:
    """`gate`: a model was chosen over the constant. `blp`: the slope of the effect on what the model (the best
    candidate, where none was chosen) says is surely above zero on later folds; None when it is not known. `model` is
    what was judged, `p` that of the slope."""

    gate: bool
    blp: bool | None
    model: str
    p: float

    @property
    def proven(self) -> bool:
        """Both: the gate chooses among several models, and the slope alone may follow one fold's luck."""
        return self.gate and bool(self.blp)


def heterogeneity_proven(models: pd.DataFrame, validation: pd.DataFrame | None) -> Proof:
    """What the scoreboard of models and the table `cate_validation` say together; the slope is unknown without it."""
    chosen = models.loc[(models["fold"] == ALL_FOLDS) & models["chosen"].astype(bool), "model"]
    gate = len(chosen) > 0 and str(chosen.iloc[0]) != CONSTANT
    found = None if validation is None else validation.loc[validation["test"] == BLP]
    if found is None or found.empty:
        return Proof(gate, None, str(chosen.iloc[0]) if len(chosen) else CONSTANT, float("nan"))
    row = found.iloc[0]
    return Proof(gate, bool(row["passed"]), str(row["model"]), float(row["p"]))
