"""Segments from customer features to tables: features chosen, factors, segments with names, stability."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.contracts.reference_study import FACTORS, SEGMENTS
from dunnhumby_pipeline.segmentation.factors.factors import (
    Factors,
    explained,
    fit_factors,
    hoyer_sparsity,
    loadings_table,
)
from dunnhumby_pipeline.segmentation.factors.feature_choice import (
    FeatureChoice,
    choose_features,
    given_features,
    usable_of,
)
from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError, fit_scaling
from dunnhumby_pipeline.segmentation.factors.selection import choose_n_factors, scan_factors
from dunnhumby_pipeline.segmentation.segments.clusters import (
    Labels,
    Recipe,
    Segmentation,
    fit_clusters,
    fit_segmentation,
)
from dunnhumby_pipeline.segmentation.segments.identity import identify
from dunnhumby_pipeline.segmentation.segments.model_store import FIRST_RUN, SegmentModel
from dunnhumby_pipeline.segmentation.segments.naming import factor_names, segment_names, slug
from dunnhumby_pipeline.segmentation.segments.scoreboard import (
    COLUMNS,
    Drawn,
    choose_segments,
    consensus_wins,
    quality,
    score_candidates,
    score_consensus,
    useful_rows,
)
from dunnhumby_pipeline.segmentation.segments.stability import (
    Stability,
    bootstrap_stability,
    cold_refits,
    jaccard_table,
)
from dunnhumby_pipeline.settings import SegmentationSettings

# It is never chosen: fewer refits are enough to see how it fares.
REFERENCE_REFITS = 8
FEWEST_HOUSEHOLDS = 30
# What shapes a model; the others say how closely it is looked at.
SHAPING = (
    "feature_groups",
    "twin_correlation",
    "treatment",
    "n_factors",
    "n_segments",
    "max_factors",
    "segment_range",
    "factor_stability_floor",
    "stability_target",
    "min_segments",
    "min_share",
    # A consensus takes the place of K-Means by a standard error over the refits.
    "n_bootstraps",
)


@dataclass(frozen=True)
class SegmentationTables:
    """The tables of Track 1; columns as in the assets of the same names, and in `segment_households`."""

    feature_choice: pd.DataFrame
    factor_selection: pd.DataFrame
    factor_loadings: pd.DataFrame
    nmf_factors: pd.DataFrame
    segment_scoreboard: pd.DataFrame
    segments: pd.DataFrame
    segment_stability: pd.DataFrame
    segment_jaccard: pd.DataFrame
    segment_identity: pd.DataFrame
    reference_loadings: pd.DataFrame
    reference_factors: pd.DataFrame
    reference_segments: pd.DataFrame
    model: SegmentModel
    start_reason: str


def segment_households(
    features: pd.DataFrame,
    settings: SegmentationSettings,
    seed: int,
    previous: SegmentModel | None = None,
    data_version: str = "",
    without: str = FIRST_RUN,
) -> SegmentationTables:
    """Fit factors and segments to one row of `features` a household, name them, and refit them on bootstraps.

    With the model of the `previous` run, and the same settings that shape a model, features, numbers of factors and
    segments stay those of that run and the fit starts from it; what the rules would choose today stands in the
    reasons. With other settings the fit is cold, and segments are matched to the previous ones by their households.
    `data_version` is stored in the model. `without`: why there is no previous model, when there is none.

    Beyond `max_households` households, that many are drawn by `seed`; everything is fitted to them, all are scored, and
    `stability` is null for the others.

    Tables: feature_choice (`choose_features`); factor_selection (`scan_factors`, with chosen and reason; the
    chosen row describes the fit in use, which after a warm start is not the scan's); factor_loadings; nmf_factors
    (household_key, factor_1..k); segment_scoreboard (`scoreboard.COLUMNS`; roles 'chosen', 'reference',
    'candidate'); segments (household_key, segment, segment_name, stability); segment_stability
    (start, replicate, ari, converged); segment_jaccard; segment_identity; reference_loadings,
    reference_factors and reference_segments (household_key, segment, segment_name) of the reference study's setting.

    Raises MatrixError for unusable features and ValueError for fewer than 30 households, or more factors or segments
    than the households allow.
    """
    if len(features) < FEWEST_HOUSEHOLDS:
        raise ValueError(
            f"customer_features has {len(features)} households; segments need at least {FEWEST_HOUSEHOLDS}: take a "
            "longer period or more customers"
        )
    rows = drawn_rows(len(features), settings.max_households, seed)
    sample = features.iloc[rows].reset_index(drop=True)
    start, start_reason = _start(sample, settings, previous, without)
    choice = (
        given_features(sample, settings.feature_groups, settings.twin_correlation, start.features)
        if start
        else choose_features(sample, settings.feature_groups, settings.twin_correlation)
    )
    matrix = fit_scaling(sample, choice.features, treatment=settings.treatment).apply(sample)
    selection, n_factors = _factor_selection(matrix, choice, settings, seed, start)
    if settings.n_factors is not None or start is None:
        recipe = Recipe(choice.features, n_factors, 2, treatment=settings.treatment)
    else:
        recipe = start.recipe
    candidates, recipe, reason, refits = _segment_selection(sample, matrix, recipe, settings, seed, start)
    chosen = (candidates["method"] == recipe.method) & (candidates["n_segments"] == recipe.n_segments)
    cold = candidates.loc[chosen, "cold_labels"].iloc[0]
    fitted = fit_segmentation(sample, recipe, seed, start.among_themselves(sample) if start else None)
    selection = _with_factors_in_use(selection, matrix, fitted.factors)
    stability = bootstrap_stability(sample, fitted, recipe, settings.n_bootstraps, seed, refits, cold)
    reference, reference_row = _reference(sample, settings, seed)
    scoreboard = pd.concat(
        [_scored(sample, fitted, recipe, stability, "chosen", reason, settings, seed), reference_row, candidates],
        ignore_index=True,
    )[COLUMNS]

    scores = fitted.scores(features)
    labels = fitted.clusters.labels(scores)
    identity = identify(sample, labels[rows], previous, settings.min_jaccard, without)
    spoken = previous.factor_names if start and previous else factor_names(fitted.factors)
    agreement = np.full(len(features), np.nan)
    agreement[rows] = stability.agreement
    key = features["household_key"].to_numpy()
    theirs = reference.scores(features)
    segments = pd.DataFrame(
        {
            "household_key": key,
            "segment": np.array(identity.slugs, dtype=object)[labels],
            "segment_name": np.array(identity.names, dtype=object)[labels],
            "stability": agreement,
        }
    )
    return SegmentationTables(
        feature_choice=choice.table,
        factor_selection=selection,
        factor_loadings=loadings_table(fitted.factors, spoken),
        nmf_factors=_scores_table(key, scores, fitted),
        segment_scoreboard=scoreboard,
        segments=segments,
        segment_stability=stability.replicates,
        segment_jaccard=jaccard_table(stability, identity.slugs),
        segment_identity=identity.table,
        reference_loadings=loadings_table(reference.factors, factor_names(reference.factors)),
        reference_factors=_scores_table(key, theirs, reference),
        reference_segments=_named_segments(key, features, reference.clusters.labels(theirs)),
        model=SegmentModel(
            fitted=fitted,
            method=recipe.method,
            slugs=identity.slugs,
            names=identity.names,
            factor_names=spoken,
            seed=seed,
            settings_fingerprint=shaping_fingerprint(settings),
            data_version=data_version,
        ),
        start_reason=start_reason,
    )


def drawn_rows(n: int, max_households: int, seed: int) -> NDArray[np.int64]:
    """All rows, or `max_households` of them drawn without replacement when there are more, in their order."""
    if n <= max_households:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:max_households])


def shaping_fingerprint(settings: SegmentationSettings) -> str:
    """SHA-256, 16 digits, of the settings that shape a model."""
    shaping = settings.model_dump(mode="json", include=set(SHAPING))
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]


def _start(
    sample: pd.DataFrame, settings: SegmentationSettings, previous: SegmentModel | None, without: str
) -> tuple[SegmentModel | None, str]:
    """(the model to start from, or none; why)."""
    if previous is None:
        return None, f"cold: {without}"
    if previous.settings_fingerprint != shaping_fingerprint(settings):
        return None, "cold: the settings that shape a model have changed since the run before"
    unusable = sorted(set(previous.features) - set(usable_of(sample, previous.features)))
    if unusable:
        return None, f"cold: features of the run before tell no household from another today: {', '.join(unusable)}"
    return previous, "warm: from the run before"


def _factor_selection(
    matrix: NDArray[np.float64],
    choice: FeatureChoice,
    settings: SegmentationSettings,
    seed: int,
    start: SegmentModel | None,
) -> tuple[pd.DataFrame, int]:
    largest = max(settings.max_factors, settings.n_factors or 0)
    scan = scan_factors(matrix, choice.features, largest, settings.n_factor_refits, seed)
    by_rule, reason = choose_n_factors(scan, settings.factor_stability_floor)
    n_factors = by_rule
    if settings.n_factors is not None:
        n_factors, reason = settings.n_factors, f"set by segmentation.n_factors; the rule would take {by_rule}"
    elif start is not None:
        n_factors = start.recipe.n_factors
        reason = f"kept from the run before; the rule would take {by_rule} today"
    # Raises when the setting asks for more factors than the matrix has rows or columns.
    if n_factors not in set(scan["n_factors"]):
        fit_factors(matrix, choice.features, n_factors, seed)
    chosen = scan["n_factors"] == n_factors
    return scan.assign(chosen=chosen, reason=np.where(chosen, reason, "")), n_factors


def _with_factors_in_use(selection: pd.DataFrame, matrix: NDArray[np.float64], factors: Factors) -> pd.DataFrame:
    """`selection` whose chosen row tells what `factors`, those in use, explain of `matrix` and how they came about.

    Both stabilities and the refits behind them are of cold starts, whatever the start of the fit in use.
    """
    pooled, centred, error = explained(matrix, factors)
    found = {
        "pooled_r2": pooled,
        "centred_r2": centred,
        "reconstruction_error": error,
        "sparsity": float(hoyer_sparsity(factors.loadings).mean()),
        "n_iterations": factors.n_iterations,
        "converged": factors.converged,
    }
    return selection.assign(**{name: selection[name].mask(selection["chosen"], value) for name, value in found.items()})


def _segment_selection(
    sample: pd.DataFrame,
    matrix: NDArray[np.float64],
    recipe: Recipe,
    settings: SegmentationSettings,
    seed: int,
    start: SegmentModel | None,
) -> tuple[pd.DataFrame, Recipe, str, list]:
    """(candidates as rows of the scoreboard, the chosen recipe, why, cold refits of its factors)."""
    scores = fit_factors(matrix, recipe.features, recipe.n_factors, seed).scores(matrix)
    n_distinct = len(np.unique(scores, axis=0))
    first, last = settings.segment_range
    sizes = {size for size in range(first, last + 1) if size <= n_distinct}
    fixed = settings.n_segments or (start.recipe.n_segments if start else None)
    if fixed is not None or not sizes:
        # Raises when fewer households differ.
        fit_clusters(scores, fixed or first, seed)
        sizes.add(fixed or first)
    refits = cold_refits(sample, recipe, settings.n_bootstraps, seed)
    table = score_candidates(scores, refits, recipe, sorted(sizes), seed, mixtures=settings.mixtures)
    by_rule = choose_segments(table, settings)
    n_segments = fixed or by_rule.n_segments
    sized = replace(recipe, n_segments=n_segments, method="kmeans")
    consensus = score_consensus(scores, refits, sized, seed)
    table = pd.concat([table, consensus], ignore_index=True)
    kmeans = table[(table["method"] == "kmeans") & (table["n_segments"] == n_segments)].iloc[0]
    better = consensus_wins(kmeans["cold_aris"], consensus.iloc[0]["cold_aris"])
    method = start.recipe.method if start else "consensus" if better else "kmeans"
    if settings.n_segments is not None:
        reason = f"set by segmentation.n_segments; the rule would take {by_rule.n_segments}: {by_rule.reason}"
    elif start is not None:
        reason = f"kept from the run before; the rule would take {by_rule.n_segments} today: {by_rule.reason}"
    else:
        reason = by_rule.reason
    if method == "consensus":
        reason += "; the consensus is more stable than K-Means"
    candidates = table.assign(
        role="candidate",
        n_features=len(recipe.features),
        n_factors=recipe.n_factors,
        eligible=useful_rows(table, settings) & (table["method"] != "mixture"),
        reason=np.where(table["method"] == "mixture", "second opinion", ""),
        warm_ari=np.nan,
        warm_ari_sd=np.nan,
        n_warm=0,
    )
    return candidates, replace(sized, method=method), reason, refits


def _reference(sample: pd.DataFrame, settings: SegmentationSettings, seed: int) -> tuple[Segmentation, pd.DataFrame]:
    """The setting of the reference study, fitted, and its row of the scoreboard."""
    names = usable_of(sample, FACTORED)
    left_out = [name for name in FACTORED if name not in names]
    reason = "the reference study's setting" + (f", without {', '.join(left_out)}: one value only" if left_out else "")
    if len(names) < FACTORS:
        raise MatrixError(
            f"the reference setting needs {FACTORS} of its features, found {len(names)} with more than one "
            f"value: {', '.join(names) or 'none'}"
        )
    recipe = Recipe(names, FACTORS, SEGMENTS)
    fitted = fit_segmentation(sample, recipe, seed)
    stability = bootstrap_stability(sample, fitted, recipe, min(settings.n_bootstraps, REFERENCE_REFITS), seed)
    return fitted, _scored(sample, fitted, recipe, stability, "reference", reason, settings, seed)


def _scored(
    sample: pd.DataFrame,
    fitted: Segmentation,
    recipe: Recipe,
    stability: Stability,
    role: str,
    reason: str,
    settings: SegmentationSettings,
    seed: int,
) -> pd.DataFrame:
    scores = fitted.scores(sample)
    row: dict[str, object] = {
        "role": role,
        "method": recipe.method,
        "n_features": len(recipe.features),
        "n_factors": recipe.n_factors,
        "n_segments": recipe.n_segments,
        **quality(scores, fitted.clusters.labels(scores), Drawn.of(scores, seed)),
        "bic": np.nan,
        "converged": fitted.factors.converged and fitted.clusters.converged,
        "reason": reason,
    }
    for name in ("cold", "warm"):
        aris = stability.replicates.loc[stability.replicates["start"] == name, "ari"]
        row |= {f"{name}_ari": float(aris.mean()), f"{name}_ari_sd": float(aris.std()), f"n_{name}": len(aris)}
    frame = pd.DataFrame([row])
    return frame.assign(eligible=useful_rows(frame, settings))


def _named_segments(key: NDArray[np.int64], features: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    named = segment_names(features, labels)
    names = np.array([named[int(label)] for label in labels], dtype=object)
    slugs = {name: slug(name) for name in named.values()}
    return pd.DataFrame({"household_key": key, "segment": [slugs[name] for name in names], "segment_name": names})


def _scores_table(key: NDArray[np.int64], scores: NDArray[np.float64], fitted: Segmentation) -> pd.DataFrame:
    frame = pd.DataFrame(scores, columns=list(fitted.factors.names))
    frame.insert(0, "household_key", key)
    return frame
