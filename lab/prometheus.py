"""Prometheus on a free port, with the rules that ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from listener.demo import http
from listener.demo.ports import free_port
from listener.demo.process import Process, Server, program
from listener.demo.waiting import wait_for

SHIPPED = Path(__file__).parents[1] / "config" / "prometheus"


class Prometheus(Server):
    """Scrapes one admin port as ``config/prometheus/scrape.yml`` says, once a second.

    Of what ships only the pace is another one: how often it scrapes and evaluates. How long an
    alert has to hold (`for`) is as shipped.
    """

    def __init__(self, directory: Path, admin: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        directory.mkdir(parents=True)
        config = yaml.safe_load((SHIPPED / "scrape.yml").read_text())
        config["global"] = {"evaluation_interval": "1s"}
        for job in config["scrape_configs"]:
            job["scrape_interval"] = "1s"
            job["static_configs"] = [{"targets": [admin.removeprefix("http://")]}]
        for name in config["rule_files"]:
            (directory / name).write_text(_each_second(SHIPPED / name))
        file = directory / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        self._process = Process(
            [
                program("prometheus"),
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            directory / "prometheus.log",
        )

    def start(self) -> None:
        """Returns once it answers queries."""
        self._process.start()
        try:
            wait_for(self._ready, "Prometheus is ready", timeout=120)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self._process.last_words()}") from None

    def stop(self) -> None:
        """Ends it in order."""
        self._process.stop()

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        alerts = self._ask("alerts")["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an expression yields now; raises AssertionError where it is refused."""
        result: list[dict[str, Any]] = self._ask("query", query=expression)["result"]
        return result

    def values_of(self, label: str, metric: str) -> list[str]:
        """The values that a label has in a metric: what Grafana's label_values() yields."""
        values: list[str] = self._ask(f"label/{label}/values", **{"match[]": metric})
        return values

    def _ask(self, call: str, **parameters: str) -> Any:
        answer = http.get(f"{self.url}/api/v1/{call}?{urlencode(parameters)}")
        told = json.loads(answer.body)
        assert told["status"] == "success", f"{parameters}: {told}"
        return told["data"]

    def _ready(self) -> bool:
        return http.get(f"{self.url}/-/ready").status == 200


def _each_second(file: Path) -> str:
    rules = yaml.safe_load(file.read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
    return yaml.safe_dump(rules)
