"""Harmon with its authors' code: text, vision and pictures; the released code does not edit.

    exec:/path/to/harmon-env/bin/python harmon.py --code Harmon \
        --weights Harmon/checkpoints/harmon_1.5b.pth

--code is a checkout of wusize/Harmon with checkpoints/kl16.ckpt in it, --weights the checkpoint
that --config is for (both of wusize/harmon). The decoding settings are those of its scripts.
"""

import os

from family_worker import arguments, code_of, commit_of, need, pictures_of, saved, serve

DRAW = {"num_iter": 64, "cfg": 3.0, "cfg_schedule": "constant", "temperature": 1.0}
NO_PROMPT = "Generate an image."  # what guidance leads away from
PIXELS = 512
PATCH = 16
SAY = {"do_sample": False, "max_new_tokens": 1024}
_GREY = (127, 127, 127)


def load(options):
    what = "a checkout of wusize/Harmon with its checkpoints"
    need(options.code, options.config, "--code", what)
    need(options.code, "checkpoints/kl16.ckpt", "--code", what)
    weights = options.weights and options.weights.parent
    name = options.weights.name if options.weights else ""
    checkpoint = need(weights, name, "--weights", "a checkpoint of wusize/harmon")
    os.chdir(options.code)  # its configuration names files relative to the checkout
    with code_of(options.code):
        import torch
        from mmengine.config import Config
        from src.builder import BUILDER

        model = BUILDER.build(Config.fromfile(options.config).model).eval().to(options.device)
    model = model.to(model.dtype)
    model.load_state_dict(torch.load(str(checkpoint), map_location="cpu"), strict=False)
    model.tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    return model


def write(model, prompt, pictures):
    """Answer in words. A picture takes the place of as many tokens as its features are."""
    import torch

    tokens = (PIXELS // PATCH) ** 2 + model.mar.buffer_size
    asked = "".join("<image>" * tokens + "\n" for _ in pictures) + prompt
    ids = model.tokenizer.encode(
        model.prompt_template["INSTRUCTION"].format(input=asked),
        add_special_tokens=True,
        return_tensors="pt",
    ).to(model.device)
    image_id = model.tokenizer.convert_tokens_to_ids("<image>")
    with torch.no_grad():
        embeds = model.llm.get_input_embeddings()(ids.masked_fill(ids == image_id, 0))
        if pictures:
            pixels = torch.cat([_pixels(picture, model) for picture in pictures])
            _, features = model.extract_visual_feature(model.encode(pixels))
            embeds[ids == image_id] = features.flatten(0, 1)
        end = model.tokenizer.eos_token_id
        pad = model.tokenizer.pad_token_id
        output = model.llm.generate(
            inputs_embeds=embeds,
            attention_mask=torch.ones_like(ids),
            eos_token_id=end,
            pad_token_id=end if pad is None else pad,
            **SAY,
        )
    return model.tokenizer.decode(output[0], skip_special_tokens=True)


def draw(model, prompt):
    """Answer with a picture."""
    import torch
    from PIL import Image

    asked = model.prepare_text_conditions(f"Generate an image: {prompt}", NO_PROMPT)
    side = PIXELS // PATCH
    with torch.no_grad():
        drawn = model.sample(**asked, **DRAW, progress=False, image_shape=(side, side))
    pixels = torch.clamp(127.5 * drawn[0] + 128.0, 0, 255).permute(1, 2, 0)
    return Image.fromarray(pixels.to("cpu", dtype=torch.uint8).numpy())


def _pixels(picture, model):
    """Return a picture on a grey square, as values from -1 to 1."""
    import numpy as np
    import torch
    from PIL import Image

    side = max(picture.size)
    square = Image.new("RGB", (side, side), _GREY)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    values = np.array(square.resize((PIXELS, PIXELS)))
    values = torch.from_numpy(values).to(device=model.device, dtype=model.dtype)
    return 2 * (values.permute(2, 0, 1)[None] / 255) - 1


def answer(model, sample):
    if sample["task"] == "text-to-image":
        return {"images": saved(draw(model, sample["prompt"]), sample)}
    return {"text": write(model, sample["prompt"], pictures_of(sample))}


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--config", default="configs/models/qwen2_5_1_5b_kl16_mar_h.py")
    parser.add_argument("--device", default="cuda:0")
    given = parser.parse_args()
    serve(
        name=given.weights.stem if given.weights else "Harmon",
        can=("text_output", "image_input", "image_output"),
        settings={
            "code": commit_of(given.code),
            "config": given.config,
            "pixels": PIXELS,
            "draw": DRAW,
            "say": SAY,
        },
        load=lambda: load(given),
        answer=answer,
        weights=given.weights,
    )
