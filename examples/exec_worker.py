"""A worker for `exec:`. Put your own model in the place of `answer`; docs/exec.md says the rest."""

import json
import struct
import sys
import zlib

out, sys.stdout = sys.stdout, sys.stderr  # what libraries print goes to the log, not among messages


def say(**message):
    print(json.dumps(message), file=out, flush=True)


def answer(sample):
    if sample["task"] not in ("text-to-image", "image-editing"):
        return {"text": f"I see {len(sample['images'])} pictures and read: {sample['prompt']}"}
    path = sample["output_dir"] + "/picture.png"
    write_png(path, 64, [(sample["seed"] * 40 + 90) % 256, len(sample["prompt"]) % 256, 160])
    return {"images": [path]}


def write_png(path, size, colour):
    rows = b"".join(b"\0" + bytes(colour) * y + b"\xff" * (size - y) * 3 for y in range(size))
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
            checksum = struct.pack(">I", zlib.crc32(kind + data))
            file.write(struct.pack(">I", len(data)) + kind + data + checksum)


can = dict.fromkeys(("text_output", "image_input", "image_output", "image_editing"), True)
say(type="hello", protocol=1, name="example", capabilities=can, settings={"colours": 3})
for line in sys.stdin:  # ends when stdin is closed, and the worker with it
    message = json.loads(line)
    if message["type"] == "sample":
        say(type="response", id=message["id"], **answer(message))
