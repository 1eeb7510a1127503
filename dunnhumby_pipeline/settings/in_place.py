"""Economics of one run: what its launchpad or options say in place of the settings, held to the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from dunnhumby_pipeline.settings.economics import EconomicsSettings, require_affordable
from dunnhumby_pipeline.settings.policies import PolicySettings
from dunnhumby_pipeline.settings.section import Section
from dunnhumby_pipeline.settings.study import Settings, SettingsError, found_wrong

# What a run may say. The margin is not among them: gross profit is measured by it before any effect is estimated.
RUN_TERMS = ("scenario", "contact_cost", "one_off_cost", "campaigns_to_come", "test_cost")
# What a run may say of policies, and the setting that it stands for.
POLICY_TERMS = {"budget": "budget", "policy": "chosen"}
# Of the scenario in use; another scenario brings its own.
_OF_THE_SCENARIO = ("contact_cost", "one_off_cost")


class _Sections(Section):
    """So that what is wrong is named as it is in the file: economics.contact_cost."""

    economics: EconomicsSettings


class _Policies(Section):
    """The same of policy.budget and policy.chosen."""

    policy: PolicySettings


def changed_terms(settings: EconomicsSettings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the terms `given` for a run that differ from the settings; None: as the settings say."""
    said = {name: given.get(name) for name in RUN_TERMS}
    return {name: value for name, value in said.items() if value is not None and value != getattr(settings, name)}


def with_terms(settings: Settings, given: Mapping[str, Any], where: str) -> EconomicsSettings:
    """The economics of a run for which the terms `given` hold in place of the settings; None: as the settings say.

    Another scenario brings its own costs: `contact_cost` and `one_off_cost` of the settings are of the scenario there.
    Raises SettingsError, in the words of the file, for what the file could not say either; `where` it was said.
    """
    unknown = sorted(set(given) - set(RUN_TERMS))
    if unknown:
        raise SettingsError(f"{', '.join(unknown)} cannot be said {where}; expected {', '.join(RUN_TERMS)}")
    changed = changed_terms(settings.economics, given)
    if "scenario" in changed:
        changed = {**dict.fromkeys(_OF_THE_SCENARIO), **changed}
    try:
        found = _Sections.model_validate({"economics": settings.economics.model_dump() | changed}).economics
    except ValidationError as error:
        raise SettingsError(f"a setting cannot be used: {found_wrong(error)} ({where})") from error
    require_budget(settings, found.known_cost, where)
    return found


def changed_policy(settings: PolicySettings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the terms of policies `given` for a run that differ from the settings; None: as the settings say."""
    said = {name: given.get(name) for name in POLICY_TERMS}
    return {
        name: value
        for name, value in said.items()
        if value is not None and value != getattr(settings, POLICY_TERMS[name])
    }


def with_policy(settings: Settings, given: Mapping[str, Any], where: str) -> PolicySettings:
    """The settings of policies of a run for which `given` hold; None: as the settings say. Raises as `with_terms`."""
    changed = {POLICY_TERMS[name]: value for name, value in changed_policy(settings.policy, given).items()}
    try:
        return _Policies.model_validate({"policy": settings.policy.model_dump() | changed}).policy
    except ValidationError as error:
        raise SettingsError(f"a setting cannot be used: {found_wrong(error)} ({where})") from error


def require_budget(settings: Settings, contact_cost: float | None, where: str) -> None:
    """Raise SettingsError when the budget of the settings does not pay for one contact."""
    try:
        require_affordable(settings.policy.budget, contact_cost)
    except ValueError as error:
        raise SettingsError(f"a setting cannot be used: {error} ({where})") from error


def in_words(settings: EconomicsSettings, given: Mapping[str, Any]) -> str:
    """What a run says in place of the settings, and what they say; empty when nothing differs."""
    return "; ".join(
        f"{name} = {_shown(value)} (in the settings: {_shown(getattr(settings, name))})"
        for name, value in changed_terms(settings, given).items()
    )


def policy_in_words(settings: PolicySettings, given: Mapping[str, Any]) -> str:
    """What a run says of policies in place of the settings, and what they say; empty when nothing differs."""
    return "; ".join(
        f"{name} = {_shown(value)} (in the settings: {_shown(getattr(settings, POLICY_TERMS[name]), 'none')})"
        for name, value in changed_policy(settings, given).items()
    )


def _shown(value: object, without: str = "as the scenario says") -> str:
    if value is None:
        return without
    return f"{value:g}" if isinstance(value, float) else str(value)
