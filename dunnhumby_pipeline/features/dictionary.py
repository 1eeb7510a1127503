"""The feature dictionary as a document, made from the catalogue.

python -m dunnhumby_pipeline.features.dictionary docs/features.md          # writes it
python -m dunnhumby_pipeline.features.dictionary --check docs/features.md  # exits 1 when it is stale
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from dunnhumby_pipeline.contracts.feature import NEED_GROUPS, VALUE_GROUPS, Feature
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.contracts.study_features import FEATURES
from dunnhumby_pipeline.words.document import markdown_table, write_or_check

_HEAD = f"""# Features

Made from `dunnhumby_pipeline/contracts/features.py` by `make docs`; edit that, not this.

What is known about a household over a *window* of days: the whole history in `customer_features`, the look-back of a
campaign in the trials. Both come from one function, `features.profile.household_features`. The first {len(FEATURES)},
up to time, are the customer features; the others extend them.

- A window runs from its first day up to but not including its index day; its last day is the day before. Weeks run from
  Monday to Sunday; day 285 is a Sunday, 1 January 2017. In the sample most baskets are bought on Sundays, and next
  most on Saturdays.
- Money is summed exactly, in whole units of the smallest amount (in the sample, cents). A basket's time is that of its
  first line.
- Fuel counts as money, as a visit and as a line; it is not an item, brand choice or department.
- *Track*: a value feature says what a household is worth ({", ".join(VALUE_GROUPS)});
  a need feature what it shops for and how ({", ".join(NEED_GROUPS)}).
  Campaigns are neither: they are what the retailer did.
- *Used by*: factors, the NMF matrix of the reference study, whose features are taken first; which of the
  {len(FEATURES)} a study factors is chosen by rule and recorded in its table `feature_choice`. Effects, the
  covariates of the causal models; those that grow with the window are taken per day of the look-back, since
  look-backs differ in length between campaigns. Campaigns of the type under study are not covariates: an eligible
  household received none before.
- *Null when*: for which households there is no value; empty where there always is one.
"""
_COLUMNS = ("feature", "unit", "formula", "null when", "track", "used by")


def features_markdown() -> str:
    """The text of docs/features.md: a table per group, in the order of the catalogue."""
    groups: dict[str, list[Feature]] = {}
    for group, features in groupby(CATALOGUE, key=lambda feature: feature.group):
        groups.setdefault(group, []).extend(features)
    return "\n".join([_HEAD, *(_section(group, features) for group, features in groups.items())])


def _section(group: str, features: Sequence[Feature]) -> str:
    return f"## {group.capitalize()}\n\n{markdown_table(_COLUMNS, map(_row, features))}\n"


def _row(feature: Feature) -> tuple[str, ...]:
    effects = "effects, per day" if feature.total else "effects"
    used_by = [model for model, used in (("factors", feature.factored), (effects, feature.covariate)) if used]
    words = (feature.unit, feature.formula, feature.null_when, feature.track, ", ".join(used_by))
    return (f"`{feature.name}`", *words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write docs/features.md, or check it; see `write_or_check`."""
    return write_or_check(features_markdown(), "dunnhumby_pipeline.features.dictionary", arguments)


if __name__ == "__main__":
    raise SystemExit(main())
