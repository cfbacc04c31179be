"""`make new-service` refuses a name or a team that will not do."""

import pytest

from sandbox.model import ROOT
from sandbox.model.errors import StackError
from sandbox.scaffold.entries import plan


@pytest.mark.parametrize(
    ("name", "team", "complaint"),
    [
        ("gateway", "platform", "There is a service gateway already"),
        ("json", "platform", "also the name of a Python module"),
        ("sandbox", "platform", "also the name of a Python module"),
        ("Orders", "platform", "cannot name a service"),
        ("two-words", "platform", "cannot name a service"),
        ("qorders", "nobody", "There is no team nobody"),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_the_next_step(name: str, team: str, complaint: str) -> None:
    with pytest.raises(StackError) as refused:
        plan(ROOT, name, team)
    assert complaint in refused.value.problem
    assert refused.value.next_step
