"""Settings and values that had another name or are gone, and what a misspelt name was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# By the old name of a setting its new one; by setting, old values and the new.
SETTINGS = {"trial.keep_cut_waves": "trial.keep_cut_campaigns", "campaign_types": "schedules.types"}
# By the name of a setting that is gone, why.
GONE = {
    "migration.warning_steps": "households that fell are those of the last quarter (risk.quarter_days); take it out",
    "migration.warning_fall": "the fall that is listed is risk.fall; take it out",
    "economics.cost_source": "gross profit counts the coupons already, so that only economics.contact_cost is left; "
    "take it out",
    "cate.n_bootstraps": "the R-learner has no interval, as a bootstrap of coefficients at zero tells nothing; take "
    "it out",
}
VALUES = {
    "trial.design": {"first_eligible_wave": "first_eligible"},
    "policy.chosen": {"cate_above_breakeven": "effect_above_break_even"},
}


def hint(setting: str, value: object, known: Iterable[str]) -> str:
    """What to write in place of a setting or value that is not known; empty when no name comes close.

    `known` are the names that stand where the setting's last part does.
    """
    if setting in SETTINGS:
        return f"its name is now {SETTINGS[setting]}"
    if setting in GONE:
        return GONE[setting]
    renamed = VALUES.get(setting, {}).get(str(value))
    if renamed is not None:
        return f"its name is now {renamed!r}"
    *place, name = setting.split(".")
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {'.'.join([*place, close[0]])}?" if close and close[0] != name else ""
