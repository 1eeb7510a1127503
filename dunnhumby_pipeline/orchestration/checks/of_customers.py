"""The entries of the registry that are about segments, lifetime values and movement."""

from __future__ import annotations

from dunnhumby_pipeline.orchestration.checks import actions, agreement, lifetime, needs, segmentation
from dunnhumby_pipeline.orchestration.checks.check import BLOCK, WARN, Check

CHECKS: tuple[Check, ...] = (
    Check(
        "segment_stability",
        segmentation.warm_stability,
        BLOCK,
        red="refits started from these segments do not find them again: at a mean ARI of 0.7 about one household in "
        "eight moves",
        advice="fewer segments or factors",
        why="the next refit would move customers to other segments, and undo what was planned for them",
        thresholds=("warm_ari_floor",),
    ),
    Check(
        "segment_stability",
        segmentation.cold_stability,
        WARN,
        red="refits from scratch find other segments",
        advice="do not build a strategy on the borders between segments",
        why="segments cut through a continuum; where the cut is arbitrary, customers near it could as well be in "
        "the next one",
        thresholds=("cold_ari_floor",),
    ),
    Check(
        "segment_stability",
        segmentation.fits_converge,
        WARN,
        red="the factors that are used, or too many of all refits, stopped before they converged",
        advice="fewer factors; stability of such fits says little",
        why="a fit that stopped early depends on where it began, not on the customers",
        reads=("factor_selection",),
        thresholds=("min_converged",),
    ),
    Check(
        "factor_selection",
        segmentation.variance_explained,
        WARN,
        red="the factors explain too little of what differs between households (column-centred R²)",
        advice="more factors (`segmentation.n_factors`), or fewer groups of features",
        why="what the factors leave out no segment can show",
        thresholds=("min_centred_r2",),
    ),
    Check(
        "segments",
        segmentation.smallest_segment,
        WARN,
        red="a segment has too few of the households for a campaign of its own",
        advice="fewer segments; or delete `segment_model.npz` to choose their number again",
        why="a campaign to a handful of households earns little and teaches nothing",
        thresholds=("min_segment_share",),
    ),
    Check(
        "segment_identity",
        segmentation.identity_kept,
        WARN,
        red="a segment is new, gone, or renamed since the run before because it has other households or they shop in "
        "another way; or the model of the run before could not be read",
        advice="tell those who use the names; other customers or another period? The table lists what matched what",
        why="plans, reports and campaigns are written under a segment's name",
    ),
    Check(
        "need_stability",
        needs.needs_come_back,
        WARN,
        red="needs refitted to other households, from scratch or from those in use, are other needs",
        advice="fewer needs (`needs.n_needs`), or tags (`needs.n_tags`)",
        why="a need that another sample would not show is chance, and offers follow needs",
        thresholds=("need_ari_floor", "tag_ari_floor"),
    ),
    Check(
        "need_definitions",
        needs.names_kept,
        WARN,
        red="a need has another name than in the run before, or the model of the run before could not be read",
        advice="tell those who use the names; other goods, another period, or another needs.toml? The table lists "
        "what matched what",
        why="offers and reports are written under these names",
    ),
    Check(
        "need_definitions",
        needs.read_from_commodities,
        WARN,
        red="commodities are missing, so that needs are read from departments; or there are no needs at all",
        advice="give the products table its commodities; source_reason says what was found",
        why="a department is too coarse to say what a household comes for",
    ),
    Check(
        "household_needs",
        needs.households_have_needs,
        WARN,
        red="too many households have no need: they bought nothing whose commodity is known",
        advice="look at the products of their lines",
        why="without a need a household gets no offer that rests on one",
        thresholds=("max_without_need",),
    ),
    Check(
        "need_lift",
        needs.lift_holds,
        WARN,
        red="in the quarter after, households with a need do not buy its own commodities more than others, or most "
        "have another need by then; or the history is too short to tell",
        advice="do not write to households by their need; fewer needs",
        why="a need chooses the next offer, so it has to say something about the next purchases",
        reads=("need_agreement",),
        thresholds=("min_need_lift", "need_kappa_floor"),
    ),
    Check(
        "segment_profiles",
        segmentation.profile_shares,
        WARN,
        red="shares of households or of revenue do not sum to 1",
        advice="a defect; do not use the profiles",
        why="shares that do not add up mean that households count twice or not at all",
    ),
    Check(
        "household_value_need",
        agreement.tables_agree,
        WARN,
        red="two tables say different things of one household or segment: some were rebuilt without the others",
        advice="`dunnhumby run`, without --select, rebuilds what is stale",
        why="two answers to one question, and nobody knows which one was acted on",
        reads=(
            "household_status",
            "customer_lifetime_value",
            "segments",
            "segment_profiles",
            "segment_lifetime_value",
            "segment_playbook",
        ),
    ),
    Check(
        "segment_playbook",
        segmentation.every_segment_advised,
        WARN,
        red="a segment has no advice, or the advice is of other segments",
        advice="materialise `segments` and `segment_playbook` together",
        why="the brief gives every segment one action",
        reads=("segments",),
    ),
    Check(
        "next_action",
        actions.without_contradictions,
        BLOCK,
        red="a household is offered what its segment is kept from, has two actions or neither action nor reason, or a "
        "segment or a cell of value and need shows another offer than most of its households get",
        advice="a defect: do not send or quote any of the three; materialise `next_action` again",
        why="two offers, or a forbidden one, cost money and the customer's trust",
        reads=("segment_playbook", "value_need"),
    ),
    Check(
        "next_action",
        actions.enough_are_offered,
        WARN,
        red="the playbook has no offer for too many households, so that the list leaves them whatever the effect",
        advice="look at `because` of those suppressed: add rules of offers of a form that their segments may have, or "
        "keep segments from fewer forms",
        why="whom the playbook leaves without an offer, no campaign reaches, however well it works",
        thresholds=("max_share_without_offer",),
    ),
    Check(
        "clv_parameters",
        segmentation.parameters_in_range,
        WARN,
        red="a parameter of lifetime value lies at a bound of the search, or where its model is uninformative: mean "
        "chance of leaving after a trip under 0.005 (`lifetime_value.min_dropout`; so on the sample), shape of spend "
        "under 1.05 (`min_spend_shape`); or chances of leaving, or spend per trip, do not vary, and a simpler model "
        "took its place",
        advice="where nobody leaves, do not read probability_alive; where a simpler model took its place, read on; "
        "else do not read lifetime values: a longer history or more households",
        why="an estimate at its bound is where the search was stopped, and not what the customers say",
    ),
    Check(
        "clv_validation",
        segmentation.not_worse_than_naive,
        WARN,
        red='on the later half of the data, the forecast in use errs more than "the same as last period", and its '
        "interval leaves out 0",
        advice="rank households by past spend, or set `lifetime_value.forecast`",
        why="a forecast that loses to the simplest one misleads whoever plans by it",
    ),
    Check(
        "clv_validation",
        lifetime.intervals_cover,
        WARN,
        red="on the later half of the data, the intervals of households held what came less often than they aim to, by "
        "more than 5 points; or there are too few households for any",
        advice="take intervals as wider than they are, or give a longer history",
        why="a range that is too narrow hides how far a household's future may lie from the forecast",
        thresholds=("max_interval_misses",),
    ),
    Check(
        "migration_summary",
        segmentation.segments_hold,
        WARN,
        red="from one period to the next too many households change segment: at a mean ARI of 0.4 about a third",
        advice="longer look-backs (`migration.look_back_days`), fewer segments",
        why="a plan for a segment would reach other customers a month later",
        thresholds=("migration_ari_floor",),
    ),
    Check(
        "movement_noise",
        segmentation.true_staying,
        WARN,
        red="with the noise taken out, too many households change segment between periods that share no day (on the "
        "sample 8 % do), or there are no such periods",
        advice="plan by quarter rather than by year, refit more often; a longer history where it is not known",
        why="changes that are real, and not noise, make a yearly plan by segment obsolete",
        thresholds=("min_true_staying",),
    ),
)
