"""Generates a review as Markdown and HTML: facts from the record, questions for people."""

import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from markdown_it import MarkdownIt

from sandbox.incidents.record import STAGES, Record, earlier, folder_of

__all__ = ["DASHBOARD", "markdown", "write"]

SOURCES = {
    "first_bad": "Loki: access line of the gateway",
    "injected": "game day",
    "pending": "Prometheus: ALERTS",
    "firing": "Prometheus: ALERTS",
    "mail": "Mailpit",
    "acknowledged": "Alertmanager: silence",
    "mitigating": "game day: command",
    "mitigated": "game day: command ended",
    "recovered": "Prometheus: the objective",
}
_MODES = {"run": "game day", "drill": "drill", "incident": "incident"}
DASHBOARD = "incident.png"
STYLE = Path(__file__).with_name("review.css")


def write(root: Path, record: Record) -> Path:
    """Write review.md, review.html and timeline.png next to the record; return the path of the page."""
    # Imported here: it takes a second, and only plots need it.
    from sandbox.incidents import plots

    folder = folder_of(root, record)
    plots.draw(record, folder / "timeline.png")
    text = markdown(record, earlier(root, record), with_dashboard=(folder / DASHBOARD).exists())
    (folder / "review.md").write_text(text, encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(record.title)}</title>'
    (folder / "review.html").write_text(
        f"{page}<style>{STYLE.read_text()}</style><main>{body}</main></html>\n", encoding="utf-8"
    )
    return folder / "review.html"


def markdown(record: Record, before: list[Record], *, with_dashboard: bool = False) -> str:
    """Return the review as Markdown.

    `before` are earlier runs of the scenario. The dashboard is a picture next to the page.
    """
    parts = (
        _head(record),
        _summary(record, before),
        ["![Requests, the objective and the alerts over time](timeline.png)"],
        [f"![The dashboard for incidents over the same time]({DASHBOARD})"] if with_dashboard else [],
        _timeline(record),
        _detection(record),
        _runbook(record),
        _evidence(record),
        _comparison(record, before),
        _form(record),
    )
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(record: Record) -> list[str]:
    # A real incident has no verdict.
    verdict = "" if record.mode == "incident" else f"**{'PASSED' if record.passed else 'NOT PASSED'}** · "
    when = datetime.fromtimestamp(record.began, UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"# {record.title}",
        "",
        f"{verdict}{_MODES[record.mode]} `{record.scenario}` ({record.kind}) · {when} · {record.engine} engine",
    ]
    lines += ["", f"> {record.story.strip()}"]
    if record.problems:
        lines += ["", "What did not go as it should:", "", *(f"- {problem}" for problem in record.problems)]
    if record.drill:
        lines += ["", f"Drill: {record.drill['score']} of 100 points; {record.drill['told']}"]
    return lines


def _summary(record: Record, before: list[Record]) -> list[str]:
    limits = {"detect": record.expected.get("detect_seconds")}
    rows = []
    for name, seconds in record.durations.items():
        past = [took for one in before if (took := one.durations[name]) is not None]
        usual = f"{median(past):.1f} s ({len(past)} runs)" if past else "-"
        limit = f"{limits[name]:.0f} s" if limits.get(name) else "-"
        rows.append([f"time to {name}", _seconds(seconds), limit, usual])
    verified, limit = record.verified_after, record.expected.get("recover_seconds", 60)
    rows.append(["from the mitigation to the objective", _seconds(verified), f"{limit:.0f} s", "-"])
    table = _table(["", "this run", "limit", "median of earlier runs"], rows)
    return ["## In short", "", *table, "", *_impact(record)]


def _impact(record: Record) -> Iterator[str]:
    people, budget = record.customers, record.budget
    if people:
        share = people["failed"] / max(1, people["requests"])
        yield (
            f"- **Customers affected:** {people['affected']} of {people['present']}; {people['failed']} of"
            f" {people['requests']} requests ({share:.1%}) did not get the answer that they must get; the longest took"
            f" {people['slowest_seconds']} s."
        )
    if people.get("failures"):
        listed = ", ".join(f"{what} ({count})" for what, count in people["failures"].items())
        yield f"- **What failed:** {listed}."
    if budget:
        yield (
            f"- **Error budget:** {budget['spent']:.1%} of what is allowed in {budget['period_hours']:.0f} hours"
            f" ({budget['bad']:.0f} bad of {budget['total']:.0f} events; {budget['objective']})"
        )


def _timeline(record: Record) -> list[str]:
    rows = [
        [_clock(record.times[stage]), f"{record.times[stage] - record.start:+.1f} s", words, SOURCES[stage]]
        for stage, words in sorted(STAGES.items(), key=lambda item: record.times.get(item[0], 0))
        if stage in record.times
    ]
    return ["## Timeline", "", *_table(["UTC", "since the start", "what", "known from"], rows)]


