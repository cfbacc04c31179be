"""Small HTTP clients of the stores, one module each. All raise ``httpx.HTTPStatusError`` for an error status."""

from sandbox_testing.stores.bugsink import Bugsink, ErrorEvent
from sandbox_testing.stores.loki import LogLine, Loki
from sandbox_testing.stores.mailpit import Mailpit, Message
from sandbox_testing.stores.prometheus import Prometheus, Sample
from sandbox_testing.stores.tempo import Tempo

__all__ = ["Bugsink", "ErrorEvent", "LogLine", "Loki", "Mailpit", "Message", "Prometheus", "Sample", "Tempo"]
