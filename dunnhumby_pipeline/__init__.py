"""Household transactions and campaign history in; segments, effects and a targeting list out."""
