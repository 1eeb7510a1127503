"""Who may read what is written: the permissions of files and folders that this process makes."""

from __future__ import annotations

import os


def keep_private(file_mode: str | None) -> None:
    """Give every file that this process writes from now on at most the permissions `file_mode` ("0640"), every folder
    the same and the right to enter; what the system gives without it. Files that exist keep theirs until they are
    written again.
    """
    if file_mode is not None:
        mode = int(file_mode, 8)
        # Whoever may read a folder's files may enter the folder.
        os.umask(0o777 & ~(mode | (mode & 0o444) >> 2))
