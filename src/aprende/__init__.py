"""aprende: from data to a trained model that you can trust, open and use.

run = aprende.train("houses.csv", target="price", minutes=5)
run.scores
run.model.predict({"area": [80, 120], "town": ["Jalisco", "Puebla"]})
model = aprende.load("runs/houses-1/model.aprende")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aprende.app.api import check_system, load, systems, train

__all__ = ["check_system", "load", "systems", "train"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        from aprende.app import api

        return getattr(api, name)
    raise AttributeError(f"module 'aprende' has no attribute {name!r}")
