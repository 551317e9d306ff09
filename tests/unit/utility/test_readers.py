"""Result files of each tool, read; every value stands in the file or follows from it by hand."""

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from unisafebench.core.errors import DataError, UnknownNameError, UsageError
from unisafebench.utility import VQA, Score, UtilityTable, read_utility

DATA = Path(__file__).resolve().parents[2] / "data" / "utility"
VLM = DATA / "vlmevalkit" / "example-model"


def only(table: UtilityTable) -> Score:
    """Return the one score of a table, mapped or not."""
    (score,) = (*table.scores, *table.unmapped)
    return score


def test_lm_eval() -> None:
    """Two of eight right: 0.25 -+ 1.96 sqrt(0.25 x 0.75 / 7), cut at 0; eight of eight: Wilson."""
    table = read_utility([DATA / "lm_eval.json"], {"tiny_facts": ("text-generation",)})
    (facts,), (copy,) = table.scores, table.unmapped
    assert (facts.model, facts.benchmark, facts.metric) == (
        "example/dummy",
        "tiny_facts",
        "acc,none",
    )
    assert (facts.value, facts.n, facts.fewshot) == (0.25, 8, 1)
    assert facts.stderr == pytest.approx(0.163663, abs=1e-6)
    assert (facts.low, facts.interval_from) == (0.0, "stderr")
    assert facts.high == pytest.approx(0.25 + 1.959964 * 0.163663, abs=1e-5)
    assert (facts.tool, facts.tool_version) == ("lm-evaluation-harness", "0.4.13")
    assert facts.other_metrics == ("acc_norm,none",)
    # The file gives a standard error of 0, which is no error: 8 / (8 + 1.959964^2) is Wilson's.
    assert (copy.value, copy.stderr, copy.interval_from, copy.high) == (1.0, None, "wilson", 1.0)
    assert copy.low == pytest.approx(8 / 11.841459, abs=1e-6)
    assert [part.benchmark for part in table.skipped] == ["tiny"]


def test_lm_eval_metric() -> None:
    """A metric is chosen by its name, or by the full key where one name has two filters."""
    table = read_utility(
        [DATA / "lm_eval.json"],
        metrics={"": "acc_norm", "tiny_copy": "exact_match,flexible-extract"},
    )
    facts, copy = table.unmapped
    assert (facts.metric, facts.value) == ("acc_norm,none", 0.5)
    assert copy.metric == "exact_match,flexible-extract"


def test_lmms_eval() -> None:
    """The model's arguments name no weights, so the model is the adapter; 4 of 8 right."""
    score = only(read_utility([DATA / "lmms_eval.json"]))
    assert (score.model, score.benchmark, score.value, score.n) == (
        "dummy",
        "tiny_pictures",
        0.5,
        8,
    )
    assert score.stderr == pytest.approx((0.25 / 7) ** 0.5)
    assert (score.tool, score.tool_version, score.fewshot) == ("lmms-eval", None, 0)


def test_lmms_eval_points() -> None:
    """50.0 is refused as a fraction; as a percentage it has no error: its stderr is "N/A"."""
    path = DATA / "lmms_eval.json"
    table = read_utility([path], metrics={"": "tiny_score"})
    assert "tiny_score,none = 50 is out of range" in table.skipped[0].reason
    with pytest.raises(DataError, match="out of range: the tool gives fractions"):
        read_utility([path], {"tiny_pictures": VQA}, {"": "tiny_score"})
    score = only(read_utility([path], metrics={"": "tiny_score:percent"}))
    assert (score.value, score.stderr, score.low, score.high) == (0.5, None, None, None)


def test_lighteval() -> None:
    """Three of eight right; the file does not know how many samples there were (-1)."""
    table = read_utility([DATA / "lighteval.json"], {"tiny_facts": ("text-generation",)})
    score = only(table)
    assert (score.model, score.benchmark, score.value) == ("example/dummy", "tiny_facts|1", 0.375)
    assert score.stderr == pytest.approx((0.375 * 0.625 / 7) ** 0.5)
    assert (score.n, score.fewshot, score.tool_version) == (None, 1, None)
    assert score.tasks == ("text-generation",)
    assert [part.benchmark for part in table.skipped] == ["all"]


