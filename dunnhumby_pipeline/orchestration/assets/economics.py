"""What a contact costs: what coupons took off, and the economics that every decision reads.

The launchpad of `economics` may say some of its terms in place of the settings.
"""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from dunnhumby_pipeline.orchestration.platform.fingerprints import frame_fingerprint
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step
from dunnhumby_pipeline.orchestration.terms import ECONOMICS, SAID, all_changed
from dunnhumby_pipeline.settings import EconomicsSettings, PolicySettings, SettingsError
from dunnhumby_pipeline.settings.in_place import (
    POLICY_TERMS,
    RUN_TERMS,
    in_words,
    policy_in_words,
    require_budget,
    with_policy,
    with_terms,
)

IN_CONFIG = "in the run's config of `economics`"


def _term(name: str) -> Any:
    """A term in the words of the settings; not given, it is as they say."""
    return Field(default=None, description=f"{EconomicsSettings.model_fields[name].description}; default: the settings")


def _of_policies(name: str) -> Any:
    meaning = PolicySettings.model_fields[POLICY_TERMS[name]].description
    return Field(default=None, description=f"{meaning}; default: the settings")


class EconomicsConfig(dg.Config):
    """Terms of this run in place of the settings. They hold until `economics` is next materialised; a `dunnhumby run`
    returns to the settings. The margin is not among them, as gross profit is measured by it before any effect is
    estimated: it is set as economics.margin in the settings.
    """

    scenario: str | None = _term("scenario")
    contact_cost: float | None = _term("contact_cost")
    one_off_cost: float | None = _term("one_off_cost")
    campaigns_to_come: int | None = _term("campaigns_to_come")
    test_cost: float | None = _term("test_cost")
    budget: float | None = _of_policies("budget")
    policy: str | None = _of_policies("policy")


@step(deps=["transactions", "coupons", "coupon_redemptions", "campaign_targets"])
def coupon_costs(
    campaigns: pd.DataFrame, first_campaign_cohort: pd.DataFrame, study: dg.ResourceParam[Study]
) -> pd.DataFrame:
    """What coupons cost per targeted household, which gross profit counts."""
    from dunnhumby_pipeline.targeting.coupon_costs import coupon_costs as measure

    studied = campaigns[campaigns["campaign"].isin(first_campaign_cohort["campaign"].unique())]
    return measure(study.journey_tables(), studied, study.settings.engine)


@step(settings=("economics", "policy.budget", "policy.chosen"))
def economics(
    config: EconomicsConfig, coupon_costs: pd.DataFrame, study: dg.ResourceParam[Study]
) -> Iterator[dg.Output]:
    """The cost scenarios in force and which of them the list follows: by the settings, or as this run says."""
    from dunnhumby_pipeline.targeting.coupon_costs import as_redeemed
    from dunnhumby_pipeline.targeting.economics import economics_of, economics_table
    from dunnhumby_pipeline.targeting.policies.registry import require_known

    settings, given = study.settings, config.model_dump()
    said = all_changed(settings, given)
    costs = {name: value for name, value in given.items() if name in RUN_TERMS}
    words = (in_words(settings.economics, given), policy_in_words(settings.policy, given))
    where = IN_CONFIG if said else "in the settings"
    try:
        policy = with_policy(settings, given, IN_CONFIG)
        here = settings.model_copy(update={"policy": policy})
        require_known(policy, where)
        terms = with_terms(here, costs, IN_CONFIG)
        found = economics_of(terms, as_redeemed(coupon_costs), "; ".join(filter(None, words)))
        require_budget(here, found.used.contact_cost, where)
    except SettingsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    table = economics_table(found, policy)
    # Code and inputs are the same whatever a run says: what rests on the table is told by its content.
    facts = {SAID: json.dumps(said, sort_keys=True)}
    yield dg.Output(table, ECONOMICS, metadata=facts, data_version=dg.DataVersion(frame_fingerprint(table)))
