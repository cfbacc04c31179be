"""A mark on a graph is one moment: one point where a page or a release begins, whatever the step of the view."""

from pathlib import Path

import pytest
import yaml

from sandbox.dashboards.board import PAGES, RELEASES
from sandbox.dashboards.queries import filled
from tests.config.rules.programs import run

# One sample every five seconds, for half an hour.
PAGE = 'ALERTS{alertname="TargetDown",alertstate="firing",severity="page",service="auth"}'
TICKET = 'ALERTS{alertname="CardinalityHigh",alertstate="firing",severity="ticket",service="auth"}'
RELEASE = 'build_info{service="auth",version="0.2.0"}'


@pytest.mark.parametrize(
    ("expression", "series", "values", "marks"),
    [
        (PAGES, PAGE, "_x60 1x240", 1),
        # Between two steps of a coarse view.
        (PAGES, PAGE, "_x61 1x2 stale", 1),
        # A page that comes and goes is one incident; one that comes back after ten minutes is a second one.
        (PAGES, PAGE, "_x60 1x12 _x12 1x12 _x12 1x12", 1),
        (PAGES, PAGE, "_x60 1x12 stale _x120 1x12", 2),
        (PAGES, TICKET, "_x60 1x240", 0),
        (RELEASES, RELEASE, "_x60 1x240", 1),
        # A restart is no release.
        (RELEASES, RELEASE, "_x60 1x60 _x6 1x60", 1),
    ],
)
def test_each_beginning_is_one_point_in_a_view_of_any_step(
    expression: str, series: str, values: str, marks: int, tmp_path: Path
) -> None:
    steps = {step: filled(expression, {"__interval": step}) for step in ("5s", "10s", "60s", "120s")}
    points = [f"sum(count_over_time(({asked})[30m:{step}])) or vector(0)" for step, asked in steps.items()]
    one = {"eval_time": "30m", "exp_samples": [{"labels": "{}", "value": marks}]}
    recorded, judged = [{"series": series, "values": values}], [{"expr": point, **one} for point in points]
    test = {"tests": [{"interval": "5s", "input_series": recorded, "promql_expr_test": judged}]}
    file = tmp_path / "marks.test.yml"
    file.write_text(yaml.safe_dump(test), encoding="utf-8")
    run("IMAGE_PROMETHEUS", "/bin/promtool", "test", "rules", file)
