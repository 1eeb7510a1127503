"""Made-up decisions by demographic group."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.targeting.demographics import decisions_by_demographics as by_demographics


def decisions_by_demographics() -> pd.DataFrame:
    keys = np.arange(600)
    listed = pd.DataFrame({"household_key": keys, "decision": np.where(keys % 3 == 0, "target", "test")})
    told = pd.DataFrame({"household_key": keys[:300], "age_desc": np.where(keys[:300] % 6 == 0, "65+", "25-34")})
    for name in ("marital_status_code", "income_desc", "homeowner_desc", "hh_comp_desc", "household_size_desc"):
        told[name] = pd.Series([None] * 300, dtype="object")
    told["kid_category_desc"] = np.where(keys[:300] % 2 == 0, "0", "1")
    return by_demographics(listed, told, 0.95)
