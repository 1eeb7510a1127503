"""The entries of the registry that are about contact rules and the targeting list."""

from __future__ import annotations

from dunnhumby_pipeline.orchestration.checks import actions, lists
from dunnhumby_pipeline.orchestration.checks.check import BLOCK, WARN, Check, Sight
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict


def _look_at_agreement(sight: Sight) -> Verdict:
    sure = (1 + sight.study.settings.confidence) / 2
    return lists.list_agrees(sight.read("targeting_list"), sight.read("policy_value"), sure)


CHECKS: tuple[Check, ...] = (
    Check(
        "contact_rules",
        lists.opt_outs_known,
        WARN,
        red="many opt-outs are of households that the study does not know: a wrong file, or other keys",
        advice="compare the keys of the file with those of the raw data before anything is sent",
        why="who asked not to be contacted would be contacted",
        thresholds=("max_unknown_opt_outs",),
    ),
    Check(
        "policy_differences",
        lists.value_against_all_and_none,
        WARN,
        reads=("policy_value",),
        red="on the same trials the policy in use is surely worth less than targeting everybody, or nobody",
        advice="set `policy.chosen` to the better one",
        why="a rule that loses to the simplest ones costs money for nothing",
    ),
    Check(
        "targeting_list",
        actions.offers_as_resolved,
        BLOCK,
        reads=("next_action",),
        red="the list contacts or tests a household with another offer than next_action has for it, or one for which "
        "it has none",
        advice="a defect, or tables of different runs; do not use the list",
        why="the list and the table of actions would send two offers to one household",
    ),
    Check(
        "targeting_list",
        lists.list_in_bounds,
        BLOCK,
        reads=("segments",),
        red="the list does not have today's households, each once, or holds a decision, probability or effect that "
        "cannot be",
        advice="a defect; do not use the list",
        why="a list of other households, or with impossible numbers, is not this study's",
    ),
    Check(
        "targeting_list",
        lists.list_agrees,
        BLOCK,
        reads=("policy_value",),
        look=_look_at_agreement,
        red="a household is a target although a gain is not proven, it has no support or may not be contacted; or has "
        "no arm",
        advice="a defect; do not use the list",
        why="a contact that nothing speaks for is a cost, and one that was refused is a breach of trust",
    ),
    Check(
        "targeting_list",
        lists.holdout_present,
        WARN,
        red="no target is held out, or other than as many as the logged chances say: what the campaign does cannot be "
        "measured",
        advice="set `contact.holdout_share` above 0; of very few targets, hold a larger share out",
        why="without households held out nobody will know what the campaign did",
    ),
    Check(
        "decision_summary",
        lists.summary_agrees,
        BLOCK,
        reads=("targeting_list",),
        red="the summary does not count what is on the list, or advises against it",
        advice="a defect; go by the list",
        why="the summary is what people quote, and the list is what is sent",
    ),
    Check(
        "decision_churn",
        lists.decisions_steady,
        WARN,
        red="many households have another decision than on the list before, or on the one approved last",
        advice="find what changed (data, costs, settings, rules of contact) before the list is approved",
        why="a list that turns over for no reason was noise before, or is now",
        thresholds=("max_decision_churn",),
    ),
    Check(
        "decision_refits",
        lists.decisions_hold,
        WARN,
        red="for many households another sample of the same kind would have given another decision: it lies near an "
        "edge",
        advice="say so with the list; a test settles it",
        why="a decision near an edge is a coin that has landed, not a finding",
        thresholds=("max_refit_churn",),
    ),
    Check(
        "list_approvals",
        lists.approvals_unaltered,
        WARN,
        red="the frozen copy of an approved list is missing or was altered",
        advice="restore it from where it was sent; its hash says which it was",
        why="what was approved has to be what can be shown later",
    ),
)
