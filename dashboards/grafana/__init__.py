"""Three Grafana dashboards, written here and kept as JSON in `dashboards/`.

`./dev docs` writes the JSON; a test says where it is not up to date. Writing needs
`grafana-foundation-sdk`, which is not installed with the project itself.
"""
