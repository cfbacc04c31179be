"""A broken file is refused before anything is restarted, and whoever broke it reads where and why."""

import json
import shutil
from pathlib import Path

import pytest

from sandbox.alerting.lint import check_files
from sandbox.alerting.problems import Problem
from sandbox.dashboards import check
from sandbox.dashboards.generate import generated
from sandbox.model import ROOT

RULES, PRODUCTION = "prometheus/rules/platform.yml", "prometheus/generated/production/auth.yml"
ROUTES, MAIL = "alertmanager/alertmanager.yml", "alertmanager/templates/mail.tmpl"
CONTACTS = "alertmanager/contacts.yml"
DESCRIBED = "          summary: The alerting path works"
# File, what it says, what is made of it (the first time), the text of the line to blame, and the reason.
BROKEN = {
    "expression": (RULES, "vector(1)", "vector(1", "expr: vector(1", "unclosed left parenthesis"),
    "unknown field": (RULES, "- alert: NoTraffic", "- alert: NoTraffic\n        foo: bar", "foo: bar", "field foo not"),
    "duration": (RULES, "for: 15s", "for: soon", "for: soon", 'not a valid duration string: "soon"'),
    "variable of a summary": (RULES, "$labels.service }} receives", "$it }} receives", "{{ $it }}", 'variable "$it"'),
    "YAML of a rule": (RULES, "  - name: platform", "  - name: [platform", "    rules:", "is no YAML"),
    "severity": (RULES, "severity: none", "severity: loud", "Watchdog", "Watchdog needs a severity of"),
    "team": (RULES, "none, team: platform", "none, team: nobody", "Watchdog", "names a team that"),
    "no team": (RULES, "none, team: platform", "none", "Watchdog", "Watchdog has no team"),
    "annotation left out": (RULES, "description: This", "logs_url: This", "Watchdog", "lacks the annotation"),
    "unknown annotation": (RULES, DESCRIBED, f"{DESCRIBED}\n          note: x", "Watchdog", "that no mail shows: note"),
    "runbook of another": (RULES, "user/Watchdog", "user/TargetDown", "Watchdog", "the runbook of its own name"),
    "production rule": (PRODUCTION, "expr: (", "expr: ((", "expr: ((", "unclosed left parenthesis"),
    "receiver": (ROUTES, "receiver: platform-team", "receiver: nobody-here", "nobody-here", "undefined receiver"),
    "waiting time": (ROUTES, "group_wait: 6s", "group_wait: soon", "soon", 'not a valid duration string: "soon"'),
    "matcher": (ROUTES, "severity = page", "severity ~ page", "severity ~ page", "bad matcher format"),
    "YAML of a route": (ROUTES, "receivers:", "receivers: ]", "receivers: ]", "is no YAML"),
    "function of a template": (MAIL, "{{ with .Labels", "{{ width .Labels", "width", 'function "width" not defined'),
    "end of a template": (MAIL, "{{ .StartsAt.UTC", "{{ .StartsAt.UTC }", "UTC }", 'unexpected "}" in operand'),
    "field of a template": (MAIL, ".CommonLabels.team", ".CommonLables.team", "CommonLables", "can't evaluate field"),
    "contact": (CONTACTS, "commander: ", "commander: nobody # ", "commander: nobody", "not a mail address"),
}  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What `make lint` reads of rules and routes."""
    for name in ("prometheus", "alertmanager", "runbooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def test_files_as_they_are_are_accepted(copy: Path) -> None:
    check_files(copy)


@pytest.mark.parametrize("what", BROKEN)
def test_broken_file_is_refused_with_file_line_and_reason(copy: Path, what: str) -> None:
    name, old, new, blamed, reason = BROKEN[what]
    path = copy / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(Problem) as refused:
        check_files(copy)
    assert refused.value.path == path
    assert reason in refused.value.reason
    assert blamed in path.read_text().splitlines()[refused.value.line - 1]


def test_alert_without_a_runbook_is_refused(copy: Path) -> None:
    (copy / "runbooks" / "Watchdog.md").unlink()
    with pytest.raises(Problem, match=r"has no runbook: write runbooks/Watchdog\.md"):
        check_files(copy)


def test_query_of_a_dashboard_that_is_no_promql_is_refused_where_its_panel_is_written() -> None:
    boards = {name: json.loads(text) for name, text in generated().items()}
    check.check_queries(boards)
    panel = next(panel for panel in boards["overview.json"]["panels"] if panel["title"] == "Log lines by level")
    panel["targets"][0] |= {"datasource": {"type": "prometheus", "uid": "prometheus"}, "expr": "sum(rate(up[1m])"}
    with pytest.raises(Problem, match=r"Log lines by level A is no PromQL: .*unclosed left parenthesis") as refused:
        check.check_queries(boards)
    assert refused.value.path == ROOT / "sandbox/dashboards/boards/overview.py"
    assert '"Log lines by level"' in refused.value.path.read_text().splitlines()[refused.value.line - 1]


def test_dashboard_that_was_edited_by_hand_is_refused_at_the_line(tmp_path: Path) -> None:
    wanted = {"one.json": '{\n "title": "One"\n}\n'}
    for name, text in wanted.items():
        (tmp_path / name).write_text(text)
    check.check_files(wanted, tmp_path)
    (tmp_path / "one.json").write_text('{\n "title": "Two"\n}\n')
    with pytest.raises(Problem, match='is not as generated: "title": "Two" must be "title": "One"') as refused:
        check.check_files(wanted, tmp_path)
    assert (refused.value.path, refused.value.line) == (tmp_path / "one.json", 2)
    with pytest.raises(Problem, match="belongs to no dashboard"):
        check.check_files({}, tmp_path)
    with pytest.raises(Problem, match="is missing"):
        check.check_files({"one.json": (tmp_path / "one.json").read_text(), "two.json": ""}, tmp_path)
