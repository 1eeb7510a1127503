"""Tables of the group features, and the factors of the reference study."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import feature_columns, shared
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

TABLES = (
    Table(
        "customer_features",
        group="features",
        made_by="describe_customers",
        meaning="The features and tenure of every household over the whole history.",
        row="household",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            *feature_columns(CATALOGUE),
        ),
        metrics=metrics.customers,
        sources={
            "household_key": "transactions",
        },
    ),
    Table(
        "feature_drift",
        group="features",
        made_by="describe_customers",
        meaning="How far each feature has moved since the run before.",
        row="feature",
        key=("feature",),
        columns=(
            *shared("feature"),
            number(
                "psi",
                "population stability index since the run before; above 0.2 is a change to look into",
                nullable=True,
            ),
            integer("n_before", "households in the run before", "households", nullable=True),
            integer("n_now", "households now", "households"),
            number("median_before", "median in the run before", "unit of the feature", nullable=True),
            number("median_now", "median now", "unit of the feature"),
            number("null_share_before", "share of nulls in the run before", "0-1", nullable=True),
            number("null_share_now", "share of nulls now", "0-1"),
        ),
        metrics=metrics.drift,
        measures=True,
    ),
    Table(
        "feature_choice",
        group="features",
        made_by="fit_segments",
        meaning="Which features are factored, and why each of the others is not.",
        row="feature",
        key=("feature",),
        columns=(
            *shared("feature"),
            text("group", "group of the feature in the catalogue"),
            flag("used", "whether the feature is factored"),
            text("dropped_for", "feature that carries the same information and was taken instead", nullable=True),
            number(
                "correlation",
                "correlation of percentiles with the closest feature taken before it from its group",
                nullable=True,
            ),
            text("reason", "why the feature is factored or not"),
        ),
    ),
    Table(
        "factor_selection",
        group="features",
        made_by="fit_segments",
        meaning="Explained variance and stability by number of factors, and the number chosen.",
        row="number of factors",
        key=("n_factors",),
        columns=(
            *shared("n_factors"),
            number("pooled_r2", "share of the sum of squares of the matrix that the factors explain", "0-1"),
            number("centred_r2", "share of the variance around the column means that the factors explain", "0-1"),
            number("reconstruction_error", "Frobenius norm of what the factors leave unexplained"),
            number(
                "sparsity", "mean Hoyer sparsity of the factors' loadings: 0 all features alike, 1 a single one", "0-1"
            ),
            number(
                "stability", "correlation of the worst factor with its match in refits on half of the households", "0-1"
            ),
            number("cophenetic", "cophenetic correlation of who shares a leading factor over these refits", "0-1"),
            integer("n_iterations", "steps that the solver took", "steps"),
            *shared("converged"),
            integer("n_refits", "refits on half of the households", "refits"),
            integer("n_unconverged", "of these refits, those that did not converge", "refits"),
            *shared("chosen"),
            text("reason", "why this number of factors was chosen; empty for the others"),
        ),
        metrics=metrics.selection,
        measures=True,
    ),
    Table(
        "factor_loadings",
        group="features",
        made_by="fit_segments",
        meaning="Loading of each feature on each factor; largest is 1.",
        row="factor and feature",
        key=("factor", "feature"),
        columns=(*shared("factor feature loading factor_name"),),
    ),
    Table(
        "nmf_factors",
        group="features",
        made_by="fit_segments",
        meaning="Factor scores of each household.",
        row="household",
        key=("household_key",),
        columns=(*shared("household_key factor_"),),
        sources={
            "household_key": "customer_features",
            "factor_": "customer_features.*",
        },
    ),
    Table(
        "reference_loadings",
        group="reference",
        made_by="fit_segments",
        meaning="Loading of each feature on each factor of the reference study's setting.",
        row="factor and feature",
        key=("factor", "feature"),
        columns=(*shared("factor feature loading factor_name"),),
    ),
    Table(
        "reference_segments",
        group="reference",
        made_by="fit_segments",
        meaning="Segment of each household in the reference study's setting, named as ours are.",
        row="household",
        key=("household_key",),
        columns=(*shared("household_key segment segment_name"),),
        sources={
            "household_key": "customer_features",
            **dict.fromkeys(("segment", "segment_name"), "customer_features.*"),
        },
    ),
    Table(
        "reference_factors",
        group="reference",
        made_by="fit_segments",
        meaning="Factor scores of each household in the reference study's setting.",
        row="household",
        key=("household_key",),
        columns=(*shared("household_key factor_"),),
        sources={
            "household_key": "customer_features",
            "factor_": "customer_features.*",
        },
    ),
)
