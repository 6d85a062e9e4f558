"""How it was looked for, and what cannot be concluded: the words that belong to every report."""

from __future__ import annotations

from dashboards.reports.figures import Pair, Sequence
from dashboards.reports.model import Methods, Quality
from dashboards.reports.pairs import parameters
from dashboards.reports.setting import Setting

DATASETS = {
    "spontaneous": "spontaneous reports, and reports whose type is not known",
    "solicited": "reports that somebody asked for: programmes, registries, studies",
    "cohort": "findings of patient courses, over person-time",
}


def methods(setting: Setting, received: tuple[str, str]) -> Methods:
    """The methods of this deployment; `received`: the oldest and newest date of receipt."""
    watched = ", ".join(sorted(setting.configuration.watchlist.products))
    return Methods(
        datasets=tuple(f"{name}: {words}" for name, words in DATASETS.items()),
        source=(
            "Individual case safety reports and follow-up records as clinics and registries sent "
            "them to this deployment, pushed or imported; no other database.",
            "Everything that had been counted at the position of this report, and nothing later.",
            "Denominators of exposure are known of the cohort only; of reports there are none.",
        ),
        cleaning=(
            "Each record is checked on arrival; one that is not in order is kept in quarantine "
            "with its errors and is not counted.",
            "A case is a sender with its number. Of its versions the newest counts (version "
            "number, then date of information); a nullified case counts nowhere; a repeat changes "
            "nothing.",
            "Names of products and reactions are coded by the deployment's vocabulary (hash below) "
            "beside what was sent; what it does not know counts under the name as sent. It is not "
            "MedDRA; event terms are those sent, in one spelling.",
            "A product or an event counts once a case.",
            "Cases of different senders that name a common id, or one the other's own, count once, "
            "as the one that was told last says. Duplicates without such an id are not removed.",
        ),
        filters=(
            "Roles that count: suspect, interacting, and unknown (read as suspect). Concomitant "
            "products do not count.",
            "Spontaneous and solicited reports are never added together.",
            f"Products on the watch: {watched}; every other product is background.",
            "No restriction by age, sex, country or indication, but for the strata that say so.",
        ),
        comparators=(
            "all products: every other case of the dataset",
            "antidepressants; anaesthetics; lithium: other cases with any of these",
            "same route: cases given a product by the route by which this one most often is",
            "without the commonest other event of the product: whether one event carries the rest",
        ),
        statistics=parameters(),
        vocabulary=setting.configuration.vocabulary.digest(),
        oldest_receipt=received[0],
        newest_receipt=received[1],
    )


def limitations(
    pairs: tuple[Pair, ...],
    quality: Quality,
    sequential: tuple[Sequence, ...],
    configuration: tuple[str, str],
) -> tuple[str, ...]:
    """What a reader must not conclude, and what was not done."""
    now, then = configuration
    out = [
        "Reports do not prove that a product caused an event, and no incidence, risk or rate can "
        "be computed from them: how many were treated, and how many events went unreported, is "
        "not known.",
        "Disproportionality says that a pair is reported more often than if product and event were "
        "independent in this database. Publicity, confounding by indication, masking and duplicate "
        "reports can bring that about, or hide it.",
        "It raises or refines a hypothesis; other designs have to test it.",
        "Screening rules are looked at after every change and have no error rate over time; a rule "
        "that held once may have held by chance.",
        "The database is that of the registries connected here; it need not be like others.",
        "Causality was not assessed case by case by this program.",
    ]
    if sequential:
        out.append(
            "The error rate of sequential evidence holds for closed looks as they were; the figure "
            "as corrected has none."
        )
    own = pairs[0].cells if pairs else None
    if own is not None and own.a < 3:
        out.append(f"There are {own.a} cases: no statistic of so few is stable.")
    if quality.conflicts:
        out.append(
            f"Of {quality.conflicts} cases of the pair, two versions of one number or date say "
            "different things; the one that counts was chosen by a fixed order."
        )
    if quality.erased:
        out.append(
            f"Patients had {quality.erased} cases of all pairs erased, by now. What these count as "
            "stands in every 2x2 table; what else they said does not, here as in a report of a "
            "moment before: tabulations, strata by age and sex, features and times to onset are "
            "of the others."
        )
    if then and then != now:
        out.append(
            "The rules, lists or vocabulary that this report was made with are not those of the "
            "newest checkpoint by then (two hashes below): rules and lists are today's, the coding "
            "of each case is that of its time."
        )
    if not then:
        out.append("No checkpoint had been made by then, so that EBGM has no prior.")
    return tuple(out)
