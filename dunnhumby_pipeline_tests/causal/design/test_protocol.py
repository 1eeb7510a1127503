"""The protocol says in sentences what the settings ask for, with the days of the campaigns that are used."""

from __future__ import annotations

import pandas as pd
import pytest

from dunnhumby_pipeline.causal.design.campaigns import plan_campaigns
from dunnhumby_pipeline.causal.design.protocol import trial_protocol
from dunnhumby_pipeline.contracts.names import DESIGNS
from dunnhumby_pipeline.contracts.outcomes import OUTCOMES
from dunnhumby_pipeline.settings import NuisanceSettings, Settings, TrialSettings

COMPONENTS = ["eligibility", "assignment", "index day", "follow-up", "outcome", "estimand", "analysis"]
CAMPAIGNS = pd.DataFrame(
    [(30, 323, 369), (8, 412, 460), (13, 504, 551), (18, 587, 642)], columns=["campaign", "start_day", "end_day"]
).assign(description="TypeA")


def _protocol(repeats: int = 3, **changed: object) -> dict[str, str]:
    trial = TrialSettings.model_validate(changed)
    settings = Settings(trial=trial, nuisance=NuisanceSettings(n_repeats=repeats))
    campaigns = plan_campaigns(CAMPAIGNS, "TypeA", 285, 649, trial)
    frame = trial_protocol("TypeA", settings, campaigns)
    assert frame.columns.tolist() == ["component", "specification"]
    return dict(zip(frame["component"], frame["specification"], strict=True))


def _beside(*left_out: str) -> str:
    """All outcomes but some, in words."""
    words = [outcome.measured for outcome in OUTCOMES.values() if outcome.name not in left_out]
    assert {"visits, in baskets", "whether any coupon of the campaign was redeemed"} < set(words)
    assert "spend in $, fuel left out" in words
    return "; ".join(words)


def test_the_protocol_of_the_default_study_reads_as_it_should() -> None:
    assert _protocol() == {
        "eligibility": (
            "Households that shopped in the 182 days before the campaign, or since the data begin where that is later "
            "(38 to 182 days by campaign), and that were sent no TypeA campaign at any time before. A household enters "
            "at every campaign at which it is eligible. Campaigns are those with 28 days of data or more before them, "
            "and that ended early enough for the whole follow-up to lie in the data."
        ),
        "assignment": (
            "Treated: the households that the TypeA campaign lists. Control: the others that are eligible. The "
            "retailer chose whom to list; nothing was randomised. The arms are made comparable by what was known on "
            "the index day: purchases, promotions seen, coupons used, campaigns of other types received, demographics, "
            "the campaign and the look-back segment. What the retailer knew beyond that is not adjusted for."
        ),
        "index day": (
            "The first day of the campaign, for both arms: day 323 (campaign 30), day 412 (campaign 8) and day 504 "
            "(campaign 13). Covariates end the day before."
        ),
        "follow-up": (
            "From the index day to 28 days after the last day of the campaign, or the day before the next TypeA "
            "campaign if that comes first: 75 to 77 days by campaign, the same days for both arms of a campaign."
        ),
        "outcome": (
            "Spend in $, over the follow-up; 0 for a household that did not come. Beside it: "
            f"{_beside('purchase_amount', 'margin_weighted_amount')}."
        ),
        "estimand": (
            "The mean effect of being sent the campaign, used or not, per household over the follow-up. Primary: over "
            "the households that might as well have been in the other arm, each weighed by e (1 - e) with e its "
            "propensity (ATO). Beside it: over all trials (ATE), and over the treated (ATT)."
        ),
        "analysis": (
            "Propensity and mean outcomes are fitted on 5 folds that keep a household together and predicted out of "
            "fold, 2 to 3 times over, and the medians taken. The primary estimate is the overlap-weighted, doubly "
            "robust one. 95% intervals allow for several trials of one household."
        ),
    }


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("washout", [None, 1, 90])
def test_every_design_has_all_components_in_order(design: str, washout: int | None) -> None:
    protocol = _protocol(design=design, washout_days=washout)
    assert list(protocol) == COMPONENTS
    for text in protocol.values():
        assert text.endswith(".")
        assert "None" not in text


