"""One signal: a pair's counts and statistics over time, beside those of its neighbours."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import arranged, begin, choice, lines, rows

UID = "ketavigil-signal"
PAIR = 'dataset="$dataset",product="$product",event="$event"'


def dashboard() -> Dashboard:
    """The dashboard."""
    made = begin(
        UID,
        "ketavigil: one signal",
        "One pair. The board has its cases, limits and how each figure is computed.",
        since="now-30d",
    )
    for name, labels in (
        ("dataset", "ketavigil_score, dataset"),
        ("product", 'ketavigil_score{dataset="$dataset"}, product'),
        ("event", 'ketavigil_score{dataset="$dataset",product="$product"}, event'),
    ):
        made.with_variable(choice(name, labels))
    panels = (
        rows(
            "Signals of this pair",
            "Open ones, with their state.",
            "max without (instance, job)"
            f" (ketavigil_signal_raised_timestamp_seconds{{{PAIR}}}) * 1000",
            unit="dateTimeAsIso",
            link="/signals/${__data.fields.signal}",
        ),
        lines(
            "Cases, and cases expected",
            "Expected if product and event had nothing to do with each other.",
            {"{{statistic}}": f'ketavigil_score{{{PAIR},statistic=~"n|expected"}}'},
        ),
        lines(
            "Information component",
            "With its lower limit; on a scale of logarithms to base 2.",
            {"{{statistic}}": f'ketavigil_score{{{PAIR},statistic=~"ic|ic025"}}'},
        ),
        lines(
            "Reporting ratios",
            "Of reports. No incidence follows from them.",
            {"{{statistic}}": f'ketavigil_score{{{PAIR},statistic=~"prr|ror"}}'},
        ),
        lines(
            "In the cohort",
            "Rate per patient-year with exact limits.",
            {
                "{{statistic}}": (
                    'ketavigil_score{dataset="cohort",product="$product",event="$event",'
                    'statistic=~"rate|rate_lower|rate_upper"}'
                )
            },
            link="/cohort/${event}",
        ),
        lines(
            "This event with other products",
            "IC025 of the ten highest.",
            {
                "{{product}}": (
                    'topk(10, ketavigil_score{dataset="$dataset",event="$event",statistic="ic025"})'
                )
            },
        ),
        lines(
            "Other events of this product",
            "IC025 of the ten highest.",
            {
                "{{event}}": (
                    "topk(10, ketavigil_score"
                    '{dataset="$dataset",product="$product",statistic="ic025"})'
                )
            },
        ),
    )
    return arranged(made, panels)
