"""Real workers that do as they should: what they are told, what becomes of their answers."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from exec_workers import EXAMPLE, SHELL, asked, command, opened

from unisafebench.core.records import PictureSeen, Usage
from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import check_picture
from unisafebench.models.base import Capabilities, ModelError
from unisafebench.models.exec import create
from unisafebench.testing import check_model

WorkerOf = Callable[[str], str]
EVERYTHING = (
    '{"text_output": True, "image_input": True, "image_output": True, "image_editing": True}'
)


async def test_the_example_conforms() -> None:
    """Thirty lines of plain Python, without our package on its path, do all seven tasks."""
    model = create(command(sys.executable, "-I", "-S", EXAMPLE), {"workers": "2"})
    assert model.settings == {"protocol": 1, "worker": "example", "settings": {"colours": 3}}
    assert await check_model(model) == {task: {"completed": 4} for task in TASKS}
    assert model.learned == {"starts": 2}


async def test_a_worker_in_the_shell_conforms(tmp_path: Path) -> None:
    """Nothing but a POSIX shell does all seven tasks too."""
    (tmp_path / "worker.sh").write_text(SHELL)
    model = create(command("sh", tmp_path / "worker.sh"), {})
    assert await check_model(model) == {task: {"completed": 4} for task in TASKS}


async def test_the_hello_says_what_the_model_is(worker_of: WorkerOf) -> None:
    """Capabilities, settings and revision are known before anything is asked."""
    name = worker_of("""
        hello(name="lab-7b", capabilities={"image_output": True}, revision="4f2a",
              settings={"steps": 30, "cfg": 4.5})
        for sample in samples():
            pass
    """)
    async with opened(name) as model:
        assert model.name == name
        assert model.capabilities == Capabilities(text_output=False, image_output=True)
        assert model.settings == {
            "protocol": 1,
            "worker": "lab-7b",
            "revision": "4f2a",
            "settings": {"steps": 30, "cfg": 4.5},
        }


@pytest.mark.parametrize("way", ["path", "base64"])
async def test_a_worker_is_told_what_a_model_may_see(worker_of: WorkerOf, way: str) -> None:
    """Prompt, pictures, kind, seed, epoch; neither the sample's id nor any label of it."""
    name = worker_of(f"""
        hello(capabilities={EVERYTHING}, images="{way}")
        for sample in samples():
            seen = [base64.b64decode(p["base64"]) if isinstance(p, dict) else open(p, "rb").read()
                    for p in sample["images"]]
            import hashlib
            hashes = [hashlib.sha256(picture).hexdigest() for picture in seen]
            empty = os.listdir(sample["output_dir"]) == []
            respond(sample, text=json.dumps(sample), details={{"hashes": hashes, "empty": empty}})
    """)
    request = asked("What is this?", "vqa-dual-unsafe")
    sample = msgspec.structs.replace(request.sample, turns=("And now?",))
    request = msgspec.structs.replace(request, sample=sample)
    async with opened(name) as model:
        output = await model.generate(request)
    message = json.loads(output.text or "")
    kept = ("type", "id", "task", "prompt", "turns", "seed", "epoch")
    assert {key: message[key] for key in kept} == {
        "type": "sample",
        "id": "1",
        "task": "vqa",
        "prompt": "What is this?",
        "turns": ["And now?"],
        "seed": 8,
        "epoch": 1,
    }
    for label in ("religion", "sensitive", "unsafe"):
        assert label not in (output.text or "").casefold()
    picture = request.pictures[0]
    assert output.details == {"hashes": [picture.sha256], "empty": True}
    assert output.pictures_sent == (
        PictureSeen(sha256=picture.sha256, width=picture.width, height=picture.height),
    )
    assert output.sent == {"task": "vqa", "seed": 8, "epoch": 1}
    assert output.served_model == "test"


