import re
from html.parser import HTMLParser

import pytest
from bent_results import RESULTS, solve_small

from mfgamm.study import render_report, summarise, write_report
from mfgamm.study.figures import EXHIBITS
from mfgamm.study.wording import euros, measure, number, percent, power_of_ten

SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


@pytest.fixture(scope="module")
def solved():
    return solve_small()


@pytest.fixture(scope="module")
def page(solved):
    return render_report(solved)


class Reader(HTMLParser):
    """What a browser would make of a page: its ids, its links, its tables and captions."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.ids, self.links = [], [], []
        self.rows, self.captions, self.alerts = [], [], []
        self.sink = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name, value in attrs:
            if name in ("href", "src", "srcset", "data", "action"):
                self.links.append(value)
            self.links += re.findall(r"url\(([^)]*)\)", value or "")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.sink = self.rows[-1]
        if tag == "figcaption":
            self.captions.append("")
            self.sink = self.captions
        if attributes.get("role") == "alert":
            self.alerts.append("")
            self.sink = self.alerts

    def handle_endtag(self, tag):
        if tag in ("td", "th", "figcaption", "p"):
            self.sink = None

    def handle_data(self, data):
        if self.sink is not None:
            self.sink[-1] += data

    def row(self, name):
        return next(row for row in self.rows if row and row[0] == name)


@pytest.mark.parametrize("result", RESULTS)
def test_every_result_makes_a_whole_page(solved, result):
    page = render_report(RESULTS[result](solved))
    reader = Reader(page)
    assert reader.tags.count("svg") == reader.tags.count("figure") == len(EXHIBITS)
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf|None)\b", words)
    assert not re.search(r"[−-]0(\.0+)?(?![.\d])", words.split("The scenario, complete")[0])


def test_page_loads_nothing_and_runs_nothing(page):
    reader = Reader(page)
    assert "script" not in reader.tags and "link" not in reader.tags and "img" not in reader.tags
    assert "http" not in page and "@import" not in page
    assert all(link.startswith("#") for link in reader.links)
    assert not re.search(r"\son\w+=", page)


def test_ids_are_unique_and_links_lead_somewhere(page):
    reader = Reader(page)
    assert len(reader.ids) == len(set(reader.ids)) > 50
    assert {link[1:] for link in reader.links} <= set(reader.ids)


def test_same_results_make_the_same_page(solved, page):
    assert render_report(solved.copy(deep=True)) == page


def test_each_figure_is_explained_in_two_sentences(page):
    captions = Reader(page).captions
    assert len(captions) == len(EXHIBITS)
    for caption in captions:
        assert len(SENTENCE_END.findall(caption)) == 2
        assert re.search(r"\d", caption)


def test_bills_are_those_of_the_summary(solved, page):
    reader, summary = Reader(page), summarise(solved)
    for category in summary.categories:
        assert reader.row(category.name)[1:8] == [
            number(category.households),
            number(category.benchmark_bill_eur, 2),
            number(category.amm_bill_eur, 2),
            number(category.gain_eur, 2),
            number(category.gain_per_household_day_eur, 3),
            number(category.worst_gain_eur, 3),
            number(category.best_gain_eur, 3),
        ]
    total = reader.row("community")
    assert total[1:3] == [number(8), number(summary.benchmark_bill_eur, 2)]
    assert total[4] == number(summary.gain_eur, 2)


def test_grid_and_certificate_are_those_of_the_summary(solved, page):
    reader, summary = Reader(page), summarise(solved)
    assert reader.row("Import")[1:3] == [
        measure(summary.benchmark_grid_import_kwh, "kWh"),
        measure(summary.grid_import_kwh, "kWh"),
    ]
    assert reader.row("Peak import")[2] == measure(summary.peak_import_kw, "kW")
    assert reader.row("Status")[1] == "converged"
    assert percent(summary.exploitability_relative) in reader.row("Exploitability")[1]
    assert reader.row("Rounds")[1] == number(summary.rounds)


def test_answer_comes_first_and_is_whole(solved, page):
    summary = summarise(solved)
    (answer,) = re.findall(r'<p class="answer">(.*?)</p>', page, re.DOTALL)
    for part in (
        euros(summary.gain_eur),
        percent(summary.gain_eur / summary.benchmark_bill_eur),
        euros(summary.mean_sell_price, 3),
        euros(summary.mean_buy_price, 3),
        percent(summary.exploitability_relative),
        "The solve converged",
    ):
        assert part in answer


def test_losing_households_are_counted(solved):
    worse = solved.assign(bill=solved["benchmark_bill"] + 1)
    assert Reader(render_report(worse)).row("community")[-1] == "8"
    answer = re.findall(r'<p class="answer">(.*?)</p>', render_report(worse), re.DOTALL)[0]
    assert f"loses {euros(8)}" in answer


@pytest.mark.parametrize(
    "result, word", [("gave up", "Not converged"), ("interrupted", "Interrupted")]
)
def test_unfinished_solves_say_so_first(solved, result, word):
    page = render_report(RESULTS[result](solved))
    (alert,) = Reader(page).alerts
    assert alert.startswith(word) and percent(0.123) in alert
    assert page.index(alert) < page.index('class="answer"')
    assert "The solve converged" not in page


def test_no_gain_is_not_what_exploitability_is_measured_by(solved):
    page = render_report(RESULTS["nobody sells"](solved))
    assert "changes nothing" in page
    amount = power_of_ten(1e-4, "€ per household-day")
    stated = f"of a nominal gain of {amount} (the community gains next to nothing)"
    assert stated in Reader(page).row("Exploitability")[1]
    assert "of the gain" not in page


def test_residuals_are_those_of_the_summary(solved):
    bent = solved.assign_attrs(feasibility_residual=2.5e-9, energy_residual_kwh=1.5e-12)
    reader = Reader(render_report(bent))
    assert reader.row("Worst violation of a household's limits")[1] == power_of_ten(
        2.5e-9, "kW or kWh"
    )
    assert reader.row("Energy out of balance in a household at a step")[1] == power_of_ten(
        1.5e-12, "kWh"
    )


def test_converged_solves_carry_no_warning(page):
    assert Reader(page).alerts == []


def test_scenario_is_kept_whole_and_markup_in_it_is_not_markup(solved):
    hostile = solved.assign_attrs(title='<b>"A & B"</b>', scenario='title = "<script>"')
    page = render_report(hostile)
    assert "<b>" not in page and "<script" not in page
    assert "&lt;b&gt;" in page and "&lt;script&gt;" in page


def test_page_is_written_as_utf8(solved, page, tmp_path):
    write_report(solved, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes().decode("utf-8") == page
