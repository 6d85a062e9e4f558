"""What `/metrics` says of the self-test; a figure that is not there yet has no series."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import isnan

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection

from dashboards.board.self_test import canaries
from dashboards.drift import read as read_drift
from dashboards.self_test import ANY, SelfTest

ANY_RULE = "any"  # as a label


def canary(connection: Connection, interval: float) -> list[Metric]:
    """Of each stream; without an age and a time where none has come through yet."""
    every, age, took = (
        GaugeMetricFamily(f"ketavigil_canary{name}_seconds", says, labels=["stream"])
        for name, says in (
            ("_interval", "How often a canary is sent; 0: never."),
            ("_age", "Since the newest canary that came through was sent."),
            ("", "From sent to through the detector, of the newest canary that came through."),
        )
    )
    now = time.time()
    for one in canaries(connection, interval):
        every.add_metric([one.stream], one.interval)
        if (since := one.age(now)) is not None:
            age.add_metric([one.stream], since)
        if one.seconds is not None:
            took.add_metric([one.stream], one.seconds)
    return [every, age, took]


def drift(connection: Connection) -> list[Metric]:
    """The evidence of each sender and thing, the newest month, with the limit it must reach."""
    evidence, limit = (
        GaugeMetricFamily(f"ketavigil_coding_drift_{name}", says, labels=labels)
        for name, says, labels in (
            (
                "log_e",
                "Evidence that a sender's coding has drifted, natural logarithm.",
                ["sender", "what", "direction"],
            ),
            ("limit", "From which on it is a drift.", []),
        )
    )
    found = read_drift(connection)
    newest = max((one.month for one in found), default="")
    of_newest = [one for one in found if one.month == newest]
    for one in of_newest:
        evidence.add_metric([one.sender, one.what, one.direction], one.log_e)
    if of_newest:
        limit.add_metric([], of_newest[0].limit)
    return [evidence, limit]


def controls(connection: Connection, test: SelfTest) -> list[Metric]:
    """False alarms on negative controls, with exact limits."""
    pairs, alarms, rate = (
        GaugeMetricFamily(f"ketavigil_control_{name}", says, labels=["dataset", "rule", *more])
        for name, says, more in (
            ("pairs", "Negative controls of watched products that have a report.", []),
            ("alarms", "Those of them that the rule ever raised.", []),
            ("alarm_rate", "Their share, with exact 95 % limits.", ["bound"]),
        )
    )
    for (dataset, rule), found in test.read_controls(connection).rates(test.rules).items():
        names = [dataset, ANY_RULE if rule == ANY else rule]
        pairs.add_metric(names, found.controls)
        alarms.add_metric(names, found.alarms)
        for bound, value in (
            ("estimate", found.rate),
            ("lower", found.lower),
            ("upper", found.upper),
        ):
            rate.add_metric([*names, bound], value)
    return [pairs, alarms, rate]


def permuted(test: SelfTest) -> Iterator[Metric]:
    """What the rules flag now and by chance, as of the position that is named."""
    newest = test.permuted
    if newest is None:
        return
    flagged = GaugeMetricFamily(
        "ketavigil_permuted_pairs",
        "Pairs flagged in the data, and where events are dealt at random (the mean).",
        labels=["dataset", "rule", "of"],
    )
    share = GaugeMetricFamily(
        "ketavigil_permuted_share",
        "The second over the first; none where nothing is flagged.",
        labels=["dataset", "rule"],
    )
    for (dataset, rule), found in newest.found.items():
        names = [dataset, ANY_RULE if rule == ANY else rule]
        flagged.add_metric([*names, "data"], found.flagged)
        flagged.add_metric([*names, "chance"], sum(found.permuted) / len(found.permuted))
        if not isnan(found.rate):
            share.add_metric(names, found.rate)
    yield flagged
    yield share
    yield GaugeMetricFamily(
        "ketavigil_permuted_position", "Up to which change cases were permuted.", newest.position
    )
    yield GaugeMetricFamily(
        "ketavigil_permuted_timestamp_seconds", "When they were permuted.", newest.at
    )