def test_a_washout_changes_who_is_eligible_and_what_is_adjusted_for() -> None:
    protocol = _protocol(washout_days=90)
    assert "were sent no TypeA campaign in the 90 days before." in protocol["eligibility"]
    assert "campaigns of any type received" in protocol["assignment"]
    assert "in the 1 day before." in _protocol(washout_days=1)["eligibility"]


def test_the_first_eligible_campaign_is_said() -> None:
    expected = "A household enters once, at the first campaign at which it is eligible."
    assert expected in _protocol(design="first_eligible")["eligibility"]


def test_the_reference_design_says_that_it_looks_ahead_and_names_its_own_windows() -> None:
    protocol = _protocol(design="never_targeted", washout_days=90)
    assert "The second rule looks ahead" in protocol["eligibility"]
    assert "(38 to 302 days by campaign)" in protocol["eligibility"]
    assert protocol["assignment"].startswith("Treated: listed by the TypeA campaign. Control: never listed by any.")
    # It has no washout, so that nobody was sent one of the type before.
    assert "campaigns of other types received" in protocol["assignment"]
    assert (
        "or the end of the data; the next campaign does not end it: 63 to 77 days by campaign" in protocol["follow-up"]
    )


def test_campaigns_that_may_be_cut_are_said() -> None:
    protocol = _protocol(keep_cut_campaigns=True)
    assert protocol["eligibility"].endswith("Campaigns are those with 28 days of data or more before them.")
    assert "if that comes first, or the end of the data: 63 to 77 days by campaign" in protocol["follow-up"]
    assert "day 587 (campaign 18)" in protocol["index day"]


@pytest.mark.parametrize("design", ["sequential_trials", "never_targeted"])
def test_a_rule_that_keeps_accounts_out_says_that_it_is_post_hoc_on_the_sample(design: str) -> None:
    assert "post hoc" not in _protocol(design=design)["eligibility"]
    assert _protocol(design=design, max_look_back_spend=12500)["eligibility"].endswith(
        " Kept out are accounts with more than $12,500 of spend in the look-back, as no households. On the sample such "
        "a rule is post hoc: it was thought of after the outcomes had been seen."
    )


def test_the_chosen_outcome_comes_first_with_its_cap_and_its_weights() -> None:
    weights = {"GROCERY": 0.8, "MEAT": 1.25}
    text = _protocol(outcome="margin_weighted_amount", margin_weights=weights, winsorise=0.995)["outcome"]
    assert text == (
        "Spend in $, each department weighed by its margin, over the follow-up; 0 for a household that did not come. "
        "It is capped at its 99.5% quantile over all trials. Beside it: "
        f"{_beside('margin_weighted_amount')}. Weights of departments: GROCERY 0.8 and MEAT 1.25; 1 for the others."
    )
    assert "Spend is capped at its 99% quantile" in _protocol(outcome="purchase_count", winsorise=0.99)["outcome"]


def test_one_division_into_folds_is_said_as_one() -> None:
    assert "predicted out of fold, once." in _protocol(repeats=1)["analysis"]
    assert "predicted out of fold, 2 times over, and the medians taken." in _protocol(repeats=2)["analysis"]


def test_campaigns_of_one_length_are_given_as_one_number() -> None:
    campaigns = plan_campaigns(CAMPAIGNS, "TypeA", 1, 649, TrialSettings())
    frame = trial_protocol("TypeA", Settings(), campaigns.iloc[:1]).set_index("component")["specification"]
    assert "(182 days by campaign)" in frame["eligibility"]
    assert "day 323 (campaign 30). Covariates" in frame["index day"]


def test_without_a_campaign_there_is_nothing_to_describe() -> None:
    campaigns = plan_campaigns(CAMPAIGNS, "TypeB", 285, 649, TrialSettings())
    with pytest.raises(ValueError, match=r"no campaign is used; a protocol describes those that are"):
        trial_protocol("TypeB", Settings(), campaigns)
