"""A target of a guest always has a service, whatever its file says: without one, its alerts have no name."""

from pathlib import Path

import yaml

from sandbox.engines.native.programs import program
from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml
from sandbox_testing import direct, eventually
from testing.process import free_port
from tests.config.rules.paging import started
from tests.support.checklist import nothing_is_wrong_with

JOBS = parse_yaml((ROOT / "prometheus/prometheus.yml").read_text())["scrape_configs"]
GUESTS = [job for job in JOBS if job["job_name"] == "guests"]
TARGET = "127.0.0.1:9"


def services(folder: Path) -> dict[str, str]:
    """File to service, as Prometheus itself has the targets of `folder`/targets."""
    url = f"http://127.0.0.1:{free_port()}"
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": GUESTS}))
    command = [
        program("IMAGE_PROMETHEUS", "/bin/prometheus"), f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={url.removeprefix('http://')}",
    ]  # fmt: skip
    files = {path.name for path in (folder / "targets").iterdir()}

    def found() -> dict[str, str]:
        active = direct.get(f"{url}/api/v1/targets", timeout=5.0).json()["data"]["activeTargets"]
        return {
            Path(one["discoveredLabels"]["__meta_filepath"]).name: one["labels"].get("service", "") for one in active
        }

    with started(command, url, "/-/ready", folder / "prometheus.log"):
        return eventually("every target", found, lambda seen: seen.keys() == files, timeout=60.0)


def test_target_without_a_service_has_the_name_of_its_file(tmp_path: Path) -> None:
    labels = {
        "named.yml": {"service": "shop"},
        "stock.yml": None,
        "my-own.shop.yml": {"team": "edge"},
        "empty.yml": {"service": ""},
    }
    (tmp_path / "targets").mkdir()
    for name, said in labels.items():
        entry = {"targets": [TARGET], **({"labels": said} if said else {})}
        (tmp_path / "targets" / name).write_text(yaml.safe_dump([entry]))
    assert services(tmp_path) == {
        "named.yml": "shop",
        "stock.yml": "stock",
        "my-own.shop.yml": "my-own.shop",
        "empty.yml": "empty",
    }


@nothing_is_wrong_with({job["job_name"]: job for job in JOBS})
def test_every_target_of_ours_names_its_service(job: dict) -> dict[str, object]:
    ours = job.get("static_configs", [])
    return {"nameless": [one for one in ours if not one["labels"]["service"]] or not (ours or job["relabel_configs"])}
