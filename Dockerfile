FROM python:3.11.14-slim-bookworm
RUN useradd --system --create-home ketavigil
WORKDIR /srv/ketavigil
COPY pyproject.toml constraints.txt README.md ./
COPY schemas schemas
COPY detectors detectors
COPY streams streams
COPY dashboards dashboards
RUN pip install --no-cache-dir -c constraints.txt ".[postgresql]"
COPY --chmod=755 docker-entrypoint /usr/local/bin/docker-entrypoint
USER ketavigil
ENTRYPOINT ["docker-entrypoint"]
