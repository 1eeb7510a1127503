"""`dunnhumby forget` where the history lies in a real Postgres: its texts, its files, and what stands in its way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import psycopg2
import pytest

from dunnhumby_pipeline.orchestration.erasing import history as erasing
from dunnhumby_pipeline.orchestration.erasing.history import erase_from_database
from dunnhumby_pipeline.orchestration.erasing.words import Key
from dunnhumby_pipeline.orchestration.platform.database import HistoryError
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.runner import open_history
from dunnhumby_pipeline.settings import HistorySettings, Home, load_settings
from dunnhumby_pipeline_tests.fakes.postgres import PASSWORD, Postgres, postgres
from dunnhumby_pipeline_tests.fakes.studies import command

HOUSEHOLD, OTHER = 73519001, 73519002
SALES = HOUSEHOLD * 10


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as started:
        yield started


@pytest.fixture
def variables(server: Postgres, tmp_path: Path) -> dict[str, str]:
    return server.database(tmp_path.name)


@pytest.fixture
def home(variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with two households, of which the history in Postgres shows a preview and tells in words."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made = Home(tmp_path / "home")
    made.warehouse.mkdir(parents=True)
    lines = pd.DataFrame({"household_key": [HOUSEHOLD, OTHER], "sales_value": [1.0, 2.0]})
    lines.to_parquet(made.warehouse / "transactions.parquet")
    rows = [dg.TableRecord({"household_key": str(key), "sales": str(SALES)}) for key in (HOUSEHOLD, OTHER)]
    schema = dg.TableSchema([dg.TableColumn("household_key"), dg.TableColumn("sales")])
    shown = {"preview": dg.MetadataValue.table(rows, schema), "said": f"household {HOUSEHOLD} is a copy of {OTHER}"}
    with open_history(made, load_settings(made)) as instance:
        for _ in range(30):
            key = asset_key("transactions")
            instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=shown))
    return made


def texts(variables: dict[str, str]) -> list[str]:
    """Every value of every table of the database, as text."""
    with closing(connected(variables)) as database, database.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [text for (text,) in cursor.fetchall()]
    return found


def connected(variables: dict[str, str]) -> Any:
    of = {name.removeprefix("DUNNHUMBY_HISTORY__").lower(): value for name, value in variables.items()}
    return psycopg2.connect(host=of["host"], port=of["port"], user=of["user"], dbname=of["database"], password=PASSWORD)


def in_files(server: Postgres, variables: dict[str, str], word: str) -> bool:
    """Whether the files of the database's tables hold a word; its log of changes is left out."""
    with closing(connected(variables)) as database, database.cursor() as cursor:
        database.autocommit = True
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
        [(oid,)] = cursor.fetchall()
    return any(word.encode() in file.read_bytes() for file in (server.folder / f"data/base/{oid}").iterdir())


def test_a_forgotten_household_is_in_no_text_and_no_file_of_the_database(
    server: Postgres, home: Home, variables: dict[str, str]
) -> None:
    told = f"household {HOUSEHOLD} is"
    assert sum(told in text for text in texts(variables)) >= 30 and in_files(server, variables, told)
    done = command("forget", str(HOUSEHOLD), "--home", home.root)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    place = f"Postgres at 127.0.0.1:{server.port}/{variables['DUNNHUMBY_HISTORY__DATABASE']}"
    assert f"rewritten {place} (" in said
    assert f"{place}: its log of changes (WAL) until the server writes over it" in said
    assert "keeps previews and messages as they were" not in said
    # Sums that begin with the key are no key, and the other household is as it was.
    after = texts(variables)
    events = [text for text in after if "said" in text and str(SALES) in text]
    assert len(events) >= 30
    assert not any(str(HOUSEHOLD) in text.replace(str(SALES), "") for text in after)
    assert all(str(OTHER) in text and "household (erased) is a copy of" in text for text in events)
    assert not in_files(server, variables, told)
    # The history still works, and a second time there is nothing left to take out.
    with open_history(home, load_settings(home)) as instance:
        event = instance.get_latest_materialization_event(asset_key("transactions"))
        assert event is not None and event.asset_materialization is not None
        table = event.asset_materialization.metadata["preview"]
        assert isinstance(table, dg.TableMetadataValue)
        assert [record.data["household_key"] for record in table.records] == [str(OTHER)]
    again = command("forget", str(HOUSEHOLD), "--home", home.root)
    assert again.exit_code == 0 and "rewritten Postgres" not in " ".join(again.output.split())


def test_texts_change_together_or_not_at_all(
    home: Home, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, n = sorted(texts(variables)), 0

    def struck(text: str, key: Key) -> str:
        nonlocal n
        n += 1
        if n > 5:
            raise KeyboardInterrupt
        return text.replace(str(key.household), "")

    monkeypatch.setattr(erasing, "_without", struck)
    with pytest.raises(KeyboardInterrupt):
        erase_from_database(load_settings(home).history, Key(HOUSEHOLD))
    assert n > 5 and sorted(texts(variables)) == before


def test_json_columns_lose_records_too(home: Home, variables: dict[str, str]) -> None:
    with closing(connected(variables)) as database, database, database.cursor() as cursor:
        cursor.execute('CREATE TABLE "of its own" (id int, "What" jsonb)')
        records = [{"household_key": HOUSEHOLD}, {"household_key": OTHER}]
        cursor.execute('INSERT INTO "of its own" VALUES (1, %s), (2, NULL)', (json.dumps({"rows": records}),))
    found = erase_from_database(load_settings(home).history, Key(HOUSEHOLD))
    assert found is not None and found.n > 30
    with closing(connected(variables)) as database, database.cursor() as cursor:
        cursor.execute('SELECT "What" FROM "of its own" ORDER BY id')
        assert cursor.fetchall() == [({"rows": [{"household_key": OTHER}]},), (None,)]


def test_a_table_that_another_process_holds_is_said_with_the_way_out(
    home: Home, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_SECONDS", 1)
    with closing(connected(variables)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE event_logs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(HistoryError, match=r"another process holds the history in Postgres at .*`dunnhumby ui`"):
            erase_from_database(load_settings(home).history, Key(HOUSEHOLD))
    assert erase_from_database(load_settings(home).history, Key(HOUSEHOLD)) is not None


def test_a_database_that_is_down_is_said() -> None:
    nobody = HistorySettings(host="127.0.0.1", port=1, connect_seconds=1)
    with pytest.raises(HistoryError, match=r"Postgres at 127.0.0.1:1"):
        erase_from_database(nobody, Key(HOUSEHOLD))
