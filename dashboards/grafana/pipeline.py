"""Pipeline: what comes in, what becomes of it, how soon, and what stands still."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import arranged, begin, figure, lines

UID = "ketavigil-pipeline"
_FRESHNESS = "sum by (le) (rate(ketavigil_freshness_seconds_bucket[$__rate_interval]))"


def dashboard() -> Dashboard:
    """The dashboard."""
    made = begin(UID, "ketavigil: pipeline", "From the gateway to the scores.", since="now-6h")
    health = "/health"
    panels = (
        figure(
            "Records unaccounted for",
            "Received less disposed of. Anything but 0 is an alarm.",
            "difference",
            "sum(abs(sum by (stream) (ketavigil_records_received)"
            " - sum by (stream) (ketavigil_records)))",
        ),
        figure(
            "Age of the canary",
            "Of the older stream; a synthetic record goes every two minutes.",
            "age",
            "max(ketavigil_canary_age_seconds)",
            unit="s",
            bad=240,
        ),
        figure(
            "Waiting in the log",
            "Entries that no agent has taken.",
            "waiting",
            "sum(ketavigil_lag_records)",
            bad=1000,
        ),
        figure(
            "Held in quarantine",
            "They count nowhere until they are replayed.",
            "held",
            'sum(ketavigil_records{disposition="quarantined"})',
            bad=20,
        ),
        lines(
            "Received",
            "Records a second.",
            {"{{stream}}": "rate(ketavigil_records_received[$__rate_interval])"},
            unit="rps",
        ),
        lines(
            "What became of them",
            "Each counted on its own.",
            {"{{stream}} {{disposition}}": "ketavigil_records"},
            link=health,
        ),
        lines(
            "From durable to scored",
            "Pushed records; the dots name the position in the changes of a slow one.",
            {
                "p50": f"histogram_quantile(0.5, {_FRESHNESS})",
                "p99": f"histogram_quantile(0.99, {_FRESHNESS})",
            },
            unit="s",
            exemplars=True,
        ),
        lines(
            "Waiting, by partition",
            "Entries of the log that wait for their agent.",
            {"{{topic}} {{partition}}": "ketavigil_lag_records"},
            link=health,
        ),
        lines(
            "Canary: from sent to through the detector",
            "The newest of each stream.",
            {"{{stream}}": "ketavigil_canary_seconds"},
            unit="s",
        ),
        lines(
            "Canary: age, and since the detector ran",
            "Teeth that rise to two minutes and fall are as it should be.",
            {
                "canary of {{stream}}": "ketavigil_canary_age_seconds",
                "{{detector}}": "time() - ketavigil_detector_last_run_timestamp_seconds",
            },
            unit="s",
        ),
        lines(
            "Refused whole",
            "Requests a second of which nothing was stored.",
            {"{{reason}}": "rate(ketavigil_refusals_total[$__rate_interval])"},
            unit="reqps",
        ),
        lines(
            "Quality suite",
            "Batches within an hour, by result.",
            {"{{result}}": "sum by (result) (increase(ketavigil_quality_batches_total[1h]))"},
            link=health,
        ),
        lines(
            "Log and store can be used",
            "1: yes.",
            {"{{part}}": "ketavigil_part_reachable"},
        ),
        lines(
            "Scrapes that succeed",
            "1: yes.",
            {"{{job}}": 'up{job=~"ketavigil.*"}'},
        ),
    )
    return arranged(made, panels)
