"""E2B messages made to order: plain text, written by hand and not by the writer."""

from __future__ import annotations

from collections.abc import Sequence

_ICH = "2.16.840.1.113883.3.989.2.1."
_DRUG, _OTHER = "00000000-0000-0000-0000-0000000000d1", "00000000-0000-0000-0000-0000000000d2"
_REACTION = "00000000-0000-0000-0000-0000000000e1"


def code(value: str, system: str, tag: str = "code") -> str:
    """A coded element; a `system` of two numbers is short for a list of the ICH."""
    system = _ICH + system if system.count(".") == 1 else system
    return f'<{tag} code="{value}" codeSystem="{system}"/>'


def value(kind: str, attributes: str, text: str = "") -> str:
    """A typed value."""
    return f'<value xsi:type="{kind}" {attributes}>{text}</value>'


def coded(
    observed: str, content: str, wrapper: str = "outboundRelationship2", kind: str = "PERT"
) -> str:
    """An observation under a relationship."""
    return (
        f'<{wrapper} typeCode="{kind}"><observation classCode="OBS" moodCode="EVN">'
        f"{code(observed, '1.19')}{content}</observation></{wrapper}>"
    )


def flag(observed: str, given: bool) -> str:
    """A criterion of seriousness: true, or NI."""
    return coded(observed, value("BL", 'value="true"' if given else 'nullFlavor="NI"'))


def reaction(
    term: str = "Dissociation",
    *,
    uuid: str = _REACTION,
    onset: str = '<low value="20250701"/>',
    outcome: str = "1",
    more: str = "",
    coding: str = 'code="10013457" codeSystemVersion="27.1"',
) -> str:
    """A reaction that led to hospital."""
    return coded(
        "29",
        f'<effectiveTime xsi:type="IVL_TS">{onset}</effectiveTime>'
        + value(
            "CE",
            f'codeSystem="2.16.840.1.113883.6.163" {coding}',
            f"<originalText>{term}</originalText>" if term else "",
        )
        + flag("34", False)
        + flag("33", True)
        + coded("27", value("CE", f'code="{outcome}" codeSystem="{_ICH}1.11"'))
        + more,
        "subjectOf2",
        "SBJ",
    ).replace("<code", f'<id root="{uuid}"/><code', 1)


def drug(name: str = "Spravato", *, uuid: str = _DRUG, dosage: str = "", more: str = "") -> str:
    """A drug; `dosage` is the inside of one dosage."""
    dosages = (
        f'<outboundRelationship2 typeCode="COMP"><substanceAdministration classCode="SBADM" '
        f'moodCode="EVN">{dosage}</substanceAdministration></outboundRelationship2>'
    )
    return (
        '<component typeCode="COMP"><substanceAdministration classCode="SBADM" moodCode="EVN">'
        f'<id root="{uuid}"/><consumable typeCode="CSM"><instanceOfKind classCode="INST">'
        f'<kindOfProduct classCode="MMAT" determinerCode="KIND"><name>{name}</name></kindOfProduct>'
        f"</instanceOfKind></consumable>{dosages if dosage else ''}{more}"
        "</substanceAdministration></component>"
    )


def role(given: str, uuid: str = _DRUG) -> str:
    """What part a drug is said to have had."""
    return (
        '<component typeCode="COMP"><causalityAssessment classCode="OBS" moodCode="EVN">'
        + code("20", "1.19")
        + value("CE", f'code="{given}" codeSystem="{_ICH}1.13"')
        + '<subject2 typeCode="SUBJ"><productUseReference classCode="SBADM" moodCode="EVN">'
        f'<id root="{uuid}"/></productUseReference></subject2></causalityAssessment></component>'
    )


def organizer(kind: str, content: str) -> str:
    """The tests (3) or the drugs (4)."""
    return (
        '<subjectOf2 typeCode="SBJ"><organizer classCode="CATEGORY" moodCode="EVN">'
        f"{code(kind, '1.20')}{content}</organizer></subjectOf2>"
    )


