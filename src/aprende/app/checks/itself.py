"""What a system says of itself."""

import dataclasses
import json

import numpy as np

from aprende.app.checks.case import Case, check, need
from aprende.core import settings
from aprende.core.contract import Table


@check
def settings_are_plain_json(case: Case) -> None:
    kind = case.system.Settings
    default = kind()
    made_as = getattr(kind, "__dataclass_params__", None)
    need(made_as and made_as.frozen, "Settings must be a frozen dataclass")
    again = settings.make(kind, json.loads(json.dumps(settings.to_json(default), allow_nan=False)))
    need(again == default, "Settings() must survive JSON: only numbers, words, booleans and tuples of them")
    for member in dataclasses.fields(kind):
        need(member.metadata.get("help"), f"setting {member.name} has no help: declare it with setting(default, help)")


@check
def tiny_counts_steps(case: Case) -> None:
    need(case.settings.steps > 0, 'tiny must set "steps", so that two runs can be compared bit for bit')
    need(case.run.seconds["training"] <= 60, f"tiny trained for {case.run.seconds['training']:.0f} s; make it seconds")


@check
def card_says_what_it_is(case: Case) -> None:
    card = case.system.card
    for member in ("title", "idea", "family"):
        need(getattr(card, member), f"card.{member} is empty")
    need(not card.metric or card.metric in case.run.scores["metrics"], f"evaluate gave no metric {card.metric!r}")


@check
def unsuitable_sources_are_declined(case: Case) -> None:
    need(case.system.accepts(case.source) == "", "accepts() declines the system's own example")
    why = case.system.accepts(Table({"a": np.zeros(0)}, {}, source="nothing"))
    need(isinstance(why, str) and why, "accepts() must say what an empty table without fields is missing")
