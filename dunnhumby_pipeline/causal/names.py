"""Names and keys that the causal tables share with those who read them. Imports nothing."""

TRIAL_KEY = ["household_key", "campaign"]
OUTCOMES = ("purchase_amount", "purchase_count", "redeemed")
PRIMARY_OUTCOME = "purchase_amount"
# The wave of a row about all waves together, and the fold of a row about all folds.
ALL_WAVES = "all"
ALL_FOLDS = -1
# The model that gives every household the same effect.
CONSTANT = "constant"
