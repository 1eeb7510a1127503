"""Household transactions and campaign history in; segments, effects and a targeting list out."""

# The version of the whole project, and the only place where it stands: packaging and the command read it here.
__version__ = "0.2.0"
