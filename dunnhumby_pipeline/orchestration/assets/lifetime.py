"""What every household will be worth, in sales and in gross profit."""

from collections.abc import Iterator

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import outputs, step


@step(
    settings=("confidence", "profile", "lifetime_value", "economics.margin", "trial.margin_weights"),
    deps=["transactions", "products"],
)
def value_lifetimes(study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """Lifetime value of every household, and how such forecasts did on the half of the data they had not seen."""
    from dunnhumby_pipeline.features.margins import MarginError
    from dunnhumby_pipeline.segmentation.lifetime.purchases import purchases_of
    from dunnhumby_pipeline.segmentation.lifetime.tables import lifetime_tables
    from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError

    settings = study.settings
    with refusing(LifetimeValueError, MarginError):
        bought = purchases_of(study.table("transactions"), study.table("products"), settings)
        found = lifetime_tables(bought, settings.lifetime_value, settings.profile.tier_shares, settings.confidence)
    yield from outputs("value_lifetimes", vars(found))
