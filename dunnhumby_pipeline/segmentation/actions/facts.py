"""What the rules of offers look at: the facts of every household, side by side, as codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
# Facts of one value per household, in the order in which reasons name them.
FACTS = ("value_tier", "need", "segment", "lifecycle", "discount_habit", "at_risk")


class FactsError(ValueError):
    """The tables do not tell the same of the same households. The message counts them and says what to do."""


@dataclass(frozen=True)
class Fact:
    """One fact of every household: `codes` (n,) into `values`, -1 where it is not known."""

    codes: Codes
    values: tuple[object, ...]

    def among(self, wanted: Sequence[object]) -> Mask:
        """The households (n,) whose value is among those wanted; one that is not known is not."""
        # The last place is that of -1.
        return np.array([*(value in wanted for value in self.values), False])[self.codes]

    def words(self) -> list[str]:
        """The values in words, that which is not known last, where -1 finds it."""
        return [*map(_word, self.values), "not known"]


@dataclass(frozen=True)
class Facts:
    """The facts of n households: `households` (n,), one `Fact` for each of `FACTS`, the `tags` (n, k) that each has of
    the `tag_names`, and how the segments are called in words. `risk_known`: whether the risk of a fall was judged.
    """

    households: Codes
    facts: dict[str, Fact]
    tags: Mask
    tag_names: tuple[str, ...]
    segment_names: dict[str, str]
    risk_known: bool

    def __len__(self) -> int:
        return len(self.households)


def gather_facts(
    segments: pd.DataFrame,
    household_status: pd.DataFrame,
    household_needs: pd.DataFrame,
    household_tags: pd.DataFrame | None = None,
    at_risk: pd.DataFrame | None = None,
) -> Facts:
    """The facts of every household of `segments` (household_key, segment, segment_name), in its order.

    `household_status`: household_key, value_tier, lifecycle, discount_habit; `household_needs`: household_key, need;
    `household_tags`: a row per household and tag that it has, None where there are no tags; `at_risk`: household_key,
    at_risk and holdout, of the households that were judged, None where nobody was. Who was not judged is neither at
    risk nor without; nor is one whom the lot holds out of a win-back, so that it gets what it would get anyway.
    Raises FactsError where status and needs are of other households, or one is told twice.
    """
    keys = segments["household_key"]
    status = _told(household_status, ["value_tier", "lifecycle", "discount_habit"], keys, "household_status")
    needs = _told(household_needs, ["need"], keys, "household_needs")
    columns: dict[str, pd.Series] = {
        "value_tier": status["value_tier"],
        "need": needs["need"],
        "segment": segments["segment"].astype(object),
        "lifecycle": status["lifecycle"],
        "discount_habit": status["discount_habit"],
    }
    facts = {name: _fact(column) for name, column in columns.items()}
    for name in ("value_tier", "need", "segment"):
        if (facts[name].codes < 0).any():
            raise FactsError(f"{int((facts[name].codes < 0).sum()):,} of {len(keys):,} households have no {name}")
    facts["at_risk"] = Fact(np.full(len(keys), -1), (False, True))
    if at_risk is not None:
        free = at_risk[~at_risk["holdout"].astype(bool)] if "holdout" in at_risk else at_risk
        judged = free.drop_duplicates("household_key").set_index("household_key")["at_risk"]
        found = judged.reindex(keys)
        facts["at_risk"] = Fact(np.where(found.isna(), -1, found.eq(True).to_numpy(dtype=np.int64)), (False, True))
    tags, tag_names = _tags(household_tags, keys)
    names = segments.drop_duplicates("segment")
    spoken = dict(zip(names["segment"].astype(str), names["segment_name"].astype(str), strict=True))
    return Facts(keys.to_numpy(dtype=np.int64), facts, tags, tag_names, spoken, at_risk is not None)


def tags_in_words(facts: Facts) -> pd.Series:
    """The tags of every household in one text, by name; null without any."""
    codes, rows = _distinct(facts.tags)
    said = [", ".join(name for name, has in zip(facts.tag_names, row, strict=True) if has) or None for row in rows]
    return pd.Series(np.array(said, dtype=object)[codes], dtype="str")


def _distinct(matrix: Mask) -> tuple[Codes, Mask]:
    """The distinct rows of a matrix (n, k), and for each row (n,) which of them it is."""
    if matrix.shape[1] == 0 or not len(matrix):
        return np.zeros(len(matrix), dtype=np.int64), np.zeros((1, matrix.shape[1]), dtype=bool)
    packed = np.ascontiguousarray(np.packbits(matrix, axis=1))
    as_one = packed.view([("", np.uint8)] * packed.shape[1]).ravel() if packed.shape[1] > 1 else packed.ravel()
    _, first, codes = np.unique(as_one, return_index=True, return_inverse=True)
    return codes.astype(np.int64), matrix[first]


def _told(table: pd.DataFrame, columns: list[str], keys: pd.Series, name: str) -> pd.DataFrame:
    found = table[["household_key", *columns]]
    twice, others = int(found["household_key"].duplicated().sum()), int((~found["household_key"].isin(keys)).sum())
    missing = int((~keys.isin(found["household_key"])).sum())
    if twice or others or missing:
        raise FactsError(
            f"{name} and segments must tell of the same households: {missing:,} of {len(keys):,} are missing, "
            f"{others:,} are others, {twice:,} rows tell of one again; make both from one run"
        )
    return found.set_index("household_key").loc[keys.to_numpy()].reset_index(drop=True)


def _fact(column: pd.Series) -> Fact:
    codes, values = pd.factorize(column, sort=True)
    return Fact(codes.astype(np.int64), tuple(map(str, values)))


def _tags(household_tags: pd.DataFrame | None, keys: pd.Series) -> tuple[Mask, tuple[str, ...]]:
    if household_tags is None:
        return np.zeros((len(keys), 0), dtype=bool), ()
    codes, names = pd.factorize(household_tags["tag"], sort=True)
    place = pd.Index(keys).get_indexer(household_tags["household_key"])
    strangers = int((place < 0).sum())
    if strangers:
        raise FactsError(
            f"household_tags tells of {strangers:,} households that segments do not have; make both from one run"
        )
    tags = np.zeros((len(keys), len(names)), dtype=bool)
    known = codes >= 0
    tags[place[known], codes[known]] = True
    return tags, tuple(map(str, names))


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
