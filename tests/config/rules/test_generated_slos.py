"""The generated rules of the objectives are current, equal in both variants; a broken objective is refused."""

import re
from pathlib import Path

import pytest

from sandbox.alerting.problems import Problem
from sandbox.alerting.slos import SLOS, Slo, every_slo
from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml


def test_sandbox_and_production_differ_in_their_windows_alone() -> None:
    by_variant = {}
    for variant in ("sandbox", "production"):
        texts = [path.read_text() for path in sorted((ROOT / "prometheus/generated" / variant).glob("*.yml"))]
        rules = [rule for text in texts for group in parse_yaml(text)["groups"] for rule in group["rules"]]
        windows = r"ratio_rate\w+|\[\w+\]"
        plain = [(rule.get("alert"), re.sub(windows, "…", rule["expr"])) for rule in rules if "alert" in rule]
        factors = {float(found) for _, expr in plain for found in re.findall(r"\(([\d.]+) \*", expr)}
        assert factors == {14.4, 6, 3, 1}
        by_variant[variant] = plain
    assert by_variant["sandbox"] == by_variant["production"]


def test_generated_rules_are_fresh() -> None:
    stale = [str(slo.target.relative_to(ROOT)) for slo in every_slo() if not slo.fresh]
    assert stale == [], "run: make generate"


def test_generated_rules_that_were_edited_by_hand_are_noticed(tmp_path: Path) -> None:
    [slo, *_] = every_slo()
    copy = Slo(slo.source, slo.windows, tmp_path / slo.target.name)
    assert not copy.fresh
    copy.target.write_text(slo.target.read_text())
    assert copy.fresh
    copy.target.write_text(slo.target.read_text().replace("14.4", "1.2"))
    assert not copy.fresh


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("objective: 99", "objective: 199", 10, "Objective must be 100 at most"),
        ("sum(rate(synthetic_journeys_total[{{.window}}])) > 0", "sum(rate(synthetic[{{.window}}])", 16, "no PromQL"),
        ("name: JourneyErrorBudgetBurn", "nam: JourneyErrorBudgetBurn", 19, "Name is missing"),
        ("  - name: journey", "  - name: journey\n - x", 10, "is no YAML"),
    ],
)
def test_broken_objective_is_refused_with_file_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    source, [slo, *_] = tmp_path / "journey.yml", every_slo()
    text = (SLOS / "journey.yml").read_text()
    assert old in text
    source.write_text(text.replace(old, new))
    with pytest.raises(Problem) as refused:
        Slo(source, slo.windows, tmp_path / "out.yml").rules()
    assert str(refused.value).startswith(f"{source}:")
    assert (refused.value.line, reason in refused.value.reason) == (line, True), str(refused.value)
