"""The cases as columns, and the pair over comparators, parts of the population, maskers."""

from __future__ import annotations

import numpy as np

from dashboards.analysis.figures import Cells, Masker, Masking, Part, Relative, cells, value
from dashboards.analysis.fold import Case, Fold
from dashboards.analysis.survey import Survey
from detectors.cases import Cases, Column, Counts
from detectors.coding import COUNTED, GROUP, base
from detectors.comparators import matrix, standard
from detectors.disproportionality.method import Integers
from detectors.masking import competitors, maskers, unmasked
from detectors.subgroups import age_bands, part_and_rest, relative_ror
from schemas.envelope import CodedProduct
from schemas.vocabulary import Vocabulary

MOST = 10  # maskers and competing events shown


class Population:
    """The cases of one dataset as columns, under the numbers of the casebook."""

    def __init__(self, found: Fold, dataset: str, survey: Survey, vocabulary: Vocabulary) -> None:
        self.dataset, self._book, self._vocabulary = dataset, found.book, vocabulary
        contents = found.book.contents()
        self._names = found.book.products
        code = found.book.codes(dataset, "", "")[0]
        held = contents.products
        named = [
            _product(found.cases[case], self._names[product])
            for case, product in zip(held.case.tolist(), held.code.tolist(), strict=True)
        ]
        self.cases = Cases.of(
            contents,
            code,
            {"sex": Column.of(survey.sexes), "age": age_bands(survey.ages)},
            {
                "route": Column.of(p.route if p else None for p in named),
                "setting": Column.of(p.setting if p else None for p in named),
            },
        )

    def codes(self, product: str, event: str) -> tuple[int, int]:
        """The codes of a pair's names."""
        return self._book.codes(self.dataset, product, event)[1:]

    def parts(self, product: str, event: str) -> tuple[Part, ...]:
        """The pair against each set of comparators in each part of the population."""
        p, e = self.codes(product, event)
        if p < 0 or e < 0:
            return ()
        comparators = standard(self._names, self._vocabulary.substance_class)
        found = matrix(self.cases, p, e, comparators, terms=self._terms(event))
        columns = found.scores()
        dominant = "" if found.dominant < 0 else self._book.events[found.dominant]
        out = []
        for place in np.ndindex(found.n.shape):
            variant, comparator, subgroup = place
            if variant and not dominant:
                continue
            # what has no report of the product says nothing
            if not found.n_product[place]:
                continue
            numbers = {name: value(columns[name][place]) for name in _SHOWN}
            out.append(
                Part(
                    comparator=found.comparators[comparator],
                    subgroup=found.subgroups[subgroup],
                    without=dominant if variant else "",
                    n=int(found.n[place]),
                    n_product=int(found.n_product[place]),
                    n_event=int(found.n_event[place]),
                    n_total=int(found.n_total[place]),
                    **numbers,
                )
            )
        return tuple(out)

    def relative(self, product: str, event: str) -> tuple[Relative, ...]:
        """ROR of children and of the old, and of women, over the ROR of the rest."""
        p, e = self.codes(product, event)
        if p < 0 or e < 0:
            return ()
        out = []
        for column, part in (("age", "children"), ("age", "old"), ("sex", "female")):
            if part not in self.cases.by_case[column].names:
                continue
            inside, outside = part_and_rest(self.cases, p, e, column, part)
            if not inside[1]:
                continue
            ratio = relative_ror(inside, outside)
            out.append(
                Relative(
                    part=f"{column}={part}",
                    inside=_cells(inside),
                    outside=_cells(outside),
                    ratio=value(ratio.estimate),
                    lower=value(ratio.lower),
                    upper=value(ratio.upper),
                )
            )
        return tuple(out)

    def masking(self, product: str, event: str) -> Masking | None:
        """What hides the pair; None where no case has the product or the event."""
        p, e = self.codes(product, event)
        if p < 0 or e < 0:
            return None
        whole = np.flatnonzero(
            [base(name) == name and name != base(product) for name in self._names]
        ).astype(np.int64)
        hidden = maskers(self.cases, p, e, whole)
        gone = unmasked(self.cases, p, e, whole)
        own = competitors(self.cases, p, e, self._terms(event))
        return Masking(
            before=value(gone.before),
            after=value(gone.after),
            n_event=gone.n_event,
            n_total=gone.n_total,
            removed=tuple(self._names[code] for code in gone.maskers.tolist()),
            products=tuple(
                Masker(name=self._names[c], n=int(n), ratio=value(ratio), prr=value(prr))
                for c, n, ratio, prr in list(
                    zip(hidden.product, hidden.n, hidden.ratio, hidden.prr, strict=True)
                )[:MOST]
            ),
            events=tuple(
                Masker(name=self._book.events[c], n=int(n), ratio=value(ratio), prr=value(prr))
                for c, n, ratio, prr in list(
                    zip(own.event, own.n, own.ratio, own.prr, strict=True)
                )[:MOST]
            ),
        )

    def _terms(self, event: str) -> Integers:
        """Single terms, without those that the event of the pair is made of."""
        group = event.removeprefix(GROUP) if event.startswith(GROUP) else ""
        members = set(self._vocabulary.groups().get(group, ()))
        chosen = [not name.startswith(GROUP) and name not in members for name in self._book.events]
        return np.flatnonzero(chosen).astype(np.int64)


_SHOWN = ("prr", "prr_lower", "prr_upper", "ic", "ic025", "ic975")


def _cells(counts: Counts) -> Cells:
    return cells(*counts)


def _product(case: Case, name: str) -> CodedProduct | None:
    """The product of a case that stands behind a name of the casebook, a stratum's included."""
    wanted = base(name)
    same = (p for p in case.change.products if p.name == wanted and p.role in COUNTED)
    return next(same, None)
