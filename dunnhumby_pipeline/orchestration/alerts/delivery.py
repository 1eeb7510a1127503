"""Sending what is to be sent: each message to each of its channels until one takes it or it is given up.

A message is marked as sent after a channel has taken it, so that a process which dies in between sends it again: at
least once, never lost. A channel that fails is left alone for a while, twice as long every time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dunnhumby_pipeline.orchestration.alerts.channels import Channel
from dunnhumby_pipeline.orchestration.alerts.incident import Message, Refusal, State
from dunnhumby_pipeline.orchestration.alerts.store import Store
from dunnhumby_pipeline.settings import AlertSettings

# A sensor that takes a minute is ended by dagster, and one message can take half of it.
SECONDS_TO_SEND = 20.0
# A channel that fails twice in a row is down; one that fails once may dislike that message.
_IN_A_ROW = 2


@dataclass(frozen=True)
class Delivery:
    """How sending went: messages taken (counted once per channel), refused, given up, and still waiting."""

    sent: int = 0
    refused: int = 0
    given_up: int = 0
    waiting: int = 0


def deliver(
    store: Store,
    channels: Iterable[Channel],
    settings: AlertSettings,
    clock: Callable[[], float] = time.time,
    seconds: float = SECONDS_TO_SEND,
) -> Delivery:
    """Send what is due, for `seconds` at most. Another process that is sending already is left to do it."""
    known, end = list(channels), clock() + seconds
    counts = dict.fromkeys(("sent", "refused", "given_up"), 0)
    with store.held("sending", 0) as mine:
        if not mine:
            return Delivery(waiting=len(store.read().outbox))
        for channel in known:
            failed, answer = 0, ""
            for message in _due(store.read(), channel, clock()):
                if clock() > end or failed == _IN_A_ROW:
                    break
                said = channel.send(message)
                failed, answer = (0, "") if said is None else (failed + 1, said)
                for what in _note(store, message, channel, said, settings, clock()):
                    counts[what] += 1
            if failed:
                _leave_alone(store, channel, answer, settings, clock())
        with store.held():
            state = _tidied(store, store.read(), known, clock())
    return Delivery(**counts, waiting=len(state.outbox))


def _due(state: State, channel: Channel, now: float) -> list[Message]:
    """What a channel is to be sent now, the oldest first."""
    down = state.down.get(channel.name)
    if down is not None and down.again > now:
        return []
    waiting = [one for one in state.outbox if channel.takes(one) and channel.name not in one.sent]
    return [one for one in waiting if channel.name not in one.tries or one.tries[channel.name].again <= now]


def _note(
    store: Store, message: Message, channel: Channel, said: str | None, settings: AlertSettings, now: float
) -> list[str]:
    """Keep what a channel answered; what that was."""
    with store.held():
        state = store.read()
        if said is None:
            kept = replace(message, sent=(*message.sent, channel.name), tries=_but(message.tries, channel.name))
            down, what = _but(state.down, channel.name), ["sent"]
        else:
            refusal = _refused(message.tries.get(channel.name), said, settings, now)
            kept, down, what = replace(message, tries={**message.tries, channel.name: refusal}), state.down, ["refused"]
            if now - message.moment >= settings.give_up_hours * 3600:
                store.give_up(message, channel.name, said, _utc(now))
                kept = replace(kept, sent=(*message.sent, channel.name), tries=_but(kept.tries, channel.name))
                what.append("given_up")
        outbox = tuple(kept if _is(one, message) else one for one in state.outbox)
        store.write(replace(state, outbox=outbox, down=down))
    return what


def _leave_alone(store: Store, channel: Channel, said: str, settings: AlertSettings, now: float) -> None:
    with store.held():
        state = store.read()
        refusal = _refused(state.down.get(channel.name), said, settings, now)
        # It is tried again when the channel is, not by a clock of its own.
        outbox = tuple(
            replace(one, tries={**one.tries, channel.name: replace(one.tries[channel.name], again=refusal.again)})
            if channel.name in one.tries
            else one
            for one in state.outbox
        )
        store.write(replace(state, outbox=outbox, down={**state.down, channel.name: refusal}))


def _refused(before: Refusal | None, said: str, settings: AlertSettings, now: float) -> Refusal:
    times = before.times + 1 if before is not None else 1
    wait = min(settings.first_wait_seconds * 2.0 ** min(times - 1, 30), settings.longest_wait_seconds)
    return Refusal(times, before.since if before is not None else now, now + wait, said)


def _tidied(store: Store, state: State, channels: list[Channel], now: float) -> State:
    """The state without messages that every channel is done with, and without channels that nobody names any more."""
    names, outbox = {channel.name for channel in channels}, []
    for message in state.outbox:
        for gone in [name for name in (*message.tries, *message.only) if name not in {*names, *message.sent}]:
            said = "the environment no longer names this channel"
            store.give_up(message, gone, said, _utc(now))
            message = replace(message, sent=(*message.sent, gone), tries=_but(message.tries, gone))
        if any(channel.takes(message) and channel.name not in message.sent for channel in channels):
            outbox.append(message)
    down = {name: refusal for name, refusal in state.down.items() if name in names}
    tidied = replace(state, outbox=tuple(outbox), down=down)
    if tidied != state:
        store.write(tidied)
    return tidied


def _is(one: Message, other: Message) -> bool:
    return (one.number, one.only) == (other.number, other.only)


def _but(refusals: dict[str, Refusal], name: str) -> dict[str, Refusal]:
    return {key: refusal for key, refusal in refusals.items() if key != name}


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
