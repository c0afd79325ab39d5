"""The contract as checks, one function each: `aprende checks`, `aprende.check_system` and the tests run them.

    itself      what a system says of itself: settings, card, what it accepts
    parts       train, valid and test never share a row, a copy, a group or a near-duplicate
    answers     predict: fields, random, edge and wrong inputs, batches, purity, baseline
    processes   other processes: loading, no training library, killed and resumed, same seed
    products    what is made of a model: ONNX, explanation, report, service, files

A check raises ContractError with what the system's author should know, in English, as code is. No check knows a system.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aprende.app.checks import answers, itself, parts, processes, products
from aprende.app.checks.case import CHECKS, Case, Check
from aprende.core.errors import ContractError

MODULES = (itself, parts, answers, processes, products)  # importing them lists their checks
TRAINS = "trains on its example with its tiny settings"


@dataclass(frozen=True)
class Result:
    """One check on one system."""

    name: str
    ok: bool
    why: str = ""
    seconds: float = 0.0


def check_system(name: str, say: Callable[[Result], None] | None = None) -> list[Result]:
    """Run every check on a system, built in or third-party; raises nothing. say: is told each result as it comes."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="aprende-checks-", ignore_cleanup_errors=True) as folder:
        case = Case(name, Path(folder))
        for title, function in {TRAINS: trains, **CHECKS}.items():
            results.append(attempt(title, function, case))
            if say:
                say(results[-1])
            if title == TRAINS and not results[-1].ok:
                break
    return results


def trains(case: Case) -> None:
    """Train; every other check looks at what comes of it."""
    case.run  # noqa: B018  made when first asked for


def attempt(title: str, function: Check, case: Case) -> Result:
    """Return how one check went."""
    began, why = time.monotonic(), ""
    try:
        function(case)
    except ContractError as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001  a stranger's system may raise anything: that is the result
        why = f"{type(error).__name__}: {error}"
    return Result(title, not why, why, round(time.monotonic() - began, 2))


__all__ = ["CHECKS", "Case", "Check", "Result", "attempt", "check_system"]
