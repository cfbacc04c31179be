"""The gate's report for a terminal and as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path

from sandbox.checks.gate.verdicts import Verdict, conclusion

__all__ = ["lines", "write_json"]

SHOWN = 3
WIDTH = 180


def lines(verdicts: list[Verdict]) -> Iterator[str]:
    """Return each row with its outcome, time and evidence; the last line is the conclusion."""
    for verdict in verdicts:
        row = verdict.row
        time = f"{verdict.seconds:.1f} s" if row.checks else ""
        yield f"{verdict.outcome.value:8} {row.id:8} {row.promise}  {time}".rstrip()
        for reason in verdict.reasons:
            yield f"{'':18}{_short(reason)}"
        for seen in verdict.evidence[:SHOWN]:
            yield f"{'':18}{_short(seen)}"
        if len(verdict.evidence) > SHOWN:
            yield f"{'':18}and {len(verdict.evidence) - SHOWN} more in the JSON report"
    yield ""
    yield conclusion(verdicts)


def write_json(verdicts: list[Verdict], path: Path) -> None:
    """Write the complete evidence, without shortening."""
    rows = [
        {
            "id": verdict.row.id,
            "promise": verdict.row.promise,
            "outcome": verdict.outcome.value,
            "seconds": round(verdict.seconds, 3),
            "reasons": verdict.reasons,
            "evidence": verdict.evidence,
        }
        for verdict in verdicts
    ]
    path.write_text(json.dumps({"conclusion": conclusion(verdicts), "rows": rows}, indent=2) + "\n", encoding="utf-8")


def _short(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 4]} ..."
