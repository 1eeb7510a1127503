"""Partitions: causal and targeting assets have one per campaign type.

Their checks carry the same partitions, so that the state of one type never stands for another. Dagster
calls this a preview.
"""

import dagster as dg

from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES

campaign_types = dg.StaticPartitionsDefinition(list(CAMPAIGN_TYPES))
# The tag of a run that says which.
PARTITION = "dagster/partition"
