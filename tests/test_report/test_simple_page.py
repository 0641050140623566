"""A page of sentences, a figure and a table."""

from matplotlib.figure import Figure

from contrastive_lab.report.simple_page import simple_page


def test_the_page_holds_its_sentences_figure_and_table_and_no_markup_of_others() -> None:
    figure = Figure()
    figure.subplots().plot([0, 1])
    rows = [{"K": "1", "cost": "<b>"}, {"K": "16", "cost": "0.5"}]
    page = simple_page("How many?", ["K = 16 & more <script>"], {"A & b": figure, "Second": Figure()}, rows)
    assert "<li>K = 16 &amp; more &lt;script&gt;</li>" in page
    assert "<tr><th>K</th><th>cost</th></tr>" in page
    assert "<td>&lt;b&gt;</td>" in page
    assert page.count('src="data:image/svg+xml;base64,') == 2 and page.count("<h3>") == 2
    assert '<img alt="A &amp; b"' in page
    assert "http" not in page.replace("http-equiv", "")
