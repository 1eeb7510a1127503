"""What each test of the effects says to a reader, when it passes and when it does not."""

from __future__ import annotations

NO_ORDER = "Nothing to test: the model gives all households of a fold the same effect."
_PASSED = {
    "blp": "On later households the effect rises with what the model says of it. A slope of 1 would be exactly right.",
    "autoc": "Those whom the model puts first respond more than the average, the few at the very top counting most.",
    "qini": "Contacting in the model's order gains more than by lot, averaged over how many are contacted.",
    "top_minus_bottom": "The group of the largest predicted effects responds more than that of the smallest.",
    "calibration_slope": "The predicted differences may be as large as they are said to be: the interval includes 1.",
    "calibration_error": "What the model says of each group lies within noise of the group's effect.",
    "segments_differ": "The effect differs between look-back segments.",
    "needs_differ": "The effect differs by what households came for in the look-back.",
}
_FAILED = {
    "blp": "Not proven: on later households the effect does not surely rise with what the model says of it.",
    "autoc": "Not proven: those whom the model puts first may respond no more than the average.",
    "qini": "Not proven: contacting in the model's order may gain no more than by lot.",
    "top_minus_bottom": "Not proven: the group of the largest predicted effects may respond no more than that of the "
    "smallest.",
    "calibration_slope": "The predicted differences are not the real ones: below 1 they are too large, at 0 there are "
    "none, below 0 they point the wrong way.",
    "calibration_error": "The model is surely wrong about the size of some group's effect.",
    "segments_differ": "Not proven: one effect for all look-back segments fits as well.",
    "needs_differ": "Not proven: one effect fits as well, whatever households came for in the look-back.",
}
_TOLD = {
    "autoc_all_folds": "The area over all folds, for its size: tests over all folds reject too often, so it has no p.",
    "qini_all_folds": "The area over all folds, for its size: tests over all folds reject too often, so it has no p.",
    "auuc_adjusted": "Mean effect among those that the model puts first, over all shares, adjusted for who was "
    "targeted.",
    "auuc_adjusted_by_lot": "The same for an order by lot: what the area above must exceed.",
    "auuc_unadjusted": "The same from treated minus control as they are. It misleads: the targeted spent more before "
    "any campaign, so it mostly says who was targeted, and an order by lot can score higher.",
    "auuc_unadjusted_by_lot": "The unadjusted area of an order by lot: not zero, where targeting followed spending.",
    "agreement": "Mean rank correlation between learners: near 1 they put households in one order, near 0 in none.",
}
UPLIFT_AT = "uplift_at_"


def meaning(test: str, passed: bool | None) -> str:
    """The sentence for a test, by whether it passed; those that are told and not judged have one. KeyError for others.

    `uplift_at_20%` stands for any share.
    """
    if test.startswith(UPLIFT_AT):
        share = test.removeprefix(UPLIFT_AT)
        if passed:
            return f"The {share} that the model puts first respond surely more than the average."
        return f"Not proven: the {share} that the model puts first may respond no more than the average."
    return _TOLD[test] if passed is None else (_PASSED if passed else _FAILED)[test]
