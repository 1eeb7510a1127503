"""Made-up but plausible tables of needs: three labels and four tags, followed over three pairs of quarters."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline_tests.fakes.results.customers import NEEDS, frame_of

TAGS = ("baby", "pets", "natural and organic", "salad bar and newspaper")
_GOODS = {
    "fresh produce": ("MUSHROOMS", "PEPPERS-ALL", "HERBS"),
    "scratch cooking": ("PORK", "FLOUR & MEALS", "DRY SAUCES/GRAVY"),
    "baby": ("INFANT FORMULA", "DIAPERS & DISPOSABLES", "BABY FOODS"),
    "pets": ("CAT LITTER", "CAT FOOD", "DOG FOODS"),
    "natural and organic": ("CHIPS&SNACKS", "CEREAL/BREAKFAST", "FITNESS&DIET"),
    "salad bar and newspaper": ("SALAD BAR", "NEWSPAPER", "CONVENIENT BRKFST/WHLSM SNACKS AND MORE"),
}
LEVELS = {"label": NEEDS, "tag": TAGS}


def need_definitions() -> pd.DataFrame:
    rows = []
    for level, names in LEVELS.items():
        for place, name in enumerate(names):
            by = "file of names" if name != TAGS[-1] else "words of its commodities"
            share = (0.45, 0.33, 0.22, 0.2)[place]
            told = ", ".join(_GOODS[name])
            rows.append((level, name, round(2500 * share), share, 1e6 * share, share, told, by, name, None, True))
    columns = "level need n_households share revenue revenue_share commodities named_by described_as previous_need kept"
    source = {"source": "commodities", "source_reason": "278 commodities with 100% of sales", "reason": "first run"}
    return frame_of(columns, rows).assign(similarity=0.9, **source)


def need_commodities() -> pd.DataFrame:
    rows = []
    for level, names in LEVELS.items():
        for name in names:
            for rank, good in enumerate(_GOODS[name], 1):
                rows.append((level, name, good, 1.0 / rank, 5.5 - 1.4 * rank, 31_000.0 / rank, True, rank))
            rows.append((level, name, "FLUID MILK PRODUCTS", 0.8, 0.9, 90_000.0, False, pd.NA))
    table = frame_of("level need commodity loading lift sales own lift_rank", rows)
    return table.astype({"lift_rank": "Int64"}).assign(share=0.1, overall_share=0.05)


def household_tags() -> pd.DataFrame:
    rows = [(key, TAGS[key % 4], 2.0) for key in range(1, 2501)]
    return frame_of("household_key tag score", rows)


def need_selection() -> pd.DataFrame:
    rows = [("label", k, 0.03 * k, ari, 8, k == 4) for k, ari in ((3, 0.75), (4, 0.91), (5, 0.79))]
    rows += [("tag", k, 0.02 * k + 0.02, ari, 8, k == 8) for k, ari in ((6, 0.78), (7, 0.67), (8, 0.81), (9, 0.71))]
    table = frame_of("level n_needs centred_r2 stability n_refits chosen", rows)
    return table.assign(reason=["the elbow" if chosen else "" for chosen in table["chosen"]])


def need_stability() -> pd.DataFrame:
    starts = (("label", "cold", 0.91), ("label", "warm", 0.92), ("tag", "cold", 0.8), ("tag", "warm", 0.83))
    rows = [(level, start, i, mean + 0.01 * (i - 3.5)) for level, start, mean in starts for i in range(8)]
    return frame_of("level start replicate ari", rows)


def need_agreement() -> pd.DataFrame:
    rows = [
        (level, day, day + 181, 2200, staying, kappa)
        for level, staying, kappa in (("label", 0.65, 0.52), ("tag", 0.49, 0.42))
        for day in (286, 377, 468)
    ]
    return frame_of("level from_day to_day n_households share_staying kappa", rows)


def need_lift() -> pd.DataFrame:
    rows = []
    for level, names in LEVELS.items():
        for place, name in enumerate(names):
            rows += [(level, name, day, 400, 0.2, 0.1, 2.8 - 0.4 * place + day / 1000) for day in (286, 377, 468)]
    return frame_of("level need from_day n_households share_next overall_next lift", rows)
