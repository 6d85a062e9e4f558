"""Words that come to the pages as identifiers or from packages that speak to no one.

They are translated where they are shown (the filters `words` and `t`); here they stand for the
catalogues alone. A test compares those of other packages with what these hold.
"""

from __future__ import annotations

from typing import Final

from dashboards.language import mark

# who somebody is
ROLES: Final = (
    mark("officer"),
    mark("regulator"),
    mark("admin"),
    mark("sender"),
    mark("console"),
    mark("nobody"),
)
# how a key stands
KEYS: Final = (
    mark("in use"),
    mark("expires soon"),
    mark("expired"),
    mark("revoked"),
)
# of which a count is
DATASETS: Final = (
    mark("spontaneous"),
    mark("solicited"),
    mark("cohort"),
)
# streams, topics, agents, results and reasons
STREAMS: Final = (
    mark("reports"),
    mark("follow-up records"),
    mark("followups"),
    mark("changes"),
    mark("signals"),
    mark("gateway"),
    mark("quality"),
    mark("suite"),
    mark("intake"),
    mark("follow up"),
    mark("detect"),
    mark("passed"),
    mark("flagged"),
    mark("failed"),
    mark("more"),
    mark("less"),
    mark("product"),
    mark("event"),
    mark("import"),
    mark("start"),
    mark("records"),
    mark("interval"),
    mark("requested"),
    mark("verify"),
    mark("replay"),
    mark("rebuild"),
    mark("erasure"),
    mark("linked"),
    mark("test"),
)
# the workflow of a signal: states, priorities, what was done, fields
STATES: Final = (
    mark("normal"),
    mark("new"),
    mark("under validation"),
    mark("validated"),
    mark("refuted"),
    mark("prioritised"),
    mark("under assessment"),
    mark("closed"),
    mark("high"),
    mark("medium"),
    mark("low"),
    mark("moved"),
    mark("proposed"),
    mark("declined"),
    mark("noted"),
    mark("returned"),
    mark("owner"),
    mark("due"),
    mark("causality"),
    mark("rucam"),
    mark("priority"),
    mark("reason"),
    mark("state"),
    mark("note"),
)
# what the audit trail names, and what changes there
TRAIL: Final = (
    mark("user made"),
    mark("user changed"),
    mark("user disabled"),
    mark("link made"),
    mark("signed in"),
    mark("signed out"),
    mark("sign in failed"),
    mark("sign in locked"),
    mark("sign in unlocked"),
    mark("signature failed"),
    mark("key made"),
    mark("key changed"),
    mark("key revoked"),
    mark("key rotated"),
    mark("record replayed"),
    mark("patient rows read"),
    mark("signal moved"),
    mark("signal proposed"),
    mark("signal declined"),
    mark("signal noted"),
    mark("signal returned"),
    mark("signal raised"),
    mark("trail began"),
    mark("records erased"),
    mark("trail key made"),
    mark("trail key changed"),
    mark("name"),
    mark("role"),
    mark("rows"),
    mark("n"),
    mark("patient level"),
    mark("password"),
    mark("disabled"),
    mark("days"),
    mark("by"),
    mark("host"),
)
# kinds of signal
KINDS: Final = (
    mark("case review"),
    mark("screening"),
    mark("confirmed"),
)
# titles and names of rules; those of screening are formulas
RULES: Final = (
    mark("a suspect case of an event on the list reviewed from the first case"),
    mark("a fatal case whose event the label does not list for the product and its route"),
    mark("the event came again when the product was given again"),
    mark("a finding of a patient course that must not wait"),
    mark("evidence of a pair of a fixed family reaches what the family asks, at the look of a day"),
    mark("a rate above its background, at a look that the family of the cohort asks for"),
    mark("a rate above that of the arm it is compared with, stratum by stratum"),
    mark("more events than expected, at a look of a test of the protocol, alpha over its strata"),
    mark("sooner after a dose than chance would have it, at a look of a test of the protocol"),
    mark("designated event"),
    mark("fatal unlisted"),
    mark("positive rechallenge"),
    mark("urgent finding"),
    mark("sequential evidence"),
    mark("above background"),
    mark("above arm"),
    mark("maxsprt background"),
    mark("maxsprt interval"),
    mark("any rule"),
)
# tests of the cohort, how a background was found, shapes of times to onset
TESTS: Final = (
    mark("exposure"),
    mark("background"),
    mark("running"),
    mark("signal"),
    mark("no signal"),
    mark("impossible"),
    mark("patient-years"),
    mark("sessions"),
    mark("fact"),
    mark("reported"),
    mark("form"),
    mark("measured"),
    mark("symptoms"),
    mark("early failure"),
    mark("random"),
    mark("wear-out"),
    mark("not estimable"),
)
# what a signature means
MEANINGS: Final = (
    mark("reviewed"),
    mark("approved"),
    mark("responsible"),
    mark("authored"),
    mark("I have reviewed it"),
    mark("I approve it"),
    mark("I answer for it"),
    mark("I wrote it"),
)
# what Starlette says
HTTP: Final = (
    mark("Not Found"),
    mark("Method Not Allowed"),
)
