"""Every time the outcomes of an experiment were read: what was seen, and how much alpha the looks have spent.

Looks lie in the home beside the ledger, a line of JSON each, and last across runs. None decides anything. How much of
the information a look has is the share of the household-days that the plan counts for which outcomes are there: at a
look with share f of the N households' information the always-valid interval is

    effect +- se sqrt(f N) b(f N),

b being the boundary of the confidence sequence in standard deviations of one observation, and the boundary in the
manner of O'Brien & Fleming is the one that spends what may be spent by f, given the looks before.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import CONTACT
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.experiments.monitoring import boundary, lan_demets, spent
from dunnhumby_pipeline.experiments.read_back import adjusted_effect, sample_ratio_p
from dunnhumby_pipeline.experiments.registration import ExperimentError, Registration

INTERIM, FINAL, MISMATCH = "interim", "final", "mismatch"
_NOTHING = 1e-9


def information(frame: pd.DataFrame, plan: Registration) -> float:
    """Share of the household-days of the plan for which `frame` (of `matched`) has outcomes."""
    days = frame["days_observed"].where(frame["profit"].notna(), 0.0).clip(upper=plan.duration_days)
    return float(min(days.sum() / (plan.duration_days * plan.n_assigned), 1.0))


def taken(frame: pd.DataFrame, plan: Registration, before: pd.DataFrame, kind: str, today: str) -> dict[str, Any]:
    """A look at the outcomes so far (a row of the table experiment_looks): `before` are the looks of this experiment
    until now, `kind` is interim or final. Of arms that have other sizes than assigned no effect is given.

    Raises ExperimentError where there is no more information than at the look before.
    """
    seen = frame.loc[frame["profit"].notna()]
    contacted = int((seen["arm"] == CONTACT).sum())
    ratio_p = sample_ratio_p(contacted, len(seen) - contacted, plan.contact_share)
    share = 1.0 if kind == FINAL else information(frame, plan)
    earlier = before.loc[before["kind"] != MISMATCH].sort_values("information") if len(before) else before
    row: dict[str, Any] = {
        "assignment_hash": plan.assignment_hash,
        "campaign_type": plan.campaign_type,
        "look": len(before) + 1,
        "kind": kind,
        "read_on": today,
        "n_households": len(seen),
        "n_contacted": contacted,
        "n_held_out": len(seen) - contacted,
        "sample_ratio_p": ratio_p,
        "sample_ratio_least": plan.sample_ratio_p,
        "information": share,
        "contact_cost": plan.contact_cost,
    }
    if ratio_p < plan.sample_ratio_p:
        return row | {"kind": MISMATCH}
    effect, se = adjusted_effect(seen)
    if not se > 0:
        raise ExperimentError("the outcomes do not differ between households; expected profit as it was observed")
    if len(earlier):
        last = earlier.iloc[-1]
        again = abs(last["information"] - share) < _NOTHING
        if again and abs(last["effect"] - effect) < _NOTHING:
            return {name: last[name] for name in row} | {name: last[name] for name in _TOLD}
        if again and kind == FINAL:
            # A corrected file of the whole: it takes the place of what was read, however often that was corrected.
            earlier = earlier.loc[(earlier["information"] - share).abs() >= _NOTHING]
        elif share <= last["information"]:
            raise ExperimentError(
                f"the outcomes hold {share:.1%} of the information and a look at {last['information']:.1%} was taken "
                f"on {last['read_on']}; a look counts only with more outcomes than the one before"
            )
    alpha, at = 1 - plan.confidence, share * plan.n_assigned
    half = float(se * np.sqrt(at) * boundary(np.array([at]), alpha, plan.n_assigned)[0])
    shares, known = (
        [float(value) for value in earlier[name]] if len(earlier) else [] for name in ("information", "boundary")
    )
    bound = float(lan_demets([*shares, share], alpha, known)[-1])
    return row | {
        "effect": effect,
        "effect_se": se,
        "sequence_lower": effect - half,
        "sequence_upper": effect + half,
        "z": effect / se,
        "boundary": bound,
        "boundary_lower": effect - bound * se,
        "boundary_upper": effect + bound * se,
        "alpha_spent": float(spent(share, alpha)),
    }


_TOLD = (
    "effect",
    "effect_se",
    "sequence_lower",
    "sequence_upper",
    "z",
    "boundary",
    "boundary_lower",
    "boundary_upper",
    "alpha_spent",
)


def log(look: dict[str, Any], file: Path) -> None:
    """Add a look to those taken, unless it is one of them."""
    if any(look["look"] == old["look"] and look["assignment_hash"] == old["assignment_hash"] for old in _lines(file)):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({name: _plain(value) for name, value in look.items()}) + "\n")


def looks_at(assignment_hash: str, file: Path) -> pd.DataFrame:
    """The looks at one experiment, in the order in which they were taken."""
    return pd.DataFrame([line for line in _lines(file) if line["assignment_hash"] == assignment_hash])


def looks_of(file: Path, campaign_type: str) -> pd.DataFrame:
    """The looks at experiments of a campaign type, in the columns of the table experiment_looks."""
    contract = table("experiment_looks")
    own = [line for line in _lines(file) if line["campaign_type"] == campaign_type]
    if not own:
        return without_rows(contract)
    frame = pd.DataFrame(own).reindex(columns=list(contract.required))
    return frame.astype(dict.fromkeys(_TOLD, float))


def _lines(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
