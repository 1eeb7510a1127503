"""What an experiment has found, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dunnhumby_pipeline.words.numbers import interval, percent, price

_FOLLOWS = {
    "deploy": "deploy: contact such households",
    "refine": "refine: another test is worth its cost",
    "stop": "stop: do not contact such households",
}


def in_words(found: Mapping[str, Any]) -> list[str]:
    """The lines that say a result of `read_back`, or of an interim look."""
    if "next_step" not in found:
        so_far = interval(found["effect"], found["lower"], found["upper"], "$")
        return [
            f"Interim: {found['n_households']:,} households have outcomes; effect so far {so_far}, an interval that "
            "holds however often one looks. Nothing is decided before the window ends."
        ]
    lines = [
        f"Effect on profit before the contact: {price(found['effect'])} per household, standard error "
        f"{price(found['effect_se'])}, of {found['n_contacted']:,} contacted and {found['n_held_out']:,} held out.",
        f"The study had said {price(found['study_effect'])}: the experiment differs by {price(found['observed_bias'])} "
        f"(standard error {price(found['observed_bias_se'])}).",
        "Believed now: "
        + interval(found["posterior_effect"], found["posterior_lower"], found["posterior_upper"], "$")
        + f"; that a contact at {price(found['contact_cost'])} pays has the chance "
        f"{percent(found['probability_pays'])}, before {percent(found['probability_pays_before'])}.",
        f"What follows: {_FOLLOWS[found['next_step']]}.",
    ]
    if found["n_contaminated"]:
        lines.insert(
            1,
            f"{found['n_contaminated']:,} households were contacted, or not, against their arm; arms count as "
            "assigned, which draws the effect towards none.",
        )
    return lines
