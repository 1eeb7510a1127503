"""What the UI says of a table when it is made: its verdict in words, its picture, and links to what is served."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.registry import table as contract
from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.orchestration.pages import SERVED, page_address, picture_address
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.words.escaping import in_markdown

if TYPE_CHECKING:
    from dunnhumby_pipeline.orchestration.platform.storage import Tells

VERDICT, PICTURE, OPEN = "verdict", "picture", "open"
# Letters of a line, as many as a column of the UI shows in a window of 1,440 pixels, beside the bar of its pages.
LINE = 56


def teller(study: Study) -> Tells:
    """What says, of each table of `study` as it is made, what the UI shows of it in words; {} for most."""

    def tells(name: str, partition: str | None, frame: pd.DataFrame | None) -> Mapping[str, Any]:
        links = {}
        if name in SERVED and partition is not None:
            links[OPEN] = dg.MetadataValue.url(page_address(study, name, partition))
        return {**_told(study, name, partition, frame), **links}

    return tells


def _told(study: Study, name: str, partition: str | None, frame: pd.DataFrame | None) -> Mapping[str, Any]:
    # Sections bring jinja and figures' words along, which a table that says nothing need not wait for.
    from dunnhumby_pipeline.report.tables import StudyTables
    from dunnhumby_pipeline.report.told import TOLD, title_of, told_of

    if name not in TOLD:
        return {}
    told, frames = TOLD[name], {} if frame is None else {name: frame}
    for other in told.reads:
        path = study.table(other, partition if contract(other).partitioned else None)
        if path.is_file():
            frames[other] = read_table(path)
    try:
        said = told_of(name, StudyTables(frames), study.settings, partition or "")
    except Exception as error:
        # Words beside a table are no reason to stop a study: that there are none is shown in their place.
        said = f"This table could not be told in words ({type(error).__name__}: {error})"
    if said is None:
        return {}
    # A wide preview below makes the cell wider than the screen, and a line with it.
    text, shown = "  \n".join(in_markdown(line) for line in wrap(said, LINE, break_on_hyphens=False)), {}
    if told.picture is not None:
        address = picture_address(study, told.picture, partition)
        shrunk = picture_address(study, told.picture, partition, small=True)
        text += f"\n\n![{in_markdown(title_of(told.picture))}]({shrunk})"
        shown[PICTURE] = dg.MetadataValue.url(address)
    return {VERDICT: dg.MetadataValue.md(text), **shown}
