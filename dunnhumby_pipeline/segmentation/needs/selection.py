"""How many needs and tags, and whether they come back: the rule of factors, on agreement of the leading need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.names import Level
from dunnhumby_pipeline.engine.threads import side_by_side
from dunnhumby_pipeline.segmentation.factors.factors import convergence_reported
from dunnhumby_pipeline.segmentation.factors.selection import choose_n_factors
from dunnhumby_pipeline.segmentation.needs.layers import Labels, Layer, centred_r2, fit_layer
from dunnhumby_pipeline.segmentation.segments.stability import adjusted_rand, resamples

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LABEL: Level = "label"
TAG: Level = "tag"
LEVELS: tuple[Level, ...] = (LABEL, TAG)
SELECTION = ["level", "n_needs", "centred_r2", "stability", "n_refits", "chosen", "reason"]
STABILITY = ["level", "start", "replicate", "ari"]


@dataclass(frozen=True)
class Wanted:
    """What is asked of a level: the `numbers` of needs tried (one, where it is set), the floor of stability, refits."""

    level: str
    numbers: tuple[int, ...]
    floor: float
    n_refits: int


@dataclass(frozen=True)
class Chosen:
    """A level as chosen and fitted, with the tables need_selection and need_stability of it."""

    layer: Layer
    selection: pd.DataFrame
    stability: pd.DataFrame


def choose_layer(matrix: csr_matrix, wanted: Wanted, seed: int, start: Layer | None = None) -> Chosen:
    """Fit each number of needs to `matrix` (n, p) and to resamples of its households, and choose one.

    stability: mean adjusted Rand index of everybody's leading need with that of cold refits to `n_refits` bootstraps.
    Numbers under the floor are out; of the others it is the elbow of the centred R2 (`choose_n_factors`). With `start`
    the number is that of the run before, and the fit begins there. Numbers larger than the matrix allows are left out.
    Raises ValueError where it allows none.
    """
    most = min(matrix.shape)
    numbers = [k for k in wanted.numbers if k <= most]
    if start is not None:
        numbers = sorted({*numbers, len(start.loadings)})
    if not numbers:
        raise ValueError(f"{wanted.level}s: {wanted.numbers[0]} or more of {matrix.shape[0]} households cannot be told")
    rows, cold, layers = [], {}, {}
    samples = resamples(matrix.shape[0], wanted.n_refits, seed)
    # Refits are compared, and not kept: dense and in single precision they take half the time.
    quick = matrix.astype(np.float32).toarray()

    def refitted(number: int, begin: Layer | None = None) -> list[Labels]:
        first = begin.loadings.astype(np.float32) if begin is not None else None
        with convergence_reported():
            return side_by_side(lambda sample: fit_layer(quick[sample], number, seed, first).leading(matrix), samples)

    for k in numbers:
        layers[k] = fit_layer(matrix, k, seed)
        cold[k] = refitted(k)
        stable = float(np.mean(_agreement(layers[k].leading(matrix), cold[k])))
        rows.append((k, centred_r2(matrix, layers[k]), stable, len(samples)))
    scan = pd.DataFrame(rows, columns=["n_factors", "centred_r2", "stability", "n_refits"])
    number, reason = choose_n_factors(scan, wanted.floor)
    reason = reason.replace("numbers of factors", f"numbers of {wanted.level}s").replace("number of factors", "number")
    layer = layers[number]
    if start is not None:
        today, number = number, len(start.loadings)
        reason = f"that of the run before (today's choice would be {today}: {reason})"
        layer = fit_layer(matrix, number, seed, start.loadings)
    elif len(wanted.numbers) == 1:
        reason = "set"
    own = layer.leading(matrix)
    agreement = {"cold": _agreement(own, cold[number]), "warm": _agreement(own, refitted(number, layer))}
    selection = scan.rename(columns={"n_factors": "n_needs"}).assign(level=wanted.level)
    selection["chosen"] = selection["n_needs"] == number
    selection["reason"] = np.where(selection["chosen"], reason, "")
    if start is not None:
        selection.loc[selection["chosen"], "stability"] = float(np.mean(agreement["cold"]))
        selection.loc[selection["chosen"], "centred_r2"] = centred_r2(matrix, layer)
    stability = pd.DataFrame(
        [
            (wanted.level, kind, replicate, ari)
            for kind, aris in agreement.items()
            for replicate, ari in enumerate(aris)
        ],
        columns=STABILITY,
    )
    return Chosen(layer, selection[SELECTION], stability)


def _agreement(own: Labels, refits: list[Labels]) -> list[float]:
    # Nobody is a label as any other.
    return [float(adjusted_rand(own + 1, labels + 1)) for labels in refits]
