"""Warnings of libraries that are known and weighed, and not for the reader of a run's progress.

Each by the beginning of its message: any other is still printed.
"""

from __future__ import annotations

import os
import re
import warnings

EXPECTED = (
    # What the study uses of dagster on purpose, though it may change: its version is held to 1.13.
    "Function `multi_observable_source_asset` is currently in beta",
    "Parameter `include_sources` of function `AssetSelection.",
    "Parameter `data_version` of initializer `Output.__init__` is currently in beta",
    "Specifying a partitions_def on an AssetCheckSpec",
    "Function `dev_command` is superseded",
    # Of a lasso's path its smallest penalties, which cross-validation does not choose.
    "Objective did not converge",
    # Arms and campaigns of a small study, whose size is checked where folds are made.
    "The least populated class in y has only",
)
_VARIABLE = "PYTHONWARNINGS"


def expect() -> None:
    """Print none of the expected warnings, in this process and in those that it starts."""
    for beginning in EXPECTED:
        warnings.filterwarnings("ignore", message=re.escape(beginning))
    # Read by a new process as they stand, up to a comma or a colon.
    given = os.environ.get(_VARIABLE, "")
    added = [f"ignore:{beginning}" for beginning in EXPECTED if f"ignore:{beginning}" not in given]
    os.environ[_VARIABLE] = ",".join(filter(None, (given, *added)))
