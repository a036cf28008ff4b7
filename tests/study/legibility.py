"""Whether a figure and its words can be read: nothing cut off, nothing on top of anything."""

import itertools
import re

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

ONE_PIXEL = 1.0
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


def drawn(figure):
    """The figure after a draw, which settles its layout, with a renderer to measure it."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return figure, canvas.get_renderer()


def visible_texts(figure):
    """Every text that is painted: no tick labels beyond the limits of their axis."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (low if axis.get_scale() == "log" else high - low)
            ticks = axis.get_major_ticks() + axis.get_minor_ticks()
            for tick in ticks:
                if not low - slack <= tick.get_loc() <= high + slack:
                    hidden |= {tick.label1, tick.label2}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in hidden
    ]


def overlap(first, second):
    """Width and height of the intersection of two boxes, px; negative if they are apart."""
    return (
        min(first.x1, second.x1) - max(first.x0, second.x0),
        min(first.y1, second.y1) - max(first.y0, second.y0),
    )


def assert_legible(figure):
    """No text is cut off, overlaps another or is tiny; no legend lies on a panel."""
    figure, renderer = drawn(figure)
    texts = visible_texts(figure)
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    assert boxes and all(text.get_fontsize() >= 8 for text in texts)
    for text, box in boxes:
        assert min(box.x0, box.y0) >= -ONE_PIXEL, f"{text!r} is cut off"
        assert box.x1 <= figure.bbox.x1 + ONE_PIXEL, f"{text!r} is cut off"
        assert box.y1 <= figure.bbox.y1 + ONE_PIXEL, f"{text!r} is cut off"
    for (first, box), (second, other) in itertools.combinations(boxes, 2):
        assert min(overlap(box, other)) <= ONE_PIXEL, f"{first!r} overlaps {second!r}"
    for axes in figure.axes:
        if legend := axes.get_legend():
            box = legend.get_window_extent(renderer)
            for other in figure.axes:
                assert min(overlap(box, other.get_window_extent(renderer))) <= ONE_PIXEL


def assert_two_sentences(sentences):
    """Two sentences, each whole, of numbers that exist."""
    assert len(sentences) == 2
    for sentence in sentences:
        assert len(SENTENCE_END.findall(sentence)) == 1
        assert sentence.endswith(".") and sentence[0].isupper() and "nan" not in sentence
