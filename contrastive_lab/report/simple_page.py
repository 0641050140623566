"""A page with sentences, a figure and a table, which opens anywhere and asks no network for anything."""

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
<figure><img alt="{{ heading }}" src="data:image/svg+xml;base64,{{ picture }}"></figure>
<div class="scroll"><table><thead><tr>{% for name in rows[0] %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row.values() %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div></body></html>
"""


def simple_page(heading: str, sentences: Sequence[str], figure: Figure, rows: Sequence[Mapping[str, Any]]) -> str:
    """The text of the page; `rows` have the same keys each, at least one, and cells as they are to be shown."""
    svg = io.BytesIO()
    figure.savefig(svg, format="svg")
    picture = base64.b64encode(svg.getvalue()).decode()
    style = (files(__package__) / "page.css").read_text()
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(TEMPLATE)
    return template.render(heading=heading, sentences=sentences, picture=picture, style=style, rows=rows)
