"""What targeting is worth, and the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.answer import decision_counts, has_ranking, lacks_value, value_text
from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells, verdict_cell
from dunnhumby_pipeline.report.section import Facts, Note, Section
from dunnhumby_pipeline.report.sections import curves, economics
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings, tells_apart, top_policy
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LISTED = 25
# Top shares that are shown beside the best of them.
SOME_SHARES = tuple(top_policy(share) for share in (0.1, 0.2, 0.3, 0.5))


def compared(tables: StudyTables) -> pd.DataFrame:
    """The policies to compare: where there is no ranking, those that go by one are draws by lot, and left out. Of the
    top shares, whose curve stands below, some, the best, and the one in use.
    """
    values = tables["policy_value"]
    if has_ranking(tables.get("cate_scoreboard")):
        top = values["policy"].str.startswith("top_")
        best = values["value"].where(top) == values["value"].where(top).max()
        return values.loc[~top | values["policy"].isin(SOME_SHARES) | best | values["chosen"].astype(bool)]
    return values.loc[~values["policy"].map(tells_apart)].assign(roi=float("nan"))


def _ranking_note(tables: StudyTables, settings: Settings) -> str:
    if has_ranking(tables["cate_scoreboard"]):
        return ""
    return (
        "There is no ranking: no model of the effect beats one effect for all, so that a share of the households could "
        "only be drawn by lot; policies that would are left out."
    )


def _policies(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import targeting

    return targeting.policy_comparison(compared(tables))


def _policies_alt(tables: StudyTables, settings: Settings) -> str:
    return "Honest and claimed value of each policy, $ per household: " + "; ".join(
        f"{terms.policy(row['policy'])} "
        + (
            f"none, as {row['reason']}"
            if lacks_value(row)
            else f"{value_text(row)}, claimed {numbers.dollars(row['claimed_value'])}"
        )
        for _, row in compared(tables).iterrows()
    )


def policy_rows(policy_value: pd.DataFrame) -> Grid:
    """Each policy's honest value beside the value that its own model claimed, or why it has none."""
    rows = []
    for _, row in policy_value.iterrows():
        strong = bool(row["chosen"])
        bounds = (row["ci_lower"], row["ci_upper"])
        reference = row["share_targeted"] == 0
        rows.append(
            (
                *cells(
                    terms.policy(row["policy"]) + (" (in use)" if strong else ""),
                    numbers.percent(row["share_targeted"]),
                    value_text(row),
                    strong=strong,
                ),
                Cell(f"no value: {row['reason']}")
                if lacks_value(row)
                else Cell("reference")
                if reference
                else verdict_cell(*bounds),
                *cells(
                    numbers.beside_interval(row["claimed_value"], *bounds, "$"),
                    numbers.percent(row["roi"]),
                    numbers.count(row["n_trials"]),
                    strong=strong,
                ),
            )
        )
    headers = "Policy|Share targeted|Honest value (interval)|Against zero|Claimed value|ROI|Trials"
    return as_grid(headers, rows, {1, 2, 4, 5, 6})


def _shown(tables: StudyTables) -> pd.DataFrame:
    differences = tables["policy_differences"]
    if tables.get("policy_value") is None:
        return differences
    return differences.loc[differences["policy"].isin(compared(tables)["policy"])]


def difference_rows(policy_differences: pd.DataFrame) -> Grid:
    """What each policy is worth above targeting everybody, nobody, and what was done."""
    wide = policy_differences.set_index(["against", "policy"])
    against = list(dict.fromkeys(policy_differences["against"]))
    rows = []
    for policy in dict.fromkeys(policy_differences["policy"]):
        shown = [_difference(wide, other, policy) for other in against]
        rows.append(cells(terms.policy(policy), *shown))
    headers = ["Policy", *(f"Less {terms.policy(other).lower()}" for other in against)]
    return as_grid(headers, rows, set(range(1, len(against) + 1)))


def _difference(wide: pd.DataFrame, against: str, policy: str) -> str:
    if (against, policy) not in wide.index:
        return ""
    row = wide.loc[(against, policy)]
    return numbers.interval(row["difference"], row["ci_lower"], row["ci_upper"], "$")


_QUANTITIES = {
    "regret": "Most that is lost by the policy in use",
    "best": "The best, as it won (hybrid interval)",
    "best_simultaneous": "The best, with an interval for all at once",
    "procedure": "Choosing the best, on households that had no say",
}


def selection_rows(policy_selection: pd.DataFrame) -> Grid:
    """What choosing the best policy is worth, and what the one in use may lose against it."""
    rows = [
        cells(
            _QUANTITIES[row["quantity"]],
            "; ".join(terms.policy(name) for name in str(row["policy"]).split(", ") if name),
            numbers.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "$")
            if numbers.is_number(row["estimate"])
            else "not known",
        )
        for _, row in policy_selection.iterrows()
    ]
    return as_grid("Question|Policy|$ per household (interval)", rows, {2})


def _in_all(tables: StudyTables) -> pd.DataFrame:
    whole = tables["policy_in_all"]
    return whole if tables.get("policy_value") is None else whole.loc[whole["policy"].isin(compared(tables)["policy"])]


def leaf_rows(policy_rules: pd.DataFrame) -> Grid:
    """The policy tree, leaf by leaf."""
    rows = [
        cells(
            rule(row["rule"]),
            "target" if row["treats"] else "leave",
            numbers.percent(row["share"]),
            numbers.interval(row["profit"], row["ci_lower"], row["ci_upper"], "$")
            if numbers.is_number(row["profit"])
            else "too few households",
            numbers.count(row["n_trials"]),
            numbers.percent(row["kept"]),
        )
        for _, row in policy_rules.iterrows()
    ]
    headers = "Households|The tree says|Share|Profit per contact, other folds (interval)|Trials|Decided alike by refits"
    return as_grid(headers, rows, {2, 3, 4, 5})


