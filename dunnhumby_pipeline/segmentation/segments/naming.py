"""Names from what households do, never from the number of a cluster or a factor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.segmentation.factors.factors import Factors
from dunnhumby_pipeline.segmentation.segments.clusters import Labels

# Spend of a segment's mean household against the mean household of all.
HIGH_VALUE, LOW_VALUE = 1.5, 0.6
# A segment is new when its median household came for the first time at most half a year ago.
NEW_WEEKS = 26
# It lapses when its median household has stayed away for four weeks, and twice as long as the median of all.
LAPSING_DAYS, LAPSING_TIMES = 28, 2.0
# A name holds until what it says is off by more than a fifth: on the sample, refits on resampled households move the
# spend of a segment, against that of all, by up to a sixth.
MARGIN = 1.2
# A trait that is nearer to the mean of all than this many standard deviations names nobody.
FAINT = 0.2

TIERS = ("High value", "Mid value", "Low value")
LIFECYCLES = ("active", "new", "lapsing")
_NEARBY = (1 / MARGIN, 1.0, MARGIN)

# What a segment leads in, and what it leads in by having little of it.
NEEDS: dict[tuple[str, int], str] = {
    (feature.name, sign): word
    for feature in CATALOGUE
    for sign, word in ((1, feature.leads), (-1, feature.lacks))
    if word
}
REQUIRED = tuple(dict.fromkeys(("recency", "monetary_sales", *(feature for feature, _ in NEEDS))))

FACTOR_WORDS: dict[str, str] = {feature.name: feature.word or feature.label.lower() for feature in CATALOGUE}
# A second word joins the first when it weighs at least this share of it.
SECOND_WORD = 0.5


def slug(name: str) -> str:
    """`name` as an identifier: lower case, words joined by underscores."""
    return "_".join(re.findall(r"[a-z0-9]+", name.lower()))


def segment_names(features: pd.DataFrame, labels: Labels, taken: Iterable[str] = ()) -> dict[int, str]:
    """A unique name for each label: value tier, leading need, lifecycle: 'High value fresh, active'.

    `features`: a row per household, with at least `REQUIRED`; `tenure_weeks` lets segments be new. Tier: mean spend
    against that of all households (high from 1.5, low under 0.6). Leading need: the trait of `NEEDS` whose mean rank
    lies farthest from that of all, in standard deviations, on its side; 'all-round' when none reaches 0.2. Lifecycle:
    new (median tenure of at most 26 weeks), lapsing (median recency over four weeks, and over twice that of all
    households), else active. Segments that would share a name, or have one of `taken`, take their next need as well;
    when no need is left, a number.

    Raises ValueError when a feature is missing.
    """
    absent = [feature for feature in REQUIRED if feature not in features.columns]
    if absent:
        raise ValueError(f"segments cannot be named without {', '.join(absent)}; found {', '.join(features.columns)}")
    ranked = _ranked_needs(features, labels)
    value = features["monetary_sales"].groupby(labels).mean() / features["monetary_sales"].mean()
    cycle = _lifecycles(features, labels)
    names: dict[int, str] = {}
    used = set(taken)
    for n_needs in range(1, len(NEEDS) + 1):
        proposed = {
            label: f"{_tier(float(value[label]))} {' + '.join(needs[:n_needs]) or 'all-round'}, {cycle[label]}"
            for label, needs in ranked.items()
            if label not in names
        }
        counts = pd.Series(list(proposed.values()), dtype=object).value_counts()
        names |= {label: name for label, name in proposed.items() if counts[name] == 1 and name not in used}
        used |= set(names.values())
        if len(names) == len(ranked):
            return names
    # Segments alike in every trait that has a word are told apart by a number, the larger and richer first.
    sizes = np.bincount(labels)
    alike = [label for label in ranked if label not in names]
    for label in sorted(alike, key=lambda label: (-sizes[label], -float(value[label]))):
        base, number = proposed[label], 2
        while f"{base} {number}" in used:
            number += 1
        names[label] = f"{base} {number}"
        used.add(names[label])
    return names


def still_said(features: pd.DataFrame, labels: Labels) -> dict[int, tuple[frozenset[str], frozenset[str]]]:
    """For each label the value tiers and the lifecycles that a name which it has already may say.

    Those that `segment_names` would say were the segment's spend, its days away or its tenure a fifth (`MARGIN`) more
    or less than they are: a Schmitt trigger, so that a name changes once when a border is crossed, and not at it.
    """
    value = features["monetary_sales"].groupby(labels).mean() / features["monetary_sales"].mean()
    nearby = [_lifecycles(features, labels, days, weeks) for days in _NEARBY for weeks in _NEARBY]
    return {
        int(label): (
            frozenset(_tier(float(value[label]) * times) for times in _NEARBY),
            frozenset(cycles[int(label)] for cycles in nearby),
        )
        for label in value.index
    }


def tier_and_lifecycle(name: str) -> tuple[str, str] | None:
    """Value tier and lifecycle that a name of `segment_names` says; None when it is not one of these."""
    found = re.fullmatch(rf"({'|'.join(TIERS)}) .+, ({'|'.join(LIFECYCLES)})(?: \d+)?", name)
    return (found[1], found[2]) if found else None


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


def _ranked_needs(features: pd.DataFrame, labels: Labels) -> Mapping[int, list[str]]:
    traits = list(dict.fromkeys(feature for feature, _ in NEEDS))
    # Ranks: a few households with enormous coupon savings do not make a coupon segment.
    ranks = features.loc[:, traits].rank()
    spread = ranks.std()
    standing = ((ranks.groupby(labels).mean() - ranks.mean()) / spread.where(spread > 0, 1.0)).fillna(0.0)
    ranked = {}
    for label, row in standing.iterrows():
        sides = {word: sign * float(row[feature]) for (feature, sign), word in NEEDS.items()}
        clear = [word for word, far in sides.items() if far >= FAINT]
        ranked[int(label)] = sorted(clear, key=lambda word: -sides[word])
    return ranked


def _lifecycles(
    features: pd.DataFrame, labels: Labels, times_away: float = 1.0, times_tenure: float = 1.0
) -> dict[int, str]:
    away = features["recency"].groupby(labels).median() * times_away
    border = max(LAPSING_DAYS, LAPSING_TIMES * float(features["recency"].median()))
    tenure = features["tenure_weeks"].groupby(labels).median() if "tenure_weeks" in features.columns else away * np.inf
    found = {}
    for label in away.index:
        new = tenure[label] * times_tenure <= NEW_WEEKS
        found[int(label)] = "lapsing" if away[label] > border else "new" if new else "active"
    return found


def _tier(relative_spend: float) -> str:
    high, mid, low = TIERS
    if relative_spend >= HIGH_VALUE:
        return high
    return low if relative_spend < LOW_VALUE else mid


tier, lifecycles = _tier, _lifecycles
