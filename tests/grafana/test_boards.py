"""Each dashboard opens for somebody who has not logged in, without an error in a panel or in the console."""

import pytest

from sandbox.dashboards.queries import dashboards
from tests.grafana.conftest import ERRORS, Person


@pytest.mark.parametrize("uid", dashboards())
def test_dashboard_opens_without_an_error(person: Person, uid: str) -> None:
    """Without this a red corner or an empty page is found by the first user, in the first ten minutes."""
    person.open(uid)
    person.picture(uid)
    wrong = person.page.locator(ERRORS)
    person.must(wrong.count() == 0, f"{uid}: {wrong.count()} panels with an error")
    person.must(person.page.get_by_text("NaN").count() == 0, f"{uid}: NaN is shown")
    person.must(person.page.get_by_text("No data found in response").count() == 0, f"{uid}: a trace without an id")
    person.must(not person.complaints, f"{uid}: the console says {person.complaints}")


def test_one_switch_hides_the_marks(person: Person) -> None:
    """Without this the marks of an incident stay in the way of the curve."""
    marks = '[data-testid="data-testid annotation-marker"], .events_marker'
    person.open("overview", "var-marks=0")
    person.must(person.page.locator(marks).count() == 0, "marks are drawn although they are switched off")
