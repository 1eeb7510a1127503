"""What dagster's own settings in a home say (`dagster.yaml`): one run at a time, retries, timeouts, and what is kept.

They are written from the settings of the study, and again when those change. Whoever wants another one takes out its
first line: from then on the file is theirs, and is left as it is.
"""

from __future__ import annotations

import json

from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.platform.history import NO_COMPUTE_LOGS
from dunnhumby_pipeline.orchestration.platform.storage import write_text_atomically
from dunnhumby_pipeline.settings import HistorySettings, RetentionSettings, RunSettings

_MARK = "# Written by dunnhumby from the settings"
MARK = f"{_MARK} `history`, `runs` and `retention`; take out this line to keep changes of your own.\n"
# What earlier releases wrote, which nobody has changed.
_BEFORE = (
    "telemetry:\n  enabled: false\nnux:\n  enabled: false\nconcurrency:\n  runs:\n    max_concurrent_runs: 1\n",
    f"telemetry:\n  enabled: false\n{NO_COMPUTE_LOGS}",
)


def storage_settings(history: HistorySettings) -> str:
    """Where the history lies, as `dagster.yaml` says it; nothing for the files of SQLite that dagster keeps by itself.

    No password is written: libpq takes it from the environment, and what the UI shows of these settings has none.
    """
    if history.host is None:
        return ""
    return f"""# The password is libpq's: PGPASSWORD, or the file that PGPASSFILE names.
storage:
  postgres:
    postgres_db:
      hostname: {json.dumps(history.host)}
      port: {history.port}
      db_name: {json.dumps(history.database)}
      username: {json.dumps(history.user)}
      scheme: postgresql+psycopg2
      params:
        connect_timeout: {history.connect_seconds}
        application_name: dunnhumby
"""


def command_settings(history: HistorySettings) -> str:
    """The text of the file that the command reads in place of `dagster.yaml`: the same history."""
    return f"{MARK}telemetry:\n  enabled: false\n{NO_COMPUTE_LOGS}{storage_settings(history)}"


def instance_settings(runs: RunSettings, retention: RetentionSettings, history: HistorySettings) -> str:
    """The text of `dagster.yaml` in the home of a study."""
    return f"""{MARK}{storage_settings(history)}telemetry:
  enabled: false
nux:
  enabled: false
# Runs share the tables of journey and segments, so one at a time; where an instance serves more than this study and
# allows more runs, the pool keeps those apart that write tables.
concurrency:
  runs:
    max_concurrent_runs: 1
  pools:
    default_limit: 1
    granularity: run
# A run whose process died is tried again. A step that failed is not: the same input would fail again, and a gate that
# refused would refuse again.
run_retries:
  enabled: {"true" if runs.max_retries else "false"}
  max_retries: {runs.max_retries}
  retry_on_asset_or_op_failure: false
run_monitoring:
  enabled: true
  start_timeout_seconds: {runs.start_seconds}
  cancel_timeout_seconds: {runs.cancel_seconds}
  max_runtime_seconds: {round(runs.max_hours * 3600)}
# Ticks alone. Runs are removed by the job `housekeeping`, which keeps what gates read.
retention:
  schedule:
    purge_after_days: {retention.tick_days}
  sensor:
    purge_after_days:
      skipped: {min(retention.tick_days, 7)}
      failure: {retention.tick_days}
      success: {retention.tick_days}
"""


def write_instance_file(file: TablePath, text: str) -> None:
    """Write dagster's settings where there are none, or those that are there were written by this program."""
    if file.is_file():
        found = file.read_text(encoding="utf-8")
        if found == text or not (found.startswith(_MARK) or found in _BEFORE):
            return
    write_text_atomically(text, file)
