"""The commented scenario that a new study starts from."""

from mfgamm.scenario.load import builtin_text

TEMPLATE = "evening-electric"


def scenario_template() -> str:
    """The text of a scenario file that shows every table, with comments; it loads as it is."""
    return builtin_text(TEMPLATE)
