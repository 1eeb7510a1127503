"""The files beside report and brief: what a test is run by, and the tables of the study, packed."""

from __future__ import annotations

from collections.abc import Iterator

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.contracts.table import Table
from dunnhumby_pipeline.engine.tables import TablePath, open_table
from dunnhumby_pipeline.orchestration.experiments import READS, planned_experiment
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import replacing
from dunnhumby_pipeline.report import files

# Without a setting, data of persons that are packed to be carried are for their owner alone.
OWNER_ALONE = "0600"


def folder_of(study: Study, campaign_type: str) -> TablePath:
    """The folder of the report of a campaign type, in which its files lie."""
    return study.table("campaign_report", campaign_type).parent


def write_experiment_files(study: Study, campaign_type: str) -> None:
    """Write what the test of the list is run by: its arms and the form for its outcomes (CSV), and its plan, a draft
    until it is assigned. Those of an earlier list are removed where nothing is to be tested.
    """
    from dunnhumby_pipeline.engine.spreadsheet import write_csv
    from dunnhumby_pipeline.experiments.outcome_form import outcome_form
    from dunnhumby_pipeline.experiments.registration import ExperimentError
    from dunnhumby_pipeline.experiments.registration_page import registration_page

    folder = folder_of(study, campaign_type)
    if not all(study.table(name, campaign_type).is_file() for name in READS):
        return
    try:
        plan, assignment = planned_experiment(study, campaign_type)
    except ExperimentError:
        for name in (files.ARMS, files.PROTOCOL, files.OUTCOMES):
            (folder / name).unlink(missing_ok=True)
        return
    for name, frame in ((files.ARMS, assignment), (files.OUTCOMES, outcome_form(assignment, plan))):
        with replacing(folder / name) as part:
            write_csv(frame, part)
    with replacing(folder / files.PROTOCOL) as part:
        part.write_text(registration_page(plan, assignment), encoding="utf-8")


def write_table_files(study: Study, campaign_type: str) -> None:
    """Pack the tables of the study: those about single households in a file of their own, for those whom `file_mode`
    lets read it (without it the owner alone), or not at all when the settings say so.
    """
    from dunnhumby_pipeline.report.bundle import write_bundle

    settings, folder = study.settings, folder_of(study, campaign_type)
    largest = settings.deliverables.largest_table_mb
    for name, personal, what in (
        (files.TABLES, False, f"Tables of the study of {campaign_type}, none of them about single households."),
        (files.HOUSEHOLD_TABLES, True, f"Tables of the study of {campaign_type} about single households: personal."),
    ):
        if personal and not settings.deliverables.household_tables:
            (folder / name).unlink(missing_ok=True)
            continue
        with replacing(folder / name) as part:
            write_bundle(part, list(_tables(study, campaign_type, personal)), what, largest)
            if personal:
                part.chmod(int(settings.file_mode or OWNER_ALONE, 8))


def _tables(study: Study, campaign_type: str, personal: bool) -> Iterator[tuple[Table, TablePath]]:
    for table in registry.TABLES.values():
        if table.is_table and table.personal is personal:
            yield table, study.table(table.name, campaign_type if table.partitioned else None)


def files_of(study: Study, campaign_type: str, page: str, stale: bool) -> list[files.Beside]:
    """The files that `page` (its file's name) may link to: those that lie in its folder, and those that the report of
    the same tables writes. None for a brief without an answer (`stale`): what lies there is of an earlier study.
    """
    if stale and page == files.BRIEF:
        return []
    folder = folder_of(study, campaign_type)
    there = {one.file for one in files.FILES if (folder / one.file).is_file()}
    if page == files.REPORT:
        # Report and brief are written one after the other, in either order.
        there.add(files.BRIEF)
    else:
        tested = {files.ARMS, files.PROTOCOL, files.OUTCOMES}
        there = there - tested | {files.REPORT} | (tested if _is_tested(study, campaign_type) else set())
    return list(files.files_beside(there, page, stale))


def _is_tested(study: Study, campaign_type: str) -> bool:
    paths = [study.table(name, campaign_type) for name in ("experiment_assignment", "experiment_design")]
    return all(path.is_file() and _rows(path) for path in paths)


def _rows(path: TablePath) -> int:
    with open_table(path) as table:
        return int(table.metadata.num_rows)
