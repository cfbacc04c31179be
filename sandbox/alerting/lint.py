"""Checks of the alerting files before a restart: by the programs that read them, and of our own conventions."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from sandbox.alerting.contacts import read_contacts
from sandbox.alerting.problems import Problem, line_with, read_yaml
from sandbox.engines.native import build
from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml

__all__ = ["Alert", "alertmanager_files", "alerts", "check_files", "judged", "severities"]

TABLE = ROOT / "docs" / "reference" / "alerts.md"
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}
OPTIONAL_ANNOTATIONS = {"logs_url", "traces_url"}
# Formats in which promtool and amtool print a location: `x.yml: 12:9: reason`, `line 3: reason`, `template:
# mail.tmpl:12:3: reason`.
_PLACES = (
    re.compile(r"\.yml: (?P<line>\d+):\d+: (?P<reason>.+)"),
    re.compile(r"template: [\w.-]+\.tmpl:(?P<line>\d+)(?::\d+)?: (?P<reason>.+)"),
    re.compile(r"line (?P<line>\d+): (?P<reason>.+)"),
)
SECONDS = 60


@dataclass(frozen=True)
class Alert:
    """One alerting rule and its location."""

    path: Path
    line: int
    rule: dict[str, Any]

    @property
    def name(self) -> str:
        return self.rule["alert"]

    @property
    def severity(self) -> str:
        return self.rule["labels"].get("severity", "")


def check_files(root: Path = ROOT) -> None:
    """Check rules, routes, contacts and templates. Raises Problem for the first error."""
    contacts = read_contacts(root / "alertmanager" / "contacts.yml")
    for path in [*sorted((root / "prometheus").rglob("*.yml")), *alertmanager_files(root)]:
        read_yaml(path)
    _check_prometheus(root)
    _check_alertmanager(root)
    for alert in alerts(root):
        _check_alert(alert, root, set(contacts.teams))


def alertmanager_files(root: Path = ROOT) -> list[Path]:
    """Return all variants of the configuration, and the examples."""
    return sorted([*(root / "alertmanager").glob("alertmanager*.yml"), *(root / "alertmanager/examples").glob("*.yml")])


def alerts(root: Path = ROOT) -> list[Alert]:
    """Return every alerting rule that the sandbox loads."""
    files = [
        *sorted((root / "prometheus/rules").glob("*.yml")),
        *sorted((root / "prometheus/generated/sandbox").glob("*.yml")),
    ]
    return [alert for path in files for alert in _alerts_of(path)]


def severities() -> dict[str, str]:
    """Return the severities of docs/reference/alerts.md and the meaning of each."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", TABLE.read_text().partition("## Every alert")[0], re.MULTILINE)
    return {name: meaning.strip() for name, meaning in rows}


def _alerts_of(path: Path) -> Iterator[Alert]:
    text = path.read_text()
    lines = {
        line.partition("alert:")[2].strip(): number
        for number, line in reversed(list(enumerate(text.splitlines(), 1)))
        if "alert:" in line
    }
    for group in parse_yaml(text)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                yield Alert(path, lines.get(rule["alert"], 0), rule)


def _check_alert(alert: Alert, root: Path, teams: set[str]) -> None:
    allowed = severities()
    labels, annotations = alert.rule.get("labels", {}), alert.rule.get("annotations", {})

    def must(condition: bool, reason: str) -> None:
        if not condition:
            raise Problem(alert.path, alert.line, f"{alert.name} {reason}")

    must(labels.get("severity") in allowed, f"needs a severity of docs/reference/alerts.md: {', '.join(allowed)}")
    must("team" not in labels or labels["team"] in teams, "names a team that alertmanager/contacts.yml does not know")
    must("team" in labels or "team" in alert.rule["expr"] or _keeps_labels(alert.rule["expr"]), "has no team")
    if missing := ANNOTATIONS - annotations.keys():
        must(False, f"lacks the annotation {min(missing)}")
    if unknown := annotations.keys() - ANNOTATIONS - OPTIONAL_ANNOTATIONS:
        must(False, f"has an annotation that no mail shows: {min(unknown)}")
    must(annotations["runbook_url"].endswith(f"/user/{alert.name}.md"), "must link to the runbook of its own name")
    must((root / "runbooks" / f"{alert.name}.md").exists(), f"has no runbook: write runbooks/{alert.name}.md")


def _keeps_labels(expr: str) -> bool:
    """Whether the expression aggregates no label away, so that the target's own team label is kept."""
    return not re.search(r"\b(sum|max|min|count|avg)\b|vector\(", expr) or "slo:sli_error" in expr


def _check_prometheus(root: Path) -> None:
    path, options = root / "prometheus" / "prometheus.yml", ("--lint=all", "--lint-fatal")
    judged("IMAGE_PROMETHEUS", "/bin/promtool", path, "check", "config", *options, path)
    # No configuration here loads the rules for production.
    for rules in sorted((root / "prometheus/generated/production").glob("*.yml")):
        judged("IMAGE_PROMETHEUS", "/bin/promtool", rules, "check", "rules", *options, rules)


def _check_alertmanager(root: Path) -> None:
    # Templates first: otherwise the configuration that loads an invalid template would be reported.
    for path in sorted((root / "alertmanager/templates").glob("*.tmpl")):
        names = re.findall(r'{{ define "([\w.]+)"', path.read_text())
        text = "".join(f'{{{{ template "{name}" . }}}}' for name in names)
        options = (f"--template.glob={path}", f"--template.text={text}")
        judged("IMAGE_ALERTMANAGER", "/bin/amtool", path, "template", "render", *options)
    for path in alertmanager_files(root):
        judged("IMAGE_ALERTMANAGER", "/bin/amtool", path, "check-config", path)


def judged(pin: str, program: str, path: Path, *arguments: str | Path) -> None:
    """Check a file with a program of an image. Raises Problem with the program's message if it rejects the file."""
    image = dotenv_values(ROOT / ".env")[pin] or ""
    found = build.ensure([image])[image][program]
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT)
    if done.returncode:
        raise _problem(path, done.stdout + done.stderr)


def _problem(path: Path, output: str) -> Problem:
    """Convert a program's last message to a Problem.

    `path` is the file that the program was given. The message may name another file, which that one loads.
    """
    said = output.rpartition("FAILED:")[2].strip() or "refused without a reason"
    blamed = re.match(r"(\S+\.yml): (.+)", said)
    file = ROOT / blamed[1] if blamed else path
    for place in _PLACES:
        if found := place.search(said):
            return Problem(file, int(found["line"]), found["reason"].strip())
    reason = (blamed[2] if blamed else said).splitlines()[0]
    # No location, only the rejected text: the last one in quotes, or the text after the last colon.
    disliked = [reason.rpartition(": ")[2], *reversed(re.findall(r'"([^"]+)"', reason))]
    return Problem(file, next(filter(None, (line_with(file, text) for text in disliked)), 0), reason)
