"""Judgements of segments: of their fit and names, what describes them, lifetime value, and how they hold over time."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.segmentation.actions.playbook import DEFAULT_RULE
from dunnhumby_pipeline.segmentation.segments.model_store import FIRST_RUN
from dunnhumby_pipeline.settings import CheckSettings

_ROUNDING = 1e-6
_NAMED = 5
# What a parameter out of range means for who reads lifetime values; of the others it means that the fit failed.
_OUT_OF_RANGE = {
    "mean_dropout": (
        "households hardly ever leave, so that probability_alive tells nothing and the model forecasts trips at the "
        "rate of the past"
    ),
    "q": "spend per trip has next to no mean over households: do not read expected spend, rank by past spend",
    "leaving_varies": (
        "chances of leaving after a trip are not seen to differ between households, so that all have the mean one "
        "(geometric, the limit of BG/NBD) and a and b have no estimate; values stand"
    ),
    "spend_varies": (
        "every trip cost the same, so that each is expected to cost that and Gamma-Gamma has no estimate; values rank "
        "households by expected trips alone"
    ),
    "p": "each household spends the same on every trip, so that its own mean is what it is expected to spend",
}


def warm_stability(stability: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Refits on resampled households that start from these segments find them again."""
    return _mean_ari(stability, "warm", settings.warm_ari_floor)


