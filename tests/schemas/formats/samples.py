"""A small file of each format, and a quarter of FAERS made to order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from schemas.formats import SourceRecord, read
from schemas.formats.icsr.exchange import Exchange
from schemas.formats.writers import WRITERS, Target
from schemas.report import Report
from tests.schemas.formats import e2b, fhir_samples

JSON = {
    "sender": "clinic-a",
    "report_id": "A-1",
    "received_at": "2025-07-03",
    "products": [{"name": "Spravato", "role": "suspect"}],
    "reactions": [{"term": "Dissociation"}],
}

FAERS_CSV = """\
primaryid,caseid,caseversion,fda_dt,init_fda_dt,event_dt,rept_cod,occp_cod,reporter_country,\
occr_country,sex,age,age_cod,drugname,pts,outcomes
12,1,2,20250703,20250601,202506,EXP,MD,US,US,F,5,DEC,SPRAVATO,Dissociation|Nausea,HO|OT
21,2,1,20250704,20250704,,DIR,CN,,GB,M,,,KETALAR,Death,DE
"""

VAERS_CSV = """\
report_id,received,vax_date,onset_date,age_years,sex,died,life_threat,hospital,disable,er_visit,\
vax_type,vax_name,pts
7,1999-02-12,1998-11-28,1998-12-27,0.2,M,,,Y,,Y,DTAP|RV,\
"DTAP (ACEL-IMUNE)|ROTAVIRUS (ROTASHIELD)",Intussusception
8,1999-02-13,,,,U,,,,,,OPV,"POLIO VIRUS, ORAL (ORIMUNE)",Rash|Pyrexia
"""

DIANA_CSV = """\
primaryid,sex,age_in_days,wt_in_kgs,event_dt,occp_cod,reporter_country,rept_cod,fda_dt,\
premarketing,caseid,caseversion,drugs_role,pts,outcomes
31,F,7305.0,60.0,2004,CN,United States of America,PER,20040309,False,3,1,\
ketamine::PS|lithium::C,nausea,OT
"""

MAPPED_CSV = "Case;Receipt;Drug;Event\nA-1;2025-07-03;Spravato;Dissociation\n"
MAPPING = """\
delimiter = ";"
[columns]
report_id = "Case"
received_at = "Receipt"
products = "Drug"
reactions = "Event"
"""

OPENFDA = {
    "safetyreportid": "10003301",
    "receiptdate": "20140306",
    "patient": {
        "reaction": [{"reactionmeddrapt": "Dissociation"}],
        "drug": [{"drugcharacterization": "1", "medicinalproduct": "KETALAR"}],
    },
}

FLAT_CSV = """\
report_id,received_at,products,events
9,2025-07-03,KETALAR::PS|LITHIUM::C,Nausea|Vomiting
"""

FAERS_TABLES = {
    "ascii/DEMO25Q3.txt": """\
primaryid$caseid$caseversion$i_f_code$event_dt$mfr_dt$init_fda_dt$fda_dt$rept_cod$auth_num$\
mfr_num$mfr_sndr$lit_ref$age$age_cod$age_grp$sex$e_sub$wt$wt_cod$rept_dt$to_mfr$occp_cod$\
reporter_country$occr_country
1002$100$2$F$202506$$20250601$20250703$EXP$$US-ACME-2025001$ACME$$34$YR$A$F$Y$60$KG$20250703$$MD$US$US
1011$101$1$I$$$20250704$20250704$DIR$$$FDA$$$$$M$N$$$20250704$$CN$COUNTRY NOT SPECIFIED$
""",
    "ascii/DRUG25Q3.txt": """\
primaryid$caseid$drug_seq$role_cod$drugname$prod_ai$val_vbm$route$dose_vbm$cum_dose_chr$\
cum_dose_unit$dechal$rechal$lot_num$exp_dt$nda_num$dose_amt$dose_unit$dose_form$dose_freq
1002$100$1$PS$SPRAVATO$ESKETAMINE$1$Nasal$84 MG$$$Y$N$L1$$$84$MG$SPRAY$
1002$100$1$PS$SPRAVATO$ESKETAMINE$1$Nasal$84 MG$$$Y$N$L2$$$84$MG$SPRAY$
1002$100$2$C$LITHIUM$LITHIUM$1$Oral$$$$$$$$$$$$
1011$101$1$I$KETALAR$KETAMINE$1$$$$$$$$$$2$DF$$
1011$101$2$PS$$KETAMINE$1$$$$$$$$$$0.2$G$$
""",
    "ascii/REAC25Q3.txt": """\
