"""The stack of an exception as text: places and types, never messages or values."""

import traceback
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from types import CodeType, TracebackType

from sandbox_telemetry import policy

# Limits a stack to the last frames of each exception, so that it fits into a line of Loki's.
MAX_FRAMES = 30
MAX_EXCEPTIONS = 20
MAX_STACK = 20_000


def stack_trace(error: BaseException) -> str:
    """Return frames and types of the exception, its causes and a group's members; the last call of each comes last."""
    return "\n\n".join(_parts(error, []))[:MAX_STACK]


def _parts(error: BaseException, seen: list[int]) -> Iterator[str]:
    seen.append(id(error))
    yield _frames(error.__traceback__) + policy.exception_type(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and id(cause) not in seen and len(seen) < MAX_EXCEPTIONS:
        yield "which was caused by"
        yield from _parts(cause, seen)
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for number, member in enumerate(members, 1):
        if len(seen) >= MAX_EXCEPTIONS:
            yield f"and {len(members) + 1 - number} more members of {policy.exception_type(error)}"
            break
        if id(member) not in seen:
            yield f"member {number} of {len(members)} of {policy.exception_type(error)}"
            yield from _parts(member, seen)


def _frames(entry: TracebackType | None) -> str:
    texts: deque[str] = deque(maxlen=MAX_FRAMES)
    while entry is not None:
        texts.append(_frame(entry.tb_frame.f_code, entry.tb_lasti, entry.tb_lineno))
        entry = entry.tb_next
    return "".join(texts)


# Cached, because a service fails in the same places repeatedly. Finding the column that the standard library
# underlines, and matching the patterns, takes longer than everything else about a line.
@lru_cache(maxsize=2048)
def _frame(code: CodeType, instruction: int, line: int) -> str:
    """Return a frame in the standard library's format, scrubbed: its source line can contain personal data."""
    _, end_line, column, end_column = next(islice(code.co_positions(), instruction // 2, None))
    summary = traceback.FrameSummary(
        code.co_filename, line, code.co_name, end_lineno=end_line, colno=column, end_colno=end_column
    )
    return policy.scrub_text("".join(traceback.StackSummary.from_list([summary]).format()))
