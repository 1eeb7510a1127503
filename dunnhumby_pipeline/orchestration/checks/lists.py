"""Judgements of the targeting list as it is sent: within bounds, in agreement with what was found, and steady."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, HOLD_OUT, LEAVE, TARGET, TEST
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import TREAT_ALL, TREAT_NONE, CheckSettings
from dunnhumby_pipeline.targeting.after_experiment import EXPERIMENT
from dunnhumby_pipeline.targeting.decision_summary import ALL, EXPAND, HOLD, REDUCE, SEGMENT
from dunnhumby_pipeline.targeting.recommendations import value_is_proven

_PROBABILITIES = ("probability_pays", "propensity", "selected", "arm_probability")
# Of what floats leave of a probability.
_ROUNDING = 1e-9


def list_in_bounds(targeting_list: pd.DataFrame, segments: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The list has today's households, each once, with a known decision; probabilities lie in [0, 1], effects in
    their intervals.
    """
    keys, today = targeting_list["household_key"], segments["household_key"]
    counted = targeting_list["decision"].isin([TARGET, LEAVE, TEST])
    found = {
        "listed twice": int(keys.duplicated().sum()),
        "missing from the list": int((~today.isin(keys)).sum()),
        "not of today": int((~keys.isin(today)).sum()),
        "without a known decision": int((~counted).sum()),
    }
    for name in _PROBABILITIES:
        known = targeting_list[name].dropna().astype(float)
        found[f"with {name} outside [0, 1]"] = int((~known.between(-_ROUNDING, 1 + _ROUNDING)).sum())
    effect = targeting_list[["cate_lower", "cate", "cate_upper"]].dropna().astype(float)
    outside = (effect["cate"] < effect["cate_lower"]) | (effect["cate"] > effect["cate_upper"])
    found["with an effect outside its interval"] = int(outside.sum())
    return _verdict(found, len(keys), f"{len(keys):,} households, as many as there are today, all within bounds")


def list_agrees(targeting_list: pd.DataFrame, policy_value: pd.DataFrame, sure: float) -> Verdict:
    """Every target is proven, may be contacted and has an arm: the list says what was found.

    `sure`: the calibrated chance that a contact pays that a target needs.
    """
    target = targeting_list["decision"] == TARGET
    suppressed = targeting_list["suppression"].notna()
    pays = targeting_list["probability_pays"].astype(float)
    inside = targeting_list["in_overlap"].fillna(False).astype(bool)
    armed = targeting_list["arm"].notna()
    # A policy is valued on first contacts; a repeat is targeted by what its own trials prove, and what an experiment
    # randomised by what it proved.
    by_experiment = targeting_list["decided_by"] == EXPERIMENT
    by_policy = (targeting_list["contact"] == FIRST_CONTACT) & ~by_experiment
    unproven = 0 if value_is_proven(policy_value) else int((target & by_policy).sum())
    found = {
        "targets though the policy's gain is not proven": unproven,
        f"targets that pay with a chance below {sure:.3g}": int((target & ~(pays >= sure - _ROUNDING)).sum()),
        "targets outside overlap that no experiment randomised": int((target & ~inside & ~by_experiment).sum()),
        "suppressed households that are not left": int(
            (suppressed & (targeting_list["decision"] != LEAVE).to_numpy(dtype=bool)).sum()
        ),
        "targets without an arm": int((target & ~armed).sum()),
        "arms of households that are no targets": int((~target & armed).sum()),
    }
    said = f"{int(target.sum()):,} targets, {int(suppressed.sum()):,} suppressed: as the evidence has it"
    return _verdict(found, len(targeting_list), said)