def cold_stability(stability: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Refits on resampled households that start from scratch find the same segments."""
    return _mean_ari(stability, "cold", settings.cold_ari_floor)


def _mean_ari(stability: pd.DataFrame, start: str, floor: float) -> Verdict:
    mean = float(stability.loc[stability["start"] == start, "ari"].mean())
    advice = "" if mean >= floor else "; other households would give other segments: try fewer segments or factors"
    return Verdict(
        mean >= floor, f"mean {start} ARI {mean:.3f}, floor {floor:.2f}{advice}", {f"mean_ari_{start}": mean}
    )


def fits_converge(stability: pd.DataFrame, selection: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The factors that are used converged, and so did those of nearly all refits."""
    n_fits = len(selection) + int(selection["n_refits"].sum()) + len(stability)
    n_stuck = int((~selection["converged"]).sum() + selection["n_unconverged"].sum() + (~stability["converged"]).sum())
    share = 1 - n_stuck / n_fits
    used = bool(selection.loc[selection["chosen"], "converged"].all())
    text = f"{n_fits - n_stuck} of {n_fits} fits of factors converged, at least {settings.min_converged:.0%} expected"
    metrics = {"share_converged": share}
    if not used:
        return Verdict(False, f"the factors that are used have not converged; {text}: try fewer factors", metrics)
    passed = share >= settings.min_converged
    advice = "" if passed else "; the stability of fits that did not converge says little: try fewer factors"
    return Verdict(passed, f"{text}{advice}", metrics)


def variance_explained(selection: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The factors explain enough of what differs between households (column-centred R2)."""
    row = selection.loc[selection["chosen"]].iloc[0]
    found, floor = float(row["centred_r2"]), settings.min_centred_r2
    text = f"{int(row['n_factors'])} factors explain {found:.1%} of what differs, at least {floor:.0%} expected"
    advice = "" if found >= floor else "; segments see little of the features: more factors, or fewer features"
    return Verdict(found >= floor, f"{text}{advice}", {"centred_r2": found, "pooled_r2": float(row["pooled_r2"])})


def smallest_segment(segments: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """No segment is too small for a campaign of its own."""
    shares = segments["segment_name"].value_counts(normalize=True)
    least, floor = float(shares.min()), settings.min_segment_share
    text = f"{shares.idxmin()}: {least:.1%} of households, at least {floor:.0%} expected"
    advice = "" if least >= floor else "; fewer segments, or none of these features alone makes a segment"
    return Verdict(least >= floor, f"{text}{advice}", {"smallest_share": least, "n_segments": len(shares)})


def identity_kept(identity: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Every segment is one of the run before, and its name is still true."""
    today = identity[identity["segment"].notna()]
    fresh, gone = today[~today["kept"]], identity[identity["segment"].isna()]
    metrics = {"n_kept": int(today["kept"].sum()), "n_renamed": len(fresh), "n_gone": len(gone)}
    if gone.empty and (today["reason"] == FIRST_RUN).all():
        return Verdict(True, f"{len(today)} segments, all new: this is the first run", metrics)
    if fresh.empty and gone.empty:
        least = today.loc[today["jaccard"].idxmin()]
        text = f"all {len(today)} segments keep their names; least overlap {least['jaccard']:.2f}"
        return Verdict(True, f"{text} ({least['segment_name']})", metrics | {"least_overlap": float(least["jaccard"])})
    named = "; ".join(f"{row.segment_name} ({row.reason})" for row in fresh.head(_NAMED).itertuples())
    lost = ", ".join(gone["previous_segment"].head(_NAMED))
    parts = [f"new: {named}"] * bool(len(fresh)) + [f"no longer there: {lost}"] * bool(len(gone))
    advice = "other customers, another period, or other settings? Tell those who use the names"
    return Verdict(False, f"{'; '.join(parts)}; {advice}", metrics)


def profile_shares(profiles: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Shares of households and of revenue sum to 1 over the segments."""
    sums = {name: float(profiles[name].sum()) for name in ("share", "revenue_share")}
    off = {name: total for name, total in sums.items() if not abs(total - 1) <= _ROUNDING}
    metrics = {"n_segments": len(profiles), **sums}
    if off:
        found = ", ".join(f"{name} sums to {total:.6g}" for name, total in off.items())
        return Verdict(False, f"{found}, expected 1: a defect; do not use the profiles", metrics)
    return Verdict(True, f"{len(profiles)} segments, shares sum to 1", metrics)


def every_segment_advised(playbook: pd.DataFrame, segments: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The playbook says once what to do with every segment."""
    wanted, found = set(segments["segment"]), list(playbook["segment"])
    without, repeated = sorted(wanted - set(found)), sorted({name for name in found if found.count(name) > 1})
    strangers = sorted(set(found) - wanted)
    by_default = int((playbook["rule"] == DEFAULT_RULE).sum())
    metrics = {"n_segments": len(wanted), "n_without_advice": len(without), "n_by_default": by_default}
    if without or repeated or strangers:
        told = (("without advice", without), ("advised twice", repeated), ("no segment", strangers))
        text = "; ".join(f"{what}: {', '.join(names)}" for what, names in told if names)
        return Verdict(False, f"{text}; materialise segments and playbook together", metrics)
    return Verdict(True, f"advice for all {len(wanted)} segments, {by_default} of them by the default alone", metrics)


def parameters_in_range(parameters: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Every parameter of lifetime value lies off the bounds of the search, and its model is informative."""
    judged = parameters[parameters["in_range"].notna()]
    off = judged[~judged["in_range"].astype(bool)]
    metrics = {"n_parameters": len(judged), "n_out_of_range": len(off)}
    if judged.empty or len(off):
        named = ", ".join(f"{row.parameter} = {row.value:.4g} ({row.stretch})" for row in off.itertuples())
        text = f"out of range: {named}" if named else "no parameter was judged"
        advice = [_OUT_OF_RANGE[name] for name in _OUT_OF_RANGE if name in set(off["parameter"])]
        if not set(off["parameter"]) <= set(_OUT_OF_RANGE) or judged.empty:
            advice.append("do not read lifetime values: give a longer history or more households")
        return Verdict(False, f"{text}; {'; '.join(advice)}", metrics)
    return Verdict(True, f"{len(judged)} parameters in range", metrics)


def not_worse_than_naive(validation: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """On the half of the data that it had not seen, the forecast used errs no more than 'the same as last period'."""
    row = validation[validation["chosen"]].iloc[0]
    naive = validation[(validation["target"] == row["target"]) & (validation["forecast"] == "naive")].iloc[0]
    text = (
        f"{row['forecast']}: mean error ${row['mae']:.2f} per household, naive ${naive['mae']:.2f}; difference "
        f"{row['mae_against_naive']:.2f} ({row['ci_lower']:.2f} to {row['ci_upper']:.2f}), {row['verdict']}"
    )
    # Missing bounds prove nothing.
    passed = bool(row["ci_lower"] <= 0)
    advice = "" if passed else "; rank households by past spend instead, or set lifetime_value.forecast"
    metrics = {"mae": float(row["mae"]), "mae_naive": float(naive["mae"]), "spearman": float(row["spearman"])}
    return Verdict(passed, f"{text}{advice}", metrics)


def segments_hold(summary: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """From one period to the next, households stay in their segments (mean ARI of neighbouring periods)."""
    neighbours = summary[summary["to_period"] - summary["from_period"] == 1]
    apart = summary[summary["shared_days"] == 0]
    mean, floor = float(neighbours["ari"].mean()), settings.migration_ari_floor
    staying = float(neighbours["share_staying"].mean())
    metrics = {"mean_ari": mean, "share_staying": staying}
    text = f"mean ARI {mean:.3f} between neighbouring periods, floor {floor:.2f}; {staying:.0%} of households stay"
    if len(apart):
        metrics |= {"mean_ari_apart": float(apart["ari"].mean())}
        text += f"; {apart['ari'].mean():.3f} between periods that share no day"
    advice = "" if mean >= floor else "; a segment of this month is not one of next: longer look-backs, fewer segments"
    return Verdict(mean >= floor, f"{text}{advice}", metrics)


def true_staying(noise: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """With the noise taken out, households stay in their segments until the next period that shares no day."""
    rows = noise[(noise["label"] == "segment") & noise["apart"].astype(bool)].set_index("measure")
    told, floor = rows["estimate"], settings.min_true_staying
    if "staying_true" not in told or pd.isna(told["staying_true"]):
        return Verdict(
            False,
            "not known: it takes two periods that share no day, and halves of them that agree by more than chance; "
            "give a longer history, or set a shorter migration.look_back_days",
            {},
        )
    found, lower, upper = (float(rows.at["staying_true", name]) for name in ("estimate", "ci_lower", "ci_upper"))
    metrics = {
        "staying_true": found,
        **{name: float(told[name]) for name in ("staying", "staying_ceiling", "noise_share")},
    }
    text = (
        f"{found:.0%} keep their segment ({lower:.0%} to {upper:.0%}), at least {floor:.0%} expected; "
        f"{told['staying']:.0%} are measured to, and {told['staying_ceiling']:.0%} would be if nobody changed"
    )
    advice = "" if found >= floor else "; households do change: plan by quarter, and refit segments more often"
    return Verdict(found >= floor, f"{text}{advice}", metrics)
