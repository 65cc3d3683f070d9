# The whole program: `listener run`, `serve` or `work`. It needs no shell, no root and no writable file
# system but its state directory and /tmp.
#
#   docker build -t listener .
#   docker build -t listener --build-arg PIP_INDEX_URL=… .     where another package index is to be used
FROM python:3.13-slim AS build
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/listener
# First what changes seldom. Each package is the one that was locked, by its hash.
COPY requirements.lock /src/
RUN /opt/listener/bin/pip install --require-hashes --only-binary :all: -r /src/requirements.lock
COPY pyproject.toml README.md LICENSE /src/
COPY listener /src/listener
RUN python -m venv /tmp/build \
    && /tmp/build/bin/pip install "setuptools>=77" \
    && /tmp/build/bin/pip wheel --no-deps --no-build-isolation -w /tmp/wheel /src \
    && /opt/listener/bin/pip install --no-deps /tmp/wheel/*.whl \
    && /opt/listener/bin/pip check \
    && /opt/listener/bin/python -m compileall -q /opt/listener/lib

FROM python:3.13-slim
ARG REVISION=""
LABEL org.opencontainers.image.title="listener" \
      org.opencontainers.image.description="Deploys what was pushed, takes back what is sick" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin listener \
    && install -d -o listener -g listener -m 0700 /var/lib/listener
COPY --from=build /opt/listener /opt/listener
# LISTENER_PROBE: the admin address, as admin.listen has it, for the health check.
ENV PATH=/opt/listener/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    LISTENER_PROBE=http://127.0.0.1:8081/healthz
USER listener
VOLUME /var/lib/listener
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-Ic", "import os, urllib.request; urllib.request.urlopen(os.environ['LISTENER_PROBE'], timeout=4)"]
ENTRYPOINT ["listener"]
CMD ["run"]
