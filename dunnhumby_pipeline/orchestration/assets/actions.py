"""What to do: with each segment, and with each household, by the playbook; and a brief for each segment."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import outputs, step

# What a contact costs, what a $ of sales earns, and how large a test must be.
_TERMS = (
    *(f"economics.{name}" for name in ("margin", "scenario", "contact_cost", "scenarios")),
    *(f"experiment.{name}" for name in ("power", "contact_share")),
)


@step(follows_playbook=True, follows_need_names=True)
def resolve_actions(
    segments: pd.DataFrame,
    segment_profiles: pd.DataFrame,
    segment_features: pd.DataFrame,
    household_status: pd.DataFrame,
    household_needs: pd.DataFrame,
    household_tags: pd.DataFrame,
    need_definitions: pd.DataFrame,
    household_value_need: pd.DataFrame,
    at_risk: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """One next action per household; what most of each segment, and of each cell of value and need, get."""
    from dunnhumby_pipeline.segmentation.actions.advice import actions_by_playbook
    from dunnhumby_pipeline.segmentation.actions.facts import FactsError, gather_facts
    from dunnhumby_pipeline.segmentation.actions.playbook import PlaybookError, load_playbook, playbook_place
    from dunnhumby_pipeline.segmentation.actions.resolver import require_names
    from dunnhumby_pipeline.segmentation.needs.names import NeedNamesError, known_need_names, load_need_names
    from dunnhumby_pipeline.segmentation.needs.needs import label_needs
    from dunnhumby_pipeline.segmentation.needs.value_need import ValueNeedError, value_need

    file = study.home.playbook
    with refusing(PlaybookError, FactsError, NeedNamesError, ValueNeedError):
        playbook = load_playbook(file)
        # Whose chance cannot be told is not judged: neither at risk nor without.
        judged = at_risk[at_risk["probability"].notna()]
        facts = gather_facts(segments, household_status, household_needs, household_tags, judged)
        matrix = value_need(household_value_need, label_needs(need_definitions))
        # The packaged names are known beside the user's own, so that the packaged playbook may speak of them.
        files = {load_need_names(study.home.need_names), load_need_names()}
        needs, tags = (
            [name for names in files for name in known_need_names(names, level)] for level in ("label", "tag")
        )
        require_names(playbook, facts, needs, tags, playbook_place(file))
        found = actions_by_playbook(facts, segment_profiles, segment_features, matrix, playbook)
    yield from outputs("resolve_actions", found)


@step(
    settings=("confidence", "trial.margin_weights", "actions", *_TERMS),
    deps=["transactions", "products"],
)
def brief_segments(
    segment_playbook: pd.DataFrame,
    next_action: pd.DataFrame,
    household_value_need: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """Size, money at stake, budget, action, what it is judged by and a test, for each segment."""
    from dunnhumby_pipeline.causal.design.outcomes import CohortError, weights_table
    from dunnhumby_pipeline.engine.run import run
    from dunnhumby_pipeline.experiments.segment_briefs import Terms, brief_windows, segment_briefs
    from dunnhumby_pipeline.features.purchases import weighed_purchases
    from dunnhumby_pipeline.features.windows import observed_days

    settings, tables = study.settings, study.journey_tables()
    days = settings.actions.test_days
    windows = brief_windows(*observed_days(tables["transactions"], settings.engine), days)
    with refusing(CohortError):
        weights = weights_table(settings.trial.margin_weights, study.table("products"))
    relations = {
        "transactions": tables["transactions"],
        "products": tables["products"],
        "windows": windows,
        "margin_weights": weights,
    }
    bought = run(weighed_purchases(settings.economics.margin), relations, settings.engine)
    terms = Terms(settings.economics.known_cost, days, settings.experiment, settings.confidence)
    return segment_briefs(segment_playbook, next_action, household_value_need, bought, terms)
