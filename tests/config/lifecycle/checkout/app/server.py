"""Answers every request with what it was started with; its settings file may make it wait at its start or end it."""

import argparse
import json
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

parser = argparse.ArgumentParser()
for name in ("--bind", "--settings", "--data", "--peer"):
    parser.add_argument(name)
arguments = parser.parse_args()
settings = Path(arguments.settings).read_text() if arguments.settings else ""


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"peer": arguments.peer, "settings": settings}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if "die" in settings:
    sys.exit("cannot open the ledger: it is torn")
while "wait" in settings and not (Path(arguments.data) / "go").exists():
    time.sleep(0.05)
if arguments.data:
    with (Path(arguments.data) / "starts").open("a") as starts:
        starts.write("started\n")
# As most programs do: asked to stop, it exits with status 0.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
host, _, port = arguments.bind.partition(":")
sys.stdout.write("serving\n")
sys.stdout.flush()
ThreadingHTTPServer((host, int(port)), Answer).serve_forever()
