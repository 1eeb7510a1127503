"""Assigning an experiment from the tables of a study, and reading one back: files of the home, no table changes."""

from dataclasses import dataclass
from datetime import date
from getpass import getuser
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
    study: Study, campaign_type: str, target: Path | None, starts_on: str | None = None, by: str = ""
) -> "tuple[Registration, pd.DataFrame, Path]":
    """Keep the experiment as it is planned now, with the page that registers it, and write its households to `target`
    (.csv), by default in the home; the plan, the assignment, and where it was written.

    `starts_on`: date of the first contact (ISO), where it is known; `by`: who assigns it. Raises ExperimentError when
    no household is to be tested, or too few for two arms.
    """
    from dunnhumby_pipeline.engine.spreadsheet import write_csv
    from dunnhumby_pipeline.experiments.registration import keep
    from dunnhumby_pipeline.experiments.registration_page import registration_page

    today = date.today().isoformat()
    plan, assignment = planned_experiment(study, campaign_type, today, by or getuser(), starts_on)
    folder = study.home.experiments
    plan = keep(plan, assignment, registration_page(plan, assignment), folder)
    file = folder / f"{campaign_type}-{plan.assignment_hash[:12]}.csv" if target is None else target
    with replacing(file) as part:
        write_csv(assignment, part)
    return plan, assignment, file


def planned_experiment(
    study: Study, campaign_type: str, assigned_on: str = "", by: str = "", starts_on: str | None = None
) -> "tuple[Registration, pd.DataFrame]":
    """The experiment as the tables plan it, and its assignment; without `assigned_on` (ISO date) it is a draft.
    Raises ExperimentError when no household is to be tested, or too few for two arms.
    """
    from dunnhumby_pipeline.experiments.registration import ExperimentError, registration
    from dunnhumby_pipeline.orchestration.past import learnt
    from dunnhumby_pipeline.targeting.economics import in_force

    tables = {name: read_table(study.table(name, campaign_type)) for name in READS}
    assignment, design = tables["experiment_assignment"], tables["experiment_design"]
    if assignment.empty or design.empty:
        raise ExperimentError(
            f"the list of {campaign_type} has {len(assignment)} households to test; too few for two arms"
        )
    settings, terms = study.settings, in_force(tables["economics"])
    plan = registration(
        assignment,
        design,
        terms.used,
        *learnt(study, campaign_type, tables["negative_controls"]),
        {
            "confidence": settings.confidence,
            "contact_share": settings.experiment.contact_share,
            "n_campaigns": terms.campaigns_to_come,
            "test_cost": terms.test_cost,
            "sample_ratio_p": settings.experiment.sample_ratio_p,
            "n_looks": settings.experiment.n_looks,
            "assigned_on": assigned_on,
            "assigned_by": by,
            "starts_on": starts_on,
        },
    )
    return plan, assignment


def write_contacts(study: Study, campaign_type: str, campaign: str, target: Path | None) -> "tuple[pd.DataFrame, Path]":
    """Write whom the campaign of that id contacts, with logged chances, to `target` (.csv), by default in the home; the
    plan, and where it was written. Raises ExperimentError where nothing is drawn by lot.
    """
    from dunnhumby_pipeline.engine.spreadsheet import write_csv
    from dunnhumby_pipeline.experiments.exploration import logged

    plan = read_table(study.table("contact_plan", campaign_type))
    file = study.home.experiments / f"contacts-{campaign}.csv" if target is None else target
    rows = logged(plan, campaign)
    with replacing(file) as part:
        write_csv(rows, part)
    return plan, file


def read_experiment(study: Study, file: Path, *, interim: bool) -> "Reading":
    """What the outcomes in `file` say of the experiment that they are of. Every reading is kept as a look, and charted
    in the home; the ledger has the result from then on, unless it is `interim`.

    Raises ExperimentError when they cannot be used, and MismatchError when the arms' sizes are off.
    """
    from dunnhumby_pipeline.experiments.ledger import record
    from dunnhumby_pipeline.experiments.looks import FINAL, INTERIM, MISMATCH, log, looks_at, taken
    from dunnhumby_pipeline.experiments.read_back import experiment_result, hash_in, matched, mismatch, read_outcomes
    from dunnhumby_pipeline.experiments.registration import kept

    outcomes, log_of = _without_forgotten(read_outcomes(file), study), study.home.looks
    plan, assignment = kept(hash_in(outcomes), study.home.experiments)
    frame = matched(outcomes, assignment, plan, interim=interim)
    before = looks_at(plan.assignment_hash, log_of)
    look = taken(frame, plan, before, INTERIM if interim else FINAL, date.today().isoformat())
    log(look, log_of)
    if look["kind"] == MISMATCH:
        raise mismatch(look["n_contacted"], look["n_held_out"], look["sample_ratio_p"], plan)
    chart = _charted(study, plan.assignment_hash)
    if interim:
        return Reading(None, look, chart)
    found = experiment_result(frame, plan)
    record(found, study.home.ledger)
    return Reading(found, look, chart)


def _without_forgotten(outcomes: "pd.DataFrame", study: Study) -> "pd.DataFrame":
    """Outcomes without those of households that have asked to be forgotten since the experiment was assigned."""
    import pandas as pd

    from dunnhumby_pipeline.journey.forgotten import HOUSEHOLD, read_forgotten

    if HOUSEHOLD not in outcomes.columns:
        return outcomes
    gone = read_forgotten(study.home.root).rows(pd.to_numeric(outcomes[HOUSEHOLD], errors="coerce"))
    return outcomes[~gone].reset_index(drop=True)


@dataclass(frozen=True)
class Reading:
    """What was read: the `result` (None before the end), the `look` behind it, and the file of the monitoring chart."""

    result: dict[str, Any] | None
    look: dict[str, Any]
    chart: Path


def _charted(study: Study, assignment_hash: str) -> Path:
    """The monitoring chart of an experiment, drawn anew as PNG in the home."""
    from dunnhumby_pipeline.experiments.looks import looks_at
    from dunnhumby_pipeline.figures.campaign.experiments import monitoring

    chart = study.home.experiments / f"{assignment_hash}-looks.png"
    figure = monitoring(looks_at(assignment_hash, study.home.looks))
    with replacing(chart) as part:
        figure.savefig(part, format="png", dpi=144)
    return chart
