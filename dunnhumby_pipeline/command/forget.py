"""`dunnhumby forget`: erase a household from the home, and leave it out of every later run."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from dunnhumby_pipeline.command.work import HomeOption, RawOption, at_work, console, load_study, refuse


def forget(
    household: Annotated[int, typer.Argument(help="The household_key, as the raw files have it.", min=0)],
    raw: RawOption = None,
    home: HomeOption = None,
) -> None:
    """Erase a household from tables, lists, experiments, scores, logs, history and raw files of the home.

    It is noted as a salted hash, by which every later load leaves it out, also from raw files that lie elsewhere. The
    study is stale from then on: the next `dunnhumby run` fits everything without it. What is not reached is said. Exit
    code 2 when nobody knows the household.
    """
    study, _ = load_study(home, raw)
    from dunnhumby_pipeline.orchestration.erasing.home import UnknownHouseholdError
    from dunnhumby_pipeline.orchestration.erasing.home import forget as erase
    from dunnhumby_pipeline.orchestration.platform.database import HistoryError

    # The key stands in no note of who is at work.
    with at_work(study, "dunnhumby forget"):
        try:
            erasure = erase(study, household)
        except (UnknownHouseholdError, HistoryError) as error:
            refuse(str(error))
    for one in erasure.found:
        rows = "" if one.what == "removed" else f" ({one.n:,} rows or texts)"
        console.print(escape(f"{one.what}  {one.path}{rows}"), highlight=False, soft_wrap=True)
    console.print(f"The household is erased from {len(erasure.found)} places, and left out from now on. Not reached:")
    for said in erasure.beyond:
        console.print(escape(f"- {said}"), highlight=False, soft_wrap=True)
    console.print("Next: `dunnhumby run`, which fits the study without it.")
