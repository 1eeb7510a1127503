"""How long needs take for a million households, and how much memory.

python -m benchmarks.needs [N_HOUSEHOLDS]

Baskets by commodity are drawn as a sparse matrix; then everything is fitted, scored, named and validated as in a study.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from scipy.sparse import csr_matrix

from dunnhumby_pipeline.segmentation.needs.names import load_need_names
from dunnhumby_pipeline.segmentation.needs.purchases import Bought, Goods
from dunnhumby_pipeline.segmentation.needs.tables import Evidence, find_needs
from dunnhumby_pipeline.segmentation.needs.validation import Quarter
from dunnhumby_pipeline.segmentation.segments.tables import drawn_rows
from dunnhumby_pipeline.settings import NeedSettings

N, GOODS, KINDS, PER_HOUSEHOLD = 1_000_000, 300, 4, 60


def drawn(n: int, per_household: int, seed: int) -> Bought:
    """Baskets of `n` households that come for one of four things each: `per_household` draws of 300 goods, popular
    ones more often, those of their kind eight times as often."""
    rng = np.random.default_rng(seed)
    popular = 1 / (np.arange(GOODS) + 5.0)
    chances = np.stack([np.where(np.arange(GOODS) % KINDS == kind, 8.0, 1.0) * popular for kind in range(KINDS)])
    edges = np.cumsum(chances / chances.sum(axis=1, keepdims=True), axis=1)
    kinds = np.arange(n) % KINDS
    codes = np.empty(n * per_household, dtype=np.int32)
    for kind in range(KINDS):
        own = np.flatnonzero(kinds == kind)
        picks = np.searchsorted(edges[kind], rng.random((len(own), per_household))).astype(np.int32)
        codes.reshape(n, per_household)[own] = np.minimum(picks, GOODS - 1)
    starts = np.arange(0, len(codes) + 1, per_household)
    baskets = csr_matrix((np.ones(len(codes)), codes, starts), shape=(n, GOODS))
    baskets.sum_duplicates()
    return Bought(np.arange(1, n + 1), baskets, 3.0 * baskets)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else N
    settings = NeedSettings()
    whole = drawn(n, PER_HOUSEHOLD, 1)
    rows = drawn_rows(n, settings.max_households, 1)
    quarters = [Quarter(91 * q, 91 * (q + 1), drawn(n, 30, 2 + q).rows(rows)) for q in range(2)]
    goods = Goods("commodities", tuple(f"GOODS {place}" for place in range(GOODS)), "drawn", 1.0)
    started, used = time.perf_counter(), time.process_time()
    found = find_needs(Evidence(goods, whole, quarters, rows), load_need_names(), settings, 1)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n:,} households, {whole.baskets.nnz:,} pairs of household and commodity")
    seconds, busy = time.perf_counter() - started, time.process_time() - used
    print(f"needs: {seconds:.1f} s ({busy:.1f} CPU s), {memory:.2f} GB at most")
    print(found.need_selection.round(3).to_string(index=False))
    table = found.household_needs.assign(kind=np.arange(n) % KINDS)
    print(table.groupby("kind")["need"].agg(lambda needs: needs.value_counts(normalize=True).iloc[0]))


if __name__ == "__main__":
    main()
