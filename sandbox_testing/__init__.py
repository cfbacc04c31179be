"""Assert on the traces, logs, metrics, errors, alerts and mails of a service that sends telemetry to the sandbox."""

from sandbox_testing.canaries import Canary, Search, card_number, search, word
from sandbox_testing.haystack import Haystack, Passage, haystacks
from sandbox_testing.observe import Telemetry, Trace, Unchanged
from sandbox_testing.polling import NotSeen, eventually
from sandbox_testing.spans import Node, Span, orphans, render, tree_of
from sandbox_testing.stores import Bugsink, ErrorEvent, LogLine, Loki, Mailpit, Message, Prometheus, Sample, Tempo
from sandbox_testing.where import Sandbox

__all__ = [
    "Bugsink",
    "Canary",
    "ErrorEvent",
    "Haystack",
    "LogLine",
    "Loki",
    "Mailpit",
    "Message",
    "Node",
    "NotSeen",
    "Passage",
    "Prometheus",
    "Sample",
    "Sandbox",
    "Search",
    "Span",
    "Telemetry",
    "Tempo",
    "Trace",
    "Unchanged",
    "card_number",
    "eventually",
    "haystacks",
    "orphans",
    "render",
    "search",
    "tree_of",
    "word",
]
