"""What identifies a person directly: by the name of its field, or by the look of a pseudonym."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

MASKED = "can identify a person"  # stands behind what was left out for it

_WHOSE = re.compile(
    "^(?:patient|reporter|subject|person|consumer|contact|physician|doctor|mother|father|parent"
    "|relative)(?=.)"
)
_NAMES = frozenset(
    "name names firstname lastname middlename fullname givename givenname familyname surname "
    "forename maidenname initial initials identification address addressline street streetaddress "
    "postcode postalcode zip zipcode phone phonenumber telephone telephonenumber tel mobile "
    "mobilenumber fax faxnumber email emailaddress telecom birthdate dateofbirth birthday dob mrn "
    "medicalrecordnumber medicalrecordnumb recordnumber gpmedicalrecordnumb specialistrecordnumb "
    "hospitalrecordnumb hospitalnumber nhsnumber ssn socialsecuritynumber nationalid "
    "nationalinsurancenumber passport passportnumber insurancenumber healthplannumber "
    "licensenumber deviceserial deviceserialnumber serialnumber photo".split()
)
# an e-mail address, an international telephone number, a whole date (of birth, what else)
_DIRECT = re.compile(
    r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}|\+\d[\d\s()/.-]{6,}|(?:19|20)\d\d-[01]\d-[0-3]\d"
)


@lru_cache(maxsize=4096)
def identifies(name: str) -> bool:
    """Whether a field or column of that name holds what identifies a person.

    >>> [identifies(n) for n in ("Patient name", "reporter_e-mail", "patientinitial", "drugname")]
    [True, True, True, False]
    """
    squeezed = re.sub(r"[^a-z0-9]", "", name.lower())
    return squeezed in _NAMES or _WHOSE.sub("", squeezed) in _NAMES


def is_direct(pseudonym: str) -> bool:
    """Whether what is given for a pseudonym is none: an address or number, a date of birth.

    >>> [is_direct(text) for text in ("p-17", "jane@clinic.example", "+49 30 1234567")]
    [False, True, True]
    """
    return _DIRECT.fullmatch(pseudonym) is not None


def without(
    values: dict[str, str], unknown: Counter[str], needed: frozenset[str] = frozenset()
) -> dict[str, str]:
    """The cells that are not empty, without the columns that identify somebody; those are counted.
    A column of `needed` stays whatever it is called.

    >>> from collections import Counter
    >>> without({"id": "1", "dose": "", "Patient name": "Jane"}, counted := Counter()), counted
    ({'id': '1'}, Counter({'Patient name: can identify a person': 1}))
    """
    kept = {}
    for name, value in values.items():
        if value and name not in needed and identifies(name):
            unknown[f"{name}: {MASKED}"] += 1
        elif value:
            kept[name] = value
    return kept
