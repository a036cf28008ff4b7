"""Figures as SVG elements that can stand together in one page."""

import io
import re
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from mfgamm.study.figures.style import STYLE

# Without these there is no metadata block: no date that changes, no address that points out.
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
# A style sheet inside an element of a page would be one for the whole page.
STYLE_SHEET = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
STROKES = 'stroke-linejoin="round" stroke-linecap="butt"'
REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an `<svg>` element, the same for the same figure.

    Its text is text, set in the page's font. Ids begin with `name`, so that they are unique in a
    page whose figures have different names.

    Args:
        figure: what to draw.
        name: letters, digits and hyphens.
        label: what a screen reader says.
    """
    buffer = io.StringIO()
    settings: dict[Any, Any] = {**STYLE, "svg.hashsalt": name, "svg.fonttype": "none"}
    with rc_context(settings):
        figure.savefig(buffer, format="svg", metadata=NO_METADATA, transparent=True)
    element = buffer.getvalue()
    element = element[element.index("<svg") :]
    element = REFERENCE.sub(lambda match: match.group(1) + name + "-", element)
    element = STYLE_SHEET.sub("", element).replace("xlink:href", "href")
    opening, body = element.split(">", 1)
    (view_box,) = re.findall(r'viewBox="[^"]+"', opening)
    return f'<svg {view_box} {STROKES} role="img" aria-label="{escape(label)}">{body}'