def characteristic(kind: str, content: str) -> str:
    """The type of report (1), other ids (2), nullification (3), its reason (4)."""
    return (
        '<subjectOf2 typeCode="SUBJ"><investigationCharacteristic classCode="OBS" moodCode="EVN">'
        f"{code(kind, '1.23')}{content}</investigationCharacteristic></subjectOf2>"
    )


def other_id(source: str, number: str) -> str:
    """An id that another sender gave the case."""
    return (
        '<subjectOf1 typeCode="SUBJ"><controlActEvent classCode="CACT" moodCode="EVN">'
        f'<id assigningAuthorityName="{source}" extension="{number}" root="{_ICH}3.3"/>'
        "</controlActEvent></subjectOf1>"
    )


def linked(number: str) -> str:
    """A report that is linked to this one."""
    return (
        '<outboundRelationship typeCode="SPRT"><relatedInvestigation classCode="INVSTG" '
        'moodCode="EVN"><code nullFlavor="NA"/><subjectOf2 typeCode="SUBJ"><controlActEvent '
        f'classCode="CACT" moodCode="EVN"><id extension="{number}" root="{_ICH}3.2"/>'
        "</controlActEvent></subjectOf2></relatedInvestigation></outboundRelationship>"
    )


def source(qualification: str = "1", country: str = "US", primary: bool = True) -> str:
    """A primary source."""
    return (
        '<outboundRelationship typeCode="SPRT">'
        + ('<priorityNumber value="1"/>' if primary else "")
        + '<relatedInvestigation classCode="INVSTG" moodCode="EVN">'
        + code("2", "1.22")
        + '<subjectOf2 typeCode="SUBJ"><controlActEvent classCode="CACT" moodCode="EVN">'
        '<author typeCode="AUT"><assignedEntity classCode="ASSIGNED"><assignedPerson '
        'classCode="PSN" determinerCode="INSTANCE"><asQualifiedEntity classCode="QUAL">'
        + code(qualification, "1.6")
        + '</asQualifiedEntity><asLocatedEntity classCode="LOCE"><location classCode="COUNTRY" '
        'determinerCode="INSTANCE">'
        + code(country, "1.0.3166.1.2.2")
        + "</location></asLocatedEntity></assignedPerson></assignedEntity></author>"
        "</controlActEvent></subjectOf2></relatedInvestigation></outboundRelationship>"
    )


