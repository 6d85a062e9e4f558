"""Safety overview: what waits for a person, and whether silence means anything."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import arranged, begin, figure, lines, rows

UID = "ketavigil-safety"
PAIR = "{{dataset}}: {{product}} × {{event}}"


def dashboard() -> Dashboard:
    """The dashboard."""
    made = begin(
        UID, "ketavigil: safety overview", "Signals, and who is silent. The board decides."
    )
    panels = (
        figure(
            "New signals",
            "Nobody has taken them yet.",
            "new",
            'sum(ketavigil_signals{state="new"}) or vector(0)',
        ),
        figure(
            "New, of high priority",
            "Case reviews and confirmed ones.",
            "new, high",
            'sum(ketavigil_signals{state="new",priority="high"}) or vector(0)',
        ),
        figure(
            "Since the detector ran",
            "While it stands still no signal can be raised.",
            "detect",
            'time() - max(ketavigil_detector_last_run_timestamp_seconds{detector="detect"})',
            unit="s",
            bad=300,
        ),
        figure(
            "Silent registries",
            "Nothing for a day and three of their usual gaps.",
            "silent",
            "count(time() - ketavigil_registry_last_record_timestamp_seconds"
            " > ketavigil_registry_silent_after_seconds) or vector(0)",
        ),
        rows(
            "Signals that wait",
            "The newest state of each; times are when it was raised.",
            "max without (instance, job)"
            ' (ketavigil_signal_raised_timestamp_seconds{state="new"}) * 1000',
            unit="dateTimeAsIso",
            link="/signals/${__data.fields.signal}",
        ),
        lines(
            "Signals by state",
            "A signal leaves a state by a person's move, never by itself.",
            {
                "{{dataset}}: {{state}}, {{priority}}": (
                    "sum by (dataset, state, priority) (ketavigil_signals)"
                )
            },
        ),
        lines(
            "Alerts",
            "What calls somebody now.",
            {
                "{{alertname}}, {{severity}}": (
                    'count by (alertname, severity) (ALERTS{alertstate="firing"})'
                )
            },
        ),
        lines(
            "Strongest by the information component",
            "IC025 of the fifteen highest watched pairs; above 0 the screening rule holds from"
            " three cases on.",
            {PAIR: 'topk(15, ketavigil_score{statistic="ic025"})'},
        ),
        lines(
            "Rising",
            "By how much the lower limit moved in the time shown.",
            {PAIR: 'topk(10, delta(ketavigil_score{statistic="ic025"}[$__range]))'},
        ),
        lines(
            "Cohort: highest rates",
            "The lower limit of the rate per patient-year.",
            {
                "{{product}} × {{event}}": (
                    'topk(15, ketavigil_score{dataset="cohort",statistic="rate_lower"})'
                )
            },
            link="/cohort",
        ),
        lines(
            "Since the last record of a registry",
            "No news of a registry is no good news.",
            {"{{registry}}": "time() - ketavigil_registry_last_record_timestamp_seconds"},
            unit="s",
            link="/health",
        ),
    )
    return arranged(made, panels)
