"""`ketavigil detect`: shapes of input, what it writes, and how it fails."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pyarrow.parquet
import pytest

from streams.cli import main
from tests.detectors.shared import rows, shared
from tests.market import pairs
from tests.schemas.formats import e2b
from tests.schemas.formats.samples import sample

HEADER = (
    "product,event,n,n_product,n_event,n_total,expected,prr,prr_lower,prr_upper,"
    "ror,ror_lower,ror_upper,rrr,chi2,chi2_yates,fisher_p,fisher_mid_p,ic,ic025,ic975,"
    "ebgm,eb05,eb95,ic0005,ic9995"
).split(",")
OF_STRATA = (
    "mh_or,mh_or_lower,mh_or_upper,mh_prr,mh_prr_lower,mh_prr_upper,breslow_day,breslow_day_p"
).split(",")

REPORTS = """report_id,products,events
1,Ketamine::PS|Lithium::C,Cystitis|Dissociation
2,KETALAR::SS,cystitis
3,ketamine::I|FOO,Nausea
4,FOO,Nausea|Cystitis
5,FOO::C,Cystitis
"""


def detect(tmp_path: Path, text: str, *options: str, name: str = "in.csv") -> list[dict[str, str]]:
    (tmp_path / name).write_text(text)
    output = tmp_path / "out.csv"
    assert main(["detect", "--input", str(tmp_path / name), "--output", str(output), *options]) == 0
    with output.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counted(found: list[dict[str, str]]) -> list[tuple[str, ...]]:
    names = ("product", "event", "n", "n_product", "n_event", "n_total")
    return [tuple(row[name] for name in names) for row in found]


def refused(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    (tmp_path / "in.csv").write_text(text)
    files = ["--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.csv")]
    assert main(["detect", *files, *options]) == 2
    assert not (tmp_path / "out.csv").exists()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_counts_with_margins(tmp_path: Path) -> None:
    text = "product,event,n,n_product,n_event,n_total\nb,y,3,5,3,10\nB,x,6,100,120,10000\n"
    found = detect(tmp_path, text)
    assert list(found[0]) == HEADER
    assert counted(found) == [
        ("B", "x", "6", "100", "120", "10000"),
        ("b", "y", "3", "5", "3", "10"),
    ]
    assert (found[0]["expected"], found[0]["rrr"]) == ("1.2", "5")
    # no report of y without b: there is no background rate, so PRR and ROR have no value
    assert [name for name, value in found[1].items() if value == ""] == [
        *HEADER[7:13],
        *HEADER[21:24],
    ]


def test_counts_without_margins_are_summed(tmp_path: Path) -> None:
    found = detect(tmp_path, "product,event,n\nA,x,2\nA,y,3\nB,x,4\n")
    assert counted(found) == [
        ("A", "x", "2", "5", "6", "9"),
        ("A", "y", "3", "5", "3", "9"),
        ("B", "x", "4", "4", "6", "9"),
    ]


def test_strata_are_added_up(tmp_path: Path) -> None:
    text = (
        "product,event,n,n_product,n_event,n_total,stratum\n"
        "A,x,2,5,6,20,f\nB,x,1,4,6,20,f\nA,y,1,7,3,30,m\nB,x,2,5,8,30,m\n"
    )
    # A has 5 + 7 reports though it has no row for x among the men
    found = detect(tmp_path, text)
    assert list(found[0]) == [*HEADER, *OF_STRATA]
    assert counted(found) == [
        ("A", "x", "2", "12", "14", "50"),
        ("A", "y", "1", "12", "3", "50"),
        ("B", "x", "3", "9", "14", "50"),
    ]
    assert counted(detect(tmp_path, "product,event,n,stratum\nA,x,2,f\nA,x,3,m\nB,y,1,m\n")) == [
        ("A", "x", "5", "5", "5", "6"),
        ("B", "y", "1", "1", "1", "6"),
    ]


def test_rows_of_groups_are_added_and_change_no_other_row(tmp_path: Path) -> None:
    """The prior of EBGM is fitted to terms alone: a case stands once in each of its pairs."""
    events = ["Cystitis", "Dysuria", "Pollakiuria", *(f"Event {i}" for i in range(3, 30))]
    lines = ["report_id,products,events"]
    for number, (product, event) in enumerate(pairs(1_500)):
        lines.append(f"{number},P{product},{events[event]}")
    text = "\n".join(lines) + "\n"
    terms = detect(tmp_path, text)
    grouped = detect(tmp_path, text, "--groups")
    assert {row["event"] for row in grouped} - {row["event"] for row in terms} == {"group:urinary"}
    assert [row for row in grouped if row["event"] != "group:urinary"] == terms
    assert all(row["eb05"] for row in grouped)


def test_strata_are_pooled_as_mantel_and_haenszel_have_it(tmp_path: Path) -> None:
    """Two strata of 10 2 / 5 13 (N 30) and 4 6 / 2 8 (N 20), by hand; B has no report in one."""
    text = (
        "product,event,n,n_product,n_event,n_total,stratum\n"
        "A,x,10,12,15,30,f\nA,x,4,10,6,20,m\nB,x,1,3,15,30,f\n"
    )
    found = {row["product"]: row for row in detect(tmp_path, text, "--methods", "mantel_haenszel")}
    assert list(found["A"]) == [*HEADER[:7], *OF_STRATA]
    by_hand = (10 * 13 / 30 + 4 * 8 / 20) / (2 * 5 / 30 + 6 * 2 / 20)
    assert float(found["A"]["mh_or"]) == pytest.approx(by_hand)
    by_hand = (10 * 18 / 30 + 4 * 10 / 20) / (5 * 12 / 30 + 2 * 10 / 20)
    assert float(found["A"]["mh_prr"]) == pytest.approx(by_hand)
    assert 0 < float(found["A"]["breslow_day_p"]) < 1
    # one stratum alone tells nothing of a difference between strata
    assert found["B"]["breslow_day_p"] == ""
    assert float(found["B"]["mh_or"]) == pytest.approx((1 * 13 / 30) / (2 * 14 / 30))


COMBINED = """report_id,products,events
1,Esketamine|Midazolam,Sedation
2,Esketamine|Midazolam::C,Sedation|Nausea
3,Esketamine|Lorazepam,Sedation
4,Esketamine,Sedation
5,Esketamine,Nausea
6,Midazolam,Sedation
7,Midazolam,Nausea
8,FOO,Nausea
9,FOO,Sedation
10,FOO,Nausea
"""


def test_a_product_together_with_a_class_of_others(tmp_path: Path) -> None:
    options = ("--with", "class:benzodiazepine", "--roles", "suspect,unknown,concomitant")
    found = {(row["product"], row["event"]): row for row in detect(tmp_path, COMBINED, *options)}
    row = found["esketamine", "Sedation"]
    assert list(row) == [*HEADER, "omega_expected", "omega", "omega025", "omega975"]
    # both 3 of 3; either alone 1 of 2 (odds 1); neither 1 of 3 (odds 1/2): 1 + 1 - 1/2 = 3/2
    assert float(row["omega_expected"]) == pytest.approx(3 * 1.5 / 2.5)
    assert float(row["omega"]) == pytest.approx(math.log2(3.5 / 2.3))
    assert float(row["omega025"]) < float(row["omega"]) < float(row["omega975"])
    # of the class itself nothing can be said; FOO never came with one
    assert found["midazolam", "Sedation"]["omega"] == ""
    assert float(found["FOO", "Sedation"]["omega_expected"]) == 0
    alone = detect(tmp_path, COMBINED, "--with", "midazolam", "--methods", "omega")
    assert list(alone[0]) == [*HEADER[:7], "omega_expected", "omega", "omega025", "omega975"]


def test_reports_are_coded_and_counted_by_role(tmp_path: Path) -> None:
    assert counted(detect(tmp_path, REPORTS)) == [
        ("FOO", "Cystitis", "1", "2", "4", "5"),
        ("FOO", "Nausea", "2", "2", "2", "5"),
        ("ketamine", "Cystitis", "2", "3", "4", "5"),
        ("ketamine", "Dissociation", "1", "3", "1", "5"),
        ("ketamine", "Nausea", "1", "3", "2", "5"),
    ]
    concomitant = detect(tmp_path, REPORTS, "--roles", "concomitant")
    assert [row[:4] for row in counted(concomitant)] == [
        ("FOO", "Cystitis", "1", "1"),
        ("lithium", "Cystitis", "1", "1"),
        ("lithium", "Dissociation", "1", "1"),
    ]


def test_groups_of_events_are_rows_when_asked_for(tmp_path: Path) -> None:
    found = counted(detect(tmp_path, REPORTS, "--groups"))
    assert ("ketamine", "group:urinary", "2", "3", "4", "5") in found


def test_chosen_methods_give_their_columns(tmp_path: Path) -> None:
    found = detect(tmp_path, "product,event,n\nA,x,2\nB,y,3\n", "--methods", "ic,prr")
    assert list(found[0]) == [*HEADER[:10], "ic", "ic025", "ic975"]


def test_a_failed_fit_leaves_its_columns_empty_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "product,event,n\nA,x,2\nB,y,3\n"
    (row, _) = detect(tmp_path, text)
    assert (row["ebgm"], row["eb05"], row["eb95"]) == ("", "", "")
    assert row["ic"] != ""
    assert "warning: ebgm_fit_failed: ebgm: 2 pairs are too few" in capsys.readouterr().err
    source, output = str(tmp_path / "in.csv"), str(tmp_path / "out.csv")
    assert main(["detect", "--input", source, "--output", output, "--methods", "ebgm"]) == 1


def test_the_same_report_again_is_a_version_of_it(tmp_path: Path) -> None:
    text = (
        "report_id,products,events,received_at\n"
        "1,FOO,Nausea,2025-03-01\n1,FOO,Cough,2025-01-01\n1,FOO,Nausea,2025-03-01\n"
    )
    assert counted(detect(tmp_path, text)) == [("FOO", "Nausea", "1", "1", "1", "1")]


def test_a_report_without_product_or_event_is_held_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = detect(tmp_path, "report_id,products,events\n1,FOO,Nausea\n2,,Nausea\n3,FOO, |\n")
    assert counted(found) == [("FOO", "Nausea", "1", "1", "1", "1")]
    assert "warning: held_back: 2 records" in capsys.readouterr().err


def test_parquet_in_and_out(tmp_path: Path) -> None:
    source, middle, output = tmp_path / "in.csv", tmp_path / "m.parquet", tmp_path / "o.parquet"
    source.write_text("product,event,n\nA,x,2\nB,y,3\n")
    assert main(["detect", "--input", str(source), "--output", str(middle)]) == 0
    assert main(["detect", "--input", str(middle), "--output", str(output)]) == 0
    table = pyarrow.parquet.read_table(output)
    assert table.column_names == HEADER
    assert table["prr"].null_count == 2
    assert table.equals(pyarrow.parquet.read_table(middle))


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("product,event,n\nA,x,many\n", (), "bad_table"),
        ("product,event,n\nA,x,-1\n", (), "impossible_counts"),
        ("product,event,n\nA,x,1\nA,x,1\n", (), "duplicate_pair"),
        ("product,event,n,stratum\nA,x,1,f\nA,x,1,f\n", (), "duplicate_pair"),
        ("product,event,n,n_total\nA,x,1,3\n", (), "some_margins"),
        ("product,event,n,n_product,n_event,n_total\nA,x,4,3,5,9\n", (), "impossible_counts"),
        (
            "product,event,n,n_product,n_event,n_total,stratum\nA,x,1,3,5,9,f\nA,y,1,4,5,9,f\n",
            (),
            "inconsistent_margins",
        ),
        ("product,event,n\nA,x,1\n", ("--methods", "prr,magic"), "unknown_method"),
        ("product,event,n\nA,x,1\n", ("--groups",), "need reports"),
        ("product,event,n\nA,x,1\n", ("--with", "A"), "need reports"),
        ("product,event,n\nA,x,1\n", ("--methods", "mantel_haenszel"), "not_in_input"),
        (REPORTS, ("--methods", "omega"), "not_in_input"),
        (REPORTS, ("--with", "class:benzodiazepine"), "unknown_product"),
        (REPORTS, ("--with", "ketamne"), "nearest: ketamine"),
        (REPORTS, ("--roles", "victim"), "unknown_role"),
        ("report_id,products,events,received_at\n1,A,x,soon\n", (), "bad_date"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    options: tuple[str, ...],
    code: str,
) -> None:
    assert code in refused(tmp_path, text, capsys, *options)


def scored(tmp_path: Path, source: Path, *options: str) -> dict[tuple[str, str], dict[str, str]]:
    output = tmp_path / "out.csv"
    assert main(["detect", "--input", str(source), "--output", str(output), *options]) == 0
    with output.open(encoding="utf-8", newline="") as file:
        return {(row["product"], row["event"]): row for row in csv.DictReader(file)}


def test_esketamine_in_the_sample_of_faers(tmp_path: Path) -> None:
    found = scored(tmp_path, shared("data/faers_2025q3/reports.csv"))
    row = found["esketamine", "Dissociation"]
    assert (row["n"], row["n_product"], row["n_total"]) == ("8", "32", "10000")


def test_a_prior_that_the_pairs_seen_do_not_give_comes_from_all_cells(tmp_path: Path) -> None:
    source = shared("data/faers_2025q3/reports.csv")
    options = ("--methods", "ebgm", "--ebgm-likelihood", "zero_cells")
    row = scored(tmp_path, source, *options)["esketamine", "Dissociation"]
    assert 2 < float(row["eb05"]) < float(row["ebgm"]) < float(row["eb95"])


def test_a_quarter_of_faers(tmp_path: Path) -> None:
    found = scored(tmp_path, shared("data/faers_ascii/faers_ascii_2017q2.zip"), "--methods", "ic")
    assert {int(row["n_total"]) for row in found.values()} <= set(range(90, 101))


def test_reports_as_json_are_checked_and_their_versions_resolved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def report(name: str, version: int, term: str, **more: object) -> str:
        body = {
            "sender": "clinic",
            "report_id": name,
            "version": version,
            "received_at": "2025-07-03",
            "products": [{"name": "Ketalar"}],
            "reactions": [{"term": term}],
        }
        return json.dumps(body | more)

    lines = [
        report("1", 2, "Cystitis"),
        report("1", 1, "Nausea"),
        report("2", 1, "Cystitis"),
        report("2", 2, "Cystitis", status="nullified"),
        report("3", 1, "Cystitis", report_type="solicited"),
        report("4", 1, "Cystitis", patient={"age_years": 212}),
        report("5", 1, "Cystitis", surprise=1),
        report("6", 1, "Cystitis"),
    ]
    (tmp_path / "in.ndjson").write_text("\n".join(lines))
    found = scored(tmp_path, tmp_path / "in.ndjson")
    assert counted(list(found.values())) == [("ketamine", "Cystitis", "2", "2", "2", "2")]
    said = capsys.readouterr().err
    assert "warning: held_back: 2 records" in said
    assert "warning: other_dataset: 1 solicited" in said
    solicited = scored(tmp_path, tmp_path / "in.ndjson", "--dataset", "solicited")
    assert solicited["ketamine", "Cystitis"]["n_total"] == "1"


def test_our_own_csv_keeps_what_its_further_columns_say(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "report_id,products,events,received_at,status,version\n"
        "1,FOO,Nausea,2025-01-01,active,1\n"
        "2,FOO,Nausea,2025-01-01,active,1\n"
        "2,FOO,Nausea,2025-01-02,nullified,2\n"
    )
    found = scored(tmp_path, tmp_path / "in.csv")
    assert found["FOO", "Nausea"]["n_total"] == "1"


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    none = str(tmp_path / "none.csv")
    assert main(["detect", "--input", none, "--output", none]) == 2
    assert "no_such_file" in capsys.readouterr().err


def test_the_published_counts(tmp_path: Path) -> None:
    source = shared("reference/detectors/caers_counts.csv.gz")
    output = tmp_path / "out.csv"
    assert main(["detect", "--input", str(source), "--output", str(output)]) == 0
    with output.open(encoding="utf-8", newline="") as file:
        ours = {(row["product"], row["event"]): row for row in csv.DictReader(file)}
    assert list(ours) == sorted(ours)
    for theirs in rows("reference/detectors/caers_expected_report_margins.csv.gz"):
        own = ours.pop((theirs["product"], theirs["event"]))
        for column in ("expected", "prr", "prr_lower", "ror_upper", "ic025", "eb05"):
            if theirs[column] in ("", "Inf"):
                assert own[column] == ""
            else:
                assert float(own[column]) == pytest.approx(
                    float(theirs[column]), rel=1e-5 if column == "eb05" else 1e-9
                )
    assert not ours


@pytest.mark.parametrize("form", ["e2b_r3", "e2b_r2", "openfda", "fhir", "parquet", "mapped_csv"])
def test_every_format_that_is_read_is_scored(form: str, tmp_path: Path) -> None:
    source, output = sample(tmp_path, form), tmp_path / "out.csv"
    assert main(["detect", "--input", str(source), "--output", str(output)]) == 0
    with output.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    # two cases of one pair; openFDA's are one case, sent twice
    wanted = {"openfda": "1", "mapped_csv": "1"}.get(form, "2")
    assert [(row["event"], row["n"]) for row in found] == [("Dissociation", wanted)]


def test_the_newest_version_of_an_icsr_is_scored(tmp_path: Path) -> None:
    versions = [
        e2b.message("A-1", created="20250711101500+0000", reactions=e2b.reaction("Sedation")),
        e2b.message("A-1", created="20250710101500+0000", reactions=e2b.reaction("Nausea")),
    ]
    found = detect(tmp_path, e2b.batch(versions), name="in.xml")
    assert [(row["product"], row["event"]) for row in found] == [("esketamine", "Sedation")]
