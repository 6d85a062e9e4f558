"""From a report to the values of an ICSR.

Nothing of the report is lost: what ICH has no element for, or no room, stands in elements of ours
(K). What ICH wants and the report leaves open is filled in only where the format has a way to say
that it is not known: the outcome (0), the role (a suspect, as which an unknown one counts), the
qualification of the reporter (UNK). Such an element is listed in K.2.r, so that it is not read
back. All else that ICH requires and the report does not hold is left out; `checks` names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from schemas.formats.icsr import Null, Values
from schemas.formats.icsr.elements import elements
from schemas.formats.icsr.exchange import Exchange
from schemas.formats.icsr.moments import to_ts
from schemas.report import Biomarker, Patient, Product, Reaction, Report

_SPACE = UUID("fad4e6f0-6c1c-5a6e-9f4b-2d1a54c0a0de")
_CODE = re.compile(r"\d{8}", re.ASCII)
_COMPARED = re.compile(r"(<=?|>=?)(\d{1,20}(?:\.\d{1,20})?)", re.ASCII)
_LONGEST_NUMBER = 50
# units of UCUM in which laboratories report; another unit is written in words
UNITS = frozenset(
    "% 1 g/L g/dL mg/L mg/dL mg/dl ug/L ug/dL ug/mL ng/L ng/dL ng/mL pg/mL mmol/L umol/L nmol/L "
    "pmol/L mol/L mmol/mol U/L U/mL [iU]/L [iU]/mL m[iU]/L m[iU]/mL u[iU]/mL 10*3/uL 10*6/uL "
    "10*9/L 10*12/L /uL fL pg mm[Hg] kPa mL/min mL/min/{1.73_m2} s ms min h d mm mm/h cm kg g mg "
    "ug ng mL L Cel /min kg/m2 mosm/kg meq/L".split()
)


def values_of(report: Report, exchange: Exchange) -> Values:
    """The values of a report in a batch."""
    filled: list[str] = []
    ids = report.external_ids
    created = to_ts(exchange.created)
    values: dict[str, Any] = {
        "N.2.r.1": report.report_id,
        "N.2.r.2": exchange.sender,
        "N.2.r.3": exchange.receiver,
        "N.2.r.4": created,
        "C.1.1": report.report_id,
        "C.1.2": created,
        "C.1.3": _type(report),
        "C.1.5": to_ts(report.received_at),
        "C.1.6.1": "false",
        "C.1.7": Null("NI"),
        "C.1.8.1": ids[0] if ids else report.report_id,
        "C.1.8.2": exchange.first_sender,
        "C.1.9.1": "true" if len(ids) > 1 or ids == (report.report_id,) else Null("NI"),
        "C.3.1": exchange.sender_type,
        "C.3.2": exchange.organisation,
        "K.1": report.sender,
    }
    others = ids if ids == (report.report_id,) else ids[1:]
    values["C.1.9.1.r"] = [{"C.1.9.1.r.1": "not stated", "C.1.9.1.r.2": other} for other in others]
    if report.status == "nullified":
        values |= {"C.1.11.1": "1", "C.1.11.2": "Nullified by the sender; no reason is held"}
    if report.report_type in ("study", "solicited"):
        values["C.5.4"] = elements()["C.5.4"].code(report.report_type)
    for number, moment in (("C.1.4", report.first_received_at), ("K.8", report.created_at)):
        if moment:
            values[number] = to_ts(moment)
    if report.version is not None:
        values["K.3"] = str(report.version)
    if report.narrative:
        values["H.1"] = report.narrative
    values["C.2.r"] = [_source(report, filled)]
    values |= _patient(report.patient or Patient())
    case = f"{report.sender}\x1f{report.report_id}"
    reactions = [str(uuid5(_SPACE, f"{case}\x1fE{i}")) for i in range(len(report.reactions))]
    drugs = [str(uuid5(_SPACE, f"{case}\x1fG{k}")) for k in range(len(report.products))]
    values["E.i"] = [
        _reaction(one, uid, i, exchange, filled)
        for i, (one, uid) in enumerate(zip(report.reactions, reactions, strict=True), 1)
    ]
    values["F.r"] = [_test(marker) for marker in report.biomarkers]
    values["G.k"] = [
        _drug(product, uid, reactions) for product, uid in zip(report.products, drugs, strict=True)
    ]
    values["role"] = list(_roles(report.products, drugs, filled))
    values["K.2.r"] = [{"K.2.r": element} for element in filled]
    return {number: value for number, value in values.items() if value != []}


def _type(report: Report) -> str:
    kind = "study" if report.report_type == "solicited" else report.report_type
    return elements()["C.1.3"].code(kind)


def _source(report: Report, filled: list[str]) -> Values:
    known = report.reporter not in (None, "unknown")
    if report.reporter is None:
        filled.append("C.2.r.4[1]")
    return {
        "C.2.r.3": report.country or Null("UNK"),
        "C.2.r.4": elements()["C.2.r.4"].code(str(report.reporter)) if known else Null("UNK"),
        "C.2.r.5": "1",
    }


def _patient(patient: Patient) -> Values:
    values: Values = {"D.1": Null("MSK")}
    if patient.pseudonym:
        fits = len(patient.pseudonym) <= elements()["D.1.1.4"].size
        values["D.1.1.4" if fits else "K.4"] = patient.pseudonym
    values |= _measured(patient.age_years, "D.2.2a", {"D.2.2b": "a"}, "K.6")
    values |= _measured(patient.weight_kg, "D.3", {"D.3b": "kg"}, "K.7")
    if patient.sex in ("male", "female"):
        values["D.5"] = elements()["D.5"].code(patient.sex)
    elif patient.sex:
        values["D.5"] = Null("UNK")
        if patient.sex == "other":
            values["K.5"] = "other"
    return values


def _measured(amount: float | None, number: str, unit: Values, own: str) -> Values:
    """A number as far as its element has room, and in full in one of ours where it has not."""
    if amount is None:
        return {}
    exact = plain(amount)
    size = elements()[number].size
    if len(exact) <= size:
        return {number: exact, **unit}
    for places in range(size - 2, -1, -1):
        rounded = f"{amount:.{places}f}"
        if len(rounded) <= size and float(rounded):
            return {number: rounded, **unit, own: exact}
    return {own: exact}


def plain(amount: float) -> str:
    """A number without exponent, of which the same float is read.

    >>> plain(84.0), plain(1e-07), plain(0.1)
    ('84', '0.0000001', '0.1')
    """
    text = format(Decimal(repr(amount)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _reaction(
    reaction: Reaction, uid: str, place: int, exchange: Exchange, filled: list[str]
) -> Values:
    values: Values = {"E.i.0": uid}
    coded = exchange.meddra(reaction.term)
    if coded:
        values["E.i.2.1b"], values["E.i.2.1a"] = coded
    if _CODE.fullmatch(reaction.term) and not coded:
        values["E.i.2.1b"] = reaction.term
    else:
        values["E.i.1.1a"] = reaction.term
    for letter in "abcdef":
        number = f"E.i.3.2{letter}"
        given = elements()[number].codes["true"] in reaction.seriousness
        values[number] = "true" if given else Null("NI")
    if reaction.onset_at:
        values["E.i.4"] = to_ts(reaction.onset_at)
    values["E.i.7"] = elements()["E.i.7"].code(reaction.outcome or "unknown")
    if reaction.outcome is None:
        filled.append(f"E.i.7[{place}]")
    return values


def _drug(product: Product, uid: str, reactions: list[str]) -> Values:
    values: Values = {"G.k.0": uid, "G.k.2.2": product.name}
    dosage: Values = {}
    for text, number, own in (
        (product.route, "G.k.4.r.10.1", "K.G.5"),
        (product.formulation, "G.k.4.r.9.1", "K.G.6"),
    ):
        if text:
            size = elements()[number].size
            dosage[number] = text[:size].rstrip()
            if len(text) > size:
                values[own] = text
    measured = _measured(product.dose_mg, "G.k.4.r.1a", {"G.k.4.r.1b": "mg"}, "K.G.7")
    if "K.G.7" in measured:
        values["K.G.7"] = measured.pop("K.G.7")
    dosage |= measured
    for number, moment in (("G.k.4.r.4", product.started_at), ("G.k.4.r.5", product.stopped_at)):
        if moment:
            dosage[number] = to_ts(moment)
    if dosage:
        values["G.k.4.r"] = [dosage]
    if product.indication:
        values["G.k.7.r"] = [{"G.k.7.r.1": product.indication}]
    if product.rechallenge:
        # the report does not say which of several reactions recurred
        if len(reactions) == 1:
            answer = elements()["G.k.9.i.4"].code(product.rechallenge)
            values["G.k.9.i"] = [{"G.k.9.i.4": answer, "G.k.9.i.reaction": reactions[0]}]
        else:
            values["K.G.4"] = product.rechallenge
    for number, word in (
        ("K.G.1", product.phase),
        ("K.G.2", product.setting),
        ("K.G.3", product.dechallenge),
    ):
        if word:
            values[number] = word
    return values


def _roles(products: tuple[Product, ...], uids: list[str], filled: list[str]) -> Iterator[Values]:
    for place, (product, uid) in enumerate(zip(products, uids, strict=True), 1):
        role = product.role
        if role == "unknown":
            role = "suspect"
            filled.append(f"G.k.1[{place}]")
        yield {"G.k.1": elements()["G.k.1"].code(role), "G.k.1.drug": uid}


def _test(marker: Biomarker) -> Values:
    values: Values = {
        "F.r.2.1": marker.name,
        "F.r.1": to_ts(marker.at) if marker.at else Null("UNK"),
    }
    known = marker.unit in UNITS
    if isinstance(marker.value, float | int):
        exact = plain(marker.value)
        if known and len(exact) <= _LONGEST_NUMBER:
            return values | {"F.r.3.2": exact, "F.r.3.3": marker.unit}
        values["K.F.2"] = exact
        shown = exact if len(exact) <= _LONGEST_NUMBER else repr(marker.value)
    else:
        compared = _COMPARED.fullmatch(marker.value)
        if compared and known:
            sign, amount = compared.groups()
            side, other = ("high", "low") if sign[0] == "<" else ("low", "high")
            return values | {
                f"F.r.3.2.{side}": amount,
                f"F.r.3.2.{'to' if side == 'high' else 'from'}": "true" if "=" in sign else "false",
                f"F.r.3.2.{other}": Null("NINF" if other == "low" else "PINF"),
                "F.r.3.3": marker.unit,
            }
        shown = marker.value
        if marker.unit:
            values["K.F.1"] = marker.value
    values["F.r.3.4"] = f"{shown} {marker.unit}" if marker.unit else shown
    if marker.unit:
        values["K.F.3"] = marker.unit
    return values
