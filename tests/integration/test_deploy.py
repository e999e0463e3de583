"""What is in `deploy/`: programs that know the formats accept it, and it names settings and options that exist."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import hcl2
import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from assistd.cli.main import cli
from assistd.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))
FILES = [*UNITS, *MANIFESTS, DEPLOY / "nomad/assistd.nomad.hcl", DEPLOY / "Containerfile"]
KUBERNETES = "1.33"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_knows_every_line_of_a_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text().replace("/opt/assistd/bin/assistd", sys.executable)
    (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"./{unit.name}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not told
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest.name)
def test_kubernetes_knows_every_field_of_a_manifest(manifest: Path) -> None:
    documents = list(yaml.safe_load_all(manifest.read_text()))
    assert documents
    for document in documents:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_each_host_of_kubernetes_finds_its_certificate() -> None:
    (stateful, *_) = yaml.safe_load_all((DEPLOY / "kubernetes/hosts.yaml").read_text())
    volumes = stateful["spec"]["template"]["spec"]["volumes"]
    (secret,) = [each["secret"] for each in volumes if "secret" in each]
    pods = [f"assistd-host-{number}" for number in range(stateful["spec"]["replicas"])]
    wanted = {f"{pod}/{name}" for pod in pods for name in ("ca.crt", "tls.crt", "tls.key")}
    assert {each["path"] for each in secret["items"]} == wanted


def test_the_job_of_nomad_can_be_parsed() -> None:
    parsed: dict[str, Any] = hcl2.loads((DEPLOY / "nomad/assistd.nomad.hcl").read_text())
    ((name, job),) = parsed["job"][0].items()
    assert name.strip('"') == "assistd"
    groups = [next(iter(each)).strip('"') for each in job["group"]]
    assert groups == ["api", "host"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_settings_and_options_exist(file: Path) -> None:
    text = file.read_text()
    named = {each.lower() for each in re.findall(r"\bASSISTD_([A-Z_]+)\b", text)}
    assert named <= Settings.model_fields.keys()
    known = {
        option
        for command in ("serve", "host")
        for each in get_command(cli).commands[command].params  # type: ignore[attr-defined]
        for option in each.opts
    }
    options = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", re.sub(r"(?m)^(RUN|#).*$", "", text)))
    assert options <= known
