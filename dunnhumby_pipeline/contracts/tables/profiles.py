"""Tables of the group profiles."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import feature_columns, shared
from dunnhumby_pipeline.contracts.features import feature
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

TABLES = (
    Table(
        "segment_profiles",
        group="profiles",
        made_by="describe_segments",
        meaning="Size, money, value tiers, stages and leading need of each segment.",
        row="segment",
        key=("segment",),
        columns=(
            *shared("segment segment_name n_households share revenue revenue_share"),
            number("revenue_index", "share of revenue over share of households; 1 is average"),
            number("spend_mean", "mean sales per household over the whole history", "$"),
            number("spend_median", "median sales per household over the whole history", "$"),
            number("share_high", "share of the households in the high value tier", "0-1"),
            number("share_mid", "share of the households in the mid value tier", "0-1"),
            number("share_low", "share of the households in the low value tier", "0-1"),
            number("recency_median", "median days since the last purchase", "days"),
            number("active_4w", "share of households that bought in the last four weeks", "0-1"),
            number("active_12w", "share of households that bought in the last twelve weeks", "0-1"),
            number("tenure_weeks_median", "median weeks since the first purchase seen", "weeks"),
            number("share_new", "share of the households that are new", "0-1"),
            number("share_active", "share of the households that are active", "0-1"),
            number("share_lapsing", "share of the households that are lapsing", "0-1"),
            number("share_lapsed", "share of the households that have lapsed", "0-1"),
            text(
                "leading_need",
                "need that leads more of the segment's households than of all, by most; none when by less than 0.2 "
                "standard deviations",
            ),
        ),
        metrics=metrics.profiles,
        measures=True,
        sources={
            **dict.fromkeys(("segment", "segment_name"), "segments"),
            **dict.fromkeys(("n_households", "share"), "segments.segment"),
            **dict.fromkeys(
                ("revenue", "revenue_share", "spend_mean", "spend_median"), "customer_features.monetary_sales"
            ),
            "revenue_index": "customer_features.monetary_sales segments.segment",
            **dict.fromkeys(("share_high", "share_mid", "share_low"), "household_status.value_tier"),
            **dict.fromkeys(
                ("share_new", "share_active", "share_lapsing", "share_lapsed"), "household_status.lifecycle"
            ),
            "recency_median": "customer_features.recency",
            "active_4w": "customer_features.active_last_4w",
            "active_12w": "customer_features.active_last_12w",
            "tenure_weeks_median": "customer_features.tenure_weeks",
            "leading_need": "household_needs.need",
        },
    ),
    Table(
        "segment_features",
        group="profiles",
        made_by="describe_segments",
        meaning="Mean of each feature in each segment, and how well the feature tells segments apart.",
        row="segment and feature",
        key=("segment", "feature"),
        columns=(
            *shared("segment feature"),
            integer("n", "households with a value", "households"),
            number("mean", "mean of the feature in the segment", "unit of the feature"),
            *shared("ci_lower ci_upper"),
            number("z_score", "mean of the segment less that of all households", "standard deviations", nullable=True),
            number("overall_mean", "mean of the feature over all households", "unit of the feature"),
            number("overall_sd", "standard deviation of the feature over all households", "unit of the feature"),
            *shared("eta_squared f_statistic f_p_value epsilon_squared kruskal_h kruskal_p_value", nullable=True),
            text(
                "role",
                "used: the feature made the segments; twin: it carries the same information as one that did; "
                "assigned: the retailer chose whom it mailed, or it follows from that; independent: evidence of its "
                "own",
            ),
            text(
                "closest_used",
                "feature that made the segments with the largest rank correlation, either sign",
                nullable=True,
            ),
            number("rank_correlation", "Spearman's correlation with that feature", "-1 to 1", nullable=True),
        ),
        measures=True,
        sources={
            "segment": "segments",
            **dict.fromkeys(
                (
                    "n",
                    "mean",
                    "ci_lower",
                    "ci_upper",
                    "z_score",
                    "overall_mean",
                    "overall_sd",
                    "eta_squared",
                    "f_statistic",
                    "f_p_value",
                    "epsilon_squared",
                    "kruskal_h",
                    "kruskal_p_value",
                    "rank_correlation",
                ),
                "customer_features.*",
            ),
        },
    ),
    Table(
        "segment_departments",
        group="profiles",
        made_by="describe_segments",
        meaning="Share of sales and lift of each department in each segment.",
        row="segment and department",
        key=("segment", "department"),
        columns=(
            *shared("segment"),
            text("department", "widest grouping of products"),
            number("sales", "sales of the department to the segment", "$"),
            number("share", "share of the segment's sales", "0-1"),
            number("overall_share", "share of all sales", "0-1"),
            *shared("lift"),
            flag("enough_sales", "whether the department sells enough for its lift to be more than chance"),
            integer("lift_rank", "place of the department by lift in the segment, 1 the largest", nullable=True),
        ),
        measures=True,
        sources={
            "segment": "segments",
            "department": "products",
            **dict.fromkeys(
                ("sales", "share", "overall_share", "lift", "enough_sales", "lift_rank"), "transactions.sales_value"
            ),
        },
    ),
    Table(
        "segment_demographics",
        group="profiles",
        made_by="describe_segments",
        meaning="Answers of each segment's households, where they are known.",
        row="segment and answer",
        key=("segment", "attribute", "answer"),
        columns=(
            *shared("segment attribute"),
            text("answer", "what households answered"),
            integer("n", "households of the segment that gave the answer", "households"),
            number("share", "share of the segment's households that answered", "0-1"),
            *shared("lift"),
            integer("answered", "households of the segment that answered", "households"),
            *shared("coverage"),
            number("answer_coverage", "share of the segment's households that answered this attribute", "0-1"),
        ),
        measures=True,
        sources={
            "segment": "segments",
            **dict.fromkeys(("n", "share", "lift", "answered", "coverage", "answer_coverage"), "demographics.*"),
        },
    ),
    Table(
        "demographic_tests",
        group="profiles",
        made_by="describe_segments",
        meaning="Whether segments and answers go together, one test per attribute.",
        row="attribute",
        key=("attribute",),
        columns=(
            *shared("attribute"),
            integer("n", "households that answered", "households"),
            *shared("coverage"),
            number("chi_square", "chi-square of segments against answers"),
            integer("degrees_of_freedom", "degrees of freedom of the test"),
            number("p_value", "p-value of the test", "0-1"),
            number(
                "cramers_v",
                "Cramer's V: 0 segments and answers have nothing to do with each other, 1 they say the same",
                "0-1",
            ),
            number("min_expected", "smallest expected count of a cell; below 5 the test is rough", "households"),
        ),
        measures=True,
        sources={
            **dict.fromkeys(("n", "coverage", "chi_square", "p_value", "cramers_v", "min_expected"), "demographics.*"),
        },
    ),
    Table(
        "assignment_by_value",
        group="profiles",
        made_by="describe_segments",
        meaning="Who has demographics, was mailed and redeemed, by what households are worth: chosen by others, no "
        "character of a segment.",
        row="what households have",
        key=("what",),
        columns=(
            text("what", "what some households have: demographics, a mailing of a type, a redemption"),
            text("chosen_by", "who chose those who have it, and whether by spend"),
            integer("n", "households that have it", "households"),
            number("share", "share of all households", "0-1"),
            number("share_high", "share of the households in the high value tier", "0-1"),
            number("share_mid", "share of the households in the mid value tier", "0-1"),
            number("share_low", "share of the households in the low value tier", "0-1"),
            number("auc_of_spend", "how well spend tells who has it: 0.5 not at all, 1 exactly", "0-1"),
            number("cramers_v", "Cramér's V of having it and segments, corrected for bias", "0-1"),
            number("cramers_v_within", "the same among households of one fifth of spend, mean over the fifths", "0-1"),
        ),
        measures=True,
    ),
    Table(
        "pareto_curve",
        group="profiles",
        made_by="describe_segments",
        meaning="Share of revenue that the best households bring.",
        row="share of households",
        key=("share_of_households",),
        columns=(
            number("share_of_households", "share of households, the best first", "0-1"),
            number("share_of_revenue", "share of sales that these households bring", "0-1"),
            number("gini", "Gini coefficient of revenue over all households: 0 when all bring the same", "0-1"),
        ),
        metrics=metrics.pareto,
        measures=True,
    ),
    Table(
        "household_value_need",
        group="profiles",
        made_by="value_segments",
        meaning="Value tier and leading need of each household.",
        row="household",
        key=("household_key",),
        columns=(
            *shared("household_key value_tier need need_margin clv revenue"),
            number("discounts", "retail and coupon discounts over the whole history", "$"),
            *feature_columns([feature("discount_rate")]),
        ),
        metrics=metrics.value_need,
        measures=True,
        sources={
            **dict.fromkeys(("household_key", "value_tier", "clv"), "customer_lifetime_value"),
            **dict.fromkeys(("need", "need_margin"), "household_needs"),
            "revenue": "customer_features.monetary_sales",
            "discounts": "customer_features.discount_rate customer_features.monetary_sales",
            "discount_rate": "customer_features",
        },
    ),
)
