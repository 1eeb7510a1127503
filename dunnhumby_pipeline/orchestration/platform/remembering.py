"""A history as it is at one moment, read at once: for who asks of every table while none is made.

What is stale is asked of every table, and by dagster of every input of every table: a thousand questions, each
answered by a query or two and by reading an event of 10 kB with all that the UI shows of a table. Here two queries
answer nearly all of them, and an event is read once in this process.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import dagster as dg
from sqlalchemy import bindparam, text

from dunnhumby_pipeline.orchestration.platform.history import (
    MATERIALIZED,
    AssetEntry,
    AssetRecord,
    SqlEventLogStorage,
    events_result,
)

# Of all partitions of all tables; without one, of a table as a whole.
_IDS = text(
    f"SELECT asset_key, \"partition\", max(id) FROM event_logs WHERE dagster_event_type = '{MATERIALIZED}' "
    'GROUP BY asset_key, "partition"'
)
# The end of a record of dagster's is the number of its event; the rest is the event once more.
_END = 40
_ASSETS = text(
    "SELECT asset_key, id, substr(last_materialization, length(last_materialization) - :before_end), "
    "asset_details IS NOT NULL FROM asset_keys"
)
_EVENTS = text("SELECT id, event FROM event_logs WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))


def remembering(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same history as it is now, of which each question is asked once."""
    if "fetch_materializations" in vars(instance):
        return instance
    found: dict[tuple[Any, ...], Any] = {}
    storage = instance.event_log_storage
    latest = _Latest(storage) if isinstance(storage, SqlEventLogStorage) else None
    fetch, records, ids = (
        instance.fetch_materializations,
        instance.get_asset_records,
        instance.get_latest_storage_id_by_partition,
    )

    def fetch_materializations(
        records_filter: dg.AssetKey | dg.AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> dg.EventRecordsResult:
        known = latest and limit == 1 and not cursor and not ascending and latest.records(records_filter)
        if isinstance(known, list):
            return events_result(known)
        asked = (repr(records_filter), limit, cursor, ascending)
        if asked not in found:
            found[asked] = fetch(records_filter, limit, cursor, ascending)
        return found[asked]

    def get_asset_records(asset_keys: Sequence[dg.AssetKey] | None = None) -> Sequence[AssetRecord]:
        if latest is None or asset_keys is None:
            return records(asset_keys)
        known = {key: latest.asset(key) for key in asset_keys}
        others = [key for key, record in known.items() if record is None]
        return [*(record for record in known.values() if record is not None), *(records(others) if others else ())]

    def get_latest_storage_id_by_partition(
        asset_key: dg.AssetKey, event_type: dg.DagsterEventType, *given: Any, **named: Any
    ) -> Any:
        if latest is not None and event_type.value == MATERIALIZED and not given and not named:
            known = latest.ids_by_partition(asset_key)
            if known is not None:
                return known
        return ids(asset_key, event_type, *given, **named)

    own = copy.copy(instance)
    own.fetch_materializations = fetch_materializations  # type: ignore[method-assign]
    own.get_asset_records = get_asset_records  # type: ignore[method-assign]
    own.get_latest_storage_id_by_partition = get_latest_storage_id_by_partition  # type: ignore[method-assign]
    return own


class _Latest:
    """The last materialisation of each table and partition. What was wiped is left to dagster, as it was when."""

    def __init__(self, storage: SqlEventLogStorage) -> None:
        self._storage = storage
        self._ids: dict[str, dict[str | None, int]] = {}
        self._assets: dict[str, tuple[int, str]] = {}
        self._wiped: set[str] = set()
        self._events: dict[int, str] = {}
        with storage.index_connection() as connection:
            for key, number, end, wiped in connection.execute(_ASSETS, {"before_end": _END - 1}):
                self._assets[key] = (number, end or "")
                if wiped:
                    self._wiped.add(key)
            for key, partition, event in connection.execute(_IDS):
                self._ids.setdefault(key, {})[partition] = event

    def records(self, wanted: dg.AssetKey | dg.AssetRecordsFilter) -> list[dg.EventLogRecord] | None:
        """The last one that is wanted, if there is any; None when that is not known here."""
        given = wanted if isinstance(wanted, dg.AssetRecordsFilter) else dg.AssetRecordsFilter(wanted)
        partitions = given.asset_partitions
        if given.after_timestamp or given.before_timestamp or given.storage_ids or (partitions and partitions[1:]):
            return None
        ids = self._of(given.asset_key)
        if ids is None:
            return None
        last = ids.get(partitions[0]) if partitions else max(ids.values(), default=None)
        if last is None or (given.after_storage_id is not None and last <= given.after_storage_id):
            return []
        if given.before_storage_id is not None and last >= given.before_storage_id:
            return None
        return [self._record(last, partitions[0] if partitions else None)]

    def asset(self, key: dg.AssetKey) -> AssetRecord | None:
        """What is recorded of a table; None when that is not known here."""
        ids = self._of(key)
        if not ids:
            return None
        number, end = self._assets.get(key.to_string(), (0, ""))
        last = max(ids.values())
        # Otherwise the run of the one that is recorded was deleted.
        if not end.endswith(f'"storage_id": {last}}}'):
            return None
        entry = AssetEntry(asset_key=key, last_materialization_record=self._record(last, None))
        return AssetRecord(storage_id=number, asset_entry=entry)

    def ids_by_partition(self, key: dg.AssetKey) -> dict[str, int] | None:
        """The number of the last event of each partition; None when that is not known here."""
        ids = self._of(key)
        return None if ids is None else {partition: last for partition, last in ids.items() if partition is not None}

    def _of(self, key: dg.AssetKey) -> dict[str | None, int] | None:
        written = key.to_string()
        return None if written in self._wiped else self._ids.get(written, {})

    def _record(self, number: int, partition: str | None) -> dg.EventLogRecord:
        if number not in self._events:
            alike = [
                max(ids.values()) if partition is None else ids[partition]
                for ids in self._ids.values()
                if partition is None or partition in ids
            ]
            missing = sorted({number, *alike} - self._events.keys())
            with self._storage.index_connection() as connection:
                self._events.update((each.id, each.event) for each in connection.execute(_EVENTS, {"ids": missing}))
        return dg.EventLogRecord(number, _read(self._events[number]))


@lru_cache(maxsize=512)
def _read(event: str) -> dg.EventLogEntry:
    """An event as it was written; nobody changes one."""
    return dg.deserialize_value(event, dg.EventLogEntry)
