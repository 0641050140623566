"""What a sweep shows, in plain words, and no more than its standard errors carry."""

from contrastive_lab.report.facts import is_accuracy, one_seed_error
from contrastive_lab.report.grid import Grid, Line, Setting
from contrastive_lab.report.labels import pair, shown, title, unit
from contrastive_lab.report.stats import by_chance, in_errors

LISTED = 5  # settings named in a sentence
FEW = 5  # seeds below which a standard error is rough


def verdict(grid: Grid) -> list[str]:
    """Sentences: the highest mean, what it can be told apart from, one hue against another, and the doubts."""
    settings = [setting for setting in grid.settings if setting.summary(grid.y).n]
    if not grid.sweep.done:
        return ["No run has finished yet."]
    if not settings:
        return [f"No finished run has {title(grid.y)}; without labelled test images nothing is probed."]
    if len(settings) == 1:
        return [f"{title(grid.y)}: {_value(settings[0], grid.y)}. One setting; nothing to compare it with."]
    best = max(settings, key=lambda setting: setting.summary(grid.y).mean)
    sentences = [_highest(grid, best, len(settings)), *_apart(grid, best, settings)]
    sentences += [text for line in grid.lines if (text := _against_base(grid, line))]
    return sentences + _doubts(grid, settings)


def _value(setting: Setting, metric: str) -> str:
    found = setting.summary(metric)
    error = one_seed_error(setting, metric)
    more = f", ± {error:.1f} for the size of the test set alone" if error is not None else ""
    return f"{found} {unit(metric)} (n = {found.n}{more})".replace("  ", " ")


def _highest(grid: Grid, best: Setting, count: int) -> str:
    where = best.label(grid.keys) or "the only setting"
    return (
        f"Highest mean of {title(grid.y)}: {_value(best, grid.y)} at {where}. It was picked as the highest of "
        f"{count}, so it is likely to lie somewhat above what more seeds would give."
    )


def _apart(grid: Grid, best: Setting, settings: list[Setting]) -> list[str]:
    """What the highest mean can be told apart from."""
    others = [setting for setting in settings if setting is not best]
    gaps = [(setting, in_errors(best.summary(grid.y), setting.summary(grid.y))) for setting in others]
    judged = [(setting, gap) for setting, gap in gaps if gap is not None]
    if not judged:
        return [f"No setting has two seeds: whether {len(settings)} settings differ cannot be judged from this sweep."]
    near = [setting.label(grid.keys) for setting, gap in judged if gap <= 2]
    far = len(judged) - len(near)
    text = f"It exceeds {far} of {len(judged)} other settings by more than 2 standard errors of the difference"
    if near:
        more = f" and {len(near) - LISTED} more" if len(near) > LISTED else ""
        text += f"; not told apart from it: {'; '.join(near[:LISTED])}{more}"
    return [f"{text}."]


def _against_base(grid: Grid, line: Line) -> str:
    """A line against the first one with the same rest, which is InfoNCE where the hue is alpha; empty for that one."""
    base = next(other for other in grid.lines if other.rest == line.rest)
    if base is line or grid.hue is None:
        return ""
    partners = {setting.place(grid.x): setting for setting in base.settings}
    found: dict[str, list[str]] = {"higher": [], "lower": [], "within 2 standard errors": []}
    for setting in line.settings:
        partner = partners.get(setting.place(grid.x))
        gap = in_errors(setting.summary(grid.y), partner.summary(grid.y)) if partner else None
        if partner and gap is not None:
            points = setting.summary(grid.y).mean - partner.summary(grid.y).mean
            side = "within 2 standard errors" if abs(gap) <= 2 else "higher" if gap > 0 else "lower"
            found[side].append(
                f"{shown(grid.x, setting.position(grid.x))} ({points:{'+.2f' if is_accuracy(grid.y) else '+.3g'}})"
            )
    parts = [f"{side} at {grid.x} = {', '.join(places)}" for side, places in found.items() if places]
    unit = " in points" if is_accuracy(grid.y) else ""
    names = f"{grid.name(line)} against {pair(grid.hue, base.hue)}"
    return f"{names}, difference{unit}: {'; '.join(parts)}." if parts else ""


def _doubts(grid: Grid, settings: list[Setting]) -> list[str]:
    """How far the standard errors can be trusted, and what the scale is."""
    counts = [setting.summary(grid.y).n for setting in settings]
    several = [n for n in counts if n > 1]
    doubts = []
    if several and min(several) < FEW:
        n = min(several)
        doubts.append(
            f"Standard errors of n = {n} seeds are rough: two equal settings of {n} seeds each differ by more than 2 "
            f"of them in about {100 * by_chance(n):.0f} of 100 comparisons."
        )
    if several and 1 in counts:
        doubts.append(f"{counts.count(1)} of {len(counts)} settings have one seed, which says nothing of the spread.")
    if grid.sweep.scale == "laptop":
        doubts.append("scale=laptop is a smoke scale: it shows that the methods work, not what they reach.")
    return doubts
