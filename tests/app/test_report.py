"""The report: whole, closed to the network, safe, true to the run, in both languages."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import made_runs
import numpy as np
import pytest
from PIL import Image

from aprende.app import report
from aprende.app.report.mistakes import jpeg
from aprende.app.report.sections import header
from aprende.app.report.subject import Subject
from aprende.core import flow
from aprende.core.contract import Note
from aprende.core.words import speaking

MAKERS = {"houses": made_runs.houses, "sick": made_runs.sick, "animals": made_runs.animals}
VOID = {"meta", "img", "path", "line", "circle", "rect", "br"}


class Page(HTMLParser):
    """Collects what a page holds and complains of an element that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def sections(self) -> list[str]:
        return [a["id"] or "" for tag, a in self.elements if tag == "section"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, flow.Run]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: make(folder / f"{name}-1") for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def pages(runs: dict[str, flow.Run]) -> dict[str, str]:
    return {name: report.render(run, seconds=1.0) for name, run in runs.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("houses", ["scores", "data", "training", "answers", "mistakes", "matters", "use", "method"]),
        ("sick", ["scores", "data", "training", "answers", "mistakes", "matters", "use", "method"]),
        ("animals", ["scores", "data", "training", "answers", "mistakes", "use", "method"]),
    ],
)
def test_every_section_that_the_run_has_what_it_needs_for(
    name: str, expected: list[str], pages: dict[str, str]
) -> None:
    page = Page(pages[name])
    assert page.sections() == expected
    links = [a["href"] for tag, a in page.elements if tag == "a"]
    assert links == [f"#{section}" for section in expected]


def test_units_without_truth_leave_out_what_needs_it(runs: dict[str, flow.Run]) -> None:
    run = runs["houses"]
    held = run.evaluations["model"]
    bare = replace(held, units={"error": held.units["error"]}, paired=False)
    page = Page(report.render(replace(run, evaluations={"model": bare}, history=[], notes=[])))
    assert page.sections() == ["scores", "matters", "use", "method"] or page.sections() == ["scores", "use", "method"]


@pytest.mark.parametrize("name", MAKERS)
def test_loads_nothing_and_stays_small(name: str, pages: dict[str, str]) -> None:
    text = pages[name]
    assert len(text) < 400_000
    page = Page(text)
    assert not [tag for tag, _ in page.elements if tag in ("link", "iframe", "object", "base")]
    sources = [a["src"] or "" for _, a in page.elements if "src" in a]
    assert all(s.startswith("data:image/jpeg;base64,") for s in sources)
    assert "url(" not in text
    assert "@import" not in text
    policies = [a["content"] or "" for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies[0].startswith("default-src 'none'")


def test_many_rows_do_not_make_a_large_page(tmp_path: Path) -> None:
    assert len(report.render(made_runs.houses(tmp_path / "r", n=8_000), seconds=0)) < 500_000


def test_words_of_the_data_never_become_elements(pages: dict[str, str]) -> None:
    text = pages["houses"]
    assert "<b>Edo." not in text
    assert "México &lt;b&gt;Edo.&lt;/b&gt;" in text
    assert "<script>alert" not in text
    assert len([1 for tag, _ in Page(text).elements if tag == "script"]) == 1


def test_several_answers_are_named_in_the_title(runs: dict[str, flow.Run]) -> None:
    subject = Subject(runs["houses"])
    one, other = list(subject.outputs)[:2]
    subject.units = {f"truth of {name}": subject.units["truth"] for name in (one, other)}
    assert f"Predicting {one} and {other}" in header(subject)


def test_says_the_main_figure_its_interval_and_the_verdict_first(
    runs: dict[str, flow.Run], pages: dict[str, str]
) -> None:
    main = runs["houses"].scores["metrics"]["MAE"]
    text = pages["houses"]
    value = re.search(r'metric-value">([\d,]+)\u00a0USD<', text)
    assert value
    assert float(value[1].replace(",", "")) == pytest.approx(main["value"], abs=50)
    ends = re.search(r"95 % interval: ([\d,]+) – ([\d,]+)", text)
    assert ends
    assert float(ends[1].replace(",", "")) == pytest.approx(main["low"], abs=50)
    assert float(ends[2].replace(",", "")) == pytest.approx(main["high"], abs=50)
    assert text.index("Better than every baseline") < text.index("All metrics")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.3, "Better than every baseline"),
        (-0.1, 0.3, "Not clearly better"),
        (-0.3, -0.1, "Worse than a baseline"),
    ],
)
def test_the_verdict_follows_the_interval_of_the_difference(
    low: float, high: float, words: str, runs: dict[str, flow.Run]
) -> None:
    scores = json.loads(json.dumps(runs["sick"].scores))
    for base in scores["metrics"]["accuracy"]["baselines"].values():
        base["better_by"] = {"value": (low + high) / 2, "low": low, "high": high}
    assert words in report.render(replace(runs["sick"], scores=scores), seconds=0)


def test_coverage_is_what_was_measured(runs: dict[str, flow.Run], pages: dict[str, str]) -> None:
    units = runs["houses"].evaluations["model"].units
    inside = float(((units["low"] <= units["truth"]) & (units["truth"] <= units["high"])).mean())
    said = re.search(r"dashed line\); ([\d.]+)\u202f% of the 2,000 test rows do", pages["houses"])
    assert said
    assert float(said[1]) == pytest.approx(100 * inside, abs=0.06)


