"""How far two measurements of a label agree, how far they could at most, and what of the change is real."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from dunnhumby_pipeline.segmentation.movement.trails import NOT_THERE, Array, Codes

# A table of shares has a margin that is given: its smallest singular value is 0, but for rounding.
_RANK = 1e-6
_PAIR = 2
MEASURES = ("share staying", "ari", "kappa")


@dataclass(frozen=True)
class Agreement:
    """Agreement of two codings, each (R,): the first of R by the households as they are, the others by resampled ones.

    `staying`: share with the same code; `kappa` (Cohen 1960) and `ari` (Hubert & Arabie 1985), 0 by chance and 1 when
    equal; `chance`: the share that would agree by chance, sum of p_k q_k. NaN where nothing can be said.
    `shares`: the contingency tables (R, k, k) behind them, that sum to 1.
    """

    staying: Array
    kappa: Array
    ari: Array
    chance: Array
    shares: Array

    def of(self, measure: str) -> Array:
        """(R,) of one of `MEASURES`."""
        return {"share staying": self.staying, "ari": self.ari, "kappa": self.kappa}[measure]


def agreement(first: Codes, second: Codes, n_codes: int, weights: Array) -> Agreement:
    """Agreement of two codings (n,) of the same households, under each row of `weights` (R, n).

    Households without a code in either (-1) do not count.
    """
    known = (first != NOT_THERE) & (second != NOT_THERE)
    cell = first[known] * n_codes + second[known]
    counts = np.stack([np.bincount(cell, row, minlength=n_codes**2) for row in weights[:, known]])
    return from_counts(counts.reshape(-1, n_codes, n_codes).astype(np.float64))


def from_counts(counts: Array) -> Agreement:
    """Agreement from contingency tables (R, k, k) of counts."""
    total = counts.sum(axis=(1, 2))
    rows, columns = counts.sum(axis=2), counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        staying = np.trace(counts, axis1=1, axis2=2) / total
        chance = (rows * columns).sum(axis=1) / total**2
        # Where chance alone makes all agree, they do, and no more can be said.
        kappa = np.where(chance < 1, (staying - chance) / (1 - chance), np.nan)
        together, in_rows, in_columns = (
            _twos(c).sum(axis=axis) for c, axis in ((counts, (1, 2)), (rows, 1), (columns, 1))
        )
        expected = in_rows * in_columns / _twos(total)
        most = (in_rows + in_columns) / 2
        ari = np.where(most > expected, (together - expected) / (most - expected), 1.0)
        shares = counts / total[:, None, None]
    return Agreement(staying, kappa, np.where(total >= _PAIR, ari, np.nan), chance, shares)


def mean_agreement(found: list[Agreement]) -> Agreement:
    """The mean over pairs of periods, of each measure."""
    return Agreement(*(np.mean([getattr(one, each.name) for one in found], axis=0) for each in fields(Agreement)))


def noise_taken_out(periods: Agreement, halves: Agreement) -> Array:
    """(R,) share of households that keep their true label, 0-1, from agreement between periods and between halves.

        kappa_true = min(kappa_periods / kappa_halves, 1);   staying = chance + (1 - chance) kappa_true

    Spearman's (1904) correction for attenuation, for labels: where an error depends on a household's true label only
    in that it goes to label j with a probability that is the same for all others, the covariances of the indicators
    of two measurements are those of the true labels times the same factor, between periods as between halves, so that
    it cancels. With two labels any errors that are as frequent in both periods do. Errors that go to neighbouring
    labels more than to far ones leave the estimate too high where true moves do so too (simulated, five labels: .94 for
    a true .92, .95 for .90): read it with `noise_taken_out_any`. NaN where halves agree no better than by chance.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(halves.kappa > 0, periods.kappa / halves.kappa, np.nan)
        return periods.chance + (1 - periods.chance) * np.minimum(ratio, 1.0)


def noise_taken_out_any(periods: Agreement, halves: Agreement) -> Array:
    """(R,) the same whatever errors are made between labels, as the mean over labels: a second opinion, less precise.

        staying = (1 + tr(C_halves^-1 C_periods)) / k

    C: a symmetric contingency table of shares less what chance alone gives. With M the errors, p the shares and T the
    true transitions, C_periods = M' (diag(p) T - p p') M and C_halves = M' (diag(p) - p p') M, so that their quotient
    has the trace of T less one, and M falls out (the argument of spectral estimates of hidden Markov models: Hsu,
    Kakade & Zhang 2012). Needs errors that depend on the true label alone, every label told from every other by some
    of them, and k labels; at most 1. NaN where nothing can be said.
    """
    quotient = np.linalg.pinv(_beyond_chance(halves), rcond=_RANK) @ _beyond_chance(periods)
    found = (1 + np.trace(quotient, axis1=1, axis2=2)) / quotient.shape[1]
    return np.where(np.isnan(noise_taken_out(periods, halves)), np.nan, np.minimum(found, 1.0))


def _beyond_chance(found: Agreement) -> Array:
    symmetric = np.nan_to_num(found.shares + found.shares.transpose(0, 2, 1)) / 2
    margin = symmetric.sum(axis=2)
    return symmetric - margin[:, :, None] * margin[:, None, :]


def noise_share(periods: Agreement, halves: Agreement) -> Array:
    """(R,) share of the changes between periods that the halves, where nothing changes, show as well; at most 1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(periods.staying < 1, (1 - halves.staying) / (1 - periods.staying), np.nan)
    return np.minimum(share, 1.0)


def household_weights(n_households: int, n_replicates: int, seed: int) -> Array:
    """(1 + n_replicates, n): ones, then how often each household is drawn in a bootstrap of households."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_households, np.full(n_households, 1 / n_households), size=n_replicates)
    return np.concatenate([np.ones((1, n_households)), drawn.astype(float)])


def interval(values: Array, confidence: float) -> tuple[float, float, float]:
    """Estimate and percentile interval of `values` (R,): the first is the estimate, the others are resampled."""
    if np.isnan(values[0]) or not np.isfinite(values[1:]).any():
        return float(values[0]), float("nan"), float("nan")
    tail = (1 - confidence) / 2
    lower, upper = np.nanquantile(values[1:], [tail, 1 - tail])
    return float(values[0]), float(lower), float(upper)


def _twos(numbers: Array) -> Array:
    return numbers * (numbers - 1) / 2
