"""What is worked out for a single community only."""

from mfgamm.core import InvalidInput
from mfgamm.scenario import Scenario


def require_one_community(scenario: Scenario, what: str) -> None:
    """Refuse a scenario of clusters.

    Args:
        scenario: that is asked about.
        what: serves a single community only, such as "tuning".

    Raises:
        InvalidInput: if the scenario has clusters.
    """
    if scenario.clusters is not None:
        raise InvalidInput(
            "clusters",
            scenario.clusters.kind,
            f"{what} serves a single community: its knobs are those of one market; leave the table "
            "[clusters] out, or see what `mfgamm sensitivity` says of it",
        )
