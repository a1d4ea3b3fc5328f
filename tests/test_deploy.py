"""The files in `deploy/` hold what docs/deploy.md says of them; Docker itself is not run."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tachlog.config import load

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = ROOT / "deploy" / "docker-compose.yml"
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
GIVEN = re.compile(r"\$\{(\w+):\?[^}]+\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The services and what they share."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def test_every_service_is_pinned_watched_and_kept(compose: dict[str, Any]) -> None:
    """Each has a health check and a pinned image, and volumes that there are."""
    assert set(compose["services"]) == {"tachlog", "postgres", "influxdb", "grafana"}
    for name, service in compose["services"].items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert "build" in service or re.search(r":\d+\.\d+", service["image"]), name
        mounted = {volume.partition(":")[0] for volume in service["volumes"]}
        files = {volume for volume in mounted if volume.startswith(".")}
        assert mounted - files == {name} <= compose["volumes"].keys()
        assert all((COMPOSE.parent / place).is_dir() for place in files)
        assert set(service.get("depends_on", ())) <= compose["services"].keys()
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")
    build = compose["services"]["tachlog"]["build"]
    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).is_file()


def test_no_password_has_a_default() -> None:
    """Whatever is filled in must be given, and each value that is a password is filled in."""
    text = COMPOSE.read_text()
    filled_in = set(GIVEN.findall(text))
    assert filled_in == {
        "POSTGRES_PASSWORD",
        "INFLUXDB_PASSWORD",
        "GRAFANA_PASSWORD",
        "GRAFANA_READER_PASSWORD",
        "TACHLOG_HOST",
    }
    assert "${" not in GIVEN.sub("", text)
    passwords = re.findall(r"PASSWORD: (.*)", text)
    assert len(passwords) == 6
    assert all(GIVEN.fullmatch(password) for password in passwords)


def test_grafana_starts_with_the_dashboards_of_today(compose: dict[str, Any]) -> None:
    """What it is given is what `tachlog grafana` writes now, and asks the services beside it."""
    told: dict[str, str] = GENERATE["grafana_files"]()
    here = COMPOSE.parent / "grafana"
    found = {str(path.relative_to(here)): path.read_text() for path in here.rglob("*.*")}
    assert found == told, "deploy/grafana is stale: run make docs"
    asked = yaml.safe_load(told["provisioning/datasources/tachlog.yaml"])["datasources"]
    for source in asked:
        host = source["url"].removeprefix("http://").partition(":")[0]
        assert host in compose["services"]
        (secret,) = source["secureJsonData"].values()
        assert secret.strip("${}") in compose["services"]["grafana"]["environment"]
    mounts = dict(each.split(":")[1::-1] for each in compose["services"]["grafana"]["volumes"])
    for provider in yaml.safe_load(told["provisioning/dashboards/tachlog.yaml"])["providers"]:
        place, _, name = provider["options"]["path"].rpartition("/")
        assert (COMPOSE.parent / mounts[place] / name / "overview.json").is_file()


def test_tachlog_takes_the_configuration(compose: dict[str, Any], tmp_path: Path) -> None:
    """Filled in, it serves from PostgreSQL with a mirror, and follows no logs."""
    path = tmp_path / "tachlog.toml"
    path.write_text(
        GIVEN.sub(lambda found: found[1].lower(), compose["configs"]["tachlog"]["content"])
    )
    config = load({"HOME": str(tmp_path), "TACHLOG_CONFIG": str(path)}).config
    assert config.storage.url == "postgresql://tachlog@postgres/tachlog"
    assert len(config.storage.mirrors) == 1
    serve = config.serve
    assert (serve.host, serve.port, serve.follow) == ("0.0.0.0", 8377, False)
    assert list(serve.hosts) == ["tachlog_host"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    """The last stage has a user without rights, is pinned and asks the port that is served."""
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    assert re.fullmatch(
        r"ARG PYTHON=python:\d\.\d+-slim-\w+", next(x for x in lines if "ARG" in x[:3])
    )
    assert "EXPOSE 8377" in lines
