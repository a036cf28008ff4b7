"""The report of a mean field study: one self-contained page."""

import xarray as xr

from mfgamm.study import wording
from mfgamm.study.mean_field.figures import MEAN_FIELD_EXHIBITS
from mfgamm.study.mean_field.summary import CONVERGED, MeanFieldSummary, summarise_mean_field
from mfgamm.study.page import drawn, page_environment
from mfgamm.study.wording import bound, count, euros, percent, power_of_ten


def render_mean_field_report(dataset: xr.Dataset) -> str:
    """A study's results as one HTML page: no scripts, nothing loaded from elsewhere."""
    summary = summarise_mean_field(dataset)
    return (
        page_environment()
        .get_template("mean_field.html.j2")
        .render(
            summary=summary,
            alone=summary.ways[0],
            attributes=dataset.attrs,
            dates=wording.dates(dataset),
            warning=warning(summary),
            answer=answer(summary),
            stages=_stages(dataset),
            exhibits=[
                (exhibit, drawn(exhibit, dataset), exhibit.describe(dataset))
                for exhibit in MEAN_FIELD_EXHIBITS
            ],
        )
    )


def warning(summary: MeanFieldSummary) -> str | None:
    """What to know before reading on, if prices do not lead to themselves or some are missing."""
    failed = [way for way in summary.ways if way.status != CONVERGED]
    each = "; ".join(
        f"{way.name}: {way.status}, prices agree to {power_of_ten(way.price_residual, '€/kWh')}"
        for way in failed
    )
    parts = []
    if failed:
        parts.append(f"Not converged ({each}). Read those figures as the best that was found.")
    if summary.unreached:
        parts.append(f"Interrupted before the {' and the '.join(summary.unreached)} was reached.")
    return " ".join(parts) or None


def answer(summary: MeanFieldSummary) -> list[str]:
    """What came out, in a few sentences for somebody who reads nothing else."""
    alone, last = summary.ways[0], summary.ways[-1]
    saved = alone.cost - last.cost
    sentences = [
        f"In {count(summary.clusters, 'cluster')} of {count(summary.households, 'household')} in "
        f"all, the generic household expects to pay {euros(alone.cost)} a day by itself and "
        f"{euros(last.cost)} in {last.place}: {percent(saved / abs(alone.cost))} less."
    ]
    community = saved + last.operators_income
    sentences.append(
        f"Of the {euros(saved)} saved, {euros(-last.operators_income)} is paid by those who run "
        f"the layers; all together {_gain_or_loss(community)}."
        if last.operators_income < 0
        else f"Those who run the layers keep another {euros(last.operators_income)}."
    )
    sentences.append(
        f"Prices lead to themselves to {power_of_ten(last.price_residual, '€/kWh')}, and no "
        f"household could save more than {bound(last.exploitability)} a day on average by "
        "another strategy."
    )
    return sentences


def _gain_or_loss(community: float) -> str:
    return f"gain {euros(community)}" if community >= 0 else f"lose {euros(-community)}"


def _stages(dataset: xr.Dataset) -> list[tuple[str, float, int, float]]:
    names = ("mode", "temperature", "iterations", "residual")
    return list(zip(*(dataset[f"stage_{name}"].values.tolist() for name in names), strict=True))
