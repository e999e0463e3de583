"""The dashboard and the alerts name what a live server tells, and a real Prometheus answers their queries."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.acceptance.conftest import Ask
from tests.acceptance.test_metrics import counted, play
from tests.live import children
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.scrape import free_address, scrape
from tests.live.server import Server, wait_until
from tests.live.wire import Wire
from tests.upstream import Upstream

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "assistd.json").read_text())
PANELS: list[dict[str, Any]] = [each for each in DASHBOARD["panels"] if each["type"] != "row"]
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
STARTS = DASHBOARD["annotations"]["list"][1]["expr"]

_OF_PROMETHEUS = {"instance", "job", "le"}
_METRIC = re.compile(r"\b((?:assistd|process)_\w+)(\{[^}]*\})?")
_BY = re.compile(r"\b(?:by|on) \(([^)]*)\)")


@pytest.fixture
def played(
    start_server: StartServer, connect: ConnectClient, ask_at: Ask, upstream: Upstream, wire: Wire
) -> Server:
    """A server where a run with code, a failed one, an upload and a search were."""
    server = counted(start_server, metrics_projects=5, lease_seconds=1)
    wait_until(lambda: scrape(server)["sessions_parked"] == 1, "a parked session")
    play(server, connect(server), ask_at, upstream, wire)
    return server


def test_every_metric_and_label_that_a_query_names_is_in_a_scrape(played: Server) -> None:
    labels = scrape(played).labels
    for expression in (*QUERIES, STARTS, *(rule["expr"] for rule in ALERTS)):
        found = set(_OF_PROMETHEUS)
        for name, selector in _METRIC.findall(expression):
            assert name in labels, f"{name} of {expression}"
            named = set(re.findall(r"(\w+) *(?:=|!)", selector))
            assert named <= labels[name] | _OF_PROMETHEUS, f"{selector} of {name}"
            found |= labels[name]
        grouped = {each.strip() for group in _BY.findall(expression) for each in group.split(",")}
        assert grouped <= found, f"{grouped - found} of {expression}"


def test_panels_have_ids_of_their_own_and_the_source_that_is_chosen() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(titles) == len(set(titles))
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert variables["instance"]["datasource"] == chosen
    for panel in PANELS:
        assert panel["description"]
        assert panel["datasource"] == chosen
        for target in panel["targets"]:
            assert target["datasource"] == chosen
            assert target["expr"].count('instance=~"$instance"') == len(
                re.findall(r"\{", target["expr"])
            )
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for grid in [panel["gridPos"]]
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(x for x, _ in cells) < 24


def test_each_alert_says_what_to_do() -> None:
    assert len(ALERTS) == 8
    page = (DEPLOY.parent / "docs" / "operating.md").read_text()
    for rule in ALERTS:
        assert rule["annotations"]["runbook"] == f"docs/operating.md#{rule['alert'].lower()}"
        assert f"### {rule['alert']}\n" in page


def program(name: str) -> str:
    """Where a program of Debian's package prometheus is; the test is left out where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt install prometheus)")
    return found


def test_promtool_finds_the_rules_sound_and_each_alert_fires_when_it_must() -> None:
    promtool = program("promtool")
    for command in (
        ["check", "rules", RULES],
        ["test", "rules", RULES.with_name("rules_test.yml")],
    ):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def prometheus(played: Server, tmp_path: Path) -> Iterator[httpx.Client]:
    """A real Prometheus that scrapes the server once per second, with our rules."""
    path, address = program("prometheus"), free_address()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "assistd",
                "static_configs": [{"targets": [played.environment["ASSISTD_METRICS_LISTEN"]]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with (tmp_path / "log").open("w") as log:
        process = children.start(
            [
                path,
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            with httpx.Client(base_url=f"http://{address}/api/v1", timeout=30) as client:
                wait_until(lambda: has_scraped(client), "the third scrape")
                yield client
        finally:
            process.terminate()
            process.wait(30)


def has_scraped(client: httpx.Client) -> bool:
    """Whether Prometheus answers, and has had so many scrapes that rates can be told."""
    try:
        if client.get("/status/runtimeinfo").status_code != 200:  # it reads its disk yet
            return False
        found = ask(client, "count_over_time(assistd_build_info[1m])")
    except httpx.TransportError:
        return False
    return bool(found) and int(found[0]["value"][1]) >= 3


def ask(client: httpx.Client, query: str) -> list[Any]:
    """What a query says now."""
    told = client.get("/query", params={"query": query}).json()
    assert told["status"] == "success", f"{query}: {told}"
    return told["data"]["result"]


def test_a_real_prometheus_answers_every_panel_and_finds_nothing_to_alert(
    prometheus: httpx.Client,
) -> None:
    for query in QUERIES:
        asked = query.replace("$instance", ".+").replace("$__rate_interval", "1m")
        assert ask(prometheus, asked), f"nothing is shown by {query}"
    ask(prometheus, STARTS.replace("$instance", ".+"))
    (group,) = prometheus.get("/rules").json()["data"]["groups"]
    assert [rule["health"] for rule in group["rules"]] == ["ok"] * len(ALERTS)
    assert not [rule["name"] for rule in group["rules"] if rule["state"] == "firing"]
    targets = prometheus.get("/targets").json()["data"]["activeTargets"]
    assert [each["health"] for each in targets] == ["up"]
