# The whole program without a shell of its own: `listener run`, `serve` or `work`.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY listener ./listener
RUN python -m venv /opt/listener && /opt/listener/bin/pip install --no-cache-dir .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="listener" \
      org.opencontainers.image.description="Deploys what was pushed, takes back what is sick"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin listener \
    && install -d -o listener -g listener -m 0700 /var/lib/listener
COPY --from=build /opt/listener /opt/listener
ENV PATH=/opt/listener/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER listener
VOLUME /var/lib/listener
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/healthz', timeout=4)"]
ENTRYPOINT ["listener"]
CMD ["run"]
