"""docs/reference/alerts.md names every alert with its severities and its team, and no other."""

from sandbox.model import ROOT
from sandbox.model.catalog import catalog
from sandbox.model.documents import parse_yaml
from tests.support.tables import rows

COLUMNS = ("alert", "severity", "team", "fires when")
PAGE = ROOT / "docs" / "reference" / "alerts.md"
FROM_THE_SERIES = {"the service's", "the target's"}


def written() -> dict[str, tuple[set[str], set[str]]]:
    """Severities and teams of every rule that Prometheus is given."""
    folder = ROOT / "prometheus"
    found: dict[str, tuple[set[str], set[str]]] = {}
    for path in [*(folder / "rules").glob("*.yml"), *(folder / "generated" / "sandbox").glob("*.yml")]:
        rules = [rule for group in parse_yaml(path.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
        # An alert on a recorded series has the labels of the series.
        recorded = {rule["labels"]["team"] for rule in rules if "record" in rule and "team" in rule.get("labels", {})}
        for rule in (rule for rule in rules if "alert" in rule):
            severities, teams = found.setdefault(rule["alert"], (set(), set()))
            severities.add(rule["labels"]["severity"])
            teams |= {rule["labels"]["team"]} if "team" in rule["labels"] else recorded or {""}
    return found


def test_every_alert_is_documented_with_its_severities_and_no_other() -> None:
    documented = {row["alert"].strip("`"): set(row["severity"].split(", ")) for row in rows(PAGE, *COLUMNS)}
    assert documented == {name: severities for name, (severities, _teams) in written().items()}


def test_team_of_each_alert_is_the_documented_one() -> None:
    existing = written()
    for row in rows(PAGE, *COLUMNS):
        _severities, teams = existing[row["alert"].strip("`")]
        # A rule without a team takes it from its series, which are of one service or of any.
        known = FROM_THE_SERIES | {one.team for one in catalog().values()} if "" in teams else teams
        assert row["team"] in known, row["alert"]
