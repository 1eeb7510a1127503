"""What households come for: needs and tags from the commodities they buy, named, tested and stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import NO_NEED, Level
from dunnhumby_pipeline.segmentation.needs.identity import identify_needs, on_goods
from dunnhumby_pipeline.segmentation.needs.layers import Array, Layer, rarity_weights, tamed, with_scale
from dunnhumby_pipeline.segmentation.needs.names import NeedNames
from dunnhumby_pipeline.segmentation.needs.needs import household_needs
from dunnhumby_pipeline.segmentation.needs.purchases import Bought, Goods
from dunnhumby_pipeline.segmentation.needs.selection import (
    LABEL,
    LEVELS,
    SELECTION,
    STABILITY,
    TAG,
    Wanted,
    choose_layer,
)
from dunnhumby_pipeline.segmentation.needs.store import FIRST_RUN, NeedModel
from dunnhumby_pipeline.segmentation.needs.validation import (
    AGREEMENT,
    LIFT,
    Quarter,
    lifts_of,
    members,
    next_quarter,
    own_goods,
)
from dunnhumby_pipeline.settings import NeedSettings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

DEFINITIONS = [
    "level", "need", "n_households", "share", "revenue", "revenue_share", "commodities", "named_by", "described_as",
    "previous_need", "similarity", "kept", "reason", "source", "source_reason",
]  # fmt: skip
COMMODITIES = [
    "level", "need", "commodity", "loading", "lift", "sales", "share", "overall_share", "own", "lift_rank",
]  # fmt: skip
# With fewer households nobody can say which needs come back.
FEWEST_HOUSEHOLDS = 20
_TOLD = 5
# What shapes the needs: with other values the next run starts cold.
SHAPING = ("n_needs", "n_tags", "need_range", "tag_range", "need_stability_floor", "tag_stability_floor", "rarity")


@dataclass(frozen=True)
class NeedTables:
    """The tables of the step `find_needs`, by their names, and the model."""

    need_definitions: pd.DataFrame
    need_commodities: pd.DataFrame
    household_needs: pd.DataFrame
    household_tags: pd.DataFrame
    need_selection: pd.DataFrame
    need_stability: pd.DataFrame
    need_agreement: pd.DataFrame
    need_lift: pd.DataFrame
    model: NeedModel
    start_reason: str


@dataclass(frozen=True)
class Evidence:
    """What the households (rows of `whole`) bought in all, and those `drawn` (places) in each of the `quarters`."""

    goods: Goods
    whole: Bought
    quarters: Sequence[Quarter]
    drawn: NDArray[np.int64]

    @property
    def fingerprint(self) -> str:
        """The same as long as the households bought the same."""
        parts = hashlib.sha256(repr((self.goods, [quarter.first_day for quarter in self.quarters])).encode())
        for bought in (self.whole, *(quarter.bought for quarter in self.quarters)):
            for one in (bought.households, *_arrays(bought.baskets), *_arrays(bought.sales)):
                parts.update(np.ascontiguousarray(one).tobytes())
        return parts.hexdigest()[:16]


def _arrays(matrix: csr_matrix) -> tuple[NDArray[np.float64], ...]:
    return matrix.indptr, matrix.indices, matrix.data


@dataclass
class _Found:
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    frames: dict[str, list[pd.DataFrame]] = field(default_factory=dict)

    def add(self, name: str, frame: pd.DataFrame) -> None:
        self.frames.setdefault(name, []).append(frame)

    def table(self, name: str, columns: Sequence[str]) -> pd.DataFrame:
        known = [frame for frame in self.frames.get(name, []) if len(frame)]
        return pd.concat(known, ignore_index=True)[list(columns)] if known else pd.DataFrame(columns=list(columns))


def need_fingerprint(settings: NeedSettings, goods: Goods) -> str:
    """The same as long as the needs of two runs are of one shape."""
    return repr([goods.source, *(getattr(settings, name) for name in SHAPING)])


def find_needs(
    evidence: Evidence,
    names: NeedNames,
    settings: NeedSettings,
    seed: int,
    previous: NeedModel | None = None,
    data_version: str = "",
    without: str = FIRST_RUN,
) -> NeedTables:
    """Fit needs and tags to the households drawn, score all, name them, and see whether they hold.

    With a `previous` model of the same shape (settings, source) numbers stay and the fits start from it; goods new
    since have loading 0 there. Households without goods have the need 'none'. Where there are no goods, fewer than 20
    households, or fewer households than needs, there are no needs, and source_reason says why: nothing is raised.
    """
    goods, matrix_of = evidence.goods, evidence.whole.baskets
    fitted = matrix_of[evidence.drawn]
    weights = rarity_weights(fitted, settings.rarity) if len(goods.names) else np.zeros(0)
    fingerprint = need_fingerprint(settings, goods)
    start, reason = _start(previous, fingerprint, without)
    found, trouble = _Found(), _trouble(fitted, goods, settings)
    if not trouble:
        matrix, everyone = tamed(fitted, weights), tamed(matrix_of, weights)
        for level in LEVELS:
            _one_level(
                level, evidence, matrix, everyone, weights, names, settings, seed, start, previous, without, found
            )
    keys = evidence.whole.households
    scores = found.layers[LABEL].scores(tamed(matrix_of, weights)) if not trouble else np.zeros((len(keys), 0))
    definitions = found.table("definitions", [name for name in DEFINITIONS if name not in ("source", "source_reason")])
    return NeedTables(
        need_definitions=_typed(definitions.assign(source=goods.source, source_reason=goods.reason)),
        need_commodities=found.table("commodities", COMMODITIES).astype({"lift_rank": "Int64", "own": "bool"}),
        household_needs=household_needs(keys, scores, found.names.get(LABEL, ())),
        household_tags=found.table("tags", ["household_key", "tag", "score"]).astype(
            {"household_key": "int64", "tag": "str", "score": "float64"}
        ),
        need_selection=found.table("selection", SELECTION).astype(
            {"level": "str", "n_needs": "int64", "n_refits": "int64", "chosen": "bool", "reason": "str"}
        ),
        need_stability=found.table("stability", STABILITY).astype(
            {"level": "str", "start": "str", "replicate": "int64", "ari": "float64"}
        ),
        need_agreement=_with_days(found.table("agreement", AGREEMENT)),
        need_lift=_with_days(found.table("lift", LIFT)),
        model=NeedModel(goods, weights, found.layers, found.names, fingerprint, names.fingerprint, data_version),
        start_reason=trouble or reason,
    )


def _trouble(fitted: csr_matrix, goods: Goods, settings: NeedSettings) -> str:
    if goods.source == "nothing":
        return f"no needs: {goods.reason}"
    if fitted.shape[0] < FEWEST_HOUSEHOLDS:
        return f"no needs: {fitted.shape[0]} households, at least {FEWEST_HOUSEHOLDS} are needed"
    fewest = max(settings.n_needs or settings.need_range[0], 2)
    if min(fitted.shape) < fewest:
        return f"no needs: {fitted.shape[1]} {goods.source} do not make {fewest} needs; lower needs.need_range"
    return ""


def _start(previous: NeedModel | None, fingerprint: str, without: str) -> tuple[NeedModel | None, str]:
    if previous is None:
        return None, f"cold: {without}"
    if previous.settings_fingerprint != fingerprint or not previous.layers:
        return None, "cold: settings or goods of the run before shaped other needs"
    return previous, "warm: from the needs of the run before"


def _one_level(
    level: Level,
    evidence: Evidence,
    matrix: csr_matrix,
    everyone: csr_matrix,
    weights: Array,
    names: NeedNames,
    settings: NeedSettings,
    seed: int,
    start: NeedModel | None,
    previous: NeedModel | None,
    without: str,
    found: _Found,
) -> None:
    goods = evidence.goods.names
    wanted = _wanted(level, settings)
    if min(matrix.shape) < wanted.numbers[0]:
        # Few goods make a label and no tags.
        return
    before = start.layers.get(level) if start is not None else None
    if before is not None and start is not None:
        # A need of the run before whose goods are all gone has nothing to start from.
        moved = on_goods(before.loadings, start.goods.names, goods)
        before = with_scale(moved, matrix) if (moved > 0).any(axis=1).all() else None
    chosen = choose_layer(matrix, wanted, seed, before)
    scores = chosen.layer.scores(everyone)
    having = members(scores, level == LABEL, settings.tag_from)
    sales = np.asarray(having.astype(np.float64).T @ evidence.whole.sales)
    overall = np.asarray(evidence.whole.sales.sum(axis=0)).ravel()
    lifts = np.stack([lifts_of(each, overall) for each in sales])
    own = [own_goods(lift, overall, settings.n_own, settings.min_sales_share) for lift in lifts]
    told = [{goods[place]: float(lift[place]) for place in places} for lift, places in zip(lifts, own, strict=True)]
    identity = identify_needs(
        chosen.layer, level, goods, told, names, settings.min_match, previous, settings.min_similarity, without
    )
    found.layers[level], found.names[level] = chosen.layer, identity.names
    found.add("selection", chosen.selection)
    found.add("stability", chosen.stability)
    revenue = sales.sum(axis=1)
    found.add(
        "definitions",
        identity.table.assign(
            level=level,
            n_households=having.sum(axis=0),
            share=having.mean(axis=0),
            revenue=revenue,
            revenue_share=revenue / overall.sum(),
            commodities=[", ".join(list(each)[:_TOLD]) for each in told],
        ).sort_values("n_households", ascending=False, kind="stable"),
    )
    for need, name in enumerate(identity.names):
        found.add("commodities", _commodities(level, name, goods, chosen.layer, need, sales[need], overall, lifts, own))
    if level == TAG:
        row, column = np.nonzero(having)
        tags = {
            "household_key": evidence.whole.households[row],
            "tag": np.array(identity.names, dtype=object)[column],
            "score": scores[row, column],
        }
        found.add("tags", pd.DataFrame(tags).sort_values(["household_key", "score"], ascending=[True, False]))
    agreement, lift = next_quarter(
        level,
        chosen.layer,
        identity.names,
        weights,
        evidence.quarters,
        settings.n_own,
        settings.min_sales_share,
        settings.tag_from,
        level == LABEL,
    )
    found.add("agreement", agreement)
    found.add("lift", lift)


def _wanted(level: str, settings: NeedSettings) -> Wanted:
    if level == LABEL:
        number, (low, high), floor = settings.n_needs, settings.need_range, settings.need_stability_floor
    else:
        number, (low, high), floor = settings.n_tags, settings.tag_range, settings.tag_stability_floor
    numbers = (number,) if number is not None else tuple(range(low, high + 1))
    return Wanted(level, numbers, floor, settings.n_refits)


def _commodities(
    level: str,
    name: str,
    goods: tuple[str, ...],
    layer: Layer,
    need: int,
    sales: Array,
    overall: Array,
    lifts: Array,
    own: list[NDArray[np.int64]],
) -> pd.DataFrame:
    rank = pd.array([pd.NA] * len(goods), dtype="Int64")
    for place, one in enumerate(own[need], 1):
        rank[int(one)] = place
    peak = layer.loadings[need].max()
    table = pd.DataFrame(
        {
            "level": level,
            "need": name,
            "commodity": list(goods),
            "loading": layer.loadings[need] / (peak if peak > 0 else 1.0),
            "lift": lifts[need],
            "sales": sales,
            "share": sales / sales.sum() if sales.sum() > 0 else np.nan,
            "overall_share": overall / overall.sum(),
            "lift_rank": rank,
        }
    )
    table["own"] = table["lift_rank"].notna()
    return table.sort_values(["lift_rank", "lift"], ascending=[True, False], na_position="last", kind="stable")


def _typed(definitions: pd.DataFrame) -> pd.DataFrame:
    return definitions[DEFINITIONS].astype({"n_households": "int64", "kept": "bool", "similarity": "float64"})


def _with_days(table: pd.DataFrame) -> pd.DataFrame:
    whole = {name: "int64" for name in ("from_day", "to_day", "n_households") if name in table}
    return table.astype(whole | {name: "float64" for name in ("kappa", "share_staying", "lift") if name in table})


def without_a_need(households: pd.DataFrame) -> float:
    """Share of the households that have no need."""
    return float((households["need"] == NO_NEED).mean())