def _detection(record: Record) -> list[str]:
    rows = [
        [
            f"`{alert['name']}`",
            alert["service"],
            alert["severity"],
            f"{alert['firing'] - record.start:+.1f} s" if "firing" in alert else "-",
            alert["verdict"],
        ]
        for alert in record.alerts
    ]
    told = "First" if record.mode == "incident" else "Expected"
    lines = ["## Detection", "", f"{told}: `{record.expected['alert']}`."]
    missing = not any(alert["verdict"] == "expected" for alert in record.alerts)
    if missing:
        lines.append("**It did not fire.**")
    lines += ["", *_table(["alert", "service", "severity", "fired", "verdict"], rows), "", "Mails:", ""]
    lines += [
        f"- {_clock(mail['at'])} to {', '.join(mail['to'])}: {_plain(mail['subject'])}" for mail in record.mails
    ] or ["- none"]
    return lines


def _runbook(record: Record) -> list[str]:
    page = record.expected["runbook"]
    lines = [f"## The runbook{', executed' * bool(record.mitigation)}: `runbooks/{page}.md`", ""]
    for step in record.diagnosis:
        told = f"{step['count']} rows" if step["ok"] else "no answer"
        lines += [f"{step['lead'] or 'Next:'} ({step['language']}: {told})", "", "```text", *step["text"].splitlines()]
        lines += [f"→ {_short(row)}" for row in step["rows"]] + ["```", ""]
    if record.mitigation:
        did = "done" if record.mitigation["ok"] else "FAILED"
        lines += [
            f"**Mitigation** ({did}): {record.mitigation['lead']}",
            "",
            "```text",
            *record.mitigation["command"].splitlines(),
        ]
        lines += [f"→ {_short(row)}" for row in record.mitigation["output"]] + ["```"]
    return lines


def _evidence(record: Record) -> list[str]:
    lines = ["## Evidence", ""]
    if telemetry := record.telemetry:
        lines += [
            f"- Of {telemetry['requests']} requests, {telemetry['traces_lost']} traces and {telemetry['lines_lost']}"
            " access lines are missing from the stores.",
            f"- {telemetry['scrapes_missed']} scrapes were missed{_each(telemetry.get('scrapes_missed_of', {}))};"
            f" {telemetry['error_events_lost']} error events did not reach the error tracker.",
        ]
    lines += [
        f"- Trace `{trace}` of a request that suffered ({record.addresses.get('tempo', '')}/api/traces/{trace})"
        for trace in record.evidence.get("traces", [])
    ]
    if record.evidence.get("lines"):
        lines += ["", "First line of each kind of trouble in the logs:", "", "```text"]
        lines += [_short(line, 400) for line in record.evidence["lines"]] + ["```"]
    return lines


def _each(counts: dict[str, int]) -> str:
    return " (" + ", ".join(f"{name}: {count}" for name, count in counts.items()) + ")" if counts else ""


def _comparison(record: Record, before: list[Record]) -> list[str]:
    if not before:
        return []
    rows = [
        [
            _date(one.began),
            one.engine,
            *(_seconds(value) for value in one.durations.values()),
            "passed" if one.passed else "not passed",
        ]
        for one in [*before[-5:], record]
    ]
    return [
        "## Compared with earlier runs",
        "",
        *_table(["when", "engine", "detect", "acknowledge", "mitigate", "recover", ""], rows),
    ]


def _form(record: Record) -> list[str]:
    unexpected = [alert["name"] for alert in record.alerts if alert["verdict"] == "unexpected"]
    facts = json.dumps({name: value for name, value in record.durations.items() if value is not None})
    detected = _seconds(record.durations["detect"])
    failed = record.customers.get("failed", 0)
    questions = (
        f"**Impact.** {failed} failed requests. What did that mean for those customers?",
        f"**Detection.** `{record.expected['alert']}` told us after {detected}. What could have told sooner?",
        f"**Alerts that should not have fired:** {', '.join(unexpected) or 'none'}. Which mail helped nobody?",
        f"**Response.** Seconds: {facts}. Which line of the runbook was missing, which was looked for in vain?",
        "**Causes.** And why was that possible? Ask until the answer is something that can be changed.",
        "**What went well, and where were we lucky?**",
        "**Actions.** At most five, each with an owner and a date: detect sooner, mitigate faster, make impossible.",
    )
    blame = "Everybody did what seemed right with what they could see. Facts are filled in; the rest is for people."
    return ["## Review, without blame", "", blame, "", *(f"{n}. {text} …" for n, text in enumerate(questions, 1))]


def _table(head: list[str], rows: list[list[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _clock(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, UTC).strftime("%H:%M:%S")


def _date(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d %H:%M")


def _short(text: str, width: int = 160) -> str:
    flat = " ".join(text.replace("```", "'''").split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def _plain(text: str) -> str:
    return text.replace("[", "\\[").replace("]", "\\]")
