"""The causal graph that the study assumes, and what it identifies.

The graph is an assumption, not a finding. To try another one, add rows to the table of `causal_graph` or take
some away, and ask `adjustment_set` again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.causal.design.cohort import DEMOGRAPHICS, LOOK_BACK_SEGMENT, covariate_columns
from dunnhumby_pipeline.causal.design.matrix import CAMPAIGN
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.contracts.names import NEVER_TARGETED
from dunnhumby_pipeline.settings import TrialSettings

if TYPE_CHECKING:
    import networkx as nx

TREATMENT, OUTCOME = "campaign", "outcome"
# How the meaning of an arrow begins that is drawn only to say that it is not there.
ASSUMED_ABSENT = "Assumed absent:"


class IdentificationError(Exception):
    """The graph cannot be used, or does not identify the effect. The message says what prevents it."""


@dataclass(frozen=True)
class Node:
    """A group of variables. `groups`: feature groups of the catalogue; `columns`: other columns of the trials."""

    meaning: str
    groups: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


# Measured, in order of time. What is not named here is not measured.
MEASURED: dict[str, Node] = {
    "season and prices": Node(
        "season, prices and lengths of look-back and outcome window, as told by which campaign it is",
        columns=(CAMPAIGN,),
    ),
    "demographics": Node("what the household reported about itself, with unknown as a level", columns=DEMOGRAPHICS),
    "shopping habits": Node(
        "what is bought, when and how", groups=("behaviour", "category", "diversity", "rhythm", "coupon use")
    ),
    "promotion exposure": Node("display and mailer where and when the household shopped", groups=("exposure",)),
    "other campaigns": Node("campaigns received before the index day, coupons redeemed", groups=("campaigns",)),
    "past purchases": Node(
        "how much, how often and how lately was bought in the look-back",
        groups=("recency", "frequency", "monetary", "time", "tenure", "trend"),
    ),
    "look-back segment": Node("a summary of the look-back's features", columns=(LOOK_BACK_SEGMENT,)),
    TREATMENT: Node("whether the campaign lists the household"),
    "coupon redemption": Node("coupons of the campaign redeemed in the outcome window"),
    "later campaigns": Node("other campaigns received in the outcome window"),
    OUTCOME: Node("what is bought in the outcome window"),
}
NEEDS, EARLIER, KNOWLEDGE = "needs and plans", "earlier purchases", "retailer's own knowledge"
# Cause, effect, meaning.
EDGES: tuple[tuple[str, str, str], ...] = (
    ("season and prices", "past purchases", "Season, prices and the look-back's length move what is bought in it."),
    ("season and prices", "other campaigns", "Which campaigns ran before depends on the calendar."),
    ("season and prices", TREATMENT, "Each campaign lists another share of the households."),
    ("season and prices", OUTCOME, "Season and the window's length move what is bought in it."),
    ("demographics", "shopping habits", "Who lives in a household shapes what it shops for."),
    ("demographics", "past purchases", "Household size and income shape how much it buys."),
    ("demographics", TREATMENT, "The retailer may choose by them where it knows them."),
    ("demographics", OUTCOME, "They go on shaping how much it buys."),
    ("shopping habits", "promotion exposure", "Where and when a household shops decides which promotions it meets."),
    ("shopping habits", "past purchases", "How a household shops shapes how much it buys."),
    ("shopping habits", "look-back segment", "The segment is worked out from them."),
    ("shopping habits", TREATMENT, "The retailer may choose households whose habits suit the offers."),
    ("shopping habits", "coupon redemption", "Households used to coupons redeem more."),
    ("shopping habits", OUTCOME, "Habits last."),
    ("promotion exposure", "past purchases", "Display and mailer sell."),
    ("promotion exposure", TREATMENT, "The retailer may choose households that met its promotions."),
    ("promotion exposure", OUTCOME, "Households that met promotions go on meeting them."),
    ("other campaigns", "past purchases", "Earlier campaigns moved what was bought in the look-back."),
    ("other campaigns", TREATMENT, "Lists are made with earlier lists in view."),
    ("other campaigns", OUTCOME, "Campaigns that still run, and habits they left, move what is bought."),
    ("past purchases", TREATMENT, "The retailer chooses by what households bought: the main confounder."),
    ("past purchases", "look-back segment", "The segment is worked out from them."),
    ("past purchases", "later campaigns", "Later lists are made from the same purchases."),
    ("past purchases", OUTCOME, "Who bought much goes on buying much."),
    (TREATMENT, OUTCOME, "Being listed reminds and informs, whether a coupon is used or not."),
    (TREATMENT, "coupon redemption", "Only listed households hold the campaign's coupons."),
    (TREATMENT, "later campaigns", "Being listed may change which campaigns follow."),
    ("coupon redemption", OUTCOME, "Coupons change what is bought: part of the effect."),
    ("later campaigns", OUTCOME, "They change what is bought: part of the effect as far as this campaign led to them."),
    (NEEDS, EARLIER, "Needs show in what was bought long ago."),
    (NEEDS, "shopping habits", "Needs shape habits."),
    (NEEDS, "past purchases", "Needs show in the look-back."),
    (NEEDS, "coupon redemption", "A coupon is redeemed when it fits a need: a reason not to adjust for redemption."),
    (NEEDS, KNOWLEDGE, "The retailer may learn of needs by other ways than the till."),
    (NEEDS, OUTCOME, "New needs show later: a birth, a move, a holiday."),
    (EARLIER, "past purchases", "Habits older than the look-back last into it."),
    (EARLIER, "other campaigns", "Earlier lists were made from earlier purchases."),
    (EARLIER, OUTCOME, "Old habits may come back without having shown in the look-back."),
    (
        EARLIER,
        TREATMENT,
        f"{ASSUMED_ABSENT} given the look-back, purchases older than it do not decide who is listed. The placebo "
        "outcome tests it.",
    ),
    (
        KNOWLEDGE,
        TREATMENT,
        f"{ASSUMED_ABSENT} the retailer lists by nothing that foretells spend and is not measured here. The bounds on "
        "confounding say what it would take.",
    ),
)

# Assumption, what it says, what would break it, and what bears on it.
ASSUMPTIONS: tuple[tuple[str, str, str, str], ...] = (
    (
        "no unmeasured confounding",
        "Households alike in all covariates are listed as if by lot, so nothing else moves both the list and the "
        "outcome.",
        "lists made from purchases older than the look-back, or from anything that foretells purchases and is not "
        "in these data",
        "negative_controls test what came before the look-back; sensitivity, "
        "confounder_benchmarks and rosenbaum_bounds say how strong a hidden cause would have to be. None of them can "
        "prove it",
    ),
    (
        "overlap",
        "Every kind of household could have been listed and could have been left out.",
        "a fixed rule, such as listing all households above some spend",
        "overlap_diagnostics, propensity_calibration and outside_overlap; effect_robustness shows the effect with the "
        "extremes left out. The overlap-weighted effect asks least, since it rests on households that could be either",
    ),
    (
        "consistency",
        "Being listed means the same for all households of a campaign, and the outcome of a listed household is the "
        "one that being listed leads to. Campaigns that follow from it are part of the effect.",
        "offers that differ between households of one campaign, or other campaigns that go to one arm more than to the "
        "other for reasons of their own",
        "campaign_dose shows whether other campaigns differ between the arms, and whether the effect depends on them",
    ),
    (
        "no interference",
        "One household's campaign does not change what another buys.",
        "coupons handed on, shelves emptied by listed households",
        "nothing in these data; an experiment by store or region would",
    ),
    (
        "no look-ahead",
        "Who enters and what is adjusted for is known before the index day.",
        "controls chosen by what they bought later, covariates that see the outcome window, a campaign announced "
        "before its first day",
        "the check that recomputes recency, trips and spend of every trial from raw lines; "
        "design_comparison shows what choosing controls by later purchases does",
    ),
    (
        "outcome seen for all",
        "A household without a line in the outcome window bought nothing.",
        "households that moved away or shop with another card, more in one arm than in the other",
        "trial_flow, and the share of controls without a purchase in design_comparison",
    ),
)


def causal_graph() -> pd.DataFrame:
    """The assumed graph, a row per arrow: cause, effect, observed (whether both are measured), meaning.

    An arrow whose meaning begins with `ASSUMED_ABSENT` is not in the graph: the study relies on its absence.
    """
    frame = pd.DataFrame(EDGES, columns=["cause", "effect", "meaning"])
    observed = frame["cause"].isin(list(MEASURED)) & frame["effect"].isin(list(MEASURED))
    return frame.assign(observed=observed)[["cause", "effect", "observed", "meaning"]]


def adjustment_set(graph: pd.DataFrame) -> tuple[str, ...]:
    """The nodes to adjust for: the largest set of measured ones that blocks every back-door path.

    By the back-door criterion (Pearl 2009, section 3.3), so it holds no descendant of the campaign: of the others that
    are connected with campaign or outcome, the largest subset that d-separates the two once arrows out of the campaign
    are gone. `graph`: as from `causal_graph`; nodes not in `MEASURED` are not measured.
    Raises IdentificationError when arrows run in a circle, lead nowhere, or leave a back-door path open.
    """
    import networkx as nx

    directed = directed_graph(graph)
    measured = [name for name in MEASURED if name in directed]
    back_doors = directed.copy()
    back_doors.remove_edges_from(list(directed.out_edges(TREATMENT)))
    moved = nx.descendants(directed, TREATMENT) | {TREATMENT, OUTCOME}
    eligible = [
        name
        for name in measured
        if name not in moved
        and not all(nx.is_d_separator(directed, {end}, {name}, set()) for end in (TREATMENT, OUTCOME))
    ]
    # Where any subset separates the two, their ancestors among the eligible do (van der Zander et al. 2014).
    ancestors = nx.ancestors(back_doors, TREATMENT) | nx.ancestors(back_doors, OUTCOME)
    if not nx.is_d_separator(back_doors, {TREATMENT}, {OUTCOME}, ancestors & set(eligible)):
        hidden = sorted(set(directed.predecessors(TREATMENT)) - set(measured))
        raise IdentificationError(
            f"the effect of {TREATMENT} on {OUTCOME} is not identified: its unmeasured causes ({', '.join(hidden)}) "
            "leave a back-door path open, whatever is adjusted for; measure them, or remove the arrow and give the "
            "reason"
        )
    largest_first = (subset for size in range(len(eligible), -1, -1) for subset in combinations(eligible, size))
    return next(
        subset for subset in largest_first if nx.is_d_separator(back_doors, {TREATMENT}, {OUTCOME}, set(subset))
    )


def directed_graph(graph: pd.DataFrame) -> nx.DiGraph:
    """The arrows of `graph` but for those assumed absent. Raises IdentificationError as `adjustment_set` does."""
    import networkx as nx

    present = graph.loc[~graph["meaning"].str.startswith(ASSUMED_ABSENT)]
    directed = nx.DiGraph(list(zip(present["cause"], present["effect"], strict=True)))
    if not nx.is_directed_acyclic_graph(directed):
        circle = [cause for cause, _ in nx.find_cycle(directed)]
        raise IdentificationError(f"arrows run in a circle: {' -> '.join([*circle, circle[0]])}; remove one of them")
    lacking = [name for name in (TREATMENT, OUTCOME) if name not in directed]
    if lacking or not nx.has_path(directed, TREATMENT, OUTCOME):
        raise IdentificationError(f"no arrows lead from {TREATMENT} to {OUTCOME}; expected at least one path")
    return directed


def node_columns(name: str, covariates: list[str]) -> list[str]:
    """The columns of the trials that a measured node stands for, among `covariates`, which hold the campaign too."""
    node = MEASURED[name]
    features = {feature.name for feature in CATALOGUE if feature.group in node.groups}
    return [column for column in covariates if column in features or column in node.columns]


def identification(graph: pd.DataFrame, campaign_type: str, trial: TrialSettings) -> pd.DataFrame:
    """What the graph identifies, and on what grounds, in words: item, text.

    Items: the estimand; the adjustment set, and the columns of the trials that each of its nodes stands
    for; what is left alone because the campaign moves it; what is not measured; arrows assumed absent; and each
    assumption with what would break it and which table bears on it. Raises as `adjustment_set`.
    """
    adjusted = adjustment_set(graph)
    directed = directed_graph(graph)
    covariates = [*covariate_columns(campaign_type, trial.washout_days), LOOK_BACK_SEGMENT, CAMPAIGN]
    since = "yet" if trial.washout_days is None else f"in the {trial.washout_days} days before"
    absent = graph.loc[graph["meaning"].str.startswith(ASSUMED_ABSENT)]
    between = [name for name in _descendants(directed, TREATMENT) if name != OUTCOME]
    hidden = [name for name in directed if name not in MEASURED]
    rows = [
        (
            "estimand",
            f"the effect on {trial.outcome}, per household over the outcome window, of being listed by a "
            f"{campaign_type} campaign, for households not sent one {since}: E[outcome | listed, z] - E[outcome | not "
            "listed, z] for households alike in z, the adjustment set, averaged with weights e (1 - e) (ATO), e being "
            "the chance of being listed given z",
        ),
        ("adjustment set", f"{_listed(adjusted)}: the largest that blocks every back-door path"),
        *(
            (f"covariates: {name}", f"{MEASURED[name].meaning} ({_listed(node_columns(name, covariates))})")
            for name in adjusted
        ),
        ("not adjusted for", f"{_listed(between)}: what the campaign moves is part of its effect"),
        ("not measured", _listed(hidden)),
        *((f"assumed absent: {row.cause} -> {row.effect}", _reason(row.meaning)) for row in absent.itertuples()),
        *(
            (f"assumption: {name}", f"{says} Broken by: {broken_by}. Evidence: {evidence}.")
            for name, says, broken_by, evidence in ASSUMPTIONS
        ),
    ]
    if trial.design == NEVER_TARGETED:
        why = "Controls are chosen by what they bought after the index day: 'no look-ahead' does not hold."
        rows.append((f"design: {NEVER_TARGETED}", why))
    return pd.DataFrame(rows, columns=["item", "text"])


def _descendants(directed: nx.DiGraph, name: str) -> list[str]:
    """All that `name` moves, in the order of the graph."""
    import networkx as nx

    moved = nx.descendants(directed, name)
    return [node for node in directed if node in moved]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _reason(meaning: str) -> str:
    text = meaning.removeprefix(ASSUMED_ABSENT).strip()
    return text[:1].upper() + text[1:]
