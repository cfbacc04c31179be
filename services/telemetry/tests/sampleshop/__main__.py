from kit.server import parse_bind
from telemetry import serve

if __name__ == "__main__":
    serve("sampleshop.app:app", parse_bind())
