"""The exception for errors that the user can fix."""

__all__ = ["StackError"]


class StackError(Exception):
    """An error with a one-sentence description of the problem and the next step.

    It is printed without a traceback; the exit status is 1.
    """

    def __init__(self, problem: str, next_step: str, details: list[str] | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.next_step = next_step
        self.details = details or []
