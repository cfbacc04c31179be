"""Prometheus, Alertmanager, Mailpit and the heartbeat as they really run, on free ports and with short waits."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from sandbox.alerting.routes import PAGE_WAIT, SYMPTOM_WAIT
from sandbox.engines.native.programs import program
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml
from sandbox_testing import Mailpit, direct, eventually
from testing.process import free_port

__all__ = [
    "COMMANDER", "ON_CALL", "PAGE", "PATIENCE", "SECOND", "Desk", "Program", "alertmanager", "desk", "heartbeat",
    "prometheus", "started", "until",
]  # fmt: skip

ON_CALL, SECOND, COMMANDER = (
    "payments-oncall@sandbox.test",
    "payments-secondary@sandbox.test",
    "incident-commander@sandbox.test",
)
PAGE = {"alertname": "PaymentSuccessBudgetBurn", "severity": "page", "team": "payments", "service": "payments"}
PATIENCE = 60.0

# What the real configuration waits, and what it is made here.
SHORTER = {**{f"group_wait: {wait}": "group_wait: 500ms" for wait in (PAGE_WAIT, SYMPTOM_WAIT, "10s")},
           "group_interval: 10s": "group_interval: 1s", "group_interval: 30s": "group_interval: 1s",
           "group_wait: 2m": "group_wait: 2s", "group_wait: 4m": "group_wait: 4s",
           "group_interval: 5s": "group_interval: 1s", "repeat_interval: 4s": "repeat_interval: 500ms"}  # fmt: skip

# Those of Alertmanager's flags that name no place.
OWN_FLAGS = ("--cluster.", "--dispatch.")


@dataclass
class Program:
    """A running program."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@dataclass
class Desk:
    """Where alerts come in and mails go out. `config` is Alertmanager's file, which may be changed."""

    alertmanager: Program
    mailbox: Mailpit
    config: Path
    ports: Mapping[str, int]
    began: float = field(default_factory=time.time)

    def fire(
        self,
        *alerts: Mapping[str, str],
        ended: bool = False,
        since: float = 0.0,
        over: Sequence[Mapping[str, str]] = (),
        **words: str,
    ) -> None:
        """Tell Alertmanager, as Prometheus would, of alerts with these labels that began `since` seconds ago.

        `over` are alerts that have ended, told of in the same request. `words` are further annotations.
        """
        now = datetime.now(UTC).isoformat()
        began = (datetime.now(UTC) - timedelta(seconds=since)).isoformat()
        words = {
            "summary": "a test", "description": "-", "runbook_url": "http://r/", "dashboard_url": "http://d/", **words
        }  # fmt: skip
        times = ({"startsAt": began} if since else {}) | ({"endsAt": now} if ended else {})
        body = [{"labels": one, "annotations": words} | times for one in alerts]
        body += [{"labels": one, "annotations": words, "endsAt": now} for one in over]
        direct.post(f"{self.alertmanager.url}/api/v2/alerts", json=body, timeout=5.0).raise_for_status()

    def mails(self) -> list[tuple[str, str]]:
        """(first word of the subject, mailbox) of every mail, in the order of their arrival."""
        found = [(one.subject.split("]")[0] + "]", to) for one in self.mailbox.messages() for to in one.recipients]
        return found[::-1]


@contextmanager
def started(command: list[str | Path], url: str, ready: str, log: Path, **environment: str) -> Iterator[Program]:
    """Run a program until the block ends; it is ready when `ready` answers."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(one) for one in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**os.environ, **environment},
        )
    running = Program(url, process)
    try:
        eventually(f"{command[0]} to be ready (see {log})", lambda: direct.get(url + ready, timeout=1.0).is_success)
        yield running
    finally:
        running.stop()


@contextmanager
def desk(folder: Path, source: str = "alertmanager.yml", **replaced: str) -> Iterator[Desk]:
    """Alertmanager with the routes of this repository, and Mailpit behind it."""
    ports = {name: free_port() for name in ("smtp", "mailpit", "alertmanager", "heartbeat", "prometheus", "chat")}
    config = folder / "alertmanager.yml"
    text = (ROOT / "alertmanager" / source).read_text()
    places = {
        "mailpit:1025": f"127.0.0.1:{ports['smtp']}",
        "heartbeat:8005": f"127.0.0.1:{ports['heartbeat']}",
        "/etc/alertmanager/templates": str(ROOT / "alertmanager/templates"),
    }
    for old, new in {**places, **SHORTER, **replaced}.items():
        text = text.replace(old, new)
    config.write_text(text)
    with ExitStack() as running:
        listen = [f"--listen=127.0.0.1:{ports['mailpit']}", f"--smtp=127.0.0.1:{ports['smtp']}"]
        mailpit = program("IMAGE_MAILPIT", "/mailpit")
        url = f"http://127.0.0.1:{ports['mailpit']}"
        options = ["--disable-version-check", f"--database={folder / 'mails.db'}"]
        running.enter_context(started([mailpit, *listen, *options], url, "/readyz", folder / "mailpit.log"))
        mailbox = Mailpit(url)
        running.callback(mailbox.close)
        yield Desk(running.enter_context(alertmanager(folder, ports)), mailbox, config, ports)


@contextmanager
def alertmanager(folder: Path, ports: Mapping[str, int]) -> Iterator[Program]:
    url = f"http://127.0.0.1:{ports['alertmanager']}"
    command = [
        program("IMAGE_ALERTMANAGER", "/bin/alertmanager"), f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={url.removeprefix('http://')}",
        *(flag for flag in read_topology(ROOT, {}).services["alertmanager"].command if flag.startswith(OWN_FLAGS)),
    ]  # fmt: skip
    with started(command, url, "/-/ready", folder / "alertmanager.log") as running:
        yield running


@contextmanager
def prometheus(folder: Path, ports: Mapping[str, int], **environment: str) -> Iterator[Program]:
    """Prometheus with the platform's rules, evaluated each second, that tells the desk's Alertmanager."""
    real = parse_yaml((ROOT / "prometheus/prometheus.yml").read_text())
    (folder / "rules.yml").write_text((ROOT / "prometheus/rules/platform.yml").read_text())
    targets = [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}]
    config = {
        "global": {**real["global"], "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {**real["alerting"], "alertmanagers": targets},
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{ports['prometheus']}"
    command = [
        program("IMAGE_PROMETHEUS", "/bin/prometheus"), f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-lifecycle", "--rules.alert.resend-delay=1s",
    ]  # fmt: skip
    with started(command, url, "/-/ready", folder / "prometheus.log", **environment) as running:
        yield running


@contextmanager
def heartbeat(folder: Path, ports: Mapping[str, int]) -> Iterator[Program]:
    """The dead man's switch, with a patience of three seconds."""
    url = f"http://127.0.0.1:{ports['heartbeat']}"
    settings = [
        f"SMTP_ADDRESS=127.0.0.1:{ports['smtp']}", "MAIL_TO=platform-oncall@sandbox.test", "PATIENCE_SECONDS=3",
        f"PYTHONPATH={ROOT / 'services'}",
    ]  # fmt: skip
    command = ["env", *settings, sys.executable, "-m", "heartbeat", f"--bind={url.removeprefix('http://')}"]
    with started(command, url, "/readyz", folder / "heartbeat.log") as running:
        yield running


def until(office: Desk, *mails: tuple[str, str]) -> None:
    """Wait for mails, each given as the first word of its subject and its mailbox."""
    eventually(f"the mails {mails}", office.mails, lambda found: set(mails) <= set(found), timeout=PATIENCE)
