"""Assigning an experiment from the tables of a study, and reading one back: files of the home, no table changes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import replacing

if TYPE_CHECKING:
    import pandas as pd

    from dunnhumby_pipeline.experiments.registration import Registration

READS = (
    "experiment_assignment",
    "experiment_design",
    "negative_controls",
    "economics",
)


def assign_experiment(
    study: Study, campaign_type: str, target: Path | None
) -> "tuple[Registration, pd.DataFrame, Path]":
    """Keep the experiment as it is planned now, and write its households to `target` (.csv), by default in the home;
    the plan, the assignment, and where it was written.

    Raises ExperimentError when no household is to be tested, or too few for two arms.
    """
    from dunnhumby_pipeline.causal.doubts.bias_allowance import allowance_from
    from dunnhumby_pipeline.engine.spreadsheet import write_csv
    from dunnhumby_pipeline.experiments.ledger import results
    from dunnhumby_pipeline.experiments.registration import ExperimentError, keep, registration
    from dunnhumby_pipeline.targeting.economics import in_force

    tables = {name: read_table(study.table(name, campaign_type)) for name in READS}
    assignment, design = tables["experiment_assignment"], tables["experiment_design"]
    if assignment.empty or design.empty:
        raise ExperimentError(
            f"the list of {campaign_type} has {len(assignment)} households to test; too few for two arms"
        )
    settings, folder, terms = study.settings, study.home.experiments, in_force(tables["economics"])
    plan = registration(
        assignment,
        design,
        terms.used,
        allowance_from(tables["negative_controls"], settings.sensitivity.bias_scale, results(study.home.ledger)),
        {
            "confidence": settings.confidence,
            "contact_share": settings.experiment.contact_share,
            "n_campaigns": terms.campaigns_to_come,
            "test_cost": terms.test_cost,
            "sample_ratio_p": settings.experiment.sample_ratio_p,
        },
    )
    keep(plan, assignment, folder)
    file = folder / f"{campaign_type}-{plan.assignment_hash[:12]}.csv" if target is None else target
    with replacing(file) as part:
        write_csv(assignment, part)
    return plan, assignment, file


def read_experiment(study: Study, file: Path, *, interim: bool) -> dict[str, Any]:
    """What the outcomes in `file` say of the experiment that they are of; the ledger has it from then on, unless it is
    `interim`. Raises ExperimentError when they cannot be used, and MismatchError when the arms' sizes are off.
    """
    from dunnhumby_pipeline.experiments.ledger import record
    from dunnhumby_pipeline.experiments.read_back import (
        experiment_result,
        hash_in,
        interim_result,
        matched,
        read_outcomes,
    )
    from dunnhumby_pipeline.experiments.registration import kept

    outcomes = read_outcomes(file)
    plan, assignment = kept(hash_in(outcomes), study.home.experiments)
    frame = matched(outcomes, assignment, plan, interim=interim)
    if interim:
        return interim_result(frame, plan, len(assignment))
    found = experiment_result(frame, plan)
    record(found, study.home.ledger)
    return found
