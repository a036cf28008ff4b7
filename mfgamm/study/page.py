"""What every page of results is made with: the templates' environment, figures as pictures."""

import xarray as xr
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mfgamm.study import wording
from mfgamm.study.figures import Exhibit, inline_svg


def page_environment() -> Environment:
    """Templates with the words and numbers of results."""
    environment = Environment(
        loader=PackageLoader("mfgamm.study", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ("bound", "euros", "measure", "number", "percent", "power_of_ten", "seconds")
    environment.filters |= {name: getattr(wording, name) for name in names}
    environment.globals |= {"change": wording.change, "count": wording.count}
    return environment


def drawn(exhibit: Exhibit, dataset: xr.Dataset) -> Markup:
    """A figure as a picture inside the page, described for those who do not see it."""
    label = f"{exhibit.heading}. {' '.join(exhibit.describe(dataset))}"
    return Markup(inline_svg(exhibit.plot(dataset), exhibit.name, label))
