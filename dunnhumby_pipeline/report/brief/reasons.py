"""Why a blocking check that failed leaves a study without an answer, for who decides and never met the check."""

from __future__ import annotations

_UNLIKE = (
    "Households that got earlier campaigns and those that did not were too unlike to be compared, also after all that "
    "was done to make them alike. A difference in what they spent could be due to that."
)
_FEW = "Too few households got such a campaign, or too few like them did not. What it does cannot be told from so few."
_LIST = "The list that was made contradicts what was found, or is not whole. It must not be sent."
_DATA = "The data contradict themselves in something that everything else rests on."
_CUSTOMERS = "The groups of customers did not come out the same when they were made again, so nothing is built on them."
_FAULT = "A table did not come out as it must. That is a fault of the program or of the data, and no result."

# By the name of the check.
REASONS = {
    "schema_and_keys": _FAULT,
    "campaign_in_campaigns": "Campaigns are named of which no dates are known, so it is not known who got what when.",
    "weeks_agree": _DATA,
    "features_complete": _FAULT,
    "warm_stability": _CUSTOMERS,
    "without_contradictions": "Some households have an offer that their group must not get.",
    "no_look_ahead": "Something that was only known later had found its way into what households are compared by.",
    "arms_large_enough": _FEW,
    "positivity": _FEW,
    "arms_in_overlap": _FEW,
    "effective_arms": _FEW,
    "balance_after_weighting": _UNLIKE,
    "balance_in_every_campaign": _UNLIKE,
    "sample_ratio": "Outcomes of a test came in from one of its two groups more than from the other, so it is no test.",
    "list_backed": _LIST,
    "offers_as_resolved": _LIST,
    "list_in_bounds": _LIST,
    "list_agrees": _LIST,
    "summary_agrees": _LIST,
}


def reason(check: str) -> str:
    """What the failure of a check, by its name, means; of one that nobody has put into words, that it stopped."""
    return REASONS.get(check, "A number that all later ones rest on is not as it must be.")
