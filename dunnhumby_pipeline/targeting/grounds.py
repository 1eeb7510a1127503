"""Whether a study can say what targeting is worth."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.names import FIRST_ELIGIBLE, NEVER_TARGETED, SEQUENTIAL
from dunnhumby_pipeline.settings import TrialSettings


class PolicyError(Exception):
    """No policy can be judged on this study. The message names the setting that prevents it."""


def require_grounds(trial: TrialSettings) -> None:
    """Raise PolicyError unless a study with these settings can say what targeting is worth.

    It cannot when its controls were chosen by what they bought later.
    """
    if trial.design == NEVER_TARGETED:
        raise PolicyError(
            f"trial.design is {NEVER_TARGETED!r}, which chooses controls by what they bought during the campaign and "
            "compares look-backs of unequal length: it serves comparison only, and no policy is judged on it; "
            "`dunnhumby report` shows the rest. Set "
            f"trial.design to {SEQUENTIAL!r} or {FIRST_ELIGIBLE!r}."
        )
