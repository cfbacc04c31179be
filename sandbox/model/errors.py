"""The one kind of error that a user can do something about."""

__all__ = ["StackError"]


class StackError(Exception):
    """What went wrong, in one sentence, and what to do next. Printed without a traceback; the exit status is 1."""

    def __init__(self, problem: str, next_step: str, details: list[str] | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.next_step = next_step
        self.details = details or []