def message(
    report_id: str = "US-CLINIC-1",
    *,
    world_id: str | None = None,
    received: str = "20250703",
    first: str = "20250702",
    created: str = "20250704101500+0000",
    narrative: str = "",
    player: str = '<name nullFlavor="MSK"/>',
    patient: str = "",
    reactions: str | None = None,
    tests: str = "",
    drugs: str | None = None,
    roles: str | None = None,
    links: str | None = None,
    others: str = "",
    characteristics: str | None = None,
    kind: str = "PORR_IN049016UV",
) -> str:
    """One message: a spontaneous report of one drug and one reaction, with changes."""
    return (
        f'<{kind}><id extension="{report_id}" root="{_ICH}3.1"/><creationTime value="{created}"/>'
        f'<interactionId extension="{kind}" root="2.16.840.1.113883.1.6"/>'
        '<processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="AL"/>'
        '<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">'
        f'<id extension="RECEIVER" root="{_ICH}3.12"/></device></receiver>'
        '<sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">'
        f'<id extension="SENDER" root="{_ICH}3.11"/></device></sender>'
        '<controlActProcess classCode="CACT" moodCode="EVN">'
        '<code code="PORR_TE049016UV" codeSystem="2.16.840.1.113883.1.18"/>'
        f'<effectiveTime value="{created}"/><subject typeCode="SUBJ">'
        '<investigationEvent classCode="INVSTG" moodCode="EVN">'
        f'<id extension="{report_id}" root="{_ICH}3.1"/>'
        f'<id extension="{world_id or report_id}" root="{_ICH}3.2"/>'
        '<code code="PAT_ADV_EVNT" codeSystem="2.16.840.1.113883.5.4"/>'
        + (f"<text>{narrative}</text>" if narrative else "")
        + '<statusCode code="active"/>'
        + (f'<effectiveTime><low value="{first}"/></effectiveTime>' if first else "")
        + (f'<availabilityTime value="{received}"/>' if received else "")
        + '<component typeCode="COMP"><adverseEventAssessment classCode="INVSTG" moodCode="EVN">'
        '<subject1 typeCode="SBJ"><primaryRole classCode="INVSBJ">'
        f'<player1 classCode="PSN" determinerCode="INSTANCE">{player}</player1>'
        + patient
        + (reaction() if reactions is None else reactions)
        + (organizer("3", tests) if tests else "")
        + organizer("4", drug() if drugs is None else drugs)
        + "</primaryRole></subject1>"
        + (role("1") if roles is None else roles)
        + "</adverseEventAssessment></component>"
        + (source() if links is None else links)
        + others
        + (
            characteristic("1", value("CE", f'code="1" codeSystem="{_ICH}1.2"'))
            if characteristics is None
            else characteristics
        )
        + f"</investigationEvent></subject></controlActProcess></{kind}>"
    )


def batch(messages: Sequence[str], *, before: str = "", prefix: str = "") -> str:
    """A batch of messages; `before` stands in front of the root."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<MCCI_IN200100UV01 xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ITSVersion="XML_1.0">'
        f'<id extension="BATCH-1" root="{_ICH}3.22"/><creationTime value="20250704101500+0000"/>'
        '<responseModeCode code="D"/>'
        '<interactionId extension="MCCI_IN200100UV01" root="2.16.840.1.113883.1.6"/>'
        + code("1", "1.1", "name")
        + "\n".join(messages)
        + '<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">'
        f'<id extension="RECEIVER" root="{_ICH}3.14"/></device></receiver>'
        '<sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">'
        f'<id extension="SENDER" root="{_ICH}3.13"/></device></sender></MCCI_IN200100UV01>'
    )


def safetyreport(
    report_id: str = "US-CLINIC-1",
    *,
    head: str = "",
    dates: str = "<receivedateformat>102</receivedateformat><receivedate>20250702</receivedate>"
    "<receiptdateformat>102</receiptdateformat><receiptdate>20250703</receiptdate>",
    source: str = "<reportercountry>US</reportercountry><qualification>1</qualification>",
    patient: str = "",
    reactions: str = "<reaction><reactionmeddrapt>Dissociation</reactionmeddrapt></reaction>",
    drugs: str = "<drug><drugcharacterization>1</drugcharacterization>"
    "<medicinalproduct>SPRAVATO</medicinalproduct></drug>",
) -> str:
    """A report of E2B(R2): spontaneous, of one drug and one reaction, with changes."""
    return (
        f"<safetyreport><safetyreportid>{report_id}</safetyreportid>"
        f"<reporttype>1</reporttype>{head}{dates}<primarysource>{source}</primarysource>"
        f"<patient>{patient}{reactions}{drugs}</patient></safetyreport>"
    )


def ichicsr(reports: Sequence[str], *, before: str = "") -> str:
    """A message of E2B(R2)."""
    return (
        f'{before}<ichicsr lang="en"><ichicsrmessageheader><messagenumb>B-1</messagenumb>'
        "<messagesenderidentifier>SENDER</messagesenderidentifier>"
        "<messagereceiveridentifier>RECEIVER</messagereceiveridentifier>"
        "<messagedateformat>204</messagedateformat><messagedate>20250704101500</messagedate>"
        f"</ichicsrmessageheader>{''.join(reports)}</ichicsr>"
    )
