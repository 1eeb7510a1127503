"""Tables of the group segments."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

TABLES = (
    Table(
        "segments",
        group="segments",
        made_by="fit_segments",
        meaning="Segment of each household, and the share of refits that agree.",
        row="household",
        key=("household_key",),
        columns=(
            *shared("household_key segment segment_name"),
            number("stability", "share of bootstrap refits that give the household this segment", "0-1"),
        ),
        metrics=metrics.segments,
        sources={
            "household_key": "customer_features",
            **dict.fromkeys(("segment", "segment_name", "stability"), "customer_features.*"),
        },
    ),
    Table(
        "segment_scoreboard",
        group="segments",
        made_by="fit_segments",
        meaning="Quality and stability of the segments chosen, of the reference study's setting and of "
        "every candidate.",
        row="way to find segments",
        key=("role", "method", "n_features", "n_factors", "n_segments"),
        columns=(
            text("role", "chosen, the reference study's setting, or a candidate"),
            text("method", "how segments are found: kmeans, mixture or consensus"),
            integer("n_features", "features that are factored", "features"),
            *shared("n_factors"),
            integer("n_segments", "segments", "segments"),
            number("silhouette", "mean silhouette of factor scores; higher is more apart", "-1 to 1"),
            number("calinski_harabasz", "spread between segments over spread within; higher is more apart"),
            number("davies_bouldin", "mean likeness of each segment to its nearest other; lower is more apart"),
            number("bic", "Bayesian information criterion of a mixture; lower is better", nullable=True),
            number("smallest_share", "share of households in the smallest segment", "0-1"),
            number("cold_ari", "mean ARI of refits from scratch on resampled households"),
            number("cold_ari_sd", "standard deviation of these ARI"),
            integer("n_cold", "refits from scratch", "refits"),
            number("warm_ari", "mean ARI of refits that start from these segments", nullable=True),
            number("warm_ari_sd", "standard deviation of these ARI", nullable=True),
            integer("n_warm", "refits that start from these segments", "refits"),
            *shared("converged"),
            flag("eligible", "whether the rule may choose it: enough segments, and none too small"),
            text("reason", "why it was chosen, or why it is there"),
        ),
        metrics=metrics.scoreboard,
        measures=True,
    ),
    Table(
        "segment_stability",
        group="segments",
        made_by="fit_segments",
        meaning="Bootstrap ARI with everything refit, cold and warm.",
        row="bootstrap refit",
        key=("start", "replicate"),
        columns=(
            text("start", "start of the refit: cold from scratch, warm from the reference solution"),
            integer("replicate", "number of the bootstrap refit"),
            number("ari", "adjusted Rand index of the refit and the reference; 1 is the same partition"),
            *shared("converged"),
        ),
        metrics=metrics.stability,
        measures=True,
    ),
    Table(
        "segment_jaccard",
        group="segments",
        made_by="fit_segments",
        meaning="How well each segment comes back in cold refits.",
        row="segment",
        key=("segment",),
        columns=(
            *shared("segment"),
            number(
                "mean_jaccard",
                "mean overlap of the segment with its closest in cold refits; 1 is the same households",
                "0-1",
            ),
            number("lowest_jaccard", "least overlap of the segment with its closest in a cold refit", "0-1"),
            number("dissolved", "share of cold refits in which the segment is lost: overlap of at most 0.5", "0-1"),
            number(
                "recovered", "share of cold refits in which the segment comes back: overlap of at least 0.75", "0-1"
            ),
        ),
        metrics=metrics.jaccard,
        measures=True,
    ),
    Table(
        "segment_identity",
        group="segments",
        made_by="fit_segments",
        meaning="Which segment of the run before each one is, and whether it keeps its name.",
        row="segment, or one that is gone",
        key=("segment", "previous_segment"),
        columns=(
            # Of a segment that is gone there is nothing today.
            *shared("segment segment_name", nullable=True),
            text("previous_segment", "segment of the run before that matches best, one to one", nullable=True),
            number(
                "jaccard", "overlap of the two segments' households; 1 is the same households", "0-1", nullable=True
            ),
            number(
                "centroid_distance", "distance of the two centroids in factor scores of the run before", nullable=True
            ),
            flag("kept", "whether it is the same segment and keeps its name"),
            text("described_as", "name that today's profile alone would give", nullable=True),
            text("reason", "why the name is kept or new"),
        ),
        metrics=metrics.identity,
    ),
    Table(
        "segment_model",
        group="segments",
        made_by="fit_segments",
        meaning="The fitted features, factors and segments with their names, as arrays: it scores other "
        "households and months, and the next run starts from it.",
        suffix=".npz",
    ),
)
