"""Sources that several columns have in common, as `Table.sources` takes them."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.outcomes import OUTCOMES

_TRIALS = " ".join(f"first_campaign_cohort.{name}" for name in ("treated", *OUTCOMES))
_NUISANCES = "nuisances.propensity nuisances.mu0_ nuisances.mu1_"

# What an outcome is expected to be, learnt from the trials of one arm and their covariates.
EXPECTED = f"{_TRIALS} design_matrix"
# An average effect, by any of the estimators.
ESTIMATED = (
    f"{_TRIALS} {_NUISANCES} propensity.in_overlap propensity.w_ipw propensity.w_balance propensity.w_treated "
    "design_matrix"
)
# The effect of a contact on profit before its cost, in a scenario, by AIPW.
SCORES = (
    "first_campaign_cohort.gross_profit first_campaign_cohort.purchase_amount first_campaign_cohort.treated "
    f"{_NUISANCES} economics.of_gross_profit economics.of_sales"
)
# How far it may be off, beyond chance.
DOUBT = "negative_controls.estimate negative_controls.se"
# What a contact costs; on the dial, the part of it that is paid once.
COST, ONCE = "economics.contact_cost economics.one_off_cost", "economics.one_off_cost"
# Which households of today have support.
TODAY = "household_effects.propensity household_effects.received_before"