def _decisions(tables: StudyTables, settings: Settings) -> list[tuple[str, str]]:
    counts = decision_counts(tables["targeting_list"])
    return [(f"To {name}", numbers.count(size)) for name, size in counts.items()]


def list_rows(targeting_list: pd.DataFrame, segments: pd.DataFrame | None) -> Grid:
    """The households with the largest expected profit."""
    names = {} if segments is None else dict(zip(segments["segment"], segments["segment_name"], strict=True))
    first = targeting_list.sort_values("expected_profit", ascending=False, kind="stable").head(LISTED)
    rows = [
        cells(
            str(row["household_key"]),
            row["decision"],
            numbers.interval(row["expected_profit"], row["expected_profit_lower"], row["expected_profit_upper"], "$"),
            numbers.interval(row["cate"], row["cate_lower"], row["cate_upper"], "$"),
            numbers.number(row["propensity"], 2) + ("" if row["in_overlap"] else " (outside)"),
            names.get(row["segment"], str(row["segment"])),
            row["offer"] if isinstance(row["offer"], str) else "",
            row["reason"],
        )
        for _, row in first.iterrows()
    ]
    headers = "Household|Decision|Expected profit (calibrated)|Effect on gross profit|Propensity|Segment|Offer|Reason"
    return as_grid(headers, rows, {0, 2, 3, 4})


def tells_households_apart(targeting_list: pd.DataFrame) -> bool:
    """Whether the first households of the list are first: not when as many as are shown share one expected profit."""
    first = targeting_list["expected_profit"].nlargest(LISTED)
    return first.nunique() > len(first) / 2


def shared_rows(targeting_list: pd.DataFrame) -> Grid:
    """Households that the list decides alike, for the same reason and the same expected profit: the most first."""
    expected, lower, upper = profit = ["expected_profit", "expected_profit_lower", "expected_profit_upper"]
    alike = targeting_list.groupby(["decision", "reason", *profit], dropna=False, sort=False).size()
    rows = [
        cells(
            row["decision"],
            numbers.count(n),
            numbers.interval(row[expected], row[lower], row[upper], "$"),
            row["reason"],
        )
        for n, (_, row) in zip(alike, alike.index.to_frame(index=False).iterrows(), strict=True)
    ]
    by_size = sorted(range(len(rows)), key=lambda place: -alike.iloc[place])
    headers = "Decision|Households|Expected profit (calibrated)|Reason"
    return as_grid(headers, [rows[place] for place in by_size], {1, 2})


WORTH = (
    Note(
        "honest",
        lambda tables, settings: (
            "Honest values are measured on households that the policy was not fitted on. The claimed value is what the "
            "model promises for its own selection, and is flattered by having made the choice."
        ),
    ),
    Note("no_ranking", _ranking_note, ("cate_scoreboard",)),
    Section(
        "policies",
        "Honest value beside the claimed value",
        ("policy_value",),
        draw=_policies,
        alt=_policies_alt,
        beside=("cate_scoreboard",),
    ),
    Section(
        "policies_valued",
        "Policies",
        ("policy_value",),
        rows=lambda tables, settings: policy_rows(compared(tables)),
        beside=("cate_scoreboard",),
    ),
    Section(
        "policy_differences",
        "Policies against each other",
        ("policy_differences",),
        "On the same trials, so that what all share cancels.",
        rows=lambda tables, settings: difference_rows(_shown(tables)),
        beside=("policy_value", "cate_scoreboard"),
    ),
    Section(
        "policy_selection",
        "What choosing among policies is worth",
        ("policy_selection",),
        "The highest of several values is high by luck, too; these intervals allow for it.",
        rows=lambda tables, settings: selection_rows(tables["policy_selection"]),
    ),
    Section(
        "policy_rules",
        "Two questions that say whom to target",
        ("policy_rules",),
        "The best tree of two questions on half of the folds; profits are those of households in the other half.",
        rows=lambda tables, settings: leaf_rows(tables["policy_rules"]),
    ),
    Note("tree_refits", curves.refits_said, ("tree_refits",)),
    Section(
        "tree_comparison",
        "The policy tree beside econml's",
        ("certified_policies",),
        "From `dunnhumby certify`. Each fitted to the other folds of the same trials.",
        rows=lambda tables, settings: curves.tree_rows(tables["certified_policies"]),
        needs_rows=True,
    ),
    Section(
        "policy_in_all",
        "What policies bring in all",
        ("policy_in_all",),
        rows=lambda tables, settings: curves.in_all_rows(_in_all(tables)),
        beside=("policy_value", "cate_scoreboard"),
    ),
    Note("carried", curves.carried_said, ("policy_in_all",)),
    *economics.PARTS,
    curves.CURVES,
)
LIST = (
    Facts("decisions", _decisions, ("targeting_list",)),
    Section(
        "list",
        f"The {LISTED} households with the largest expected profit",
        ("targeting_list",),
        rows=lambda tables, settings: list_rows(tables["targeting_list"], tables.get("segments")),
        beside=("segments",),
        needs=lambda tables: tells_households_apart(tables["targeting_list"]),
    ),
    Section(
        "list_shared",
        "What households on the list share",
        ("targeting_list",),
        "Households share one expected profit, so that none of them comes first. The list itself lies beside this "
        "report.",
        rows=lambda tables, settings: shared_rows(tables["targeting_list"]),
        needs=lambda tables: not tells_households_apart(tables["targeting_list"]),
    ),
)
