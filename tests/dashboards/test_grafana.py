"""The Grafana dashboards: the JSON is what the code writes, and says nothing Grafana's SDK drops.

That every query runs and returns what its legend names is shown by `tests/e2e/test_monitoring.py`.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.access import TABLE
from dashboards.grafana.__main__ import pages
from dashboards.grafana.panels import SOURCE
from tests.monitoring import ROOT

GRAFANA = ROOT / "dashboards/grafana"
FILES = sorted((GRAFANA / "dashboards").iterdir())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
register_default_plugins()


def load(name: str) -> Any:
    return json.loads((GRAFANA / "dashboards" / name).read_text(encoding="utf-8"))


NAMES = [path.name for path in FILES]


def test_the_three_dashboards_are_what_the_code_writes() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in FILES}
    assert found == pages(), "run ./dev docs"
    assert len(found) == 3


def keys(value: Any, at: str = "") -> set[str]:
    """Every key with its way from the top."""
    if isinstance(value, list):
        return {key for i, one in enumerate(value) for key in keys(one, f"{at}[{i}]")}
    if isinstance(value, dict):
        return {f"{at}.{key}" for key in value}.union(
            *(keys(one, f"{at}.{key}") for key, one in value.items())
        )
    return set()


@pytest.mark.parametrize("name", NAMES)
def test_every_key_survives_the_way_through_the_sdk(name: str) -> None:
    """It reads only what it knows: a key that is written wrong would be gone."""
    written = load(name)
    back = json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder))
    assert keys(written) - keys(back) == set()
    assert keys(back) - keys(written) == set()
    assert back == written


def test_the_way_through_the_sdk_would_show_a_key_that_is_wrong() -> None:
    written = load(NAMES[0])
    written["panels"][0]["fieldConfig"]["defaults"]["unti"] = "s"
    written["panels"][0]["targets"][0]["legend"] = "x"
    back = json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder))
    assert len(keys(written) - keys(back)) == 2


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_a_title_a_text_a_place_and_queries_of_their_own(name: str) -> None:
    dashboard = load(name)
    panels = dashboard["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels) >= 7
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["description"]
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells
        assert max(x for x, _ in cells) < 24
        taken |= cells
        ids = [target["refId"] for target in panel["targets"]]
        assert len(set(ids)) == len(ids) >= 1
        for target in panel["targets"]:
            assert target["datasource"] == {"type": SOURCE.type_val, "uid": SOURCE.uid}
            assert target["instant"] != target["range"]
    assert dashboard["uid"] == name.removesuffix(".json")


def test_their_links_lead_to_pages_of_the_board() -> None:
    for name in NAMES:
        text = json.dumps(load(name), ensure_ascii=False)
        urls = set(re.findall(r'"url": "([^"]*)"', text))
        assert urls >= {"${board}/", "${board}/health"}
        for url in urls:
            assert url.startswith("${board}/")
            path = url.removeprefix("${board}")
            path = re.sub(r"\$\{__data\.fields\.signal\}", "{number:int}", path)
            assert re.sub(r"\$\{event\}", "{event:path}", path) in TABLE


def test_what_is_asked_of_prometheus_names_only_variables_that_there_are() -> None:
    for name in NAMES:
        dashboard = load(name)
        known = {one["name"] for one in dashboard["templating"]["list"]}
        known |= {"__range", "__rate_interval"}
        text = json.dumps([panel["targets"] for panel in dashboard["panels"]])
        assert set(re.findall(r"\$(\w+)", text)) <= known


def test_grafana_finds_them_and_their_source_where_compose_puts_them() -> None:
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["services"]["grafana"]["volumes"])
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/ketavigil.yml").read_text())
    (one,) = provider["providers"]
    assert mounts["./dashboards/grafana/dashboards"] == one["options"]["path"]
    assert mounts["./dashboards/grafana/provisioning"] == "/etc/grafana/provisioning"
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())
    (source,) = sources["datasources"]
    assert (source["type"], source["uid"]) == (SOURCE.type_val, SOURCE.uid)
