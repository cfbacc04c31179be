import sys

from kit.server import parse_bind, run_server

if __name__ == "__main__":
    kind = sys.argv.pop(1)
    if kind == "bare":
        run_server("loadtest.nullservice.bare:app", parse_bind(), log_level="warning")
    else:
        from kit.service import serve

        serve("loadtest.nullservice.observed:app", parse_bind(), service="nullservice")
