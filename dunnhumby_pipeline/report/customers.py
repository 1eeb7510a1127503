"""Who the customers are, as rows of written text: the tables of segments, offers and calls."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.report.answer import decision_counts
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.report.views import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import in_named_order, segment_name, segment_names

WARNED = 20
TOP_DEPARTMENTS = 3
ABSENT = "(no purchase)"
_ATTRIBUTES = (
    ("age_desc", "Age"),
    ("income_desc", "Income"),
    ("household_size_desc", "Household size"),
    ("kid_category_desc", "Children"),
)


def customer_grids(tables: StudyTables) -> dict[str, Grid]:
    """Every table of the section that was built, by name; the others are left out."""
    grids: dict[str, Grid] = {}
    known = tables.segment_profiles
    if known is not None and tables.segment_playbook is not None:
        grids["playbook"] = _playbook_rows(known, tables.segment_playbook)
    if known is not None:
        grids["segments"] = _number_rows(known, tables)
    if tables.value_need is not None:
        grids["offers"] = _offer_rows(tables.value_need)
    if tables.early_warning is not None:
        grids["warning"] = _warning_rows(tables.early_warning, {} if known is None else segment_names(known))
    if known is not None and tables.segment_departments is not None:
        grids["departments"] = _department_rows(tables.segment_departments, known)
    if known is not None and tables.segment_demographics is not None:
        grids["demographics"] = _demographic_rows(tables.segment_demographics, known)
    if tables.segment_scoreboard is not None:
        grids["scoreboard"] = _scoreboard_rows(tables.segment_scoreboard)
    return grids


def _playbook_rows(known: pd.DataFrame, playbook: pd.DataFrame) -> Grid:
    sizes = known.set_index("segment")
    rows = []
    for _, found in playbook.iterrows():
        size = sizes.loc[found["segment"]] if found["segment"] in sizes.index else None
        amounts = (
            ("", "") if size is None else (numbers.count(size["n_households"]), numbers.percent(size["revenue_share"]))
        )
        texts = (found["strategy"], found["action"], found["avoid"])
        rows.append(
            (
                Cell(found["segment_name"], strong=True),
                *cells(*amounts, numbers.count(found["priority"]), *map(str, texts)),
            )
        )
    return as_grid("Segment|Households|Revenue|Priority (1 first)|Strategy|Do|Avoid", rows, {1, 2, 3})


def _number_rows(known: pd.DataFrame, tables: StudyTables) -> Grid:
    columns: list[tuple[str, dict[str, str]]] = []
    if tables.segment_lifetime_value is not None:
        found = tables.segment_lifetime_value.set_index("segment")["clv_mean"]
        columns.append(("Expected in 52 weeks", {slug: numbers.dollars(value) for slug, value in found.items()}))
    if tables.segments is not None:
        agreed = tables.segments.groupby("segment")["stability"].mean()
        columns.append(("Refits that agree", {slug: numbers.percent(share) for slug, share in agreed.items()}))
    if tables.targeting_list is not None:
        listed = tables.targeting_list
        counts = pd.crosstab(listed["segment"], listed["decision"])
        columns += [
            (f"To {name}", {slug: numbers.count(size) for slug, size in counts[name].items()})
            for name in decision_counts(listed)
            if name in counts.columns
        ]
    rows = []
    for _, found in known.iterrows():
        slug = found["segment"]
        amounts = (
            numbers.count(found["n_households"]),
            numbers.percent(found["share"]),
            numbers.percent(found["revenue_share"]),
            numbers.dollars(found["spend_mean"]),
            numbers.count(found["recency_median"]),
            numbers.percent(found["active_4w"]),
        )
        others = (values.get(slug, numbers.NOTHING) for _, values in columns)
        rows.append(cells(found["segment_name"], *amounts, *others))
    headers = "Segment|Households|Share|Revenue|Spend a household|Days since visit|Came in 4 weeks"
    return as_grid("|".join([headers, *(name for name, _ in columns)]), rows, set(range(1, 7 + len(columns))))


def _department_rows(found: pd.DataFrame, known: pd.DataFrame) -> Grid:
    best = found[(found["lift_rank"] <= TOP_DEPARTMENTS) & (found["lift"] > 1)].sort_values("lift_rank")
    named = zip(best["department"], best["lift"], strict=True)
    spoken = best.assign(text=[f"{terms.spoken(name.lower())} ({lift:.1f} times)" for name, lift in named])
    texts = spoken.groupby("segment")["text"].agg(", ".join)
    names = segment_names(known)
    rows = [cells(name, texts.get(slug, "none")) for slug, name in names.items()]
    return as_grid("Segment|Departments", rows, set())


def _offer_rows(value_need: pd.DataFrame) -> Grid:
    rows = [
        cells(
            terms.spoken(found["clv_tier"]),
            terms.spoken(found["need"]),
            numbers.count(found["n_households"]),
            numbers.percent(found["revenue_share"]),
            numbers.dollars(found["clv_mean"]),
            numbers.percent(found["discount_rate"], 1),
            str(found["offer"]) if found["n_households"] else "nobody here",
        )
        for _, found in value_need.iterrows()
    ]
    headers = "Lifetime value tier|Leading need|Households|Revenue|Expected in 52 weeks|Discount rate|Offer"
    return as_grid(headers, rows, {2, 3, 4, 5})


def _warning_rows(early_warning: pd.DataFrame, names: dict[str, str]) -> Grid:
    def place(slug: str) -> str:
        return "No purchase" if slug == ABSENT else segment_name(slug, names)

    first = early_warning.sort_values("change", kind="stable").head(WARNED)
    rows = [
        cells(
            str(found["household_key"]),
            place(found["from_segment"]),
            place(found["to_segment"]),
            numbers.whole_dollars(found["spend_before"]),
            numbers.whole_dollars(found["spend_after"]),
            numbers.whole_dollars(found["change"]),
            numbers.percent(found["change_share"]),
        )
        for _, found in first.iterrows()
    ]
    return as_grid("Household|Was|Is|Spend before|Spend now|Change|Change (%)", rows, {0, 3, 4, 5, 6})


def _demographic_rows(demographics: pd.DataFrame, known: pd.DataFrame) -> Grid:
    names = segment_names(known)
    found = [(name, spoken) for name, spoken in _ATTRIBUTES if name in set(demographics["attribute"])]
    rows = []
    for slug in in_named_order(demographics["segment"].unique(), names):
        own = demographics[demographics["segment"] == slug]
        answers = (_usual(own[own["attribute"] == name]) for name, _ in found)
        rows.append(cells(segment_name(slug, names), numbers.percent(own["coverage"].iloc[0]), *answers))
    return as_grid("|".join(["Segment|Known of", *(spoken for _, spoken in found)]), rows, {1})


def _usual(answers: pd.DataFrame) -> str:
    if answers["share"].isna().all():
        return numbers.NOTHING
    best = answers.loc[answers["share"].idxmax()]
    return f"{best['answer']} ({numbers.percent(best['share'])} of {numbers.count(best['answered'])})"


def _scoreboard_rows(scoreboard: pd.DataFrame) -> Grid:
    spoken = {"kmeans": "K-Means", "mixture": "Gaussian mixture", "consensus": "Consensus of K-Means"}
    rows = []
    for _, found in scoreboard.iterrows():
        role = {"chosen": "in use", "reference": "reference study"}.get(found["role"], "")
        rows.append(
            cells(
                spoken.get(found["method"], str(found["method"])) + (f" ({role})" if role else ""),
                numbers.count(found["n_features"]),
                numbers.count(found["n_factors"]),
                numbers.count(found["n_segments"]),
                numbers.number(found["cold_ari"], 2),
                numbers.number(found["warm_ari"], 2),
                numbers.number(found["silhouette"], 2),
                numbers.percent(found["smallest_share"]),
                "yes" if found["eligible"] else "no",
                strong=found["role"] == "chosen",
            )
        )
    headers = "Method|Features|Factors|Segments|Cold ARI|Warm ARI|Silhouette|Smallest|Could be chosen"
    return as_grid(headers, rows, set(range(1, 8)))
