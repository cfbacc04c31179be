"""Exits 0 when the URL given as the only argument answers 2xx within two seconds; else says why and exits 1."""

import sys
import urllib.request


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit("usage: probe.py URL")
    # A health check asks a neighbour or itself, never by way of a proxy of the environment.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    # It raises for connection errors (OSError) and for every status that is not 2xx or a redirect.
    try:
        with direct.open(sys.argv[1], timeout=2) as response:
            return 0 if 200 <= response.status < 300 else 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{sys.argv[1]}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
