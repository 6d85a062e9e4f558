"""The pair in the datasets of reports: the 2x2 table, each statistic, the rules and since when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from dashboards.analysis.figures import cells, value
from dashboards.analysis.fold import Fold
from dashboards.board.computed import explained
from dashboards.reports.figures import Condition, Pair, Prior, Rule, Statistic
from dashboards.reports.model import Method
from dashboards.reports.moment import AsOf, utc
from dashboards.reports.setting import Setting
from detectors import case_review, evidence
from detectors.case_review import Reviews, reviewed
from detectors.dating import FirstHeld, History
from detectors.disproportionality import BY_ROW, ebgm
from detectors.disproportionality.method import to_json
from detectors.disproportionality.table import PairTable, score
from detectors.followup import looks
from detectors.rules import Rule as ScreeningRule
from detectors.rules import holds
from streams.store import tables
from streams.store.fits import NONE, Fit, Fits, fits_at

Name = tuple[str, str, str]  # dataset, product, event

DATASETS = ("spontaneous", "solicited")
# EBGM has limits of 90 %, so that EB05 is its lower one
_LEVELS = {"prr": 0.95, "ror": 0.95, "ic": 0.95, "ebgm": 0.90}


def fits_by(connection: Connection, as_of: AsOf) -> Fits:
    """The priors of the newest checkpoint by then."""
    return NONE if as_of.checkpoint is None else fits_at(connection, as_of.checkpoint)


def scored(table: PairTable, dataset: str, fits: Fits) -> dict[str, Any]:
    """Counts and every column of the live system for the one row of a table."""
    prior = fits.prior_of(dataset)
    columns: dict[str, Any] = dict(table.counts) | score(table, BY_ROW)
    if prior is None:
        columns |= {name: np.full(len(table), np.nan) for name in ebgm.METHOD.columns}
    else:
        given = {ebgm.METHOD.name: ebgm.Parameters(prior=prior)}
        columns |= score(table, (ebgm.METHOD,), given)
    return columns


def pair(found: Fold, of: Name, fits: Fits) -> Pair:
    """The pair in one dataset, one without a case included."""
    dataset, product, event = of
    table = found.book.table_of(dataset, [(product, event)])
    columns = {name: value(values[0]) for name, values in scored(table, dataset, fits).items()}
    fit, prior = fits.by_dataset.get(dataset), fits.prior_of(dataset)
    return Pair(
        dataset=dataset,
        cells=cells(*(int(x[0]) for x in table.counts.values())),
        statistics=tuple(
            Statistic(
                name=one.name,
                title=one.title,
                value=one.value,
                lower=one.lower,
                upper=one.upper,
                level=_LEVELS.get(one.name),
                steps=one.steps,
            )
            for one in explained(columns, prior)
        ),
        prior=None
        if prior is None or fit is None
        else Prior(
            position=fits.position,
            pairs=fit.pairs,
            alpha1=float(prior.alpha1),
            beta1=float(prior.beta1),
            alpha2=float(prior.alpha2),
            beta2=float(prior.beta2),
            p=float(prior.p),
        ),
        no_prior=_no_prior(fit),
    )


def _no_prior(fit: Fit | None) -> str:
    if fit is None:
        return "no checkpoint had been made, or none with a case of this dataset"
    return "" if fit.prior is not None else fit.message or "the fit failed"


def rules(
    connection: Connection, as_of: AsOf, found: Fold, of: Name, setting: Setting
) -> tuple[Rule, ...]:
    """Screening and case review as they hold of the pair at the position, and since when.

    Of the cohort, and of sequential evidence, only what had been said.
    """
    said = _said(connection, as_of, of)
    out = []
    if of[0] in DATASETS:
        out += _screening(found, of, setting, fits_by(connection, as_of), said)
        out += _reviews(found, of, setting, said)
    known = {rule.name for rule in out}
    named = {rule.name: rule for rule in (evidence.RULE, case_review.URGENT, *looks.RULES)}
    for name, one in sorted(said.items()):
        if name not in known:
            rule = named.get(name, case_review.Rule(name, name, ""))
            out.append(_rule(rule, one.kind, (one.now, one.last_n), one, None))
    return tuple(out)


def _screening(
    found: Fold, of: Name, setting: Setting, fits: Fits, said: Mapping[str, _Said]
) -> list[Rule]:
    dataset, *pair = of
    table = found.book.table_of(dataset, [(pair[0], pair[1])])
    held = holds(setting.configuration.rules, scored(table, dataset, fits))
    first: Mapping[str, FirstHeld | None] = {}
    if table.n[0]:
        history = History(found.book, dataset)
        first = history.first_held([(pair[0], pair[1])], setting.dated)[0]
    return [
        _rule(
            rule,
            "screening",
            (bool(held[rule.name][0]), int(table.n[0])),
            said.get(rule.name),
            first.get(rule.name),
        )
        for rule in setting.configuration.rules
    ]


def _reviews(found: Fold, of: Name, setting: Setting, said: Mapping[str, _Said]) -> list[Rule]:
    reviews = Reviews()
    for case in found.cases:
        reviews.apply(case.change.case_id, reviewed(case.change, setting.lists))
    counts = reviews.counts(of)
    return [
        _rule(
            rule,
            "case_review",
            (count.n > 0, count.n),
            said.get(rule.name),
            FirstHeld(count.day, count.n_first) if count.n else None,
        )
        for rule in case_review.RULES
        for count in [counts[rule.name]]
    ]


def _rule(
    rule: ScreeningRule | case_review.Rule,
    kind: str,
    now: tuple[bool, int],
    said: _Said | None,
    first: FirstHeld | None,
) -> Rule:
    conditions = rule.conditions if isinstance(rule, ScreeningRule) else ()
    return Rule(
        name=rule.name,
        kind=kind,
        title=rule.title,
        source=rule.source,
        conditions=tuple(Condition(column=c.column, op=c.op, value=c.value) for c in conditions),
        holds=now[0],
        n=now[1],
        first_position=said.first_position if said else None,
        first_at=utc(said.first_at) if said else None,
        first_n=said.first_n if said else None,
        data_date=date.fromordinal(first.day).isoformat() if first else None,
        data_n=first.n if first else None,
    )


class _Said:
    """What this system had said of a rule of the pair by then."""

    def __init__(self, row: Any) -> None:
        self.kind = str(row.kind)
        self.first_position, self.first_n = int(row.first_position), int(row.first_n)
        self.first_at = float(row.first_at)
        self.now, self.last_n = True, self.first_n


def _said(connection: Connection, as_of: AsOf, of: Name) -> dict[str, _Said]:
    dataset, product, event = of
    signals, table, history = tables.signals, tables.signal_rules, tables.signal_history
    of_pair = (
        (signals.c.dataset == dataset) & (signals.c.product == product) & (signals.c.event == event)
    )
    rows = connection.execute(
        select(table, signals.c.kind)
        .join(signals, signals.c.id == table.c.signal_id)
        .where(of_pair, table.c.first_position <= as_of.position)
        .order_by(signals.c.id, table.c.rule)
    )
    found = {row.rule: _Said(row) for row in rows}
    said = connection.execute(
        select(history.c.what, history.c.detail)
        .join(signals, signals.c.id == history.c.signal_id)
        .where(of_pair, history.c.position <= as_of.position)
        .order_by(history.c.id)
    )
    for what, text in said:
        detail: dict[str, Any] = json.loads(text)
        if (one := found.get(detail.get("rule", ""))) is not None:
            one.now = what in ("first_held", "holds_again")
            one.last_n = int(detail.get("n", one.last_n))
    return found


def parameters() -> tuple[Method, ...]:
    """Each statistic as the live system computes it, with its columns and parameters."""
    return tuple(
        Method(name=one.name, columns=one.columns, parameters=json.loads(to_json(one.parameters)))
        for one in (*BY_ROW, ebgm.METHOD)
    )
