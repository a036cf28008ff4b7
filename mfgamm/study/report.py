"""The report: one self-contained page that says what came out, and how sure we are."""

from pathlib import Path

import xarray as xr

from mfgamm.study import wording
from mfgamm.study.cluster_summary import ClustersSummary
from mfgamm.study.figures import (
    CATEGORY_COLOURS,
    exhibits_of,
    grid_prices,
    losing_households,
    no_trade,
)
from mfgamm.study.files import write_whole
from mfgamm.study.page import drawn, page_environment
from mfgamm.study.summary import Summary, summarise
from mfgamm.study.wording import bound, count, euros, of_the_gain, of_which_gain, percent

CONVERGED = "converged"
# A community that changes what a household pays by less a day is said to change nothing.
NOTHING_EUR = 0.0005


def render_report(dataset: xr.Dataset) -> str:
    """A study's results as one HTML page: no scripts, nothing loaded from elsewhere."""
    summary = summarise(dataset)
    return (
        page_environment()
        .get_template("report.html.j2")
        .render(
            summary=summary,
            attributes=dataset.attrs,
            dates=wording.dates(dataset),
            horizon=wording.horizon(summary.days),
            of_the_gain=of_the_gain(summary),
            of_which_gain=of_which_gain(summary),
            warning=warning(summary),
            answer=answer(dataset),
            certificate=certificate_in_words(dataset),
            losing={c.name: losing_households(dataset, c.name) for c in summary.categories},
            all_losing=losing_households(dataset),
            colours=CATEGORY_COLOURS,
            exhibits=[
                (exhibit, drawn(exhibit, dataset), exhibit.describe(dataset))
                for exhibit in exhibits_of(dataset)
            ],
        )
    )


def write_report(dataset: xr.Dataset, path: Path) -> None:
    """Write the page to a file, UTF-8.

    Raises:
        InvalidInput: if the file cannot be written.
    """
    write_whole(path, render_report(dataset))


def answer(dataset: xr.Dataset) -> list[str]:
    """What came out, in a few sentences for somebody who reads nothing else."""
    summary = summarise(dataset)
    daily = summary.gain_eur / summary.days
    if changes_nothing(summary):
        community = f"The community of {count(summary.households, 'household')}"
        sentences = [f"{community} changes nothing: the bill is what it would be without it."]
    else:
        sentences = [_gain_sentence(summary, daily)]
    if summary.clusters is not None:
        sentences.extend(_cluster_sentence(summary, summary.clusters))
    if summary.operator_income_eur / summary.days >= 0.005:
        fees = euros(summary.operator_income_eur / summary.days)
        sentences.append(f"The operator keeps another {fees} a day in fees.")
    sentences.extend(_price_sentence(dataset, summary))
    sentences.append(_exploitability_sentence(dataset, summary))
    sentences.append(
        f"The solve converged, within the tolerance of {percent(summary.tolerance)}."
        if summary.status == CONVERGED
        else f"The solve did not converge to the tolerance of {percent(summary.tolerance)}: "
        f"its status is “{summary.status}”."
    )
    return sentences


def warning(summary: Summary) -> str | None:
    """What to know before reading on, if the solve did not converge."""
    rounds = count(summary.rounds, "round")
    match summary.status:
        case "converged":
            return None
        case "max iterations":
            reason = f"Not converged: the solver gave up after {rounds}."
        case "interrupted":
            reason = f"Interrupted: the solve was stopped after {rounds}."
        case status:
            reason = f"Not solved: the solver ended after {rounds} with the status “{status}”."
    return (
        f"{reason} The exploitability is {percent(summary.exploitability_relative)} "
        f"{of_the_gain(summary)}, where {percent(summary.tolerance)} was asked for. "
        "Read everything below as the best that was found, not as an equilibrium."
    )


def certificate_in_words(dataset: xr.Dataset) -> list[str]:
    """What is certified and how, in three sentences."""
    summary = summarise(dataset)
    worst = bound(float(dataset["exploitability"].max()))
    fees = summary.operator_income_eur > 0 and not summary.exploitability_scale_is_nominal
    included = ", the operator's fees included" if fees else ""
    return [
        "For every household, the certificate compares what its plan costs at the community's "
        "prices with a lower bound on what any other plan would cost it.",
        "The bound comes from linear-programming duality and holds however well or badly the "
        "solver worked, so that the true distance from equilibrium can only be smaller than the "
        "exploitability stated.",
        f"Here no household could save more than {worst} a day by deviating alone, and the average "
        f"household no more than {bound(summary.exploitability_eur)}: that is "
        f"{percent(summary.exploitability_relative)} {of_which_gain(summary)}{included}, where "
        f"the tolerance is {percent(summary.tolerance)}.",
    ]


def changes_nothing(summary: Summary) -> bool:
    """Whether the community's gain is too small to be spoken of."""
    gain = abs(summary.gain_eur) + summary.operator_income_eur
    return gain / summary.days / summary.households < NOTHING_EUR


def _gain_sentence(summary: Summary, daily: float) -> str:
    community = f"The community of {count(summary.households, 'household')}"
    benchmark = summary.benchmark_bill_eur / summary.days
    does = "saves" if daily > 0 else "loses"
    each = euros(abs(daily) / summary.households, 3)
    beginning = (
        f"{community} {does} {euros(abs(daily))} a day by trading within itself, {each} each"
    )
    if benchmark > 0:
        share = percent(abs(daily) / benchmark)
        return (
            f"{beginning}: {share} of the {euros(benchmark)} a day that the grid alone would cost."
        )
    return f"{beginning}, where it would earn {euros(-benchmark)} a day with the grid alone."


def _cluster_sentence(summary: Summary, clusters: ClustersSummary) -> list[str]:
    """What trade between clusters adds to trade inside them, if that was solved for."""
    gains = {mode.name: mode.gain_per_household_day_eur for mode in clusters.modes}
    if clusters.market == "own" or "own cluster" not in gains:
        return []
    adds = gains["cluster of clusters"] - gains["own cluster"]
    income = clusters.network_income_eur / summary.days / summary.households
    balance = f"the network between them is left with {euros(income, 3)} of it"
    if income < 0:
        balance = f"the network between them pays {euros(-income, 3)} for it"
    alone = euros(gains["own cluster"], 3)
    return [
        f"If each cluster traded by itself a household would save {alone}; "
        f"trade between clusters adds {euros(adds, 3)}, and {balance}."
    ]


def _price_sentence(dataset: xr.Dataset, summary: Summary) -> list[str]:
    """What trading inside is worth; nothing where one side is missing."""
    if no_trade(dataset).all():
        return []
    feed_in, retail = grid_prices(dataset)
    return [
        f"A kWh sold inside earns {euros(summary.mean_sell_price, 3)} on average where the grid "
        f"would pay {euros(feed_in, 3)}, and a kWh bought costs {euros(summary.mean_buy_price, 3)} "
        f"where the grid would charge {euros(retail, 3)}."
    ]


def _exploitability_sentence(dataset: xr.Dataset, summary: Summary) -> str:
    worst = bound(float(dataset["exploitability"].max()))
    mean = bound(summary.exploitability_eur)
    return (
        f"No household could save more than {worst} a day by deviating, and the average household "
        f"no more than {mean}, which is {percent(summary.exploitability_relative)} "
        f"{of_which_gain(summary)}."
    )
