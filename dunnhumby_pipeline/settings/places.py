"""Folders that a study writes to: whether they can be, before anything is begun."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from dunnhumby_pipeline.settings.study import Home, SettingsError

# The run history is opened by a URL, in which these mean something else: it would lie in another folder.
_NOT_IN_A_HOME = "?%#"
# A disk that has no space left for so little has none for a study.
_PROBE = bytes(1 << 16)


def require_home(home: Home) -> None:
    """Raise SettingsError when no study can live in `home`. It is made when it does not exist."""
    bad = [mark for mark in _NOT_IN_A_HOME if mark in str(home.root)]
    if bad:
        raise SettingsError(f"the home is {str(home.root)!r}; expected a folder without {' or '.join(bad)} in its name")
    require_writable(home.root, "the home")


def require_writable(folder: Path, what: str) -> None:
    """Raise SettingsError, which says `what` it is, unless files can be written in `folder`; made when missing."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=".probe_") as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())
    except (OSError, ValueError) as error:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        found = "a file" if isinstance(error, FileExistsError) else getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"{what} is {str(folder)!r}; expected a folder that can be written, found: {found}"
        ) from error
