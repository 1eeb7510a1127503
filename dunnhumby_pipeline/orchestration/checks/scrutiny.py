"""Judgements of the tests themselves: their size, the coverage of intervals, and what refutes them."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_FOLDS
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline.words import terms

# One-sided at 5 %.
_BEYOND = 1.645


def tests_hold_their_size(detectable: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Where effects do not differ, the tests seldom say that they do."""
    sizes = detectable.drop_duplicates(["outcome", "procedure", "test"]).dropna(subset=["size"])
    if sizes.empty:
        return Verdict(False, "no size of any test is known: no draws without a difference")
    surely = sizes["size"] - _BEYOND * sizes["size_se"]
    worst = sizes.loc[surely.idxmax()]
    which = f"{terms.effect_test(worst['test'])}, {terms.outcome(worst['outcome'])[0].lower()}"
    text = f"largest size {worst['size']:.1%} (SE {worst['size_se']:.1%}; {which})"
    passed = float(surely.max()) <= settings.max_test_size
    beyond = "" if passed else f", above {settings.max_test_size:.0%} beyond its error; do not read it as proof"
    return Verdict(passed, f"{text}{beyond}", {"largest_size": float(sizes["size"].max())})


def intervals_cover(power: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The interval of the average effect covers it as often as it says, whatever is planted."""
    rows = power.loc[(power["measure"] == "covered") & (power["name"] == "average")]
    rows = rows.loc[rows["shape"].isin(["all", "none"]) & (rows["procedure"] == "reduced")]
    if rows.empty:
        return Verdict(False, "no coverage of the average effect's interval is known")
    pooled = rows.groupby("outcome", sort=False)[["n_counted", "n_draws"]].sum()
    shares = pooled["n_counted"] / pooled["n_draws"]
    least = str(shares.idxmin())
    share, n = float(shares[least]), float(pooled["n_draws"][least])
    error = (share * (1 - share) / n) ** 0.5
    nominal = float(rows["nominal"].iloc[0])
    name = terms.outcome(least)[0].lower()
    text = f"the interval of the average effect on {name} covers it in {share:.1%} of {n:,.0f} draws"
    passed = share + _BEYOND * error >= nominal - settings.max_undercoverage
    beyond = "" if passed else f", {nominal:.0%} expected; read it as too narrow"
    return Verdict(passed, f"{text}{beyond}", {"coverage_of_average": share})


def certificate_agrees(certified: pd.DataFrame, scoreboard: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """With the learners that a study leaves to its certificate it would use the same model."""
    if certified.empty:
        return Verdict(True, "no certificate has looked at the learners that the study leaves to it")
    ours, theirs = (
        str(board.loc[(board["fold"] == ALL_FOLDS) & board["chosen"].astype(bool), "model"].iloc[0])
        for board in (scoreboard, certified)
    )
    if ours == theirs:
        return Verdict(True, f"by every learner as in the study: {terms.model(ours)}")
    return Verdict(False, f"every learner leads to {terms.model(theirs)}, those of the study to {terms.model(ours)}")


def refutations_passed(refutation: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Done again where the answer is known, the analysis gives it."""
    failed = refutation.loc[~refutation["passed"].astype(bool)]
    metrics = {"n_failed": len(failed)}
    if failed.empty:
        return Verdict(True, f"{len(refutation)} refutations, none succeeds", metrics)
    found = "; ".join(
        f"{terms.refuter(row['refuter'], row['drawn_by'])} of {row['subject']}: {row['draws_mean']:.3g} beside "
        f"{row['observed']:.3g}, p {row['p']:.2g}"
        for _, row in failed.iterrows()
    )
    return Verdict(False, f"{len(failed)} of {len(refutation)} refutations succeed: {found}", metrics)
