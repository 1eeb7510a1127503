"""Which source is read: a folder of raw files, or the embedded sample."""

from __future__ import annotations

from pathlib import Path

from dunnhumby_pipeline.journey.readers.mapped import NO_MAPPING
from dunnhumby_pipeline.journey.readers.raw_folder import holds_raw_files, raw_folder
from dunnhumby_pipeline.journey.readers.sample import embedded_sample
from dunnhumby_pipeline.journey.source import Source
from dunnhumby_pipeline.settings import MappingSettings


def choose(raw: Path | None, home_raw: Path, mapping: MappingSettings = NO_MAPPING) -> Source:
    """`raw` when given, else `home_raw` when it holds raw files, else the embedded sample, which needs no mapping.

    Raises JourneyError when what is chosen cannot be read.
    """
    if raw is not None:
        return raw_folder(raw, mapping)
    if home_raw.is_dir() and holds_raw_files(home_raw):
        return raw_folder(home_raw, mapping)
    return embedded_sample()
