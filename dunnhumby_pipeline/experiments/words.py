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


def follows(found: Mapping[str, Any]) -> str:
    """What follows from a result: deploy, refine or stop, in words."""
    return _FOLLOWS[str(found["next_step"])]


def look_in_words(look: Mapping[str, Any]) -> list[str]:
    """The lines that say a look before the end."""
    so_far = interval(look["effect"], look["sequence_lower"], look["sequence_upper"], "$")
    beyond = abs(look["z"]) >= look["boundary"]
    passed = "beyond it: by the plan it may be stopped" if beyond else "within it: it goes on"
    return [
        f"Look {look['look']}, interim, at {percent(look['information'])} of the information: "
        f"{look['n_households']:,} households have outcomes; effect so far {so_far}, an interval that holds however "
        "often one looks.",
        f"|z| is {abs(look['z']):.2f} and the O'Brien-Fleming boundary {look['boundary']:.2f}, {passed}; "
        f"{look['alpha_spent']:.5f} of alpha is spent. Nothing is decided before the window ends.",
    ]


def calibration_in_words(found: Mapping[str, Any]) -> str:
    """Whether the differences between households that the study saw are found by the experiment."""
    slope, lower, upper = (found[f"calibration_{end}"] for end in ("slope", "lower", "upper"))
    if slope is None or slope != slope:
        return "Differences between households: the study gives all one effect, or too few outcomes; none to calibrate."
    said = f"Differences between households: an effect higher by $1 in the study is higher by {slope:.2f} here"
    said += f" ({lower:.2f} to {upper:.2f}); "
    if lower > 0:
        return said + ("they are there" + ("." if lower <= 1 <= upper else ", and not as large as the study has them."))
    return said + "they are not found, and groups of households are held to be more alike."


def in_words(found: Mapping[str, Any]) -> list[str]:
    """The lines that say a result of `read_back`."""
    lines = [
        f"Effect on profit before the contact: {price(found['effect'])} per household, standard error "
        f"{price(found['effect_se'])}, of {found['n_contacted']:,} contacted and {found['n_held_out']:,} held out.",
        f"The study had said {price(found['study_effect'])}: the experiment differs by {price(found['observed_bias'])} "
        f"(standard error {price(found['observed_bias_se'])}).",
        calibration_in_words(found),
        "Believed now: "
        + interval(found["posterior_effect"], found["posterior_lower"], found["posterior_upper"], "$")
        + f"; that a contact at {price(found['contact_cost'])} pays has the chance "
        f"{percent(found['probability_pays'])}, before {percent(found['probability_pays_before'])}.",
        f"What follows: {follows(found)}.",
    ]
    if found["n_contaminated"]:
        lines.insert(
            1,
            f"{found['n_contaminated']:,} households were contacted, or not, against their arm; arms count as "
            "assigned, which draws the effect towards none.",
        )
    return lines
