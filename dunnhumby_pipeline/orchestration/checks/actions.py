"""Judgements of what the playbook says to do: one action per household, and no two places that contradict."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import TARGET, TEST
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.segmentation.actions.advice import forbidden_forms
from dunnhumby_pipeline.segmentation.actions.resolver import ACTION, FORMS
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline.targeting.offers import OF_ACTION


def without_contradictions(
    actions: pd.DataFrame, playbook: pd.DataFrame, matrix: pd.DataFrame, settings: CheckSettings
) -> Verdict:
    """Every household has one action or is left with a reason, none that its segment is kept from, and segments and
    cells of value and need show what most of their households get.
    """
    kept = forbidden_forms(playbook)
    against = sum(
        int(((actions["segment"] == segment) & (actions["offer_form"] == form)).sum())
        for segment, forms in kept.items()
        for form in forms
    )
    told = actions[ACTION].notna()
    suppressed = actions["suppressed"].astype(bool)
    found = {
        "offered what their segment is kept from": against,
        "of a segment without advice": int((~actions["segment"].isin(list(kept))).sum()),
        "with an offer of an unknown form": int(
            (actions["offer_form"].notna() & ~actions["offer_form"].isin(FORMS)).sum()
        ),
        "listed twice": int(actions["household_key"].duplicated().sum()),
        "without an action and not suppressed": int((~suppressed & ~told.all(axis=1)).sum()),
        "suppressed and offered something": int((suppressed & told.any(axis=1)).sum()),
        "without a reason": int(actions["because"].isna().sum()),
        "of segments that say another offer than most of them get": _otherwise(actions, playbook, ["segment"]),
        "of cells that say another offer than most of them get": _otherwise(actions, matrix, ["value_tier", "need"]),
    }
    metrics = {"n_households": len(actions), "n_suppressed": int(suppressed.sum()), "n_contradictions": against}
    wrong = {name: n for name, n in found.items() if n}
    if wrong:
        text = "; ".join(f"{n:,} households {name}" for name, n in wrong.items())
        return Verdict(False, f"{text}: do not use actions, playbook or matrix", metrics)
    return Verdict(
        True,
        f"{len(actions) - int(suppressed.sum()):,} households have one action that their segment may have, "
        f"{int(suppressed.sum()):,} are left with a reason",
        metrics,
    )


def enough_are_offered(actions: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The playbook has an offer for enough households."""
    suppressed = actions["suppressed"].astype(bool)
    share, most = float(suppressed.mean()), settings.max_share_without_offer
    metrics = {"share_without_offer": share, "n_without_offer": int(suppressed.sum())}
    text = f"{int(suppressed.sum()):,} of {len(actions):,} households have no offer ({share:.1%}, at most {most:.0%})"
    if share <= most:
        return Verdict(True, text, metrics)
    why = actions.loc[suppressed, "because"].value_counts()
    return Verdict(False, f"{text}; most often ({int(why.iloc[0]):,}): {why.index[0]}", metrics)


def offers_as_resolved(targeting_list: pd.DataFrame, actions: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Whom the list contacts or tests has the offer of next_action, and nobody is contacted for whom there is none."""
    own = actions.set_index("household_key").reindex(targeting_list["household_key"]).reset_index()
    contacted = targeting_list["decision"].isin([TARGET, TEST]).to_numpy()
    other = pd.Series(False, index=own.index)
    for source, name in OF_ACTION.items():
        other |= targeting_list[name].fillna("").to_numpy() != own[source].fillna("").to_numpy()
    found = {
        "not in next_action": int(own["suppressed"].isna().sum()),
        "contacted or tested without an offer that they may get": int((contacted & own["suppressed"].eq(True)).sum()),
        "contacted or tested with another offer than next_action has": int((contacted & other).sum()),
        "left and offered something": int((~contacted & targeting_list["offer"].notna().to_numpy()).sum()),
    }
    metrics = {"n_offered": int(contacted.sum())}
    wrong = {name: n for name, n in found.items() if n}
    if wrong:
        return Verdict(False, "; ".join(f"{n:,} households {name}" for name, n in wrong.items()), metrics)
    return Verdict(True, f"{int(contacted.sum()):,} households to contact or test have their next action", metrics)


def _otherwise(actions: pd.DataFrame, told: pd.DataFrame, by: list[str]) -> int:
    """Households of the groups whose row names an offer that fewer follow than another, or than are suppressed; and
    those of groups that have no row, or one with other counts.
    """
    named = told.loc[told["n_households"] > 0] if "n_households" in told else told
    named = named.assign(rule=named["offer_rule"].fillna(""))
    got = actions.assign(rule=actions["rule"].fillna(""))
    sizes = got.groupby(by).size()
    counts = got.groupby([*by, "rule"]).size()
    most = counts.groupby(by).max()
    rows = named.set_index(by)
    of_rows = pd.Series(
        counts.reindex(named.set_index([*by, "rule"]).index).fillna(0).to_numpy(), index=rows.index
    ).reindex(most.index)
    offered = rows["n_offered"].where(rows["rule"] != "", rows["n_suppressed"]).reindex(most.index)
    wrong = (of_rows != most) | (offered != most)
    strangers = int((~rows.index.isin(most.index)).sum())
    return int(sizes[wrong].sum()) + strangers
