"""What a contact costs and what a $ of sales earns: named scenarios, of which the list follows one."""

from __future__ import annotations

from pydantic import Field, model_validator

from dunnhumby_pipeline.settings.section import Section

PRINTED_MAIL, REFERENCE_STUDY, AS_REDEEMED = "printed mail", "reference study", "coupons as redeemed"


class CostScenario(Section):
    """One answer to what a contact costs. `contact_cost`: one number, or lowest and highest, or lowest, likely and
    highest; without a likely one it is the middle.
    """

    name: str = Field(min_length=1, max_length=60, description="how tables and report call it")
    contact_cost: float | tuple[float, float] | tuple[float, float, float] = Field(
        description="$ per targeted household of making contact"
    )
    margin: float | None = Field(
        None, gt=0, lt=1, description="profit per $ of sales, where it is another than economics.margin"
    )
    funded_share: float = Field(0.0, ge=0, le=1, description="share of the contact cost that manufacturers pay")
    one_off_cost: float = Field(0.0, ge=0, description="$ once per campaign, however many households are contacted")
    stands_for_coupons: bool = Field(
        False, description="whether the contact cost is what coupons cost, so that their match is not netted again"
    )

    @model_validator(mode="after")
    def _costs_rise(self) -> CostScenario:
        costs = self.costs
        if min(costs) < 0 or list(costs) != sorted(costs):
            raise ValueError(
                f"contact_cost of the scenario {self.name!r} must be 0 or more and rise from lowest to highest, found "
                f"{list(costs)}"
            )
        return self

    @property
    def costs(self) -> tuple[float, float, float]:
        """Lowest, likely and highest contact cost before funding, $ per targeted household."""
        if not isinstance(self.contact_cost, tuple):
            return self.contact_cost, self.contact_cost, self.contact_cost
        low, *likely, high = self.contact_cost
        return low, likely[0] if likely else (low + high) / 2, high


# Letters with coupons in an envelope cost $0.50 to $1.25, self-mailers from $1.00: docs/methods.md names the source.
SHIPPED = (
    CostScenario(name=PRINTED_MAIL, contact_cost=(0.55, 1.00, 1.75)),
    CostScenario(name="app or e-mail", contact_cost=0.05),
    CostScenario(name=REFERENCE_STUDY, contact_cost=12.73, stands_for_coupons=True),
)


def require_affordable(budget: float | None, contact_cost: float | None) -> None:
    """Raise ValueError when a budget ($ per campaign) does not pay for one contact; None: no budget, or not known."""
    if budget is not None and contact_cost is not None and budget < contact_cost:
        raise ValueError(
            f"policy.budget is ${budget:,.2f}, less than one contact, which costs ${contact_cost:,.2f}; expected at "
            "least that, or no budget"
        )


class EconomicsSettings(Section):
    """What an effect is worth."""

    margin: float = Field(
        0.30, gt=0, lt=1, description="profit per $ of sales; that of a department is this times its weight"
    )
    scenario: str = Field(PRINTED_MAIL, description="the scenario whose cost the targeting list follows")
    contact_cost: float | None = Field(
        None, ge=0, description="$ per targeted household, in place of what the scenario in use says"
    )
    one_off_cost: float | None = Field(
        None, ge=0, description="$ once per campaign, in place of what the scenario in use says"
    )
    scenarios: tuple[CostScenario, ...] = Field(
        SHIPPED,
        min_length=1,
        description=f"what a contact may cost; {AS_REDEEMED!r} and {REFERENCE_STUDY!r} always stand beside",
    )
    campaigns_to_come: int = Field(
        3, ge=1, le=50, description="campaigns of the type over which what a test teaches is used"
    )
    test_cost: float = Field(0.0, ge=0, description="$ that a randomised test costs beside its contacts")
    dial_steps: int = Field(60, ge=10, le=500, description="contact costs for which the decision is given")

    @model_validator(mode="after")
    def _scenarios_are_told_apart(self) -> EconomicsSettings:
        names = [scenario.name for scenario in self.scenarios]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"economics.scenarios must have different names, found {twice} more than once")
        if AS_REDEEMED in names:
            raise ValueError(f"economics.scenarios: {AS_REDEEMED!r} is measured from the data; choose another name")
        if self.scenario not in (*names, AS_REDEEMED, REFERENCE_STUDY):
            raise ValueError(
                f"economics.scenario is {self.scenario!r}; expected one of {', '.join([*names, AS_REDEEMED])}"
            )
        used = next((one for one in self.scenarios if one.name == self.scenario), None)
        if used is not None and used.margin not in (None, self.margin):
            raise ValueError(
                f"the scenario in use, {self.scenario!r}, has margin {used.margin:g}, and economics.margin, by which "
                f"gross profit is measured, is {self.margin:g}; set economics.margin = {used.margin:g}"
            )
        return self

    @property
    def all_scenarios(self) -> tuple[CostScenario, ...]:
        """Those that are set, and the reference study's, which is always shown."""
        reference = next(scenario for scenario in SHIPPED if scenario.name == REFERENCE_STUDY)
        named = [scenario.name for scenario in self.scenarios]
        return self.scenarios if REFERENCE_STUDY in named else (*self.scenarios, reference)

    @property
    def known_cost(self) -> float | None:
        """$ of one contact to the retailer in the scenario in use; None where only the data tell."""
        used = next((one for one in self.all_scenarios if one.name == self.scenario), None)
        likely = self.contact_cost if self.contact_cost is not None else None if used is None else used.costs[1]
        return None if likely is None else likely * (1 - (0.0 if used is None else used.funded_share))
