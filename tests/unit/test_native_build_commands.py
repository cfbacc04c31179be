"""Commands of a build: what they print is kept, their failures are explained, and none outlives the build."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox.engines.native.build.commands import Runner
from sandbox.model.errors import StackError


def run(runner: Runner, script: str, **kwargs: object) -> object:
    return runner.run("step", ["sh", "-c", script], env=os.environ, cwd=Path("/"), **kwargs)


def test_every_line_reaches_the_log_and_the_listener(tmp_path: Path) -> None:
    heard: list[str] = []
    run(Runner(tmp_path), "echo one; echo two >&2", on_line=heard.append)
    assert sorted(heard) == ["one", "two"]
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
    runner, running, errors = Runner(tmp_path), threading.Event(), []

    def work() -> None:
        try:
            run(runner, "echo running; exec sleep 60", on_line=lambda line: running.set())
        except StackError as error:
            errors.append(error.problem)

    thread = threading.Thread(target=work)
    thread.start()
    assert running.wait(5)
    runner.stop()
    thread.join(timeout=5)
    assert errors == ["step was stopped"]
    with pytest.raises(StackError, match="the build was stopped"):
        run(runner, "true")


def test_a_killed_build_leaves_no_compiler_behind(tmp_path: Path) -> None:
    script = (
        "import os, pathlib; from sandbox.engines.native.build.commands import Runner\n"
        f"Runner(pathlib.Path({str(tmp_path)!r})).run('step', ['sh', '-c', 'echo $$; exec sleep 60'], env=os.environ,"
        " cwd=pathlib.Path('/'), on_line=lambda line: print(line, flush=True))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}/exe").exists()
