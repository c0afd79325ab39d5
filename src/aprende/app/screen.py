"""What the command line shows: progress, scores, notes, explanations. Text for people, at 80 columns."""

import re
import time
from collections.abc import Container
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from aprende.core.contract import Note
from aprende.core.engine import Engine
from aprende.core.loop import Watcher
from aprende.core.measure import direction, shown, verdict
from aprende.core.words import t
from aprende.insight.faithfulness import in_words

MOST_CELLS = 38  # of a map in a line: two letters each
MARKS = {"info": "·", "repaired": "~", "set aside": "-", "left out": "-", "warning": "!"}
OF, FIGURES, NAMES = ": ", 4, 20  # between a figure and what it is of; figures and rows shown of those
COLOURS = {"info": "dim", "repaired": "cyan", "set aside": "yellow", "left out": "yellow", "warning": "bold red"}


class Screen(Watcher):
    """Draw a run on the terminal: a moving bar, or a line now and then where output goes to a file."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Progress | None = None
        self._task: Any = None
        self._said = 0.0

    def notes(self, notes: list[Note]) -> None:
        show_notes(self.console, notes)

    def begin(self, engine: Engine) -> None:
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(t("learning"), total=1.0, figures="")
            self._bar.start()

    def step(self, row: dict[str, float], engine: Engine) -> None:
        figures = self._figures(row, engine)
        share = engine.budget.progress(int(row["step"]))
        if self._bar:
            self._bar.update(self._task, completed=share, figures=figures)
        elif time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            self.console.print(f"{t('learning')} {share:4.0%}  {figures}")

    @staticmethod
    def _figures(row: dict[str, float], engine: Engine) -> str:
        parts = [f"{t('loss')} {row['loss']:.4g}"]
        if "valid" in row:
            parts.append(f"{t('valid')} {row['valid']:.4g}")
        left = engine.budget.left()
        if left != float("inf"):
            parts.append(t("{time} left", time=f"{int(left) // 60}:{int(left) % 60:02d}"))
        else:
            parts.append(t("step {n} of {all}", n=int(row["step"]), all=engine.budget.steps))
        return "  ".join(parts)

    def end(self) -> None:
        if self._bar:
            self._bar.stop()

    def measuring(self, name: str) -> None:
        self.console.print(Text(t("measuring: {name}", name=t(name)), style="dim"))


def show_notes(console: Console, notes: list[Note], most: int = 14) -> None:
    """List the decisions on the data, the gravest first."""
    order = ["warning", "left out", "set aside", "repaired", "info"]
    ranked = sorted(notes, key=lambda n: order.index(n.level))
    for note in ranked[:most]:
        line = Text(f"{MARKS[note.level]} ", style=COLOURS[note.level])
        counted = f" ({note.count:,})" if note.count and not re.search(rf"\b{note.count}\b", note.text) else ""
        line.append(note.text + counted, style="" if note.level != "info" else "dim")
        console.print(line)
    if len(ranked) > most:
        console.print(Text(t("  … and {n} more notes in the report", n=len(ranked) - most), style="dim"))


def _in_words(name: str, metric: dict[str, Any], known: Container[str] = ()) -> str:
    """One metric; in brackets what it stands beside and is not among the `known`."""
    said = f"{t(name)} {shown(metric['value'], metric['unit'])}"
    beside = [f"{t(b)} {shown(m['value'], metric['unit'])}" for b, m in metric["baselines"].items() if b not in known]
    said += f" ({', '.join(beside)})" if beside else ""
    return said if metric.get("best") is None else f"{said} ({direction(metric)})"


def show_scores(console: Console, scores: dict[str, Any]) -> None:
    """Show the main metric of the model beside the baselines, then the other metrics, then the verdict."""
    main, name = scores["metrics"][scores["main"]], scores["main"]
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    table.add_column(f"{t(name)} ({direction(main)})")
    table.add_column(t("test"), justify="right")
    table.add_column(t("95 % interval"), justify="right")
    table.add_row(
        Text(t("model"), style="bold green"), shown(main["value"], main["unit"]), _interval(main, main["unit"])
    )
    for title, base in main["baselines"].items():
        table.add_row(t(title), shown(base["value"], main["unit"]), _interval(base, main["unit"]))
    console.print(table)
    _show_each(console, {n: m for n, m in scores["metrics"].items() if OF in n})
    others = [_in_words(n, m, main["baselines"]) for n, m in scores["metrics"].items() if n != name and OF not in n]
    if others:
        console.print(Text(t("Also: {metrics}", metrics=",  ".join(others)), style="dim"))
    console.print(Text(t("{n} test rows.", n=scores["units"]), style="dim"))
    if main["baselines"]:
        console.print(verdict(scores))


def _show_each(console: Console, metrics: dict[str, Any]) -> None:
    """Show the metrics that are named "figure: of what" as a table: a row each, the first figures as columns."""
    titles = list(dict.fromkeys(name.split(OF, 1)[0] for name in metrics))[:FIGURES]
    names = list(dict.fromkeys(name.split(OF, 1)[1] for name in metrics))
    if not names:
        return
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="ellipsis", no_wrap=True, max_width=26)
    for title in titles:
        table.add_column(t(title), justify="right")
    for name in names[:NAMES]:
        held = [metrics.get(f"{title}{OF}{name}") for title in titles]
        table.add_row(name, *("–" if m is None else shown(m["value"], m["unit"]) for m in held))
    console.print(table)
    if len(names) > NAMES:
        console.print(Text(t("  … and {n} more in the report", n=len(names) - NAMES), style="dim"))


def _interval(figure: dict[str, Any], unit: str) -> str:
    return f"{shown(figure['low'], unit)} – {shown(figure['high'], unit)}"


def show_explanation(console: Console, explanation: Any, most: int = 10) -> None:
    """Show what moved one answer: a bar a column, or where in the picture."""
    found = explanation.attributions[:most]
    if found and found[0].map is not None:
        console.print(f"{explanation.output}: {shown(explanation.answer, '%' if explanation.share else '')}")
        show_map(console, found[0].map)
        if explanation.faithfulness:
            console.print(in_words(explanation.faithfulness))
        return
    said = t("{output} = {answer}; a typical one is {base}. What moved it:", output=explanation.output,
             answer=shown(explanation.answer), base=shown(explanation.base))  # fmt: skip
    console.print(said)
    widest = max((abs(a.effect) for a in found), default=0.0) or 1.0
    table = Table(box=None, pad_edge=False, show_header=False)
    for item in found:
        bar = "█" * max(1, round(16 * abs(item.effect) / widest))
        style = "green" if item.effect >= 0 else "red"
        sign = "+" if item.effect >= 0 else "−"
        table.add_row(
            item.column[:26],
            item.shown[:20],
            Text(f"{sign}{shown(abs(item.effect))}", style=style),
            Text(bar, style=style),
        )
    console.print(table)


def show_methods(console: Console, explanations: list[Any]) -> None:
    """Show how faithful each method's map is, the most faithful first, beside a random map and the middle."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(t("method"))
    for name in (t("taken away"), t("put back"), t("faithfulness")):
        table.add_column(name, justify="right")
    rows = [(e.attributions[0].method, e.faithfulness.own) for e in explanations if e.faithfulness]
    first = explanations[0].faithfulness
    if first:
        rows += [(t("a random map"), first.random), (t("the middle"), first.centre)]
    for name, areas in rows:
        table.add_row(name, *(f"{value:.3f}" for value in (areas.deletion, areas.insertion, areas.score)))
    console.print(table)
    console.print(t("Taken away: less is better. Put back: more is better. Faithfulness is their difference."))
    console.print(t("The most faithful here: {method}", method=rows[0][0]) + "\n")


def show_map(console: Console, heat: Any) -> None:
    """Draw where in the picture the answer comes from, as blocks of text."""
    shades = " ░▒▓█"
    highest = max(float(heat.max()), 1e-9)
    console.print(t("Where the answer comes from (darker counts more):"))
    for line in heat[:: -(-len(heat[0]) // MOST_CELLS), :: -(-len(heat[0]) // MOST_CELLS)]:
        console.print("  " + "".join(shades[min(4, int(5 * max(0.0, v) / highest))] * 2 for v in line))
