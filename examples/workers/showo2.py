"""Show-o2 with its authors' code: text, vision and pictures; the released code does not edit.

    exec:/path/to/showo-env/bin/python showo2.py --code Show-o/show-o2 \
        --weights show-o2-1.5B --vae Wan2.1_VAE.pth

--code is the directory show-o2 of a checkout of showlab/Show-o, --weights the files of the model
that --config is for, --vae the file Wan2.1_VAE.pth (Wan-AI/Wan2.1-T2V-14B). The decoding settings
are those of the authors' demo.
"""

from family_worker import arguments, code_of, commit_of, need, path_of, pictures_of, saved, serve

DRAW = {"guidance_scale": 7.5, "num_inference_steps": 50}
SAY = {"top_k": 1, "max_new_tokens": 300}
SYSTEM = "system\nYou are a helpful assistant.<|im_end|>"


class ShowO2:
    """The model, its VAE and its tokenizer."""

    def __init__(self, options):
        need(options.code, "inference_t2i.py", "--code", "show-o2 in a checkout of showlab/Show-o")
        need(options.code, options.config, "--config", "a configuration in the checkout")
        need(options.weights, "config.json", "--weights", "the files of showlab/show-o2-1.5B")
        vae = options.vae and options.vae.parent
        name = options.vae.name if options.vae else ""
        need(vae, name, "--vae", "the file Wan2.1_VAE.pth")
        with code_of(options.code):
            import models
            import torch
            import transport
            import utils
            from datasets.utils import image_transform
            from models.misc import get_text_tokenizer, prepare_gen_input
            from models.omni_attention import causal_attn_mask_naive
            from omegaconf import OmegaConf
        self.torch, self.models, self.utils, self.transport = torch, models, utils, transport
        self.image_transform, self.prepare_gen_input = image_transform, prepare_gen_input
        self.causal_mask = causal_attn_mask_naive
        self.where = {"device": options.device, "dtype": getattr(torch, options.dtype)}
        self.config = OmegaConf.load(options.code / options.config)
        showo = self.config.model.showo
        self.vae = models.WanVAE(vae_pth=str(options.vae), **self.where)
        self.tokenizer, self.ids = get_text_tokenizer(
            showo.llm_model_path,
            add_showo_tokens=True,
            return_showo_token_ids=True,
            llm_name=utils.path_to_llm_name[showo.llm_model_path],
        )
        showo.llm_vocab_size = len(self.tokenizer)
        model = models.Showo2Qwen2_5.from_pretrained(str(options.weights), use_safetensors=False)
        self.model = model.to(**self.where).eval()
        if showo.add_time_embeds:  # one more token, before those of the picture
            self.config.dataset.preprocessing.num_image_tokens += 1

    def write(self, prompt, pictures):
        """Answer in words."""
        if len(pictures) > 1:
            raise ValueError(f"this worker takes one picture, the sample has {len(pictures)}.")
        with self.torch.no_grad():
            before = self._embed([self.ids["bos_id"], *self._tokens(SYSTEM)])
            before = self.torch.cat([before, self._embed(self._tokens("\n<|im_start|>user\n"))], 1)
            after = self._tokens(prompt) + self._tokens("\n<|im_start|>assistant\n")
            if pictures:
                embeds, mask = self._with_picture(before, pictures[0], after)
            else:
                embeds = self.torch.cat([before, self._embed(after)], dim=1)
                mask = self.causal_mask(1, embeds.shape[1], self.where["device"], inverted=True)
            said = self.model.mmu_generate(
                input_embeds=embeds.to(self.where["dtype"]),
                attention_mask=mask.to(self.where["dtype"]),
                eos_token=self.tokenizer.eos_token_id,
                **SAY,
            )
        return self.tokenizer.decode([int(token) for token in said], skip_special_tokens=True)

    def draw(self, prompt):
        """Answer with a picture."""
        from PIL import Image

        torch, flow = self.torch, self.config.transport
        numbers = self.utils.get_hyper_params(self.config, self.tokenizer, self.ids)
        tokens, _, longest, longest_text, channels, patch, width, height, pad = numbers[:9]
        ids = (self.ids[name] for name in ("bos_id", "eos_id", "boi_id", "eoi_id"))
        text, no_text, places, no_places = self.prepare_gen_input(
            [prompt],
            self.tokenizer,
            tokens,
            *ids,
            pad,
            self.ids["img_pad_id"],
            longest_text,
            self.where["device"],
        )
        text, places = torch.cat([text, no_text]), torch.cat([places, no_places])
        mask = self.models.omni_attn_mask_naive(2, longest, places, self.where["device"])
        path = self.transport.create_transport(
            path_type=flow.path_type,
            prediction=flow.prediction,
            loss_weight=flow.loss_weight,
            train_eps=flow.train_eps,
            sample_eps=flow.sample_eps,
            snr_type=flow.snr_type,
            do_shift=flow.do_shift,
            seq_len=tokens,
        )
        sample = self.transport.Sampler(path).sample_ode(
            sampling_method=flow.sampling_method,
            num_steps=DRAW["num_inference_steps"],
            atol=flow.atol,
            rtol=flow.rtol,
            reverse=flow.reverse,
            time_shifting_factor=flow.time_shifting_factor,
        )
        noise = torch.randn(1, channels, height * patch, width * patch).to(**self.where)
        with torch.no_grad():
            drawn = sample(
                torch.cat([noise, noise]),
                self.model.t2i_generate,
                text_tokens=text,
                attention_mask=mask.to(self.where["dtype"]),
                modality_positions=places,
                output_hidden_states=True,
                max_seq_len=longest,
                guidance_scale=DRAW["guidance_scale"],
            )[-1][:1]
            pixels = self.vae.batch_decode(drawn.unsqueeze(2)).squeeze(2)
        return Image.fromarray(self.utils.denorm(pixels)[0])

    def _with_picture(self, before, picture, after):
        """Return the embeddings of a question with a picture, and what may look at what."""
        torch, model, prep = self.torch, self.model, self.config.dataset.preprocessing
        pixels = self.image_transform(picture, resolution=prep.resolution).to(**self.where)
        latents = self.vae.sample(pixels[None].unsqueeze(2)).squeeze(2).to(self.where["dtype"])
        seen = model.image_embedder_und(latents)
        seen = seen + model.position_embedding(model.image_position_ids)
        seen = model.und_trans(seen)["last_hidden_state"]
        seen = torch.cat([seen, model.image_embedder_gen(latents)], dim=-1)
        parts = [before, self._embed([self.ids["boi_id"]])]
        if self.config.model.showo.add_time_embeds:
            now = torch.ones(1, 1, device=self.where["device"])  # 1: free of noise
            time = model.time_embed(now, before.dtype)
            parts.append(model.time_embed_proj(time) if hasattr(model, "time_embed_proj") else time)
        start = sum(part.shape[1] for part in parts)
        parts += [model.fusion_proj(seen), self._embed([self.ids["eoi_id"], *after])]
        embeds = torch.cat(parts, dim=1)
        place = torch.tensor([[[start, prep.num_image_tokens]]], device=self.where["device"])
        mask = self.models.omni_attn_mask_naive(
            1, embeds.shape[1], place, self.where["device"], inverted=True
        )
        return embeds, mask

    def _tokens(self, text):
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def _embed(self, ids):
        ids = self.torch.tensor([ids], device=self.where["device"])
        return self.model.showo.model.embed_tokens(ids)


def answer(model, sample):
    if sample["task"] == "text-to-image":
        return {"images": saved(model.draw(sample["prompt"]), sample)}
    return {"text": model.write(sample["prompt"], pictures_of(sample))}


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--config", default="configs/showo2_1.5b_demo_432x432.yaml")
    parser.add_argument("--vae", type=path_of, help="the file Wan2.1_VAE.pth")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--device", default="cuda:0")
    given = parser.parse_args()
    serve(
        name=given.weights.name if given.weights else "show-o2",
        can=("text_output", "image_input", "image_output"),
        settings={
            "code": commit_of(given.code),
            "config": given.config,
            "dtype": given.dtype,
            "draw": DRAW,
            "say": SAY,
        },
        load=lambda: ShowO2(given),
        answer=answer,
        weights=given.weights,
    )
