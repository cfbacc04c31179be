"""Figures that tests measure: several tests may add to one."""

import json
from pathlib import Path

from tests.support.figures import Figures


def test_values_of_one_figure_from_several_tests_are_all_kept(tmp_path: Path) -> None:
    figures = Figures(tmp_path / "figures.json")
    figures.add("error to mail", "s", [1.0, 2.0])
    assert figures.add("error to mail", "s", [6.0]) == 2.0
    figures.write()
    assert json.loads(figures.path.read_text())["error to mail"]["values"] == [1.0, 2.0, 6.0]


def test_figure_that_is_measured_again_in_another_run_replaces_the_one_before(tmp_path: Path) -> None:
    for value in (1.0, 3.0):
        figures = Figures(tmp_path / "figures.json")
        figures.add("error to mail", "s", [value])
        figures.write()
    assert json.loads(figures.path.read_text())["error to mail"]["values"] == [3.0]
