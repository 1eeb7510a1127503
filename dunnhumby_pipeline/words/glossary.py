"""What the report's terms mean, each explained once and linked where it is used first."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

# A term as it is written, and what it means to somebody who sells groceries.
TERMS: dict[str, str] = {
    "AIPW": "Augmented inverse propensity weighting: what a model of the outcome predicts, corrected by the outcomes "
    "seen. It is right if either that model or the propensity is.",
    "ARI": "Adjusted Rand index: how alike two groupings of the same households are; 1 is the same, 0 is chance.",
    "ATE": "Average treatment effect: the mean effect over all trials.",
    "ATO": "Average treatment effect in the overlap: the mean effect, weighted to households that could as well have "
    "been contacted as not. It rests least on guesses.",
    "ATT": "Average treatment effect on the treated: the mean effect over those who were contacted.",
    "AUTOC": "Area under the targeting operator characteristic: how much more those ranked first gain than all do, "
    "averaged over all shares of households.",
    "AUUC": "Area under the uplift curve. Unadjusted, it rewards ranking by spend and misleads.",
    "BG/NBD": "A model of repeat purchases: households buy at a rate of their own until they leave for good.",
    "BLP": "Best linear prediction: whether effects seen on later households follow the predicted ones.",
    "bootstrap": "Drawing households again, with repetition, to see how far a number moves.",
    "break-even": "The contact cost, or effect, at which a contact earns exactly what it costs.",
    "calibrated": "Of a propensity: as often right as it says. Of an interval: with room for systematic error.",
    "CATE": "Conditional average treatment effect: the effect for households of a given kind.",
    "CLAN": "Classification analysis: in what the households of the largest and the smallest effects differ.",
    "control": "A trial whose household was not contacted.",
    "covariate": "What is known of a household before the campaign and is adjusted for.",
    "cross-fitted": "Predicted by models that have not seen the household.",
    "effective sample size": "The number of equally weighted trials that would be as informative as the weighted ones.",
    "E-value": "How strongly a hidden cause would have to go with both contact and spend to explain an effect away.",
    "factor": "A pattern of features that go together, found by NMF.",
    "Gamma-Gamma": "A model of spend per trip: each household has a mean of its own.",
    "GATES": "Group average treatment effects: effects in equal groups from the smallest predicted to the largest.",
    "Gini coefficient": "How unequal shares are: 0 when all bring the same, near 1 when one brings all.",
    "gross profit": "Sales less what the goods cost, before the cost of contacts.",
    "look-back": "The days before a campaign in which a household is described.",
    "negative control": "A test where the true effect is none: what it finds is error.",
    "NMF": "Non-negative matrix factorisation: few patterns of which every household is a mixture.",
    "nuisance": "A model that the effect needs and that is of no interest itself: propensity and expected spend.",
    "out of fold": "By models fitted to other households.",
    "outcome window": "The days over which what a campaign did is counted.",
    "overlap": "Households of a kind of which some were contacted and some were not, so that they can be compared.",
    "placebo": "A campaign or outcome that cannot show an effect, analysed as if it could.",
    "policy": "A rule that says whom to contact.",
    "power": "How often a test finds an effect that is there.",
    "propensity": "The chance of being contacted, given what is known of the household.",
    "PSI": "Population stability index: how far a distribution has moved; above 0.2 is a change to look into.",
    "Qini": "What contacting in a given order gains in all, against contacting at random.",
    "R-loss": "How badly predicted effects explain what spend and contact leave unexplained; smaller is better.",
    "refit": "The same fit on households drawn again.",
    "ROI": "Return on investment: profit over the cost of contacts.",
    "SHAP": "Shapley values: how much each covariate moves a prediction.",
    "SMD": "Standardised mean difference between the arms, in standard deviations; under 0.1 is small.",
    "standard error": "How far an estimate would typically move with other households.",
    "TOC": "Targeting operator characteristic: by how much the first households in an order gain more than all.",
    "treated": "A trial whose household was contacted.",
    "trial": "One household that could have been contacted by one campaign, and either was or was not.",
}
_BY_LENGTH = sorted(TERMS, key=len, reverse=True)
_PATTERN = re.compile(r"(?<![\w-])(" + "|".join(re.escape(term) for term in _BY_LENGTH) + r")(?![\w-])|`([^`]+)`")
_CODED = re.compile(r"`([^`]+)`")
_CODE = Markup("<code>{}</code>")


class Glossary:
    """The terms of one page: each is linked to its meaning where the page uses it first."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def first_use(self, text: str) -> Markup:
        """`text`, escaped, its terms that the page has not used before linked to `#term-...`, and what stands between
        backticks (commands, settings) set as code."""
        parts, end = [], 0
        for found in _PATTERN.finditer(text):
            if found[1] is None:
                parts += [escape(text[end : found.start()]), _CODE.format(found[2])]
                end = found.end()
                continue
            if found[1] in self._seen:
                continue
            self._seen[found[1]] = None
            link = Markup('<a class="term" href="#{}" title="{}">{}</a>')
            parts += [escape(text[end : found.start()]), link.format(anchor(found[1]), TERMS[found[1]], found[1])]
            end = found.end()
        return Markup("").join([*parts, escape(text[end:])])

    def used(self) -> list[tuple[str, str, str]]:
        """(anchor, term, meaning) of every term so far, in alphabetical order."""
        return [(anchor(term), term, TERMS[term]) for term in sorted(self._seen, key=str.casefold)]


def coded(text: str) -> Markup:
    """`text`, escaped, with what stands between backticks (commands, settings) set as code."""
    parts = _CODED.split(text)
    return Markup("").join(_CODE.format(part) if place % 2 else escape(part) for place, part in enumerate(parts))


def anchor(term: str) -> str:
    """The id of a term on the page."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")