primaryid$caseid$pt$drug_rec_act
1002$100$Dissociation$
1002$100$Nausea$
1011$101$Sedation$
""",
    "ascii/OUTC25Q3.txt": "primaryid$caseid$outc_cod\n1002$100$HO\n1002$100$DE\n",
    "ascii/RPSR25Q3.txt": "primaryid$caseid$rpsr_cod\n1011$101$SDY\n",
    "ascii/THER25Q3.txt": """\
primaryid$caseid$dsg_drug_seq$start_dt$end_dt$dur$dur_cod
1002$100$1$202506$$$
1002$100$1$20250501$20250603$$
1002$100$2$2020$$$
""",
    "ascii/INDI25Q3.txt": """\
primaryid$caseid$indi_drug_seq$indi_pt
1002$100$1$Depression
1002$100$1$Anxiety
1002$100$2$Mania
""",
    "Deleted/DELETE25Q3.txt": "100\n555\n",
}


def quarter(folder: Path, changes: Mapping[str, str | bytes | None] | None = None) -> Path:
    """The zip of `FAERS_TABLES`, with members changed, added or left out (None)."""
    path = folder / "faers_ascii_2025q3.zip"
    with ZipFile(path, "w") as archive:
        for name, content in (FAERS_TABLES | dict(changes or {})).items():
            if content is not None:
                archive.writestr(name, content)
    return path


def sample(folder: Path, form: str) -> Path:
    """A small file of a format, under a name that does not tell it."""
    if form == "faers_ascii":
        return quarter(folder)
    if form == "parquet":
        out = Target(folder / "reports", Exchange("2025-07-04T10:15:00Z"))
        WRITERS["parquet"](out, [expected(**JSON), expected(**JSON | {"report_id": "A-2"})])
        return out.path
    if form == "mapped_csv":
        written(folder, MAPPING, "reports.toml")
    content = {
        "json": json.dumps([JSON, JSON | {"report_id": "A-2"}], indent=1),
        "ndjson": f"{json.dumps(JSON)}\n\n{json.dumps(JSON | {'report_id': 'A-2'})}\n",
        "csv": FLAT_CSV,
        "mapped_csv": MAPPED_CSV,
        "faers_csv": FAERS_CSV,
        "vaers_csv": VAERS_CSV,
        "diana_csv": DIANA_CSV,
        "openfda": json.dumps({"meta": {}, "results": [OPENFDA, OPENFDA]}),
        "fhir": json.dumps(fhir_samples.bundle(fhir_samples.r4(), fhir_samples.r5("US-CLINIC-2"))),
        "e2b_r2": e2b.ichicsr([e2b.safetyreport(), e2b.safetyreport("2-1")]),
        "e2b_r3": e2b.batch([e2b.message(), e2b.message("US-CLINIC-2")]),
    }[form]
    path = folder / "reports"
    path.write_text(content, encoding="utf-8", newline="")
    return path


def written(folder: Path, content: str | bytes, name: str = "reports.csv") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def records(path: Path, form: str = "auto", sender: str | None = None) -> list[SourceRecord]:
    """Every record of a file."""
    return list(read(path, form, sender))


def expected(**values: Any) -> Report:
    """A report from plain values."""
    return Report.model_validate(values)


def reports(path: Path, form: str = "auto") -> list[Report]:
    """Every report of a file in which nothing is at fault."""
    found = records(path, form)
    assert [record.faults for record in found if record.faults] == []
    return [record.report for record in found if record.report is not None]


def codes(found: list[SourceRecord]) -> list[str]:
    """The code of the first fault of each record, empty where there is none."""
    return [record.faults[0].code if record.faults else "" for record in found]