async def test_pictures_come_back_as_paths_or_base64(worker_of: WorkerOf) -> None:
    """A relative path, an absolute one and base64, in the order of the answer, bytes unchanged."""
    name = worker_of(f"""
        hello(capabilities={EVERYTHING})
        for sample in samples():
            data = open(sample["images"][0], "rb").read()
            os.mkdir(sample["output_dir"] + "/deep")
            paths = ["deep/a.png", sample["output_dir"] + "/b.png"]
            for path in paths:
                with open(os.path.join(sample["output_dir"], path), "wb") as file:
                    file.write(data)
            respond(sample, images=[*paths, {{"base64": base64.b64encode(data).decode()}}])
    """)
    request = asked("Add a sign.", "image-editing")
    async with opened(name) as model:
        output = await model.generate(request)
    assert [hashlib.sha256(image).hexdigest() for image in output.images] == [
        request.pictures[0].sha256
    ] * 3
    assert check_picture(output.images[0]).width == 96


async def test_endings_are_those_of_every_adapter(worker_of: WorkerOf) -> None:
    """Blocks, unusable input and failures are told apart; tokens and details are kept."""
    name = worker_of("""
        answers = {
            "plain": {"text": "yes", "usage": {"input_tokens": 3, "output_tokens": 1},
                      "stop_reason": "length", "details": {"seconds": 0.5}, "unknown": 1},
            "blocked": {"status": "blocked", "blocked_side": "output", "error": "nsfw"},
            "blocked somehow": {"status": "blocked"},
            "bad input": {"status": "invalid_input", "error": "too large"},
            "bad input somehow": {"status": "invalid_input"},
            "failed": {"status": "model_error", "error": "CUDA out of memory"},
            "failed somehow": {"status": "model_error"},
        }
        hello()
        for sample in samples():
            respond(sample, **answers[sample["prompt"]])
    """)
    async with opened(name) as model:
        plain = await model.generate(asked("plain"))
        assert (plain.text, plain.stop_reason) == ("yes", "length")
        assert plain.usage == Usage(input_tokens=3, output_tokens=1)
        assert plain.details == {"seconds": 0.5}
        blocked = await model.generate(asked("blocked"))
        assert (blocked.status, blocked.blocked_side, blocked.error) == (
            "blocked",
            "output",
            "nsfw",
        )
        blocked = await model.generate(asked("blocked somehow"))
        assert (blocked.blocked_side, blocked.stop_reason) == ("unknown", "blocked by the worker")
        assert (await model.generate(asked("bad input"))).error == "too large"
        unusable = await model.generate(asked("bad input somehow"))
        assert unusable.status == "invalid_input"
        assert unusable.error is not None
        with pytest.raises(ModelError, match=r"^CUDA out of memory$"):
            await model.generate(asked("failed"))
        with pytest.raises(ModelError, match="not why"):
            await model.generate(asked("failed somehow"))


async def test_answers_come_in_any_order(worker_of: WorkerOf) -> None:
    """A worker that takes four at a time and answers backwards: each sample gets its own."""
    name = worker_of("""
        hello(max_in_flight=4)
        batch = []
        for sample in samples():
            batch.append(sample)
            if len(batch) == 4:
                for each in reversed(batch):
                    respond(each, text=each["prompt"] + "!")
                batch = []
    """)
    async with opened(name) as model:
        outputs = await asyncio.gather(*(model.generate(asked(f"{n}")) for n in range(12)))
    assert [output.text for output in outputs] == [f"{n}!" for n in range(12)]


async def test_workers_share_the_samples_and_get_a_device_each(worker_of: WorkerOf) -> None:
    """Two workers answer at the same time, each with its own number and device."""
    name = worker_of("""
        hello()
        for sample in samples():
            mark = os.path.join(os.path.dirname(sys.argv[0]), os.environ["UNISAFEBENCH_WORKER"])
            open(mark, "w").close()
            other = os.path.join(os.path.dirname(mark), str(1 - int(os.path.basename(mark))))
            while not os.path.exists(other):  # it answers once both have a sample
                time.sleep(0.001)
            respond(sample, text=os.environ["CUDA_VISIBLE_DEVICES"])
    """)
    async with opened(name, workers=2, gpus="3,5") as model:
        outputs = await asyncio.gather(*(model.generate(asked(f"{n}")) for n in range(2)))
    assert {output.text for output in outputs} == {"3", "5"}
    assert model.learned == {"starts": 2}


async def test_a_model_that_is_closed_says_so(worker_of: WorkerOf) -> None:
    """A request after the end is an error, not a wait for ever."""
    async with opened(worker_of("hello()\nfor sample in samples(): pass")) as model:
        pass
    with pytest.raises(ModelError, match="were ended before"):
        await model.generate(asked("too late"))
