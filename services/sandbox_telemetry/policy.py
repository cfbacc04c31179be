"""The scrubbing policy: what may leave the process. Applied to log lines, spans and error events alike.

docs/reference/scrubbing.md has the policy as a table, together with what the collector does afterwards.
"""

import re
from functools import lru_cache
from typing import Any

from sandbox_telemetry.names import LOG_FIELDS, SPAN_ATTRIBUTES

SCRUBBED = "[scrubbed]"
_UNSTORABLE = re.compile(r"[\ud800-\udfff\0]")
MAX_TEXT = 2_000
# Texts up to this length repeat (routes, messages, statements), so their result is cached.
_REMEMBERED = 256

# Our own identifiers, which the number patterns would otherwise match.
_OURS = r"(?P<ours>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b(?=\d*[a-f])[0-9a-f]{32}\b)"

PATTERNS: dict[str, str] = {
    "url credentials": r"(?<=://)[^/\s@]+@",
    "mail address": r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+",
    "json web token": r"\beyJ[\w-]+(?:\.[\w-]*){0,4}",
    "credentials scheme": r"(?i:\b(?:bearer|basic|digest)\s+[\w.~+/=-]{6,})",
    "named secret": (
        r"(?i:\b[\w-]{0,24}(?:passw(?:or)?d|passphrase|pwd|secret|token|cvc2?|cvv2?|pan|card[_-]?number|authorization|cookie"
        r"|api[_-]?key|session[_-]?key)\\*[\"']?\s*[=:]\s*\\*[\"']?(?:(?:bearer|basic)\s+)?[^\s\"',;&})\]]+)"
    ),
    "query string": r"\?[\w%.\[\]-]+=\S*",
    "iban": r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?\b",
    "phone number": r"(?:\+|%2[bB]|\b00)[1-9](?:[ ().\-/]{0,2}\d){7,14}",
    "card number": r"(?<!\d)\d(?:(?:[ .\-_+]|%20)?\d){12,18}(?!\d)",
    "ip address": (
        r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)"
        r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,6}(?![\w:])"
        r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){1,6}:(?:[0-9A-Fa-f]{1,4}:?)*(?![\w:])"
    ),
}
# A time of day looks like the beginning of an IPv6 address; our own listeners' addresses are not personal.
_HARMLESS = r"(?P<harmless>\b\d{2}:\d{2}:\d{2}\b|\b(?:127\.0\.0\.1|0\.0\.0\.0)\b)"
_PERSONAL = re.compile("|".join([_OURS, _HARMLESS, *(f"(?:{pattern})" for pattern in PATTERNS.values())]))


def _replace(match: re.Match[str]) -> str:
    return match.group() if match.group("ours") or match.group("harmless") else SCRUBBED


def scrub_text(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text`, cut to `limit` characters, with everything that looks personal or secret replaced."""
    return _scrub_short(text) if len(text) <= _REMEMBERED else _PERSONAL.sub(_replace, storable(text[:limit]))


@lru_cache(maxsize=2048)
def _scrub_short(text: str) -> str:
    return _PERSONAL.sub(_replace, storable(text))


def storable(text: str) -> str:
    """Return `text` with characters that no store accepts escaped: NUL and lone surrogates (file names in Latin-1)."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def scrub_value(value: Any) -> Any:
    """Return a value as it may be stored: numbers, booleans and None unchanged, text scrubbed, else masked."""
    if isinstance(value, str):
        return scrub_text(str(value))
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # A number of 13 digits or more can be a card number; none of our own numbers is that large.
        return value if -(10**12) < value < 10**12 else SCRUBBED
    if isinstance(value, tuple | list):
        return [scrub_value(item) for item in value[:20]]
    return SCRUBBED


def span_attribute(key: str, value: Any) -> Any | None:
    """Return the attribute's value as it may leave the process, or None if the name is not declared."""
    return scrub_value(value) if key in SPAN_ATTRIBUTES else None


def log_field(key: str, value: Any) -> Any:
    """Return the field's value as it may be written: `[scrubbed]` if the name is not declared."""
    return scrub_value(value) if key in LOG_FIELDS else SCRUBBED


def exception_type(error: BaseException | type[BaseException]) -> str:
    """Return module and name of the exception's class. Apart from the stack, nothing else of it is recorded."""
    cls = error if isinstance(error, type) else type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
