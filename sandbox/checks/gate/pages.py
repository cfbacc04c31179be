"""Writes the gate's report as one HTML page and as Markdown, with pictures of the dashboards."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from pathlib import Path

from sandbox.checks.gate.verdicts import Outcome, Verdict, conclusion

__all__ = ["PICTURES", "write_pages"]

TASKS = {
    "4.1": "Error tracking",
    "4.2": "Distributed tracing",
    "4.3": "Metrics collection",
    "4.4": "Logging standardization",
    "4.5": "Alerting and dashboards",
    "4.6": "Incident readiness",
    "exit": "Exit criteria",
}
# Dashboards whose pictures belong to a task.
PICTURES = {
    "4.2": ("logs-traces",),
    "4.3": ("overview", "service", "journey"),
    "4.4": ("telemetry",),
    "4.5": ("slo", "incident"),
    "exit": ("infrastructure",),
}
MARKS = {Outcome.PASS: "✔", Outcome.FAIL: "✘", Outcome.NOT_YET: "…"}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1b1d23; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; width: 100%; }
td { padding: .4rem .6rem; vertical-align: top; border-top: 1px solid #e4e4e8; }
td:first-child { width: 7rem; } td:nth-child(2) { width: 4.5rem; font-variant-numeric: tabular-nums; }
td:last-child { width: 4.5rem; text-align: right; color: #555; }
.verdict { font-size: 1.2rem; font-weight: bold; padding: .6rem 1rem; border-left: .5rem solid; background: #f4f4f6; }
.mark { display: inline-block; font-weight: bold; padding: 0 .5rem; border-radius: .3rem; white-space: nowrap; }
.PASS { background: #d7ecf9; color: #0b4a70; } .FAIL { background: #d55e00; color: #fff; }
.NOT { background: #f0e442; color: #333; } .why { color: #a33f00; }
details { color: #444; } summary { cursor: pointer; } code { font-size: .85rem; overflow-wrap: anywhere; }
img { max-width: 100%; } figcaption { color: #555; font-size: .9rem; }
"""


def write_pages(verdicts: Sequence[Verdict], pictures: Mapping[str, Path], folder: Path, when: datetime) -> list[Path]:
    """Write index.html and report.md to `folder`, which contains the pictures (by dashboard); return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "index.html": _html(verdicts, pictures, folder, when),
        "report.md": _markdown(verdicts, pictures, folder, when),
    }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in pages]


def _html(verdicts: Sequence[Verdict], pictures: Mapping[str, Path], folder: Path, when: datetime) -> str:
    said = conclusion(list(verdicts))
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{escape(said)}</title><style>{STYLE}</style><h1>Gate 4: observability readiness</h1>",
        f"<p class=verdict>{escape(said)}</p><p>{when:%Y-%m-%d %H:%M %Z}. {_summary(verdicts)}</p>",
    ]
    for task, rows in _by_task(verdicts):
        parts.append(f"<h2>{escape(_heading(task))}</h2><table>")
        parts += [_html_row(verdict) for verdict in rows]
        parts.append("</table>")
        for uid in PICTURES.get(task, ()):
            if uid in pictures:
                source = escape(str(pictures[uid].relative_to(folder)))
                told = f"Dashboard {uid}, drawn from the stores when the checks had run"
                parts.append(f"<figure><img src='{source}' alt='Dashboard {uid}' loading=lazy>")
                parts.append(f"<figcaption>{told}</figcaption></figure>")
    return "\n".join(parts) + "\n"


def _html_row(verdict: Verdict) -> str:
    row, word = verdict.row, verdict.outcome.value
    why = "".join(f"<div class=why>{escape(reason)}</div>" for reason in verdict.reasons)
    seen = "".join(f"<li><code>{escape(one)}</code></li>" for one in verdict.evidence)
    many = len(verdict.evidence)
    proof = (
        f"<details><summary>Evidence of {many} check{'s' if many > 1 else ''}</summary><ul>{seen}</ul></details>"
        if many
        else ""
    )
    time = f"{verdict.seconds:.1f} s" if row.checks else ""
    mark = f"<span class='mark {word.split()[0]}'>{MARKS[verdict.outcome]} {word}</span>"
    return f"<tr><td>{mark}</td><td>{row.id}</td><td>{escape(row.promise)}{why}{proof}</td><td>{time}</td></tr>"


def _markdown(verdicts: Sequence[Verdict], pictures: Mapping[str, Path], folder: Path, when: datetime) -> str:
    parts = ["# Gate 4: observability readiness", "", f"**{conclusion(list(verdicts))}**", ""]
    parts += [f"{when:%Y-%m-%d %H:%M %Z}. {_summary(verdicts)}"]
    for task, rows in _by_task(verdicts):
        parts += ["", f"## {_heading(task)}", "", "| outcome | row | promise | evidence |", "|---|---|---|---|"]
        parts += [_markdown_row(verdict) for verdict in rows]
        for uid in PICTURES.get(task, ()):
            if uid in pictures:
                parts += ["", f"![Dashboard {uid}]({pictures[uid].relative_to(folder)})"]
    return "\n".join(parts) + "\n"


def _markdown_row(verdict: Verdict) -> str:
    told = [*verdict.reasons, *verdict.evidence[:1]]
    if len(verdict.evidence) > 1:
        told.append(f"and {len(verdict.evidence) - 1} more in index.html")
    cell = "<br>".join(one.replace("|", "\\|").replace("\n", " ") for one in told)
    return f"| {MARKS[verdict.outcome]} {verdict.outcome.value} | {verdict.row.id} | {verdict.row.promise} | {cell} |"


def _by_task(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, list[Verdict]]]:
    for task, rows in groupby(verdicts, key=lambda verdict: verdict.row.task):
        yield task, list(rows)


def _heading(task: str) -> str:
    return TASKS[task] if task == "exit" else f"Task {task}: {TASKS[task]}"


def _summary(verdicts: Sequence[Verdict]) -> str:
    counts = [f"{sum(one.outcome is outcome for one in verdicts)} {outcome.value}" for outcome in Outcome]
    return f"{len(verdicts)} rows: {', '.join(counts)}."
