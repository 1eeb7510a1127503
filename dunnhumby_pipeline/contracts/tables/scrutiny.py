"""Tables of the group scrutiny: what the search for effects that differ could have found, and what refutes it."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text
from dunnhumby_pipeline.contracts.tables.cate import SCOREBOARD

_CERTIFIED = flag("certified", "whether the row comes from `dunnhumby certify`, with more draws or methods")
_PROCEDURE = text("procedure", "what looked for effects: the reduced search, or the whole one by every learner")

TABLES = (
    Table(
        "study_power",
        group="scrutiny",
        made_by="study_power",
        meaning="How often effects planted in the study's own trials are found, by their spread, and how often "
        "intervals cover them.",
        row="outcome, search, test or interval, shape and spread of the planted effects",
        key=("outcome", "procedure", "measure", "name", "shape", "spread"),
        columns=(
            *shared("outcome"),
            _PROCEDURE,
            text("measure", "found: share of draws in which a test finds them; covered: share that an interval covers"),
            text(
                "name",
                "test (gate, blp, autoc, or proven: gate and blp), or whose effect the interval is held against: "
                "average, average_as_households (its interval as if it were each household's)",
            ),
            text("shape", "shape of the planted effects; all of them together; none for one effect for all"),
            number("spread", "overlap-weighted standard deviation of effects between trials", "unit of the outcome"),
            integer("n_draws", "draws", "draws"),
            number("n_counted", "draws that were found or covered; of intervals of households, shares of trials"),
            number("share", "n_counted as a share of the draws", "0-1"),
            number("share_se", "its Monte-Carlo standard error", "0-1"),
            number("nominal", "what the share should be: an interval's confidence, or 5 % where none differ", "0-1"),
            _CERTIFIED,
        ),
        partitioned=True,
        may_be_empty=True,
        measures=True,
    ),
    Table(
        "detectable_spread",
        group="scrutiny",
        made_by="study_power",
        meaning="The spread of effects that would have been found four times in five, by test, and the test's size.",
        row="outcome, search, test and shape of the planted effects",
        key=("outcome", "procedure", "test", "shape"),
        columns=(
            *shared("outcome"),
            _PROCEDURE,
            text("test", "gate, blp, autoc, or proven: gate and blp together"),
            text("shape", "shape of the planted effects, or all of them together"),
            integer("n_draws", "draws of each spread", "draws"),
            number("size", "share of draws without any difference in which one is found", "0-1"),
            number("size_se", "its Monte-Carlo standard error", "0-1"),
            number(
                "spread",
                "spread found with 80 % power; null where the largest that was planted is found less often",
                "unit of the outcome",
            ),
            number("spread_se", "its Monte-Carlo standard error", "unit of the outcome"),
            number("spread_lower", "lower end of its 95 % Monte-Carlo interval", "unit of the outcome"),
            number("spread_upper", "upper end of its 95 % Monte-Carlo interval", "unit of the outcome"),
            number("largest_planted", "largest spread that was planted", "unit of the outcome"),
            number("largest_share", "share of draws in which that was found", "0-1"),
            _CERTIFIED,
        ),
        partitioned=True,
        may_be_empty=True,
        metrics=metrics.detectable,
        measures=True,
    ),
    Table(
        "refutation",
        group="scrutiny",
        made_by="refute_effects",
        meaning="The average effect and the search for effects that differ, done again where the answer is known.",
        row="refuter, subject and who draws",
        key=("refuter", "subject", "drawn_by"),
        columns=(
            text("refuter", "what is changed: placebo treatment, random common cause, data subset, and so on"),
            text("subject", "what is refuted: the average effect, or the search for effects that differ"),
            text(
                "drawn_by",
                "who draws and estimates again: this study by household, or, in a certificate, dowhy by trial",
            ),
            *shared("outcome"),
            integer("n_draws", "draws", "draws"),
            number(
                "observed",
                "the study's own value: the effect ($), or the ensemble's gain over one effect for all in its "
                "standard errors",
            ),
            number("draws_mean", "mean of the same over the draws"),
            number("draws_sd", "its standard deviation over the draws"),
            number("share_proven", "share of draws in which effects are said to differ", "0-1"),
            number(
                "p_as_far",
                "share of draws as far from zero as the study's own value, counting that: the p-value of no effect; "
                "of refuters without one",
                "0-1",
            ),
            number("p", "p-value of the rule", "0-1"),
            flag("passed", "whether the rule is passed"),
            text("rule", "when it is passed"),
            text("meaning", "what is changed, and what must follow"),
            _CERTIFIED,
        ),
        partitioned=True,
        metrics=metrics.refutation,
        measures=True,
    ),
    Table(
        "refutation_draws",
        group="scrutiny",
        made_by="refute_effects",
        meaning="The value of each draw of each refuter.",
        row="draw of a refuter, by subject and who draws",
        key=("refuter", "subject", "drawn_by", "draw"),
        columns=(
            text("refuter", "what is changed"),
            text("subject", "what is refuted"),
            text("drawn_by", "who draws and estimates again"),
            integer("draw", "number of the draw, from 0"),
            number("value", "effect ($), or the gain in standard errors"),
            number("proven", "1 where effects are said to differ, 0 where not; null for the average effect", "0-1"),
        ),
        partitioned=True,
        measures=True,
    ),
    Table(
        "many_splits",
        group="scrutiny",
        made_by="split_households",
        meaning="Effects found in one half of the households and judged in the other: medians over many splits.",
        row="quantity",
        key=("quantity",),
        columns=(
            text(
                "quantity",
                "slope (BLP), top_minus_bottom ($), group_1 (smallest effects) and so on ($; GATES), or trait_ and a "
                "covariate: largest less smallest effects, in its unit (CLAN)",
            ),
            number("estimate", "median over the splits", nullable=True),
            number("p", "doubled median of the p-values, one-sided of slope and top_minus_bottom", "0-1"),
            number("ci_lower", "median of the lower ends of intervals of half the error probability", nullable=True),
            number("ci_upper", "median of their upper ends", nullable=True),
            number("p_holm", "p of traits, corrected for the number of covariates (Holm)", "0-1", nullable=True),
            integer("n_splits", "splits of the households in halves", "splits"),
            _CERTIFIED,
        ),
        partitioned=True,
        metrics=metrics.many_splits,
        measures=True,
    ),
    Table(
        "certified_learners",
        group="scrutiny",
        made_by="certify_learners",
        meaning="In a certificate, out-of-fold losses of every model of the effect, those among them that a study "
        "leaves to it, and of their stack.",
        row="model and fold",
        key=("model", "fold"),
        columns=(*SCOREBOARD, _CERTIFIED),
        partitioned=True,
        may_be_empty=True,
        measures=True,
    ),
    Table(
        "certified_policies",
        group="scrutiny",
        made_by="certify_policies",
        meaning="In a certificate, the policy tree beside econml's trees and forest, on the same folds.",
        row="policy",
        key=("policy",),
        columns=(
            text("policy", "rule that says whom to target"),
            *shared("share_targeted"),
            number("least_in_arm", "households selected in the smaller arm, by weight", "households"),
            *shared("value"),
            number("value_se", "standard error of the value, clustered by household", "$"),
            *shared("ci_lower ci_upper"),
            number("difference", "its value less that of the policy tree, $ per household", "$", nullable=True),
            number("difference_se", "its standard error, clustered by household", "$", nullable=True),
            number("difference_lower", "lower end of its interval", "$", nullable=True),
            number("difference_upper", "upper end of its interval", "$", nullable=True),
            number("agreement", "share of trials that it decides as the policy tree does", "0-1"),
            _CERTIFIED,
        ),
        partitioned=True,
        may_be_empty=True,
        measures=True,
    ),
)
