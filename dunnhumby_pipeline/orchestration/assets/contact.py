"""Who is not contacted, whatever the effect: the same households for every campaign type."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step

_RULES = ("opt_out_file", "least_days", "most_contacts", "contact_days")


@step(settings=[f"contact.{rule}" for rule in _RULES], deps=["transactions"], follows_opt_outs=True)
def apply_contact_rules(
    segments: pd.DataFrame,
    campaigns: pd.DataFrame,
    campaign_targets: pd.DataFrame,
    next_action: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Opt-outs, the rest that is due between contacts, the cap on contacts, and for whom the playbook has no offer."""
    from dunnhumby_pipeline.features.windows import observed_days
    from dunnhumby_pipeline.journey.forgotten import read_forgotten
    from dunnhumby_pipeline.targeting.contact_rules import contacts_so_far, suppressed_households
    from dunnhumby_pipeline.targeting.opt_outs import (
        ContactError,
        opt_out_path,
        read_opt_outs,
        require_known,
        without_forgotten,
    )

    settings, households = study.settings.contact, segments["household_key"]
    path = opt_out_path(settings.opt_out_file, study.home.root)
    with refusing(ContactError):
        opt_outs = without_forgotten(read_opt_outs(path), read_forgotten(study.home.root))
        n_unknown = require_known(opt_outs, frozenset(households.tolist()), path)
    _, last_day = observed_days(study.table("transactions"), study.settings.engine)
    contacts = contacts_so_far(households, campaign_targets, campaigns, last_day, settings.contact_days)
    found = suppressed_households(contacts, opt_outs, n_unknown, settings, next_action)
    yield dg.Output(found.households, "suppressed_households")
    yield dg.Output(found.rules, "contact_rules")
