"""The sensor of the alerts: it looks, tells what is new once, and sends what is to be sent.

What it knows is kept in the home (`store`), not in its cursor: a new daemon, or a sensor that was reset, neither
repeats nor forgets.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import dagster as dg

from dunnhumby_pipeline.orchestration.alerts.channels import channels
from dunnhumby_pipeline.orchestration.alerts.delivery import Delivery, deliver
from dunnhumby_pipeline.orchestration.alerts.judge import judge
from dunnhumby_pipeline.orchestration.alerts.look import OVERLAP, see, words_of
from dunnhumby_pipeline.orchestration.alerts.store import Store
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.running import end_dead_runs
from dunnhumby_pipeline.settings import Settings


def alert_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor, which looks as often as the settings say."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=settings.alerts.seconds_between_looks,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells once of every incident (a check that fails, and the run it stops), recovery and change of a "
        "list, in HOME/alerts.log and where the environment says; marks runs as failed whose process is dead.",
    )
    def alerts(context: dg.SensorEvaluationContext, study: dg.ResourceParam[Study]) -> dg.SkipReason:
        end_dead_runs(study.home, context.instance)
        told = tell(study, context.instance)
        sent = send(study)
        return dg.SkipReason(
            f"{told} told; {sent.sent} sent, {sent.refused} refused, {sent.given_up} given up, {sent.waiting} waiting"
        )

    return alerts


def tell(study: Study, instance: dg.DagsterInstance) -> int:
    """Look, and put what is new among what is to be sent, in one step; how many messages that are."""
    store = Store(study.home.alerts)
    with store.held():
        state = store.read()
        now = time.time()
        known, told = judge(state, see(study, instance, state, now))
        words = words_of(study)
        messages = tuple(words.message(one, known) for one in told)
        # Runs that are heard of again lie within the overlap of the next look.
        heard = known.heard[-1000:]
        known = replace(known, outbox=(*state.outbox, *messages), heard=heard, began_anew="")
        # What was seen when is no news: a state that says the same is not written again.
        if messages or replace(known, until=state.until) != state or known.until - state.until > OVERLAP / 2:
            store.write(known)
    return len(messages)


def send(study: Study) -> Delivery:
    """Send what is due to the log and to the channels of the environment."""
    return deliver(Store(study.home.alerts), channels(study.home.alerts_log, os.environ), study.settings.alerts)
