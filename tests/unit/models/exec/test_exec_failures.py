"""Real workers that do what they should not: one clear message each, and the run goes on."""

import asyncio
import base64
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from exec_workers import asked, command, gone, opened

from unisafebench.core.errors import EndpointUnusableError, PreflightError, UsageError
from unisafebench.models.base import ModelError
from unisafebench.models.exec import create

WorkerOf = Callable[[str], str]


async def fails(model_name: str, prompt: str, **options: object) -> str:
    """Return why a sample fails, having checked that another one does not."""
    async with opened(model_name, **options) as model:
        with pytest.raises(ModelError) as caught:
            await model.generate(asked(prompt))
        assert (await model.generate(asked("good"))).text == "good"
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit(3)", "it ended before its hello: exit code 3. It wrote nothing to stderr"),
        ("1 / 0", r"exit code 1. Its log is .*worker-0.log; it ends with:\n.*ZeroDivisionError"),
        ("die()", "killed by SIGKILL"),
        ("sys.stdin.read()", r"no hello within 1 seconds.*flush stdout after each line"),
        ("sys.stdout.close(); sys.stdin.read()", "no hello within"),
        ("hello(protocol=2); sys.stdin.read()", "it speaks protocol 2"),
        ("say(type='response', id='1'); sys.stdin.read()", "first message is of the type"),
        ("hello(max_in_flight='many'); sys.stdin.read()", r"Expected `int`, got `str`"),
    ],
)
def test_without_a_hello_nothing_starts(worker_of: WorkerOf, body: str, message: str) -> None:
    """It is known before a run is made, and says why; no process is left."""
    note = "with open(sys.argv[0] + '.pid', 'w') as file: file.write(str(os.getpid()))\n"
    name = worker_of(note + body)
    with pytest.raises(PreflightError, match=f"(?s)the worker of .* cannot be used: .*{message}"):
        create(name, {"hello_timeout": "1" if "within" in message else "60"})
    pid = Path(name.split()[-1] + ".pid").read_text(encoding="utf-8")
    assert gone(int(pid))


def test_no_such_program(tmp_path: Path) -> None:
    """The program is named, and so is a directory of logs that cannot be made."""
    with pytest.raises(PreflightError, match="No such file or directory: 'no-such-program'"):
        create("exec:no-such-program --fast", {})
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(UsageError, match="directory of the logs"):
        create(command(sys.executable), {"log": str(blocker / "logs")})


async def test_noise_on_stdout_is_tolerated_and_logged(worker_of: WorkerOf, tmp_path: Path) -> None:
    """Progress bars, half lines, other JSON, broken UTF-8, lines without end: all to the log."""
    name = worker_of(r"""
        print("Loading checkpoint shards: 100%")
        hello()
        for sample in samples():
            sys.stdout.buffer.write(b'\xff\xfe\n{"loss": 1}\n\n{"type": "resp\n')
            sys.stdout.buffer.write(b"x" * 3_000_000 + b"\n50%\r100%\r")
            sys.stdout.flush()
            say(type="log", text="a line for the log")
            say(type="hello", protocol=1)
            say(type="log", text=3)
            respond(sample, text=sample["prompt"])
    """)
    async with opened(name, log=tmp_path / "logs", max_line=1) as model:
        outputs = [await model.generate(asked(f"{n}")) for n in range(3)]
    assert [output.text for output in outputs] == ["0", "1", "2"]
    log = (tmp_path / "logs" / "worker-0.log").read_text(encoding="utf-8")
    assert log.count("a line for the log\n") == 3
    assert log.count("a line that is no message: 'Loading checkpoint shards: 100%'") == 1
    assert log.count("a line that is no message: '{\"loss\": 1}'") == 3
    assert log.count("the rest of a line too long: 'xxx") == 3
    assert log.count("a message of the type 'hello' out of its turn") == 3
    # Each time: two bytes, a loss, half a line, a long line, a second hello, a log without text.
    assert model.learned == {"starts": 1, "lines ignored": 18}


