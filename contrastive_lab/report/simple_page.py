"""A page with sentences, figures and a table, which opens anywhere and asks no network for anything."""

import base64
import io
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ heading }}</title><style>{{ style | safe }}</style></head>
<body><h1>{{ heading }}</h1>
<ul class="verdict">{% for line in sentences %}<li>{{ line }}</li>{% endfor %}</ul>
{% for title, picture in pictures.items() %}<figure><h3>{{ title }}</h3>
<img alt="{{ title }}" src="data:image/svg+xml;base64,{{ picture }}"></figure>{% endfor %}
<div class="scroll"><table><thead><tr>{% for name in rows[0] %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row.values() %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div></body></html>
"""


def simple_page(
    heading: str, sentences: Sequence[str], figures: Mapping[str, Figure], rows: Sequence[Mapping[str, Any]]
) -> str:
    """The text of the page with figures by title; `rows` have the same keys each, at least one, and cells as shown."""
    pictures = {title: _svg(figure) for title, figure in figures.items()}
    style = (files(__package__) / "page.css").read_text()
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(TEMPLATE)
    return template.render(heading=heading, sentences=sentences, pictures=pictures, style=style, rows=rows)


def _svg(figure: Figure) -> str:
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", dpi=150)
    return base64.b64encode(svg.getvalue()).decode()
