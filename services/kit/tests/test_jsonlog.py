"""Lines of the small programs: what a library puts into `extra=` changes nothing that each line must say."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging
from kit.jsonlog import log_as_json

log_as_json("relay", "dev", "1.2.3")
names = ("timestamp", "level", "logger", "service", "environment", "version", "traceId", "spanId")
logging.getLogger("a.library").warning("caf\\udce9", extra=dict.fromkeys(names, "mine") | {"count": 4})
"""


def test_extra_fields_never_overwrite_what_a_line_says_by_itself() -> None:
    services = str(Path(__file__).resolve().parents[2])
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": services}, capture_output=True, text=True, check=True
    )
    line = json.loads(ended.stdout)
    assert "mine" not in ended.stdout
    assert (line["service"], line["environment"], line["version"]) == ("relay", "dev", "1.2.3")
    assert (line["level"], line["logger"], line["traceId"], line["spanId"]) == ("WARNING", "a.library", "", "")
    assert line["count"] == 4
