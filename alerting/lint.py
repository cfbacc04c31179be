"""What is refused before anything is restarted: by the programs that read the files, and by our own promises."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from alerting.contacts import read_contacts
from alerting.problems import Problem
from native import build

__all__ = ["ALERTMANAGER_FILES", "Alert", "alerts", "check_files", "severities"]

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "reference" / "alerts.md"
ALERTMANAGER_FILES = sorted([*(ROOT / "alertmanager").glob("*.yml"), *(ROOT / "alertmanager/examples").glob("*.yml")])
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}
OPTIONAL_ANNOTATIONS = {"logs_url", "traces_url"}
# Where the first number is the line. promtool: `prometheus/rules/x.yml: 12:9: group ...`; amtool: `yaml: line 3: ...`.
_PLACES = (
    re.compile(r"(?P<file>[\w./-]+\.yml): (?P<line>\d+):\d+: (?P<reason>.+)"),
    re.compile(r"line (?P<line>\d+): (?P<reason>.+)"),
)
SECONDS = 60


@dataclass(frozen=True)
class Alert:
    """One alerting rule and where it is written."""

    path: Path
    line: int
    rule: dict[str, Any]

    @property
    def name(self) -> str:
        return self.rule["alert"]

    @property
    def severity(self) -> str:
        return self.rule["labels"].get("severity", "")


def check_files() -> None:
    """Raises Problem for the first thing that is wrong with rules, routes, contacts or templates."""
    read_contacts()
    _check_prometheus()
    _check_alertmanager()
    teams, allowed = set(read_contacts().teams), severities()
    for alert in alerts():
        _check_alert(alert, teams, allowed)


def alerts(root: Path = ROOT) -> list[Alert]:
    """Every alerting rule that the sandbox loads."""
    files = [
        *sorted((root / "prometheus/rules").glob("*.yml")),
        *sorted((root / "prometheus/generated/sandbox").glob("*.yml")),
    ]
    return [alert for path in files for alert in _alerts_of(path)]


def severities() -> dict[str, str]:
    """The severities of docs/reference/alerts.md and what each means."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", TABLE.read_text().partition("## Every alert")[0], re.MULTILINE)
    return {name: meaning.strip() for name, meaning in rows}


def _alerts_of(path: Path) -> Iterator[Alert]:
    text = path.read_text()
    lines = {
        line.partition("alert:")[2].strip(): number
        for number, line in reversed(list(enumerate(text.splitlines(), 1)))
        if "alert:" in line
    }
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                yield Alert(path, lines.get(rule["alert"], 0), rule)


def _check_alert(alert: Alert, teams: set[str], allowed: dict[str, str]) -> None:
    labels, annotations = alert.rule.get("labels", {}), alert.rule.get("annotations", {})

    def must(condition: bool, reason: str) -> None:
        if not condition:
            raise Problem(alert.path, alert.line, f"{alert.name} {reason}")

    must(labels.get("severity") in allowed, f"needs a severity of docs/reference/alerts.md: {', '.join(allowed)}")
    must("team" not in labels or labels["team"] in teams, "names a team that runbooks/contacts.yml does not know")
    must("team" in labels or "team" in alert.rule["expr"] or _keeps_labels(alert.rule["expr"]), "has no team")
    if missing := ANNOTATIONS - annotations.keys():
        must(False, f"lacks the annotation {min(missing)}")
    if unknown := annotations.keys() - ANNOTATIONS - OPTIONAL_ANNOTATIONS:
        must(False, f"has an annotation that no mail shows: {min(unknown)}")
    must(annotations["runbook_url"].endswith(f"/user/{alert.name}.md"), "must link to the runbook of its own name")
    must((ROOT / "runbooks" / f"{alert.name}.md").exists(), f"has no runbook: write runbooks/{alert.name}.md")


def _keeps_labels(expr: str) -> bool:
    """Nothing is aggregated away, so the target's own team stays on it."""
    return not re.search(r"\b(sum|max|min|count|avg)\b|vector\(", expr) or "slo:sli_error" in expr


def _check_prometheus() -> None:
    path = ROOT / "prometheus" / "prometheus.yml"
    _run("IMAGE_PROMETHEUS", "/bin/promtool", path, "check", "config", "--lint=all", "--lint-fatal", path)


def _check_alertmanager() -> None:
    for path in ALERTMANAGER_FILES:
        _run("IMAGE_ALERTMANAGER", "/bin/amtool", path, "check-config", path)
    for path in sorted((ROOT / "alertmanager/templates").glob("*.tmpl")):
        for name in re.findall(r'{{ define "([\w.]+)"', path.read_text()):
            text = f'{{{{ template "{name}" . }}}}'
            _run(
                "IMAGE_ALERTMANAGER",
                "/bin/amtool",
                path,
                "template",
                "render",
                f"--template.glob={path}",
                f"--template.text={text}",
            )


def _run(pin: str, program: str, path: Path, *arguments: str | Path) -> None:
    image = dotenv_values(ROOT / ".env")[pin]
    found = build.ensure([image])[image][program]
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT)
    if done.returncode:
        raise _problem(path, done.stdout + done.stderr)


def _problem(path: Path, output: str) -> Problem:
    for place in _PLACES:
        if found := place.search(output):
            named = Path(found.groupdict().get("file") or path)
            return Problem(named if named.is_absolute() else ROOT / named, int(found["line"]), found["reason"].strip())
    lines = [line.strip() for line in output.splitlines() if re.search(r"FAILED|error|invalid", line, re.IGNORECASE)]
    return Problem(path, 0, (lines or output.strip().splitlines() or ["refused without a reason"])[-1])
