"""The alerts, rules and dashboard that ship: promtool takes them, and their names are real."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from listener.demo.process import program
from listener.telemetry import Metrics

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "config" / "prometheus").glob("[ad]*.yml"))
BOARD: dict[str, Any] = json.loads((ROOT / "config" / "grafana" / "listener.json").read_text())
REFERENCE = (ROOT / "docs" / "metrics.md").read_text()


def families() -> dict[str, str]:
    """Every metric by its name in PromQL, with its type."""
    metrics = Metrics()
    metrics.watch_queue(dict)
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in metrics.registry.collect()
    }


def recorded() -> set[str]:
    return {
        rule["record"]
        for file in RULES
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }


def named(text: str) -> set[str]:
    """The metrics and recorded figures that an expression asks for."""
    found = set(re.findall(r"listener[_:][a-z0-9_:]+", text))
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in found}


def expressions() -> list[str]:
    """All that the dashboard asks for."""
    asked = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]
    return asked + [one["expr"] for one in BOARD["annotations"]["list"]]


def promtool(*arguments: str) -> None:
    command = [program("promtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_rules_and_they_fire_as_told() -> None:
    promtool("check", "rules", *map(str, RULES))
    promtool("check", "config", str(ROOT / "config" / "prometheus" / "scrape.yml"))
    # Where it is mounted there is a token.
    promtool("check", "config", "--syntax-only", str(ROOT / "config/prometheus/compose.yml"))
    for file in sorted((ROOT / "tests" / "prometheus").glob("*.yml")):
        promtool("test", "rules", str(file))


def test_every_alert_is_tried_and_explained() -> None:
    tried = (ROOT / "tests" / "prometheus" / "alerts.yml").read_text()
    alerts = [
        rule
        for file in RULES
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert len(alerts) > 10
    for rule in alerts:
        assert f"alertname: {rule['alert']}\n" in tried, rule["alert"]
        assert f"| `{rule['alert']}` |" in REFERENCE, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert "for" in rule
        assert "{{" not in rule["annotations"]["summary"]


def test_rules_and_dashboard_ask_only_for_what_there_is() -> None:
    known = set(families()) | recorded()
    for text in [*(file.read_text() for file in RULES), *expressions()]:
        assert named(text) - {"listener"} <= known


def test_the_expressions_of_the_dashboard_are_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expr.replace("$__rate_interval", "5m")}
        for number, expr in enumerate(expressions())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_what_the_compose_file_gives_grafana_fits_together() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    grafana = services["grafana"]
    [mounted] = [one for one in grafana["volumes"] if one.startswith("./config/grafana:")]
    inside = Path(mounted.split(":")[1])
    provisioning = Path(grafana["environment"]["GF_PATHS_PROVISIONING"])
    folder = ROOT / "config/grafana" / provisioning.relative_to(inside)
    [source] = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((folder / "dashboards/listener.yml").read_text())["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", str(inside))
    [job] = yaml.safe_load((ROOT / "config/prometheus/compose.yml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["serve:8081", "work:8081"]}]
    assert {"serve", "work", "prometheus"} <= set(services)


def test_the_dashboard_names_no_data_source_of_its_own() -> None:
    assert BOARD["uid"] == "listener"
    sources = re.findall(r'"uid": "([^"]+)"', json.dumps(BOARD["panels"]))
    assert set(sources) == {"${datasource}"}
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARD["panels"]}
    assert len(places) == len(ids), "no panel lies on another one"


def test_the_reference_has_every_metric_with_its_type() -> None:
    listed = dict(re.findall(r"^\| `(listener_\w+)` \| (\w+)", REFERENCE, re.MULTILINE))
    assert listed == families()