def holdout_present(targeting_list: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Where there are targets, some are held out by lot, with the chance that is logged."""
    targets = targeting_list.loc[targeting_list["decision"] == TARGET]
    held = targets["arm"] == HOLD_OUT
    metrics = {"n_target": len(targets), "n_held_out": int(held.sum())}
    if targets.empty:
        return Verdict(True, "nobody is targeted, so that there is nobody to hold out", metrics)
    chance = targets["arm_probability"].astype(float).where(held, 1 - targets["arm_probability"].astype(float))
    expected = float(chance.sum())
    if not held.any():
        why = "the share is 0" if expected == 0 else f"{expected:.2g} were expected of so few"
        text = f"none of {len(targets):,} targets is held out, as {why}: what the campaign does will not be measured"
        return Verdict(False, text, metrics)
    if abs(expected - held.sum()) > max(1.0, 0.01 * len(targets)) or not chance.notna().all():
        text = f"{int(held.sum()):,} of {len(targets):,} targets are held out, where {expected:,.1f} were to be"
        return Verdict(False, text, metrics)
    return Verdict(True, f"{int(held.sum()):,} of {len(targets):,} targets are held out by lot", metrics)


def value_against_all_and_none(differences: pd.DataFrame, values: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The policy in use is not surely worth less than targeting everybody, nor than targeting nobody."""
    chosen = values.loc[values["chosen"].astype(bool), "policy"].iloc[0]
    own = differences.loc[differences["policy"] == chosen].set_index("against")
    said, worse, metrics = [], [], {}
    for other, name in ((TREAT_ALL, "everybody"), (TREAT_NONE, "nobody")):
        if chosen == other:
            said.append(f"it is targeting {name}")
            continue
        if other not in own.index or pd.isna(own.at[other, "ci_upper"]):
            said.append(f"against targeting {name} its difference is not known")
            worse.append(name)
            continue
        row = own.loc[other]
        metrics[f"against_{other}"] = float(row["difference"])
        said.append(
            f"{row['difference']:+.2f} against targeting {name} ({row['ci_lower']:.2f} to {row['ci_upper']:.2f})"
        )
        if row["ci_upper"] < 0:
            worse.append(name)
    text = f"{chosen}, $ per household: {', '.join(said)}"
    return Verdict(not worse, text if not worse else f"{text}: not as good as {' and '.join(worse)}", metrics)


def opt_outs_known(rules: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The opt-outs are of households that the study knows."""
    row = rules.set_index("rule").loc["opt-out"]
    n = int(row["n_rows"] - row["n_double"])
    metrics = {"n_opt_outs": n, "n_unknown": int(row["n_unknown"]), "n_double": int(row["n_double"])}
    if not row["applied"]:
        return Verdict(True, "no opt-out file is set", metrics)
    said = f"{n:,} households have opted out ({int(row['n_double']):,} rows name one again)"
    if n == 0:
        return Verdict(True, f"{said}: the file has no row", metrics)
    text = f"{said}, {int(row['n_unknown']):,} of whom the study does not know"
    return Verdict(row["n_unknown"] / n <= settings.max_unknown_opt_outs, text, metrics)


def summary_agrees(summary: pd.DataFrame, targeting_list: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The summary counts what the list says, and no advice contradicts it."""
    n, found = len(targeting_list), {}
    decided = targeting_list["decision"].value_counts()
    for grouping in (ALL, SEGMENT):
        rows = summary.loc[summary["grouping"] == grouping]
        for decision in (TARGET, TEST, LEAVE):
            found[f"{decision} by {grouping} more or less than on the list"] = abs(
                int(rows[f"n_{decision}"].sum()) - int(decided.get(decision, 0))
            )
    advised = summary.loc[summary["advice"].notna()]
    needs = {EXPAND: "n_target", TEST: "n_test"}
    for advice, column in needs.items():
        found[f"advice to {advice} without such households"] = int(
            ((advised["advice"] == advice) & (advised[column] == 0)).sum()
        )
    most = advised[["n_target", "n_test", "n_leave"]].max(axis=1)
    found["advice to reduce where most are not left"] = int(
        ((advised["advice"] == REDUCE) & (advised["n_leave"] < most)).sum()
    )
    found["unknown advice"] = int((~advised["advice"].isin([EXPAND, HOLD, REDUCE, TEST])).sum())
    return _verdict(found, n, f"{len(advised):,} levels with advice, all in agreement with the list")


def decisions_steady(churn: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """No more decisions than allowed differ from those of the list before it or of the one approved last."""
    known = churn.dropna(subset=["share_changed"])
    if known.empty:
        return Verdict(True, "there is no earlier list to hold it against", {})
    said = [
        f"{row['share_changed']:.1%} of {int(row['n_households']):,} decisions differ from the {row['against']} "
        f"(version {int(row['version'])})"
        for _, row in known.iterrows()
    ]
    largest = float(known["share_changed"].max())
    metrics = {f"share_changed_{row['against'].replace(' ', '_')}": row["share_changed"] for _, row in known.iterrows()}
    return Verdict(largest <= settings.max_decision_churn, "; ".join(said), metrics)


def decisions_hold(refits: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """No more households than allowed would have another decision, had others of their kind been seen."""
    n = refits["n_households"].to_numpy(dtype=float)
    metrics = {"n_households": n.sum()}
    if n.sum() == 0:
        return Verdict(True, "no household has support", metrics)
    changed = float(refits["share_changed"].to_numpy(dtype=float) @ n / n.sum())
    text = (
        f"over {int(refits['n_refits'].iloc[0]):,} bootstraps of households, {changed:.1%} of {int(n.sum()):,} "
        "households with support have another decision"
    )
    return Verdict(changed <= settings.max_refit_churn, text, {**metrics, "share_changed": changed})


def approvals_unaltered(approved: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Every frozen list is there, and what was approved."""
    altered = approved.loc[~approved["as_approved"].astype(bool)]
    metrics = {"n_approved": len(approved), "n_altered": len(altered)}
    if len(altered):
        return Verdict(False, f"missing or altered: {', '.join(altered['file'])}", metrics)
    return Verdict(True, f"{len(approved):,} lists approved, all as they were", metrics)


def _verdict(found: dict[str, int], n: int, good: str) -> Verdict:
    wrong = [f"{count:,} {what}" for what, count in found.items() if count]
    metrics = {"n_households": n, "n_wrong": sum(found.values())}
    return Verdict(not wrong, "; ".join(wrong) if wrong else good, metrics)
