"""Commands of a build: what they print is kept, their failures are explained, and none outlives the build."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sandbox.engines.native.build.commands import Runner
from sandbox.model.errors import StackError
from sandbox_testing.polling import eventually


def run(runner: Runner, script: str) -> object:
    return runner.run("step", ["sh", "-c", script], env=os.environ, cwd=Path("/"))


def written(path: Path) -> str:
    """What a command wrote to a file, once it has."""
    return eventually(f"a line in {path.name}", lambda: path.exists() and path.read_text(), timeout=10.0, interval=0.02)


def test_every_line_reaches_the_log(tmp_path: Path) -> None:
    run(Runner(tmp_path), "echo one; echo two >&2")
    assert sorted((tmp_path / "step.log").read_text().split()) == ["one", "two"]


def test_the_processor_time_of_grandchildren_is_counted(tmp_path: Path) -> None:
    busy = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    usage = Runner(tmp_path).run(
        "step", ["sh", "-c", f"'{sys.executable}' -c '{busy}'; true"], env=os.environ, cwd=tmp_path
    )
    assert usage.cpu >= 0.2


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("go: example.invalid/x: dial tcp: lookup example.invalid: no such host", "check the network"),
        ("write /x: no space left on device", "disk is full"),
        ("verifying example.invalid/x@v1: checksum mismatch", "do not use this network's package mirror"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "do not use"),
        ("undefined: something", "report it"),
    ],
)
def test_a_failure_says_what_to_do_about_it(message: str, advice: str, tmp_path: Path) -> None:
    with pytest.raises(StackError) as failure:
        run(Runner(tmp_path), f"echo '{message}'; exit 3")
    assert advice in failure.value.next_step
    assert message in failure.value.details
    assert f"exit 3); full log: {tmp_path / 'step.log'}" in failure.value.problem


def test_stopping_ends_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    runner, running, errors = Runner(tmp_path), tmp_path / "running", []

    def work() -> None:
        try:
            run(runner, f"echo yes >{running}; exec sleep 60")
        except StackError as error:
            errors.append(error.problem)

    thread = threading.Thread(target=work)
    thread.start()
    written(running)
    runner.stop()
    thread.join(timeout=5)
    assert errors == ["step was stopped"]
    with pytest.raises(StackError, match="the build was stopped"):
        run(runner, "true")


def test_a_killed_build_leaves_no_compiler_behind(tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = (
        "import os, pathlib; from sandbox.engines.native.build.commands import Runner\n"
        f"Runner(pathlib.Path({str(tmp_path)!r})).run('step', ['sh', '-c', 'echo $$ >{started}; exec sleep 60'],"
        " env=os.environ, cwd=pathlib.Path('/'))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    child = int(written(started))
    parent.kill()
    parent.wait()
    gone = lambda: not Path(f"/proc/{child}/exe").exists()  # noqa: E731
    eventually("the end of the compiler", gone, timeout=5.0, interval=0.02)
