"""Channels, what they answer, back-off, dead letters, and what is kept over a crash."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import time

import pytest

from dunnhumby_pipeline.orchestration.alerts import delivery
from dunnhumby_pipeline.orchestration.alerts.channels import FILE, Channel, channels, unusable, without_address
from dunnhumby_pipeline.orchestration.alerts.delivery import Delivery, deliver
from dunnhumby_pipeline.orchestration.alerts.incident import (
    BLOCKED,
    CLOSED,
    INFO,
    LIST,
    OPENED,
    WARNING,
    Message,
    State,
)
from dunnhumby_pipeline.orchestration.alerts.store import Store
from dunnhumby_pipeline.settings import AlertSettings
from dunnhumby_pipeline_tests.fakes.receivers import Endpoint, MailServer, free_port
from dunnhumby_pipeline_tests.fakes.studies import command

SECRET = "Tok3nThatNobodyMaySee"
SETTINGS = AlertSettings(first_wait_seconds=30, longest_wait_seconds=100, give_up_hours=1)


def message(number: int = 1, severity: str = WARNING, kind: str = OPENED) -> Message:
    return Message(number, 0.0, kind, severity, f"title {number}", ("line one", "line two"))


@dataclass
class Recorder:
    """A channel that answers as it is told, and a clock."""

    name: str = "one"
    least: str = INFO
    answers: dict[int, str] = field(default_factory=dict)
    down: str | None = None
    tried: list[int] = field(default_factory=list)

    @property
    def channel(self) -> Channel:
        def send(sent: Message) -> str | None:
            self.tried.append(sent.number)
            return self.down or self.answers.get(sent.number)

        return Channel(self.name, self.least, send)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "alerts")


def fill(store: Store, *messages: Message) -> None:
    store.write(State(outbox=messages))


def at(store: Store, moment: float, *recorders: Recorder) -> Delivery:
    return deliver(store, [one.channel for one in recorders], SETTINGS, lambda: moment)


# --- severity, order and retries ----------------------------------------------------------------------


def test_a_channel_takes_its_severity_and_graver_ones_in_order(store: Store) -> None:
    every, warned, blocked = Recorder("a"), Recorder("b", WARNING), Recorder("c", BLOCKED)
    fill(store, message(1, INFO, LIST), message(2, WARNING), message(3, BLOCKED), message(4, BLOCKED, CLOSED))
    assert at(store, 0, every, warned, blocked) == Delivery(sent=9)
    assert (every.tried, warned.tried, blocked.tried) == ([1, 2, 3, 4], [2, 3, 4], [3, 4])
    assert store.read().outbox == ()


def test_a_channel_that_is_down_is_left_alone_for_longer_each_time_and_others_are_not(store: Store) -> None:
    down, fine = Recorder("down", down="no answer"), Recorder("fine")
    fill(store, *map(message, range(1, 6)))
    moments = []
    for moment in range(0, 400, 10):
        before = len(down.tried)
        at(store, moment, down, fine)
        if len(down.tried) > before:
            moments.append(moment)
            # Two in a row show that it is the channel and not the message.
            assert down.tried[before:] == [1, 2]
    assert moments == [0, 30, 90, 190, 290, 390]
    assert fine.tried == [1, 2, 3, 4, 5]
    down.down = None
    at(store, 500, down, fine)
    assert down.tried[-5:] == [1, 2, 3, 4, 5] and store.read() == State()


def test_a_message_that_a_channel_dislikes_does_not_hold_up_the_others(store: Store) -> None:
    picky = Recorder(answers={2: "too long"})
    fill(store, *map(message, range(1, 5)))
    at(store, 0, picky)
    assert picky.tried == [1, 2, 3, 4]
    assert [one.number for one in store.read().outbox] == [2] and store.read().down == {}
    at(store, 29, picky)
    assert picky.tried == [1, 2, 3, 4]


def test_what_is_not_taken_in_time_is_given_up_kept_and_can_be_sent_again(store: Store) -> None:
    down, fine = Recorder("down", down="no answer"), Recorder("fine")
    fill(store, message(1))
    at(store, 3599, down, fine)
    assert at(store, 3700, down, fine) == Delivery(refused=1, given_up=1)
    [(letter, channel, said)] = store.given_up()
    assert (letter.number, channel, said) == (1, "down", "no answer")
    assert store.read().outbox == ()
    down.down = None
    assert store.resend(now=4000) == 1 and store.given_up() == []
    assert at(store, 4001, down, fine) == Delivery(sent=1)
    assert (down.tried[-1], fine.tried) == (1, [1])


def test_a_channel_that_is_no_longer_named_leaves_dead_letters_of_what_it_refused(store: Store) -> None:
    down, fine = Recorder("down", down="no answer"), Recorder("fine")
    fill(store, message(1))
    at(store, 0, down, fine)
    at(store, 10, fine)
    [(_, channel, said)] = store.given_up()
    assert (channel, said) == ("down", "the environment no longer names this channel")
    assert store.read().outbox == () and store.read().down == {}


def dies(*_: object) -> list[str]:
    raise KeyboardInterrupt


def test_a_process_that_dies_between_sending_and_noting_sends_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Recorder()
    fill(store, message(1), message(2))
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_note", dies)
        with pytest.raises(KeyboardInterrupt):
            at(store, 0, one)
    at(store, 1, one)
    assert one.tried == [1, 1, 2] and store.read().outbox == ()


def test_two_processes_do_not_send_at_once(store: Store) -> None:
    one = Recorder()
    fill(store, message(1))
    with store.held("sending", 0) as mine:
        assert mine
        assert at(store, 0, one) == Delivery(waiting=1)
    assert one.tried == []


def test_sending_ends_in_time(store: Store) -> None:
    moments = iter(range(0, 1000, 20))
    one = Recorder()
    fill(store, *map(message, range(1, 9)))
    found = deliver(store, [one.channel], SETTINGS, lambda: float(next(moments)), seconds=60)
    assert 0 < found.sent < 8 and found.waiting == 8 - found.sent


# --- what is kept ---------------------------------------------------------------------------------------


def test_the_state_survives_and_a_damaged_one_begins_anew(store: Store) -> None:
    assert store.read() == State()
    kept = State(7, until=12.5, heard=("a",), outbox=(message(3, BLOCKED),))
    store.write(kept)
    assert store.read() == kept
    assert [path.name for path in store.folder.iterdir()] == ["state.json"]
    store.file.write_text('{"next_number": 7, "che')
    found = store.read()
    assert replace(found, began_anew="") == State() and "damaged" in found.began_anew
    assert store.file.with_suffix(".damaged.json").is_file()


def test_a_dead_letter_that_was_cut_short_hides_no_other(store: Store) -> None:
    store.give_up(message(1), "a", "why", "now")
    with store.dead_letters.open("a") as file:
        file.write('{"channel": "b", "mess\n')
    store.give_up(message(2), "c", "why", "now")
    assert [(letter.number, channel) for letter, channel, _ in store.given_up()] == [(1, "a"), (2, "c")]


# --- real channels --------------------------------------------------------------------------------------


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint().start()
    yield found
    found.stop()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    found = MailServer().start()
    yield found
    found.stop()


def variables(endpoint: Endpoint, mail: MailServer) -> dict[str, str]:
    address = f"mailto://user:{SECRET}@127.0.0.1:{mail.port}?from=desk@example.com&to=team@example.com&cto=1"
    return {
        "DUNNHUMBY_ALERT_URLS": f"json://127.0.0.1:{endpoint.port}/{SECRET}?cto=1&rto=1",
        "DUNNHUMBY_ALERT_URLS_BLOCK": address.replace(f"user:{SECRET}@", ""),
    }


def test_the_log_comes_first_and_channels_are_named_without_their_address(tmp_path: Path) -> None:
    found = channels(tmp_path / "alerts.log", variables(Endpoint(), MailServer()))
    assert [(one.name, one.least) for one in found] == [
        (FILE, INFO),
        ("DUNNHUMBY_ALERT_URLS[1] (json)", INFO),
        ("DUNNHUMBY_ALERT_URLS_BLOCK[1] (mailto)", BLOCKED),
    ]


def test_messages_reach_an_http_endpoint_and_a_mail_server(
    tmp_path: Path, store: Store, endpoint: Endpoint, mail: MailServer
) -> None:
    fill(store, message(1, WARNING), message(2, BLOCKED), message(3, BLOCKED, CLOSED))
    known = channels(tmp_path / "alerts.log", variables(endpoint, mail))
    assert deliver(store, known, SETTINGS) == Delivery(sent=8)
    assert [(path, content["title"], content["type"]) for _, path, content in endpoint.got] == [
        (f"/{SECRET}", "title 1", "warning"),
        (f"/{SECRET}", "title 2", "failure"),
        (f"/{SECRET}", "title 3", "success"),
    ]
    assert endpoint.got[0][2]["message"] == "line one\nline two"
    assert mail.subjects == ["title 2", "title 3"]
    assert "line two" in mail.got[0][2]
    # As plain text: a reader breaks its lines, which those of apprise's HTML do not let it.
    assert [each.get_content_type() for each in mail.mails] == ["text/plain", "text/plain"]
    assert len((tmp_path / "alerts.log").read_text().splitlines()) == 3


def test_a_wrong_webhook_and_a_dead_mail_server_are_named_and_their_secrets_are_not(
    tmp_path: Path, store: Store, endpoint: Endpoint, mail: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mail.stop()
    endpoint.status = 404
    fill(store, replace(message(1, BLOCKED), moment=time()))
    environment = variables(endpoint, mail)
    environment["DUNNHUMBY_ALERT_URLS_WARN"] = f"mailto://user:{SECRET}@127.0.0.1:{free_port()}?to=a@example.com&cto=1"
    known = channels(tmp_path / "alerts.log", environment)
    assert deliver(store, known, SETTINGS).refused == 3
    state = store.read()
    assert "404" in state.down["DUNNHUMBY_ALERT_URLS[1] (json)"].said
    assert "onnection" in state.down["DUNNHUMBY_ALERT_URLS_BLOCK[1] (mailto)"].said
    deliver(store, known, SETTINGS, lambda: 1e10)
    assert len(store.given_up()) == 3
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET not in written + caplog.text


def test_a_log_that_cannot_be_written_is_tried_again(tmp_path: Path, store: Store) -> None:
    log = tmp_path / "alerts.log"
    log.mkdir()
    fill(store, replace(message(1), moment=time()))
    deliver(store, channels(log, {}), SETTINGS)
    assert "alerts.log cannot be written: Is a directory" in store.read().down[FILE].said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("slack://", "address 2 (slack), cannot be used: An invalid Slack"),
        (f"nonsense://{SECRET}", "address 2 (nonsense), cannot be used: there is no such service"),
        (SECRET, "address 2 (no address), cannot be used: there is no such service"),
        (f"https://hooks.example.com/{SECRET}", "address 2 (https), cannot be used: there is no such service"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_without_itself(url: str, said: str) -> None:
    [found] = unusable({"DUNNHUMBY_ALERT_URLS": f"json://localhost/x {url}"})
    assert found.startswith("DUNNHUMBY_ALERT_URLS, ") and said in found
    assert "expected addresses as apprise has them, divided by spaces" in found
    assert SECRET not in found


def test_every_part_of_an_address_is_taken_out_of_what_is_said() -> None:
    url = "slack://TokenA1/TokenB2/Token%20C3/#chan?footer=abcd"
    said = without_address("no TokenA1, TokenB2, Token C3, Token%20C3, abcd", url)
    assert said == "no ***, ***, ***, ***, ***"


# --- the command ----------------------------------------------------------------------------------------


def test_the_command_tests_the_channels(tmp_path: Path, endpoint: Endpoint) -> None:
    good = f"json://127.0.0.1:{endpoint.port}/{SECRET}"
    sent = command("alerts", "test", "--home", tmp_path, DUNNHUMBY_ALERT_URLS=good)
    assert (sent.exit_code, len(endpoint.got)) == (0, 1)
    assert "DUNNHUMBY_ALERT_URLS[1] (json): sent" in sent.output
    bad = f"{good} json://127.0.0.1:{free_port()}/{SECRET}?cto=1"
    failed = command("alerts", "test", "--home", tmp_path, DUNNHUMBY_ALERT_URLS=bad)
    assert failed.exit_code == 1 and "failed  DUNNHUMBY_ALERT_URLS[2] (json): " in failed.output
    assert SECRET not in sent.output + failed.output


@pytest.mark.parametrize("arguments", [("alerts", "test"), ("ui",)])
def test_an_unusable_address_is_refused_before_anything_is_begun(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refused = command(*arguments, "--home", tmp_path, DUNNHUMBY_ALERT_URLS_WARN=f"nonsense://{SECRET}")
    assert refused.exit_code == 2
    assert "cannot start  DUNNHUMBY_ALERT_URLS_WARN, address 1 (nonsense), cannot be used" in refused.output
    assert SECRET not in refused.output


def test_a_misspelt_variable_is_named(tmp_path: Path) -> None:
    refused = command("alerts", "test", "--home", tmp_path, DUNNHUMBY_ALERT_URL="json://localhost")
    assert refused.exit_code == 2 and "DUNNHUMBY_ALERT_URLS" in refused.output


def test_the_command_shows_what_is_open_and_resends_dead_letters(tmp_path: Path) -> None:
    store = Store(tmp_path / "alerts")
    fill(store, message(1, BLOCKED))
    deliver(store, [Recorder("down", down="no answer").channel], SETTINGS, lambda: 1e6)
    shown = command("alerts", "status", "--home", tmp_path)
    assert "down: no answer since 1970-01-12T13:46:40+00:00" in shown.output
    assert "0 open, 0 waiting to be sent, 1 given up" in shown.output
    assert json.loads(store.dead_letters.read_text())["channel"] == "down"
    again = command("alerts", "resend", "--home", tmp_path)
    assert "1 dead letters are to be sent again" in again.output
    assert "1 waiting to be sent, 0 given up" in command("alerts", "status", "--home", tmp_path).output
