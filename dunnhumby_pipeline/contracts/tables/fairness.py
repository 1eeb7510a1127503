"""Whom the list decides to target, test or leave, by what is known of the household."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.table import Table, integer, number, text

TABLES = (
    Table(
        "decisions_by_demographics",
        group="lists",
        made_by="compare_demographics",
        meaning="What the list decides for households by what they have told of themselves, against all others who "
        "have; no decision reads these answers beyond the covariates that the protocol names.",
        row="answer and decision",
        key=("attribute", "answer", "decision"),
        columns=(
            text("attribute", "what was asked; 'known' for whether anything is known"),
            text("answer", "the answer"),
            text("decision", "target, test or leave"),
            integer("n_households", "households on the list with this answer", "households"),
            integer("n", "of them, those so decided", "households"),
            number("share", "share of them so decided", "0-1"),
            number("ci_lower", "lower end of its interval (Wilson)", "0-1"),
            number("ci_upper", "upper end of its interval", "0-1"),
            integer("n_others", "households with another answer", "households"),
            number("difference", "share less that of the households with another answer", "0-1"),
            number("difference_lower", "lower end of its interval (Newcombe)", "0-1"),
            number("difference_upper", "upper end of its interval", "0-1"),
            number("p_value", "Fisher's exact test of the difference, by Holm over the table"),
        ),
        partitioned=True,
        may_be_empty=True,
        sources={
            **dict.fromkeys(
                (
                    "decision",
                    "n",
                    "share",
                    "ci_lower",
                    "ci_upper",
                    "difference",
                    "difference_lower",
                    "difference_upper",
                    "p_value",
                ),
                "targeting_list.decision",
            ),
        },
    ),
)
