"""The scrubbing policy: what may leave the process. Used for log lines, spans and error events alike.

The policy as a table, with what the collector does behind it, is docs/reference/scrubbing.md.
"""

import re
from functools import lru_cache
from typing import Any

from sandbox_telemetry.names import LOG_FIELDS, SPAN_ATTRIBUTES

SCRUBBED = "[scrubbed]"
_UNSTORABLE = re.compile(r"[\ud800-\udfff\0]")
MAX_TEXT = 2_000
# Texts up to this length repeat (routes, messages, statements) and are looked at once.
_REMEMBERED = 256

# Identifiers that we make ourselves and that the number patterns would otherwise cut.
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
# Time of day reads like the beginning of an IPv6 address; our own listeners are no secret.
_HARMLESS = r"(?P<harmless>\b\d{2}:\d{2}:\d{2}\b|\b(?:127\.0\.0\.1|0\.0\.0\.0)\b)"
_PERSONAL = re.compile("|".join([_OURS, _HARMLESS, *(f"(?:{pattern})" for pattern in PATTERNS.values())]))


def _replace(match: re.Match[str]) -> str:
    return match.group() if match.group("ours") or match.group("harmless") else SCRUBBED


def scrub_text(text: str, limit: int = MAX_TEXT) -> str:
    """`text`, at most `limit` characters of it, with everything that looks personal or secret replaced."""
    return _scrub_short(text) if len(text) <= _REMEMBERED else _PERSONAL.sub(_replace, storable(text[:limit]))


@lru_cache(maxsize=2048)
def _scrub_short(text: str) -> str:
    return _PERSONAL.sub(_replace, storable(text))


def storable(text: str) -> str:
    """`text` with what no store takes written out: half a surrogate pair, as in a file name in Latin-1, and NUL."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def scrub_value(value: Any) -> Any:
    """A value as it may be kept: numbers, booleans and None as they are, text by pattern, all else removed."""
    if isinstance(value, str):
        return scrub_text(str(value))
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # 13 digits and more can be a card number; none of our numbers is that large.
        return value if -(10**12) < value < 10**12 else SCRUBBED
    if isinstance(value, tuple | list):
        return [scrub_value(item) for item in value[:20]]
    return SCRUBBED


def span_attribute(key: str, value: Any) -> Any | None:
    """The attribute's value as it may leave the process, or None when nobody declared it."""
    return scrub_value(value) if key in SPAN_ATTRIBUTES else None


def log_field(key: str, value: Any) -> Any:
    """The field's value as it may be written: masked when nobody declared it."""
    return scrub_value(value) if key in LOG_FIELDS else SCRUBBED


def exception_type(error: BaseException | type[BaseException]) -> str:
    """Module and name of the exception's class: all that is said about it besides the stack."""
    cls = error if isinstance(error, type) else type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
