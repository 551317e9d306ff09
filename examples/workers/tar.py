"""Tar with its authors' tokenizers: text, vision and pictures; it does not edit.

    exec:/path/to/tar-env/bin/python tar.py --code Tar --weights Tar-1.5B --visual TA-Tok

--code is a checkout of csuhan/Tar, --weights the files of csuhan/Tar-1.5B or csuhan/Tar-7B, and
--visual a directory with ta_tok.pth and ar_dtok_lp_1024px.pth (csuhan/TA-Tok) and vq_ds16_t2i.pt
(peizesun/llamagen_t2i). The decoding settings are those of the authors' scripts.
"""

import re

from family_worker import arguments, code_of, commit_of, need, path_of, pictures_of, saved, serve

SYSTEM = "You are a helpful assistant."
DRAW = {"do_sample": True, "temperature": 1.0, "top_p": 0.95, "top_k": 1200}
GUIDANCE = 4.0
SCALE = 0  # the finest of three: 729 visual tokens
TOKENS = 729
SAY = {"do_sample": True, "max_new_tokens": 512}


class Tar:
    """The language model and the visual tokenizer that its words for pictures are of."""

    def __init__(self, options):
        need(options.code, "tok/mm_autoencoder.py", "--code", "a checkout of csuhan/Tar")
        need(options.weights, "config.json", "--weights", "the files of csuhan/Tar-1.5B")
        what = "a directory with ta_tok.pth, ar_dtok_lp_1024px.pth and vq_ds16_t2i.pt"
        encoder = need(options.visual, "ta_tok.pth", "--visual", what)
        de_tokenizer = need(options.visual, f"ar_dtok_lp_{options.pixels}px.pth", "--visual", what)
        decoder = need(options.visual, "vq_ds16_t2i.pt", "--visual", what)
        with code_of(options.code):
            import torch
            from tok.mm_autoencoder import MMAutoEncoder
            from transformers import AutoTokenizer, Qwen2ForCausalLM
        self.torch = torch
        self.where = {"device": options.device, "dtype": torch.bfloat16}
        self.llm = Qwen2ForCausalLM.from_pretrained(str(options.weights)).eval().to(**self.where)
        self.tokenizer = AutoTokenizer.from_pretrained(str(options.weights))
        self.visual = MMAutoEncoder(
            ar_path=str(de_tokenizer),
            encoder_path=str(encoder),
            decoder_path=str(decoder),
            encoder_args={"input_type": "rec"},
            decoder_args={},
        )
        self.visual = self.visual.eval().to(**self.where)
        self.visual.ar_model.cls_token_num = TOKENS
        self.visual.encoder.pool_scale = SCALE + 1

    def write(self, prompt, pictures):
        """Answer in words."""
        seen = "".join(f"{self._words(picture)}\n" for picture in pictures)
        return self._go_on(self._chat(seen + prompt), skip_special_tokens=True, **SAY)

    def draw(self, prompt):
        """Answer with a picture."""
        from PIL import Image

        text = self._chat(prompt) + f"<im_start><S{SCALE}>"
        said = self._go_on(text, skip_special_tokens=False, max_new_tokens=TOKENS, **DRAW)
        codes = [int(code) for code in re.findall(r"<I(\d+)>", said)][:TOKENS]
        codes += [0] * (TOKENS - len(codes))
        codes = self.torch.tensor([codes], device=self.where["device"])
        pixels = self.visual.decode_from_encoder_indices(codes, {"cfg_scale": GUIDANCE})
        return Image.fromarray(pixels[0].numpy())

    def _words(self, picture):
        """Return the words of the language model for a picture."""
        import numpy as np

        pixels = self.torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
        codes = self.visual.encoder(pixels.to(**self.where))["bottleneck_rep"][0].cpu().tolist()
        return "".join(f"<I{code}>" for code in codes)

    def _chat(self, text):
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        return self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )

    def _go_on(self, text, skip_special_tokens, **settings):
        asked = self.tokenizer(text, return_tensors="pt").input_ids.to(self.where["device"])
        with self.torch.no_grad():
            ids = self.llm.generate(asked, **settings)
        return self.tokenizer.decode(
            ids[0, asked.shape[1] :], skip_special_tokens=skip_special_tokens
        )


def answer(model, sample):
    if sample["task"] == "text-to-image":
        return {"images": saved(model.draw(sample["prompt"]), sample)}
    return {"text": model.write(sample["prompt"], pictures_of(sample))}


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--visual", type=path_of, help="directory of the visual tokenizer")
    parser.add_argument("--pixels", type=int, choices=(256, 512, 1024), default=1024)
    parser.add_argument("--device", default="cuda:0")
    given = parser.parse_args()
    serve(
        name=given.weights.name if given.weights else "Tar",
        can=("text_output", "image_input", "image_output"),
        settings={
            "code": commit_of(given.code),
            "pixels": given.pixels,
            "draw": {**DRAW, "cfg_scale": GUIDANCE, "scale": SCALE, "tokens": TOKENS},
            "say": SAY,
        },
        load=lambda: Tar(given),
        answer=answer,
        weights=given.weights,
    )
