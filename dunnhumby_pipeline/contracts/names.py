"""Names and keys that tables share with those who read them. Imports nothing of the package."""

from typing import Literal

TRIAL_KEY = ["household_key", "campaign"]
SPEND, VISITS, REDEEMED = "purchase_amount", "purchase_count", "redeemed"
WITHOUT_FUEL, MARGIN_WEIGHTED = "amount_without_fuel", "margin_weighted_amount"
# What decisions rest on.
GROSS_PROFIT = "gross_profit"
PRIMARY_OUTCOME = SPEND
# Designs of the study.
SEQUENTIAL, FIRST_ELIGIBLE, NEVER_TARGETED = "sequential_trials", "first_eligible", "never_targeted"
DESIGNS = (SEQUENTIAL, FIRST_ELIGIBLE, NEVER_TARGETED)
# The campaign of a row about all campaigns together, the fold about all folds, the repeat about the medians of all.
ALL_CAMPAIGNS = "all"
ALL_FOLDS = -1
ALL_REPEATS = -1
# The estimator that the decision rests on, and the difference that is adjusted for nothing.
PRIMARY_ESTIMATOR = "overlap_weighted"
NAIVE = "naive"
# The model that gives every household the same effect.
CONSTANT = "constant"
# Why a model of the effect that only a certificate fits has no effects in a study.
LEFT_TO_CERTIFY = "is left to `dunnhumby certify`"
# The non-negative sum of the best models of the effect.
STACK = "stack"
# What the tables of doubts call the analyses that checks and figures look for.
PLACEBO_OUTCOME, PLACEBO_CAMPAIGN = "placebo outcome", "placebo campaign"
E_VALUE, E_VALUE_OF_INTERVAL = "e_value", "interval limit nearest to zero"
# The need of a household that scores on none.
NO_NEED = "none"
# Of the forecasts of falls and of recoveries, the one that tables of households rest on.
IN_USE = "in use"
# Needs of which a household has one, and finer ones of which it may have several.
Level = Literal["label", "tag"]
# Nuisances made otherwise, as variations of the effect.
AS_FITTED, ONE_DIVISION, LINEAR_NUISANCES = "propensity_as_fitted", "one_division", "linear_nuisances"
TREE_NUISANCES, STANDARDISED, TOTALS_AS_THEY_ARE = "tree_nuisances", "within_campaign", "totals"
NUISANCE_VARIANTS = (AS_FITTED, ONE_DIVISION, LINEAR_NUISANCES, TREE_NUISANCES, STANDARDISED, TOTALS_AS_THEY_ARE)

# Whether a contact is the first of its type for a household: what is known of one says nothing of the other.
FIRST_CONTACT, REPEAT_CONTACT = "first contact", "contacted before"
# What is decided for a household: contact it, do not, or learn first.
TARGET, LEAVE, TEST = "target", "leave", "test"
# The arms of whoever is randomised.
CONTACT, HOLD_OUT = "contact", "hold out"
# Why a household is not contacted, whatever the effect.
OPT_OUT, RECENT_CONTACT, CONTACT_CAP = "opt-out", "recent contact", "contact cap"
# Decided on, and no rule of the playbook has an offer that it may get.
NO_OFFER = "no offer"
SUPPRESSIONS = (OPT_OUT, RECENT_CONTACT, CONTACT_CAP, NO_OFFER)
# Populations that a policy is valued on: the trials in overlap, and those that the next campaign can choose among.
TRIALS, TODAY = "trials", "today"
