"""What the dashboards share: panels over queries of Prometheus, and links to the board."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus as query
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import (
    FieldTextAlignment,
    LegendDisplayMode,
    LegendPlacement,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = model.DataSourceRef("prometheus", "prometheus")
BOARD = "http://127.0.0.1:8080"
TAG = "ketavigil"
Panel = timeseries.Panel | stat.Panel | table.Panel


def begin(uid: str, title: str, says: str, *, since: str = "now-24h") -> build.Dashboard:
    """A dashboard with the board's address as a variable, and links there and to the others."""
    address = build.TextBoxVariable("board").label("Board").default_value(BOARD)
    address.current(model.VariableOption(text=BOARD, value=BOARD))
    return (
        build.Dashboard(title)
        .uid(uid)
        .description(says)
        .tags([TAG])
        .timezone("utc")
        .time(since, "now")
        .refresh("30s")
        .readonly()
        .with_variable(address)
        .link(build.DashboardLink("Board").url("${board}/").target_blank(True))
        .link(build.DashboardLink("Data health").url("${board}/health").target_blank(True))
        .link(build.DashboardLink("ketavigil").type(model.DashboardLinkType.DASHBOARDS).tags([TAG]))
    )


def _targets(queries: Mapping[str, str], *, instant: bool = False) -> list[query.Dataquery]:
    made = []
    for i, (legend, expression) in enumerate(queries.items()):
        one = query.Dataquery().ref_id(chr(ord("A") + i)).datasource(SOURCE).expr(expression)
        one.legend_format(legend)
        made.append(one.instant() if instant else one.range())
    return made


def lines(
    title: str,
    says: str,
    queries: Mapping[str, str],
    *,
    unit: str = "short",
    width: int = 12,
    exemplars: bool = False,
    link: str = "",
) -> timeseries.Panel:
    """Lines over time; `queries`: legend and expression. Gaps stay gaps: no data is no line."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .unit(unit)
        .span(width)
        .height(8)
        .span_nulls(False)
        .no_value("no data")
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
        .targets([target.exemplar(exemplars) for target in _targets(queries)])
    )
    return panel.data_links([_board(link)]) if link else panel


def figure(
    title: str, says: str, legend: str, expression: str, *, unit: str = "short", bad: float = 1
) -> stat.Panel:
    """One number, red from `bad` on."""
    steps = [
        model.Threshold(value=None, color="green"),
        model.Threshold(value=bad, color="red"),
    ]
    return (
        stat.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .unit(unit)
        .span(6)
        .height(4)
        .no_value("no data")
        .thresholds(build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
        .data_links([_board("/")])
        .targets([*_targets({legend: expression}, instant=True)])
    )


def rows(title: str, says: str, expression: str, *, unit: str, link: str) -> table.Panel:
    """A table of the series that there are now, each with a link to the board."""
    (target,) = _targets({"": expression}, instant=True)
    return (
        table.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .span(24)
        .height(8)
        .no_value("none")
        .align(FieldTextAlignment.AUTO)
        .data_links([_board(link)])
        .override_by_name("Time", [model.DynamicConfigValue("custom.hidden", True)])
        .override_by_name("Value", [model.DynamicConfigValue("unit", unit)])
        .targets([target.format(PromQueryFormat.TABLE)])
    )


def choice(name: str, labels: str) -> build.QueryVariable:
    """A variable whose values are those of a label, `label_values(labels)`."""
    return (
        build.QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query({"query": f"label_values({labels})", "refId": f"{name}-values"})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _board(path: str) -> build.DashboardLink:
    return build.DashboardLink("Open on the board").url(f"${{board}}{path}").target_blank(True)


def arranged(made: build.Dashboard, panels: Iterable[Panel]) -> build.Dashboard:
    """The dashboard with its panels in order, each under a number that links can name."""
    for number, panel in enumerate(panels, 1):
        made.with_panel(panel.id(number))
    return made


def as_json(made: build.Dashboard) -> str:
    """The JSON that Grafana reads."""
    return json.dumps(made.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