ANSWERS = """
    hello(capabilities={"text_output": True, "image_output": True})
    for sample in samples():
        if sample["prompt"] == "good":
            respond(sample, text="good")
        else:
            BAD
"""


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("respond(sample, text=5)", r"unusable: Expected `str \| null`, got `int` - at `\$.text`"),
        ("respond(sample, status='fine')", "Invalid enum value 'fine'"),
        ("say(type='response', id=int(sample['id']))", r"got `int` - at `\$.id`"),
        ("respond(sample, images=['../a.png'])", "'../a.png' is outside the sample's output_dir"),
        ("respond(sample, images=['/etc/passwd'])", "'/etc/passwd' is outside"),
        ("respond(sample, images=['missing.png'])", "missing.png' does not exist"),
        ("respond(sample, images=['.'])", "is not a file"),
        (r"respond(sample, images=['a\0b'])", r"unusable path: .*null byte|cannot be read"),
        ("respond(sample, images=[{'base64': '***'}])", "is no base64"),
        ("respond(sample, images=[{'url': 'x'}])", "missing required field `base64`"),
        (
            "os.symlink(sys.argv[0], sample['output_dir'] + '/a'); respond(sample, images=['a'])",
            "'a' is outside",
        ),
        (
            """print('{"type":"response","id":"%s",}' % sample['id'], flush=True)""",
            "the line with its answer is no valid JSON",
        ),
        (
            "respond(sample, text='x' * 3_000_000)",
            "the line with its answer is longer than 1048576",
        ),
    ],
)
async def test_an_unusable_answer_ends_its_sample_only(
    worker_of: WorkerOf, bad: str, message: str
) -> None:
    """The message says what is wrong with it; the next sample is answered."""
    found = await fails(worker_of(ANSWERS.replace("BAD", bad)), "bad", max_line=1)
    assert re.search(message, found), found