def test_the_worst_rows_come_first(runs: dict[str, flow.Run], pages: dict[str, str]) -> None:
    units = runs["houses"].evaluations["model"].units
    order = np.argsort(-units["error"])[:10]
    part = pages["houses"].split('id="mistakes"')[1].split("</section>")[0]
    shown = [int(v.replace(",", "")) for v in re.findall(r"<td><b>([\d,]+)\u00a0USD</b>", part)]
    assert shown == [round(float(units["truth"][i])) for i in order]


def test_worst_pictures_are_small_jpegs_with_truth_and_answer(pages: dict[str, str]) -> None:
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"[^>]*alt="true (\w+), said (\w+)"', pages["animals"])
    assert len(pictures) == 12
    assert all(truth != said for _, truth, said in pictures)
    assert max(Image.open(io.BytesIO(base64.b64decode(held))).size[0] for held, _, _ in pictures) <= 176


@pytest.mark.parametrize("shape", [(1, 1, 3), (28, 28, 1), (400, 900, 3), (2000, 3, 3)])
def test_any_picture_becomes_a_jpeg(shape: tuple[int, int, int]) -> None:
    picture = np.full(shape, 120, dtype=np.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(jpeg(picture))))
    assert image.format == "JPEG"
    assert max(image.size) <= 180


def test_more_than_twenty_classes_are_told_in_pairs(tmp_path: Path) -> None:
    text = report.render(made_runs.animals(tmp_path / "r", n=600, k=40))
    assert "The most confused pairs" in text
    assert "Confusion matrix" not in text
    assert "Only the 24 worst classes are shown." in text


def test_notes_are_grouped_and_counted(runs: dict[str, flow.Run], pages: dict[str, str]) -> None:
    part = Page(pages["houses"].split('id="data">')[1].split("</section>")[0]).text
    for title in ("Please look at these 1", "Left out 2", "Rows or files set aside 2", "Values repaired 2"):
        assert title in re.sub(r"\s+", " ", part)
    assert "× 2,400" in part
    many = [Note(f"note {i}", "warning") for i in range(500)]
    text = report.render(replace(runs["sick"], notes=many), seconds=0)
    assert "and 300 more" in text


def test_commands_carry_a_real_row(runs: dict[str, flow.Run], pages: dict[str, str]) -> None:
    shown = " ".join(Page(pages["sick"]).words)
    body = re.search(r"-d '(\{.*?\})'", shown, re.DOTALL)
    assert body
    row = json.loads(body[1])
    assert row == {"age": pytest.approx(row["age"]), "cough": row["cough"], "noise": row["noise"]}
    assert runs["sick"].model.predict({k: [v] for k, v in row.items()})["state"][0] in ("healthy", "sick")
    assert "aprende predict sick-1/model.aprende" in shown
    assert "predict -F picture=@photo.jpg" in pages["animals"]


def test_settings_stand_with_their_help(pages: dict[str, str]) -> None:
    page = Page(pages["houses"]).text
    assert "Which network learns." in page
    assert "Seed of every random choice." in page


def test_speaks_spanish_with_its_own_numbers(runs: dict[str, flow.Run]) -> None:
    with speaking("es"):
        text = report.render(runs["houses"], seconds=0.5)
    assert '<html lang="es">' in text
    page = Page(text).text
    assert "Los peores errores" in page
    assert re.search(r"\d\u202f\d{3}\u00a0USD", page)
    assert not re.search(r"\d,\d{3}\u00a0USD", page)
    for english in ("Training report", "Better than", "worse by", "What matters", "95 % interval", "0 rows"):
        assert english not in page


@pytest.mark.parametrize("n", [2, 3, 7])
def test_few_rows_are_enough(n: int, tmp_path: Path) -> None:
    for name, make in MAKERS.items():
        Page(report.render(make(tmp_path / f"{name}-{n}", n=n), seconds=0.2))


def test_answers_that_are_not_finite_do_not_break_it(runs: dict[str, flow.Run]) -> None:
    run = runs["houses"]
    held = run.evaluations["model"]
    units = {k: v.astype(np.float64).copy() for k, v in held.units.items()}
    for name in ("prediction", "low", "high", "error"):
        units[name][::7] = np.nan
    Page(report.render(replace(run, evaluations={"model": replace(held, units=units)}), seconds=0))


def test_is_written_whole_into_the_folder_of_the_run(runs: dict[str, flow.Run]) -> None:
    path = report.write(runs["sick"], seconds=0)
    assert path == runs["sick"].folder / "report.html"
    Page(path.read_text(encoding="utf-8"))
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_the_path_of_the_machine_is_not_told(pages: dict[str, str]) -> None:
    assert "/home/ana" not in pages["houses"]
    assert "casas.csv" in pages["houses"]


def test_a_metric_without_a_value_and_no_baseline_do_not_break_it(runs: dict[str, flow.Run]) -> None:
    scores = json.loads(json.dumps(runs["sick"].scores))
    for metric in scores["metrics"].values():
        metric.update(value=None, low=None, high=None, baselines={})
    page = Page(report.render(replace(runs["sick"], scores=scores), seconds=0))
    assert "Nothing to compare with" in page.text
    assert "nan" not in page.text


def test_a_perfect_model_has_no_worst_mistakes_and_claims_no_interval(tmp_path: Path) -> None:
    run = made_runs.animals(tmp_path / "r", n=60)
    held = run.evaluations["model"]
    units = {**held.units, "probabilities": np.eye(12)[held.units["truth"]], "prediction": held.units["truth"]}
    scores = json.loads(json.dumps(run.scores))
    scores["metrics"]["accuracy"].update(value=1.0, low=1.0, high=1.0)
    page = Page(
        report.render(replace(run, scores=scores, evaluations={"model": replace(held, units=units)}), seconds=0)
    )
    assert "There is none: every test answer is right." in page.text
    assert "No interval: every test row gave the same result." in page.text
