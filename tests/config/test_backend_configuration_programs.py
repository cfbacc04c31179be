"""The programs themselves read their configuration and know every key in it."""

import subprocess
from pathlib import Path

import pytest

from sandbox.engines.native.programs import program
from sandbox.model import ROOT

READERS = {
    "loki": ("IMAGE_LOKI", "/usr/bin/loki", ["-verify-config", "-config.file={}"], "loki/loki.yml"),
    "tempo": ("IMAGE_TEMPO", "/tempo", ["-config.verify", "-config.file={}"], "tempo/tempo.yml"),
    "collector": (
        "IMAGE_OTEL_COLLECTOR",
        "/otelcol-contrib",
        ["validate", "--feature-gates=ottl.set.allowNil,ottl.functions.enableLambda", "--config={}"],
        "collector/config.yaml",
    ),
}


def read(reader: str, configuration: Path) -> subprocess.CompletedProcess[str]:
    pin, path, arguments, _ = READERS[reader]
    command = [program(pin, path), *(argument.format(configuration) for argument in arguments)]
    environment = {"DEPLOYMENT_ENVIRONMENT": "dev", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("reader", READERS)
def test_each_program_accepts_its_configuration(reader: str, tmp_path: Path) -> None:
    # The collector's folder is made at start, and only containers may make one there.
    text = (ROOT / READERS[reader][3]).read_text().replace("/var/lib/otelcol", str(tmp_path))
    configuration = tmp_path / "configuration.yml"
    configuration.write_text(text)
    finished = read(reader, configuration)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("reader", READERS)
def test_each_program_refuses_a_key_it_does_not_know(reader: str, tmp_path: Path) -> None:
    """Otherwise the test above would prove nothing."""
    configuration = tmp_path / "configuration.yml"
    configuration.write_text((ROOT / READERS[reader][3]).read_text() + "\nno_such_key: {a: 1}\n")
    assert read(reader, configuration).returncode != 0