async def test_answers_to_nothing_and_answers_given_twice(
    worker_of: WorkerOf, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are dropped; the first of each kind is told, all are counted."""
    name = worker_of("""
        hello()
        for sample in samples():
            say(type="response", id="999", text="to no one")
            say(type="response", text="without an id")
            respond(sample, text="first")
            respond(sample, text="second")
    """)
    async with opened(name) as model:
        outputs = [await model.generate(asked(f"{n}")) for n in range(3)]
    assert [output.text for output in outputs] == ["first"] * 3
    # The last answer may be given twice after the model was closed.
    assert model.learned["answers to nothing"] == 6
    assert model.learned["answers given twice"] in (2, 3)
    told = capsys.readouterr().err
    assert told.count("answered '999', which it was not asked; the answer is dropped.") == 1
    assert told.count("answered '1', twice; the first answer stays.") == 1


async def test_a_poison_sample_is_isolated(worker_of: WorkerOf) -> None:
    """It kills three workers; the samples beside it are answered, and count for nothing."""
    name = worker_of("""
        hello(max_in_flight=3)
        batch = []
        for sample in samples():
            if sample["prompt"] == "poison":
                sys.stderr.write("CUDA error: an illegal memory access")
                sys.stderr.flush()
                os.kill(os.getpid(), signal.SIGSEGV)
            respond(sample, text=sample["prompt"])
    """)
    prompts = [f"{n}" for n in range(7)]
    async with opened(name) as model:
        poison, *outputs = await asyncio.gather(
            *(model.generate(asked(prompt)) for prompt in ("poison", *prompts)),
            return_exceptions=True,
        )
    assert isinstance(poison, ModelError)
    assert re.fullmatch(
        r"workers died 3 times while they had this sample, last: killed by SIGSEGV\. "
        r"Its log is .*worker-0\.log; it ends with:\nCUDA error: an illegal memory access",
        str(poison),
    ), poison
    assert [getattr(output, "text", output) for output in outputs] == prompts
    assert model.learned["crashes"] == 3
    # Sound samples go first: when none is left, the model may be closed before the fourth start.
    assert model.learned["starts"] in (3, 4)


async def test_several_poison_samples_do_not_end_a_run(worker_of: WorkerOf) -> None:
    """Five of thirty: more deaths than are allowed in a row, but with answers between them."""
    name = worker_of("""
        hello(max_in_flight=4)
        for sample in samples():
            if sample["prompt"].startswith("poison"):
                sys.exit(7)
            respond(sample, text=sample["prompt"])
    """)
    prompts = [f"poison {n}" if n % 6 == 1 else f"{n}" for n in range(30)]
    async with opened(name, max_crashes=7) as model:
        found = await asyncio.gather(
            *(model.generate(asked(prompt)) for prompt in prompts), return_exceptions=True
        )
    for prompt, each in zip(prompts, found, strict=True):
        if prompt.startswith("poison"):
            assert isinstance(each, ModelError)
            assert "exit code 7" in str(each)
        else:
            assert getattr(each, "text", each) == prompt
    # Two may die at once in the same worker, never more than three times each.
    assert model.learned["crashes"] in range(11, 16)


async def test_a_worker_that_only_dies_ends_the_run(worker_of: WorkerOf) -> None:
    """So many deaths in a row without any answer: every further sample would end like these."""
    name = worker_of("""
        hello()
        for sample in samples():
            sys.exit("no GPU")
    """)
    async with opened(name, max_crashes=4) as model:
        found = await asyncio.gather(
            *(model.generate(asked(f"{n}")) for n in range(6)), return_exceptions=True
        )
        assert {type(each) for each in found} == {EndpointUnusableError}
        with pytest.raises(EndpointUnusableError) as caught:
            await model.generate(asked("later"))
    assert "ended 4 times in a row without any answer, last: exit code 1." in str(caught.value)
    assert str(caught.value).endswith("no GPU")
    assert model.learned == {"starts": 4, "crashes": 4}


STARTS = """
    number = sum(name.startswith("start-") for name in os.listdir(os.path.dirname(sys.argv[0])))
    open(os.path.join(os.path.dirname(sys.argv[0]), f"start-{number}"), "w").close()
"""


async def test_a_worker_that_cannot_be_started_again_ends_the_run(worker_of: WorkerOf) -> None:
    """It said hello once, and died; three starts without a hello are enough."""
    name = worker_of(f"""{STARTS}
    if number:
        sys.exit("the driver is gone")
    hello()
    for sample in samples():
        die()
    """)
    async with opened(name) as model:
        with pytest.raises(
            EndpointUnusableError, match=r"(?s)no worker can be started any more.*driver is gone"
        ):
            await model.generate(asked("any"))
    assert model.learned == {"starts": 1, "crashes": 1, "failed starts": 3}


async def test_others_go_on_without_a_worker_that_cannot_be_started(
    worker_of: WorkerOf, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device that another program has costs one worker, not the run."""
    name = worker_of("""
        if os.environ["CUDA_VISIBLE_DEVICES"] == "1":
            sys.exit("device 1 is busy")
        hello()
        for sample in samples():
            respond(sample, text=sample["prompt"])
    """)
    async with opened(name, gpus="0,1") as model:
        while not model.learned.get("workers given up"):
            assert (await model.generate(asked("good"))).text == "good"
    assert model.learned == {"starts": 1, "failed starts": 3, "workers given up": 1}
    assert "worker 1: it failed to start 3 times and is given up" in capsys.readouterr().err


async def test_a_worker_that_became_another_model_ends_the_run(worker_of: WorkerOf) -> None:
    """Answers of two models must not end up in one run."""
    name = worker_of(f"""{STARTS}
    hello(revision=str(number))
    for sample in samples():
        die()
    """)
    async with opened(name) as model:
        with pytest.raises(EndpointUnusableError, match="said another hello than the first"):
            await model.generate(asked("any"))


async def test_a_sample_without_an_answer_in_time(worker_of: WorkerOf) -> None:
    """Its worker is replaced; the second time it fails. A sample beside it is not blamed."""
    name = worker_of("""
        hello(max_in_flight=2)
        for sample in samples():
            if sample["prompt"] != "endless":
                respond(sample, text=sample["prompt"])
            else:
                signal.pause()
    """)
    async with opened(name, timeout=1) as model:
        endless, good = await asyncio.gather(
            model.generate(asked("endless")), model.generate(asked("good")), return_exceptions=True
        )
    assert str(endless) == "no answer within 1 seconds, 2 times. It wrote nothing to stderr."
    assert getattr(good, "text", good) == "good"
    assert model.learned == {
        "starts": 2 + (1 if model.learned["starts"] == 3 else 0),
        "time-outs": 2,
    }


async def test_a_worker_that_closes_its_pipes_is_replaced(worker_of: WorkerOf) -> None:
    """It runs on but can be told, or tell, nothing: that is a death like others."""
    name = worker_of("""
        hello()
        for sample in samples():
            if sample["prompt"] == "good":
                respond(sample, text="good")
            else:
                os.close(1)
                signal.pause()
    """)
    found = await fails(name, "close")
    assert "last: it closed its stdout." in found


async def test_base64_pictures_are_checked_whole(worker_of: WorkerOf) -> None:
    """Bytes that are no picture reach the run, which says so; the adapter changes none."""
    data = base64.b64encode(b"no picture").decode()
    bad = f"respond(sample, images=[{{'base64': '{data}'}}])"
    async with opened(worker_of(ANSWERS.replace("BAD", bad))) as model:
        assert (await model.generate(asked("bad"))).images == (b"no picture",)
