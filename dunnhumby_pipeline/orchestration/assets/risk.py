"""Who of the households of value may fall, who fell, and what a win-back would have to show."""

from collections.abc import Iterator

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import outputs, step


@step(settings=("seed", "confidence", "risk", "experiment.power"), deps=["transactions"])
def foresee_falls(study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """The chance that a household's spend falls next quarter, who fell in the last, and how earlier ones were told."""
    from dunnhumby_pipeline.engine.run import run
    from dunnhumby_pipeline.features.by_day import run_by_day
    from dunnhumby_pipeline.features.rhythm import shopping_rhythm
    from dunnhumby_pipeline.features.trips import trip_history
    from dunnhumby_pipeline.features.windows import observed_days
    from dunnhumby_pipeline.segmentation.risk.quarters import quarters_of
    from dunnhumby_pipeline.segmentation.risk.tables import Chance, risk_tables

    settings, lines = study.settings, study.table("transactions")
    quarters = quarters_of(*observed_days(lines, settings.engine), settings.risk)
    look_backs = {"transactions": lines, "windows": quarters.look_backs()}
    outcomes = {"transactions": lines, "windows": quarters.outcomes()}
    rhythm = run(shopping_rhythm(settings.risk.quarter_days), look_backs, settings.engine)
    around = run_by_day(trip_history(), outcomes, settings.engine)
    seeds = settings.seed_for("risk"), settings.seed_for("risk holdout")
    chance = Chance(*seeds, settings.confidence, settings.experiment.power)
    yield from outputs("foresee_falls", vars(risk_tables(rhythm, around, quarters, settings.risk, chance)))
