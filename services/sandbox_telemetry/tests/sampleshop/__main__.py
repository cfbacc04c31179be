from kit.server import parse_bind
from kit.service import serve

if __name__ == "__main__":
    serve("sampleshop.app:app", parse_bind())
