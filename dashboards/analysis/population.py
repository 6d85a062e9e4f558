"""The cases as columns, and the pair over comparators, parts of the population, maskers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dashboards.analysis.figures import Cells, Masker, Masking, Part, Relative, cells, value
from dashboards.analysis.fold import Body
from detectors.casebook import Casebook
from detectors.cases import Cases, Column, Counts
from detectors.coding import COUNTED, GROUP, base
from detectors.comparators import matrix, standard
from detectors.disproportionality.method import Integers
from detectors.masking import competitors, maskers, unmasked
from detectors.subgroups import age_bands, part_and_rest, relative_ror
from schemas.envelope import Change
from schemas.vocabulary import Vocabulary

MOST = 10  # maskers and competing events shown


class Traits(NamedTuple):
    """What a case can be divided by: the patient's age in years (NaN: not stated) and sex, and of
    each product that counts its name, route and setting."""

    age: float
    sex: str | None
    products: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, change: Change, body: Body) -> Traits:
        """Of a case, from its newest version."""
        patient = body.get("patient") or {}
        age, sex = patient.get("age_years"), patient.get("sex")
        return cls(
            float("nan") if age is None else age,
            sex if sex in ("female", "male") else None,
            given(change),
        )

    def product(self, name: str) -> tuple[str, str]:
        """Route and setting of a product that stands behind a name of the casebook."""
        wanted = base(name)
        same = ((route, setting) for name, route, setting in self.products if name == wanted)
        return next(same, ("", ""))


def given(change: Change) -> tuple[tuple[str, str, str], ...]:
    """Name, route and setting of each product of a case that counts."""
    return tuple((p.name, p.route, p.setting) for p in change.products if p.role in COUNTED)


class Population:
    """The cases of one dataset as columns, under the numbers of the casebook.

    `traits`: of every case of the book, in its order.
    """

    def __init__(
        self, book: Casebook, traits: Sequence[Traits], dataset: str, vocabulary: Vocabulary
    ) -> None:
        self.dataset, self._vocabulary = dataset, vocabulary
        contents = book.contents()
        self._names, self._events = book.products, book.events
        code = book.codes(dataset, "", "")[0]
        held = contents.products
        named = [
            traits[case].product(self._names[product])
            for case, product in zip(held.case.tolist(), held.code.tolist(), strict=True)
        ]
        self.cases = Cases.of(
            contents,
            code,
            {
                "sex": Column.of(one.sex for one in traits),
                "age": age_bands([one.age for one in traits]),
            },
            {
                "route": Column.of(route for route, _ in named),
                "setting": Column.of(setting for _, setting in named),
            },
        )

    def codes(self, product: str, event: str) -> tuple[int, int]:
        """The codes of a pair's names; -1 for one that no case has."""
        return _place(self._names, product), _place(self._events, event)

    def parts(self, product: str, event: str) -> tuple[Part, ...]:
        """The pair against each set of comparators in each part of the population."""
        p, e = self.codes(product, event)
        if p < 0 or e < 0:
            return ()
        comparators = standard(self._names, self._vocabulary.substance_class)
        found = matrix(self.cases, p, e, comparators, terms=self._terms(event))
        columns = found.scores()
        dominant = "" if found.dominant < 0 else self._events[found.dominant]
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
                Masker(name=self._events[c], n=int(n), ratio=value(ratio), prr=value(prr))
                for c, n, ratio, prr in list(
                    zip(own.event, own.n, own.ratio, own.prr, strict=True)
                )[:MOST]
            ),
        )

    def _terms(self, event: str) -> Integers:
        """Single terms, without those that the event of the pair is made of."""
        group = event.removeprefix(GROUP) if event.startswith(GROUP) else ""
        members = set(self._vocabulary.groups().get(group, ()))
        chosen = [not name.startswith(GROUP) and name not in members for name in self._events]
        return np.flatnonzero(chosen).astype(np.int64)


_SHOWN = ("prr", "prr_lower", "prr_upper", "ic", "ic025", "ic975")


def _cells(counts: Counts) -> Cells:
    return cells(*counts)


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else -1
