"""Names from what households do, never from the number of a cluster or a factor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.segmentation.factors.factors import Factors
from dunnhumby_pipeline.segmentation.segments.clusters import Labels

# How often, and for how much: what every name begins from.
RHYTHM, SIZE = "frequency_per_week", "monetary_avg_basket_sales"
# Standings are mean ranks of a segment against that of all households, in standard deviations.
RHYTHMS: tuple[tuple[str, float], ...] = (("frequent", 0.9), ("regular", 0.25), ("", -0.25), ("occasional", -np.inf))
SIZES: tuple[tuple[str, float], ...] = (("large", 0.25), ("", -0.25), ("small", -np.inf))
# A shopper's words for each rhythm and size. A noun goes with one side of rhythm or of size, and the standings of all
# segments cannot lie on one side of the mean: so they cannot all have one, but where nobody differs in either.
SHOPPING: dict[tuple[str, str], str] = {
    ("frequent", "large"): "large frequent shops",
    ("frequent", ""): "frequent visits",
    ("frequent", "small"): "frequent small baskets",
    ("regular", "large"): "large regular shops",
    ("regular", ""): "regular trips",
    ("regular", "small"): "regular small baskets",
    ("", "large"): "large shops",
    ("", ""): "mixed shopping",
    ("", "small"): "small baskets",
    ("occasional", "large"): "occasional large shops",
    ("occasional", ""): "occasional stops",
    ("occasional", "small"): "errands",
}
MIXED, ALL_ROUND = SHOPPING["", ""], "all-round"
# A trait is said unasked from the first of these standings on; from the second, to tell segments of one name apart.
CLEAR, FAINT = 0.5, 0.2
# A name holds until what it says is off by more than so much: on the sample, refits on resampled households move how
# often and how much a segment buys by up to 0.2 in nineteen cases of twenty.
MARGIN = 0.2

# What a segment is led by, and what it leads in by having little of it.
TRAITS: dict[tuple[str, int], str] = {
    (feature.name, sign): word
    for feature in CATALOGUE
    for sign, word in ((1, feature.leads), (-1, feature.lacks))
    if word
}
REQUIRED = (RHYTHM, SIZE)

FACTOR_WORDS: dict[str, str] = {feature.name: feature.word or feature.label.lower() for feature in CATALOGUE}
# A second word joins the first when it weighs at least this share of it.
SECOND_WORD = 0.5
_SAID = {shopping: cell for cell, shopping in SHOPPING.items()} | {ALL_ROUND: ("", ""), "": ("", "")}
_WORDS = {word: trait for trait, word in TRAITS.items()}
# Names of earlier versions said a value tier and a stage, which are facts of households.
_TIERED = re.compile(r"(?:High|Mid|Low) value .+, (?:active|new|lapsing)(?: \d+)?")


@dataclass(frozen=True)
class Claims:
    """What a name says of a segment: its rhythm and size of baskets ("" where it says none), and traits."""

    rhythm: str
    size: str
    traits: tuple[tuple[str, int], ...] = ()


def slug(name: str) -> str:
    """`name` as an identifier: lower case, words joined by underscores."""
    return "_".join(re.findall(r"[a-z0-9]+", name.lower()))


def segment_names(features: pd.DataFrame, labels: Labels, taken: Iterable[str] = ()) -> dict[int, str]:
    """A unique name for each label, in a shopper's words: 'Large regular shops', 'Bargain errands'.

    `features`: a row per household, with at least `REQUIRED`; traits of other features are said where there are such.
    The name is of how often households come and how much they buy at a time (`SHOPPING`), by the standing of the
    segment: its mean rank less that of all households, in standard deviations. In front of it stands the trait in
    which the segment is furthest out, when that is by `CLEAR` at least ('full-price', 'bargain', 'fresh' …). Segments
    that would share a name, or have one of `taken`, take their next traits as well, down to `FAINT`; when none is
    left, a number, the larger and more frequent first. No word is in all names: where all segments shop as often and
    as much, names are of traits alone.
    Worth and stage are no part of a name: they are facts of households (`household_status`), and a segment has many.

    Raises ValueError when a feature is missing.
    """
    standing = standings(features, labels)
    shopping = {label: _shopping(row) for label, row in standing.iterrows()}
    if len(shopping) > 1 and set(shopping.values()) == {MIXED}:
        shopping = dict.fromkeys(shopping, "")
    traits = {label: _traits(row) for label, row in standing.iterrows()}
    said = {label: sum(far >= CLEAR for _, far in ranked[:1]) for label, ranked in traits.items()}
    used = {name.lower() for name in taken}
    names: dict[int, str] = {}
    while True:
        proposed = {
            label: " ".join([*(word for word, _ in traits[label][: said[label]]), shopping[label]]).strip() or ALL_ROUND
            for label in shopping
            if label not in names
        }
        counts = pd.Series(list(proposed.values()), dtype=object).value_counts()
        names |= {label: name for label, name in proposed.items() if counts[name] == 1 and name not in used}
        used |= set(names.values())
        stuck = [label for label in proposed if label not in names]
        more = [label for label in stuck if said[label] < len(traits[label])]
        if not more:
            break
        said |= {label: said[label] + 1 for label in more}
    # Segments alike in every trait that has a word are told apart by a number.
    sizes, often = np.bincount(labels), standing[RHYTHM]
    for label in sorted(stuck, key=lambda label: (-sizes[label], -float(often[label]))):
        number = 2
        while f"{proposed[label]} {number}" in used:
            number += 1
        names[label] = f"{proposed[label]} {number}"
        used.add(names[label])
    return {int(label): name[0].upper() + name[1:] for label, name in names.items()}


def standings(features: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """How far each segment's mean rank lies from that of all households, in standard deviations of the ranks.

    A row per label; a column for each of `REQUIRED` and of `TRAITS` that `features` has. 0 where nobody differs.
    Ranks: a few households with enormous coupon savings do not make a coupon segment.
    Raises ValueError when one of `REQUIRED` is missing.
    """
    absent = [feature for feature in REQUIRED if feature not in features.columns]
    if absent:
        raise ValueError(f"segments cannot be named without {', '.join(absent)}; found {', '.join(features.columns)}")
    asked = [name for name in dict.fromkeys([*REQUIRED, *(name for name, _ in TRAITS)]) if name in features.columns]
    ranks = features.loc[:, asked].rank()
    spread = ranks.std()
    return ((ranks.groupby(labels).mean() - ranks.mean()) / spread.where(spread > 0, 1.0)).fillna(0.0)


def claims(name: str) -> Claims | None:
    """What a name of `segment_names` says; None when it is not one of these."""
    words = re.sub(r" \d+$", "", name.lower()).split(" ")
    traits = []
    while words and words[0] in _WORDS:
        traits.append(_WORDS[words.pop(0)])
    shopping = " ".join(words)
    if shopping not in _SAID or not (traits or shopping):
        return None
    return Claims(*_SAID[shopping], tuple(traits))


def untrue(features: pd.DataFrame, labels: Labels, names: Mapping[int, str]) -> dict[int, str]:
    """What no longer holds of the `names` that labels have already, in words; labels whose name holds are left out.

    A rhythm or size holds while the segment's standing is within `MARGIN` of where it would be said today, a trait
    while the standing is over `FAINT` less that margin: a Schmitt trigger, so that a name changes once when a border
    is crossed, and not at it.
    """
    standing = standings(features, labels)
    found = {}
    for label, name in names.items():
        said = claims(name)
        if said is None:
            found[label] = (
                f"its name {name!r} says a value tier and a stage, as names of an earlier version did"
                if _TIERED.fullmatch(name)
                else f"its name {name!r} says nothing of how the households shop that could be held against them"
            )
            continue
        row = standing.loc[label]
        wrong = []
        for said_level, feature, levels in ((said.rhythm, RHYTHM, RHYTHMS), (said.size, SIZE, SIZES)):
            nearby = [_level(float(row[feature]) + by, levels) for by in (-MARGIN, 0.0, MARGIN)]
            if said_level not in nearby:
                wrong.append(f"{said_level or 'neither more nor less'} ({feature} {row[feature]:+.2f} sd)")
        wrong += [
            f"{TRAITS[feature, sign]} ({feature} {row.get(feature, 0.0):+.2f} sd)"
            for feature, sign in said.traits
            if sign * float(row.get(feature, 0.0)) <= FAINT - MARGIN
        ]
        if wrong:
            found[label] = f"{' and '.join(wrong)} of {name!r} no longer holds"
    return found


def _level(standing: float, levels: tuple[tuple[str, float], ...]) -> str:
    return next(word for word, lowest in levels if standing >= lowest)


def _shopping(row: pd.Series) -> str:
    return SHOPPING[_level(float(row[RHYTHM]), RHYTHMS), _level(float(row[SIZE]), SIZES)]


def _traits(row: pd.Series) -> list[tuple[str, float]]:
    """Words for what the segment is led by, with its standing there, furthest out first."""
    sides = [(word, sign * float(row[name])) for (name, sign), word in TRAITS.items() if name in row.index]
    return sorted(((word, far) for word, far in sides if far >= FAINT), key=lambda side: -side[1])


def factor_names(factors: Factors) -> tuple[str, ...]:
    """A unique readable name for each factor, from the loadings (k, p) that it does not share with other factors.

    A feature speaks for a factor by its loading times the factor's share of the feature's loadings over all factors.
    Features that say the same (`FACTOR_WORDS`) speak together, by the mean of the two loudest. The name is the word
    that weighs most, and the next when it weighs at least half as much. Factors that would share a name take further
    words, at last their number.
    """
    total = factors.loadings.sum(axis=0)
    own = factors.loadings**2 / np.where(total > 0, total, 1.0)
    spoken = [FACTOR_WORDS.get(feature, feature.replace("_", " ")) for feature in factors.features]
    ranked = []
    for row in own:
        by_word = pd.Series(row).groupby(spoken).apply(lambda weights: weights.nlargest(2).mean())
        ranked.append(by_word.sort_values(ascending=False, kind="stable"))
    names = [
        " + ".join(weights.index[: 2 if len(weights) > 1 and weights.iloc[1] >= SECOND_WORD * weights.iloc[0] else 1])
        for weights in ranked
    ]
    for n_words in range(2, 5):
        again = pd.Series(names).duplicated(keep=False)
        names = [
            " + ".join(ranked[index].index[:n_words]) if again[index] else name for index, name in enumerate(names)
        ]
    shared = pd.Series(names).duplicated(keep=False)
    return tuple(f"{name} ({index + 1})" if shared[index] else name for index, name in enumerate(names))