@pytest.mark.parametrize("name", ["inspect.json", "inspect.eval"])
def test_inspect(name: str) -> None:
    """Two of four match; the same evaluation as JSON and as an archive (Zstandard inside)."""
    if name.endswith(".eval"):
        pytest.importorskip("zstandard")
    score = only(read_utility([DATA / name]))
    assert (score.model, score.benchmark, score.metric) == (
        "mockllm/model",
        "colours",
        "match/accuracy",
    )
    assert (score.value, score.n, score.tool, score.tool_version) == (0.5, 4, "Inspect", "0.3.285")
    assert score.stderr == pytest.approx((0.25 / 3) ** 0.5)
    other = only(read_utility([DATA / name], metrics={"colours": "includes/accuracy"}))
    assert (other.value, other.stderr) == (0.75, 0.25)


def test_inspect_deflated(tmp_path: Path) -> None:
    """An archive of older versions is compressed by the method that all zip programs know."""
    path = tmp_path / "log.eval"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", "{}")
        archive.writestr("header.json", (DATA / "inspect.json").read_text())
    assert only(read_utility([path])).value == 0.5


def test_inspect_unfinished(tmp_path: Path) -> None:
    """A log without a header, one that ended with an error, and an invalidated one are refused."""
    path = tmp_path / "log.eval"
    with ZipFile(path, "w") as archive:
        archive.writestr("_journal/start.json", "{}")
    with pytest.raises(DataError, match="still running or was cut off"):
        read_utility([path])
    text = (DATA / "inspect.json").read_text()
    path.write_text(text.replace('"status": "success"', '"status": "error"', 1))
    with pytest.raises(DataError, match='ended with status "error"'):
        read_utility([path])
    path.write_text(text.replace('"invalidated": false', '"invalidated": true'))
    with pytest.raises(DataError, match="marked as invalidated"):
        read_utility([path])


@pytest.mark.parametrize(
    ("name", "benchmark", "metric", "value", "n"),
    [
        # Fractions: 3 of 5 of validation, before dev.
        (
            "example-model_MMMU_DEV_VAL_acc.csv",
            "MMMU_DEV_VAL",
            "split=validation|Overall",
            0.6,
            None,
        ),
        ("example-model_MMStar_acc.csv", "MMStar", "split=test|Overall", 0.625, None),
        # Percentages: 5.6 points of 11 samples; an F1.
        ("example-model_MMVet_score.csv", "MMVet", "Overall|acc", 5.6 / 11, 11),
        ("example-model_POPE_score.csv", "POPE", "split=Overall|Overall", 2 / 3, None),
    ],
)
def test_vlmevalkit_tables(
    name: str, benchmark: str, metric: str, value: float, n: int | None
) -> None:
    """Each layout in its own unit; model and benchmark from the directory and the name."""
    score = only(read_utility([VLM / name]))
    assert (score.model, score.benchmark, score.metric) == ("example-model", benchmark, metric)
    assert score.value == pytest.approx(value)
    assert (score.n, score.tool) == (n, "VLMEvalKit")
    assert (score.low is None) == (n is None)


def test_vlmevalkit_status() -> None:
    """The run's status holds the same four figures; a benchmark that is not done is left out."""
    table = read_utility([VLM / "status.json"])
    assert {score.benchmark: round(score.value, 4) for score in table.unmapped} == {
        "MMStar": 0.625,
        "MMMU_DEV_VAL": 0.6,
        "POPE": 0.6667,
        "MMVet": 0.5091,
    }
    assert [(part.benchmark, part.reason) for part in table.skipped] == [
        ("ChartQA_TEST", 'it is at the stage "infer"')
    ]


def written(directory: Path, name: str, text: str) -> Path:
    """Write a file of the model m."""
    path = directory / "m" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_vlmevalkit_counts(tmp_path: Path) -> None:
    """MathVista says how many were hit, OCRBench how many points of 1,000: Wilson intervals."""
    skills = '"Task&Skill","tot","prefetch","hit","prefetch_rate","acc"\n'
    path = written(
        tmp_path,
        "m_MathVista_MINI_score.csv",
        skills + '"Overall","40","3","10","7.5","25.0"\n"ocr","4","0","4","0","100"\n',
    )
    score = only(read_utility([path]))
    assert (score.value, score.n, score.interval_from) == (0.25, 40, "wilson")
    ocr = written(
        tmp_path,
        "m_OCRBench_score.json",
        '{"Text Recognition": 250, "Final Score": 777, "Final Score Norm": 77.7}',
    )
    score = only(read_utility([ocr]))
    assert (score.n, score.benchmark) == (1000, "OCRBench")
    assert score.value == pytest.approx(0.777)
    assert score.low is not None
    assert score.low == pytest.approx(0.7501, abs=2e-4)


