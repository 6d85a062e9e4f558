"""Whole courses: what clinics would send of patients from enrolment to exit, and the truth of it.

`simulate(plan)` gives a `Cohort` of columns; `writing.followups` and `reports.reports` make JSON
of it, `observed.followed` records as the detectors take them, `events.survey` sessions and events
alone.
"""
