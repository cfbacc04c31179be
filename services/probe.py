"""Exits 0 if the URL in the only argument responds with 2xx within two seconds; otherwise prints why and exits 1."""

import sys
import urllib.request


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit("usage: probe.py URL")
    # A health check must never use a proxy from the environment.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    # Raises OSError for connection errors and for every status that is not 2xx or a redirect.
    try:
        with direct.open(sys.argv[1], timeout=2) as response:
            return 0 if 200 <= response.status < 300 else 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{sys.argv[1]}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
