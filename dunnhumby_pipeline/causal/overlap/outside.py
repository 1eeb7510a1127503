"""Who lies outside the overlap region, in words: the rules of a shallow tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.settings import OverlapSettings

Array = NDArray[np.float64]
RARELY, NEARLY_ALWAYS, IN_OVERLAP = "rarely targeted", "nearly always targeted", "in overlap"
VERDICTS = (RARELY, NEARLY_ALWAYS, IN_OVERLAP)
EVERYBODY = "everybody"
MISSING = "missingindicator_"
_MIN_SHARE = 0.02
# The rules of a shallow tree are settled long before that many trials.
_MAX_FITTED = 20_000
_SEED = 0
_DIGITS = 3


@dataclass(frozen=True)
class Split:
    """One side of a split: `column` of the matrix at most `threshold`, or above it."""

    column: int
    threshold: float
    at_most: bool


def outside_overlap(
    x: Array, names: tuple[str, ...], propensity: pd.DataFrame, settings: OverlapSettings
) -> pd.DataFrame:
    """One row per rule: rule, verdict, n_trials, share_of_trials, share_below, share_inside, share_above.

    A classification tree (Breiman et al. 1984) of depth `rule_depth`, leaves of at least 2 % of the trials,
    predicts from (n, p) covariates whether a trial lies below, inside or above the overlap region. It is
    fitted to 20,000 trials at most, drawn with a fixed seed. Its thresholds are then rounded to three
    digits and all trials are sorted by the rounded rules, so that a row counts just those whom its words
    describe; a leaf that the rounding empties is not a row. `verdict` is what most of its trials are:
    "rarely targeted" (below), "nearly always targeted" (above) or "in overlap". Rows outside come first, the
    largest first. "between a and b" means above a and at most b.
    """
    from sklearn.tree import DecisionTreeClassifier

    e = propensity["propensity"].to_numpy(dtype=float)
    outside, rarer = ~propensity["in_overlap"].to_numpy(), e < propensity["treated"].mean()
    region = np.select([outside & rarer, outside], [0, 2], 1)
    fitted = np.arange(len(x))
    if len(x) > _MAX_FITTED:
        fitted = np.sort(np.random.default_rng(_SEED).choice(len(x), _MAX_FITTED, replace=False))
    tree = DecisionTreeClassifier(max_depth=settings.rule_depth, min_samples_leaf=_MIN_SHARE, random_state=_SEED)
    tree.fit(x[fitted], region[fitted])
    vocabulary = Vocabulary(x, names)
    rows = []
    for path, members in leaves(tree.tree_, x, np.arange(len(x)), ()):
        if len(members) == 0:
            continue
        below, inside, above = np.bincount(region[members], minlength=3) / len(members)
        verdict = max(((inside, IN_OVERLAP), (below, RARELY), (above, NEARLY_ALWAYS)), key=lambda pair: pair[0])[1]
        rows.append(
            {
                "rule": vocabulary.rule(path),
                "verdict": verdict,
                "n_trials": len(members),
                "share_of_trials": len(members) / len(x),
                "share_below": below,
                "share_inside": inside,
                "share_above": above,
            }
        )
    table = pd.DataFrame(rows)
    order = table.assign(place=table["verdict"].map(VERDICTS.index)).sort_values(
        ["place", "n_trials", "rule"], ascending=[True, False, True]
    )
    return order.drop(columns="place").reset_index(drop=True)


def leaves(
    tree: Any, x: Array, members: NDArray[np.int64], path: tuple[Split, ...], node: int = 0
) -> Iterator[tuple[tuple[Split, ...], NDArray[np.int64]]]:
    """Path and members of each leaf below `node`, of the rows `members`, at rounded thresholds."""
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    if left == right:
        yield path, members
        return
    column = int(tree.feature[node])
    threshold = readable(float(tree.threshold[node]), x[:, column])
    at_most = x[members, column] <= threshold
    yield from leaves(tree, x, members[at_most], (*path, Split(column, threshold, True)), left)
    yield from leaves(tree, x, members[~at_most], (*path, Split(column, threshold, False)), right)


def readable(threshold: float, values: Array) -> float:
    """`threshold` in three significant digits, or as many as it takes to divide `values` at all."""
    if _whole(values) and abs(threshold) < 10**_DIGITS:
        return float(np.floor(threshold))
    for digits in range(_DIGITS, 17):
        rounded = float(f"{threshold:.{digits}g}")
        if values.min() <= rounded < values.max():
            return rounded
    return threshold


def _whole(values: Array) -> bool:
    return bool((values == np.floor(values)).all())


class Vocabulary:
    """Words for splits of (n, p) covariates called `names`.

    Columns of one factor are found by what they are: 0/1 columns that share the name before an underscore, of
    which each trial has exactly one. The longest such name is the factor's.
    """

    def __init__(self, x: Array, names: tuple[str, ...]) -> None:
        self.x, self.names = x, names
        binary = [
            column
            for column in np.flatnonzero(((x == 0) | (x == 1)).all(axis=0)).tolist()
            if not names[column].startswith(MISSING)
        ]
        self.level: dict[int, tuple[str, str]] = {}
        self.levels: dict[str, list[str]] = {}
        prefixes = {name[:at] for column in binary for name in [names[column]] for at in _underscores(name)}
        for prefix in sorted(prefixes, key=len):
            columns = [column for column in binary if names[column].startswith(f"{prefix}_")]
            if (x[:, columns].sum(axis=1) == 1).all():
                levels = [names[column][len(prefix) + 1 :] for column in columns]
                self.level.update(zip(columns, [(prefix, level) for level in levels], strict=True))
                self.levels[prefix] = levels

    def rule(self, path: tuple[Split, ...]) -> str:
        """The path in words: conditions on one covariate merged, in the order in which the tree first asks."""
        subjects: dict[str, list[Split]] = {}
        for split in path:
            factor = self.level.get(split.column)
            subjects.setdefault(factor[0] if factor else self.names[split.column], []).append(split)
        conditions = [self._condition(subject, splits) for subject, splits in subjects.items()]
        return "; ".join(conditions) or EVERYBODY

    def _condition(self, subject: str, splits: list[Split]) -> str:
        if subject in self.levels:
            return f"{subject} {self._levels_left(subject, splits)}"
        if subject.startswith(MISSING):
            return f"{subject.removeprefix(MISSING)} is {'known' if splits[0].at_most else 'missing'}"
        values = self.x[:, splits[0].column]
        above = max((split.threshold for split in splits if not split.at_most), default=-np.inf)
        at_most = min((split.threshold for split in splits if split.at_most), default=np.inf)
        if _whole(values) and all(abs(split.threshold) < 10**_DIGITS for split in splits):
            return f"{subject} {_whole_range(max(above + 1, values.min()), min(at_most, values.max()), values)}"
        if at_most == np.inf:
            return f"{subject} above {_number(above)}"
        if above == -np.inf:
            return f"{subject} at most {_number(at_most)}"
        return f"{subject} between {_number(above)} and {_number(at_most)}"

    def _levels_left(self, factor: str, splits: list[Split]) -> str:
        """Of the levels that the path leaves open and those that it rules out, whichever are fewer."""
        chosen = [self.level[split.column][1] for split in splits if not split.at_most]
        if chosen:
            return f"is {chosen[0]}"
        excluded = [self.level[split.column][1] for split in splits]
        remaining = [level for level in self.levels[factor] if level not in excluded]
        return f"is {_either(remaining)}" if len(remaining) <= len(excluded) else f"is not {_either(excluded)}"


def _underscores(name: str) -> list[int]:
    return [at for at, letter in enumerate(name) if letter == "_"]


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _whole_range(lowest: float, highest: float, values: Array) -> str:
    if lowest == highest:
        return f"is {_number(lowest)}"
    if lowest == values.min():
        return f"at most {_number(highest)}"
    if highest == values.max():
        return f"at least {_number(lowest)}"
    return f"from {_number(lowest)} to {_number(highest)}"


def _number(value: float) -> str:
    return np.format_float_positional(value + 0.0, trim="-")
