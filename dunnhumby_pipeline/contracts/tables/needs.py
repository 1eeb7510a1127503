"""Tables of needs: what households come for, from the commodities they buy."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

_LEVEL = text("level", "label: the one need of a household; tag: one of several, finer ones")
_NAMED = text("need", "need or tag in words")

TABLES = (
    Table(
        "need_definitions",
        group="needs",
        made_by="find_needs",
        meaning="Every need and tag: its name and where that is from, its households, and what it was before.",
        row="level and need",
        key=("level", "need"),
        columns=(
            _LEVEL,
            _NAMED,
            integer("n_households", "households that it leads, or that have the tag", "households"),
            *shared("share revenue revenue_share"),
            text("commodities", "commodities that lift most among its households, the first first"),
            text("named_by", "what gave the name: the file of names, the run before, or words of its commodities"),
            text("described_as", "name that its commodities alone would give today"),
            text("previous_need", "need of the run before that matches best, one to one", nullable=True),
            number("similarity", "cosine of the two needs' loadings; 1 is the same", "0-1", nullable=True),
            flag("kept", "whether it is the same need and keeps its name"),
            text("reason", "why the name is kept or new"),
            text("source", "what is factored: commodities, or departments where commodities are missing"),
            text("source_reason", "why"),
        ),
        may_be_empty=True,
        metrics=metrics.need_names,
        measures=True,
    ),
    Table(
        "need_commodities",
        group="needs",
        made_by="find_needs",
        meaning="What each need is made of: every commodity with its loading, lift and money.",
        row="level, need and commodity",
        key=("level", "need", "commodity"),
        columns=(
            _LEVEL,
            _NAMED,
            text("commodity", "commodity, or department where commodities are missing"),
            number("loading", "loading of the commodity on the need; the largest of a need is 1", "0-1"),
            *shared("lift"),
            number("sales", "sales of the commodity to the need's households over the whole history", "$"),
            number("share", "share of the sales to the need's households", "0-1"),
            number("overall_share", "share of the sales to all households", "0-1"),
            flag("own", "whether it is one of those that lift most, by which the need is named"),
            integer("lift_rank", "place by lift among the need's own, 1 the largest", nullable=True),
        ),
        may_be_empty=True,
        measures=True,
    ),
    Table(
        "household_needs",
        group="needs",
        made_by="find_needs",
        meaning="What each household comes for: its one leading need.",
        row="household",
        key=("household_key",),
        columns=(
            *shared("household_key need"),
            number("need_score", "score on the leading need; 1 is the mean household's"),
            *shared("need_margin"),
        ),
        metrics=metrics.leading_needs,
        measures=True,
        sources={
            "household_key": "transactions",
            **dict.fromkeys(
                ("need", "need_score", "need_margin"),
                (
                    "transactions.basket_id products.commodity_desc products.department "
                    "products.sub_commodity_desc transactions.sales_value"
                ),
            ),
        },
    ),
    Table(
        "household_tags",
        group="needs",
        made_by="find_needs",
        meaning="The tags of each household, as many as it has.",
        row="household and tag",
        key=("household_key", "tag"),
        columns=(
            *shared("household_key"),
            text("tag", "tag in words"),
            number("score", "score on the tag; 1 is the mean household's"),
        ),
        may_be_empty=True,
        measures=True,
        sources={
            "household_key": "transactions",
            **dict.fromkeys(
                ("tag", "score"),
                (
                    "transactions.basket_id products.commodity_desc products.department "
                    "products.sub_commodity_desc transactions.sales_value"
                ),
            ),
        },
    ),
    Table(
        "need_selection",
        group="needs",
        made_by="find_needs",
        meaning="How many needs and tags: what each number explains, and whether it comes back on other households.",
        row="level and number of needs",
        key=("level", "n_needs"),
        columns=(
            _LEVEL,
            integer("n_needs", "number of needs, or tags", "needs"),
            number("centred_r2", "share explained of what differs between households, by commodity", "0-1"),
            number(
                "stability", "mean adjusted Rand index of the leading need over cold refits to resampled households"
            ),
            integer("n_refits", "refits behind the stability", "refits"),
            *shared("chosen"),
            text("reason", "why this number is chosen; empty for the others"),
        ),
        may_be_empty=True,
        measures=True,
    ),
    Table(
        "need_stability",
        group="needs",
        made_by="find_needs",
        meaning="Whether other households would give the same needs: agreement of each refit.",
        row="level, start and replicate",
        key=("level", "start", "replicate"),
        columns=(
            _LEVEL,
            text("start", "cold: refitted from scratch; warm: from the needs in use"),
            integer("replicate", "number of the resample"),
            number("ari", "adjusted Rand index of everybody's leading need with that of the refit", "-1 to 1"),
        ),
        may_be_empty=True,
        metrics=metrics.need_stability,
        measures=True,
    ),
    Table(
        "need_agreement",
        group="needs",
        made_by="find_needs",
        meaning="Whether households come for the same in the next quarter.",
        row="level and pair of quarters",
        key=("level", "from_day"),
        columns=(
            _LEVEL,
            integer("from_day", "first day of the earlier quarter", "day"),
            integer("to_day", "last day of the later quarter", "day"),
            integer("n_households", "households that bought in both", "households"),
            number("share_staying", "share of them with the same leading need in both", "0-1"),
            number("kappa", "Cohen's kappa of the two: 1 the same, 0 no more than chance", "-1 to 1"),
        ),
        may_be_empty=True,
        measures=True,
    ),
    Table(
        "need_lift",
        group="needs",
        made_by="find_needs",
        meaning="Whether households with a need buy its commodities in the quarter after, too.",
        row="level, need and quarter",
        key=("level", "need", "from_day"),
        columns=(
            _LEVEL,
            _NAMED,
            integer("from_day", "first day of the quarter that gave need and commodities", "day"),
            integer("n_households", "households with the need in that quarter that bought in the next", "households"),
            number(
                "share_next", "share of their sales in the next quarter that the need's own commodities have", "0-1"
            ),
            number("overall_next", "that share among all households that bought in both", "0-1"),
            *shared("lift"),
        ),
        may_be_empty=True,
        measures=True,
    ),
    Table(
        "need_model",
        group="needs",
        made_by="find_needs",
        meaning="The fitted needs and tags with their names, as arrays: it scores other households and months, and the "
        "next run starts from it.",
        suffix=".npz",
    ),
)
