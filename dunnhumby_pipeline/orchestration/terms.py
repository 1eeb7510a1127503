"""What runs say of the economics in place of the settings: in the history, and in the config of the next run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.history import latest_metadata
from dunnhumby_pipeline.orchestration.platform.jobs import ECONOMICS
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.settings.in_place import POLICY_TERMS, RUN_TERMS, changed_policy, changed_terms

# In the metadata of the table: the terms that its run said in place of the settings, as JSON.
SAID = "said"


def said_before(instance: dg.DagsterInstance, campaign_type: str) -> dict[str, Any] | None:
    """The terms in force that the last run of `economics` said in place of the settings; None when it never ran."""
    recorded = latest_metadata(instance, asset_key(ECONOMICS), campaign_type)
    return None if recorded is None else json.loads(str(recorded.get(SAID, "{}")))


def are_others(study: Study, instance: dg.DagsterInstance, campaign_type: str, said: Mapping[str, Any]) -> bool:
    """Whether a run that says `said` in place of the settings has other economics than those in force."""
    before = said_before(instance, campaign_type)
    return before is not None and before != all_changed(study.settings, said)


def all_changed(settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `given` for a run says otherwise than the settings, of costs and of policies."""
    return {**changed_terms(settings.economics, given), **changed_policy(settings.policy, given)}


def as_set(settings: Settings) -> dict[str, Any]:
    """Every term that a run may say, as the settings have it; None: a cost as its scenario says, and no budget."""
    costs = {name: getattr(settings.economics, name) for name in RUN_TERMS}
    return {**costs, **{name: getattr(settings.policy, setting) for name, setting in POLICY_TERMS.items()}}


def run_config(said: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run that says `said` in place of the settings."""
    return {"ops": {ECONOMICS: {"config": dict(said)}}} if said else {}