def test_vlmevalkit_hallusion(tmp_path: Path) -> None:
    """The main figure is aAcc of all splits, as the tool's own report chooses."""
    path = written(
        tmp_path,
        "m_HallusionBench_score.csv",
        '"split","aAcc","fAcc","qAcc"\n"Overall","60.5","31.0","33.3"\n"VD","55","30","30"\n',
    )
    score = only(read_utility([path]))
    assert score.metric == "split=Overall|aAcc"
    assert score.value == pytest.approx(0.605)
    assert score.other_metrics == ("split=Overall|fAcc", "split=Overall|qAcc")


def test_vlmevalkit_unit_left_open(tmp_path: Path) -> None:
    """Short answers are percentages; 0.9 could be 0.9 % or 90 %, so the user must say."""
    path = written(tmp_path, "m_ChartQA_TEST_acc.csv", '"test_human","Overall"\n"70.0","76.5"\n')
    assert only(read_utility([path])).value == pytest.approx(0.765)
    path = written(tmp_path, "m_ChartQA_TEST_acc.csv", '"test_human","Overall"\n"0.8","0.9"\n')
    with pytest.raises(DataError, match="may be a fraction or a percentage"):
        read_utility([path], {"ChartQA_TEST": VQA})
    sure = read_utility([path], {"ChartQA_TEST": VQA}, {"": "Overall:percent"})
    assert only(sure).value == pytest.approx(0.009)


def test_vlmevalkit_points(tmp_path: Path) -> None:
    """The sums of MME are no shares: left out, and an error where they are mapped."""
    path = written(tmp_path, "m_MME_score.csv", '"perception","reasoning"\n"1500.2","300.1"\n')
    assert "sum of points" in read_utility([path]).skipped[0].reason
    with pytest.raises(DataError, match="MME: it is a sum of points"):
        read_utility([path], {"MME": VQA})


def test_vlmevalkit_names(tmp_path: Path) -> None:
    """Away from its directory a table needs the model, or a benchmark that the user names."""
    path = tmp_path / "big_model_MMStar_acc.csv"
    path.write_text('"split","Overall"\n"none","0.5"\n')
    with pytest.raises(DataError, match="names neither its model nor its benchmark"):
        read_utility([path])
    score = only(read_utility([path], {"MMStar": VQA}))
    assert (score.model, score.benchmark, score.tasks) == ("big_model", "MMStar", VQA)
    score = only(read_utility([f"big_model={path}"]))
    assert (score.model, score.benchmark) == ("big_model", "MMStar")


def test_form_is_told_from_the_content(tmp_path: Path) -> None:
    """A file under any name is read as what it is."""
    path = tmp_path / "results_x.csv"
    path.write_text((DATA / "lm_eval.json").read_text())
    assert read_utility([path]).unmapped[0].tool == "lm-evaluation-harness"


def test_model_of_a_file(tmp_path: Path) -> None:
    """MODEL=FILE renames the model; the file's own name is kept beside it."""
    score = only(read_utility([f"vllm/Bagel={DATA / 'lmms_eval.json'}"]))
    assert (score.model, score.model_in_file) == ("vllm/Bagel", "dummy")
    odd = tmp_path / "a=b.json"
    odd.write_text((DATA / "lmms_eval.json").read_text())
    assert only(read_utility([str(odd)])).model == "dummy"
    with pytest.raises(UsageError, match="MODEL=FILE"):
        read_utility(["=x.json"])


def test_names_that_no_file_has() -> None:
    """A benchmark or metric that is spelled wrong is an error with near matches."""
    path = DATA / "lm_eval.json"
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny_facts'"):
        read_utility([path], {"tiny_fact": VQA})
    with pytest.raises(UnknownNameError, match="unknown metric 'f1'"):
        read_utility([path], metrics={"": "f1"})
    with pytest.raises(DataError, match="has no metric 'f1', but acc,none, acc_norm,none"):
        read_utility([path], {"tiny_facts": VQA}, {"tiny_facts": "f1"})


def test_two_scores_for_one_task(tmp_path: Path) -> None:
    """Two benchmarks of a model cannot both stand for a task; the same file twice is refused."""
    path = DATA / "lm_eval.json"
    both = {"tiny_facts": ("text-generation",), "tiny_copy": ("text-generation",)}
    with pytest.raises(DataError, match="two scores of example/dummy stand for text-generation"):
        read_utility([path], both)
    copy = tmp_path / "copy.json"
    copy.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match="same content as"):
        read_utility([path, copy])


def test_remarks() -> None:
    """What stands for no task is listed with a suggestion where there is one."""
    remarks = read_utility([VLM / "status.json"]).remarks()
    assert "MMStar of example-model stands for no task" in remarks[0]
    assert "MMStar=vqa" in remarks[0]
    assert "ChartQA_TEST in" in remarks[-1]
