"""Memory of processes and their descendants."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import psutil

__all__ = ["anonymous_memory", "own_memory", "proportional_memory"]


def proportional_memory(process_ids: Iterable[int]) -> dict[int, int]:
    """Return the proportional set size (PSS) of each process with all its descendants, in bytes, if readable.

    Unlike resident memory, it counts a shared page only once.
    """
    children: dict[int, list[psutil.Process]] = defaultdict(list)
    everything = {process.pid: process for process in psutil.process_iter(["ppid"])}
    for process in everything.values():
        children[process.info["ppid"]].append(process)
    sums = {}
    for process_id in process_ids:
        if process_id in everything:
            try:
                sums[process_id] = sum(map(own_memory, _family(everything[process_id], children)))
            except psutil.AccessDenied:
                continue
    return sums


def _family(process: psutil.Process, children: Mapping[int, list[psutil.Process]]) -> Iterator[psutil.Process]:
    yield process
    for child in children.get(process.pid, []):
        yield from _family(child, children)


def own_memory(process: psutil.Process) -> int:
    """Return the proportional set size of one process, in bytes; 0 if it has exited."""
    try:
        return process.memory_full_info().pss
    except psutil.NoSuchProcess:
        return 0


def anonymous_memory(process_id: int) -> int:
    """Return the anonymous memory (not backed by a file) of a process with all its descendants, in bytes."""
    first = psutil.Process(process_id)
    family = [first, *first.children(recursive=True)]
    return sum(area.anonymous for process in family for area in process.memory_maps())
