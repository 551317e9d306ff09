"""Stand-ins for the checkouts of research models: the names and shapes that their workers use.

Each has the signatures that the authors' code has, refuses what these would refuse, and gives
answers that tell what it was asked.
"""

import json
from pathlib import Path

__all__ = ["bagel", "harmon", "showo2", "tar"]

_BAGEL = {
    "torch.py": """
bfloat16 = "bfloat16"
def manual_seed(seed):
    global seeded
    seeded = seed
""",
    "safetensors/torch.py": "def load_file(path): return {}",
    "safetensors/__init__.py": "",
    "data/data_utils.py": "def add_special_tokens(tokenizer): return tokenizer, {'eos': 1}, 3",
    "data/transforms.py": """
class ImageTransform:
    def __init__(self, max_size, min_size, stride): assert max_size > min_size > stride
""",
    "modeling/__init__.py": "",
    "modeling/autoencoder.py": """
class Vae:
    def to(self, device): return self
    def eval(self): return self
def load_ae(local_path): return Vae(), {}
""",
    "modeling/qwen2.py": """
class Qwen2Tokenizer:
    from_pretrained = classmethod(lambda cls, path: cls())
""",
    "modeling/bagel.py": """
class Config:
    num_hidden_layers = 3
    from_json_file = classmethod(lambda cls, path: cls())
class Qwen2Config(Config): pass
class SiglipVisionConfig(Config): pass
class BagelConfig:
    def __init__(self, *, visual_gen, visual_und, llm_config, vit_config, vae_config,
                 vit_max_num_patch_per_side, connector_act, latent_patch_size, max_latent_size):
        assert llm_config.layer_module == "Qwen2MoTDecoderLayer"
        assert vit_config.num_hidden_layers == 2
class Qwen2ForCausalLM:
    def __init__(self, config): pass
class Embeddings:
    def convert_conv2d_to_linear(self, config): pass
class SiglipVisionModel:
    def __init__(self, config): self.vision_model = type("V", (), {"embeddings": Embeddings()})()
class Bagel:
    def __init__(self, llm, vit, config): self.vit_model = vit
    def load_state_dict(self, state, strict): assert not strict
    def to(self, device, dtype): return self
    def eval(self): return self
""",
    "inferencer.py": """
import torch
from PIL import Image
class InterleaveInferencer:
    def __init__(self, model, vae_model, tokenizer, vae_transform, vit_transform, new_token_ids):
        pass
    def interleave_inference(
        self, input_lists, think=False, understanding_output=False, max_think_token_n=1000,
        do_sample=False, text_temperature=0.3, cfg_text_scale=3.0, cfg_img_scale=1.5,
        cfg_interval=(0.4, 1.0), timestep_shift=3.0, num_timesteps=50, cfg_renorm_min=0.0,
        cfg_renorm_type="global", image_shapes=(1024, 1024),
    ):
        *pictures, text = input_lists
        assert all(isinstance(picture, Image.Image) for picture in pictures)
        if understanding_output:
            return [f"{len(pictures)} pictures, {text} seed {torch.seeded}"]
        words = ["<think>plan</think>"] if think else []
        size = pictures[0].size if pictures else tuple(image_shapes)
        return [*words, Image.new("RGB", size, "red")]
""",
}

_HARMON = {
    "configs/models/qwen2_5_1_5b_kl16_mar_h.py": "",
    "checkpoints/kl16.ckpt": "",
    "mmengine/__init__.py": "",
    "mmengine/config.py": """
from pathlib import Path
class Config:
    model = "the model"
    @classmethod
    def fromfile(cls, path):
        assert Path(path).is_file()
        return cls()
""",
    "src/__init__.py": "",
    "src/builder.py": """
import torch
from torch import nn
class Tokenizer:
    eos_token_id, pad_token_id = 0, None
    words = {}
    def add_special_tokens(self, tokens):
        assert tokens == {"additional_special_tokens": ["<image>"]}
    def convert_tokens_to_ids(self, token): return 300
    def encode(self, text, add_special_tokens, return_tensors):
        ids = []
        for number, part in enumerate(text.split("<image>")):
            ids += [300] * (number > 0) + [*part.encode()]
        return torch.tensor([ids])
    def decode(self, ids, skip_special_tokens):
        return f"{int(ids[0])} of a picture, {int(ids[1])} of text"
class Llm(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(256, 8)
        nn.init.zeros_(self.table.weight)
    def get_input_embeddings(self): return self.table
    def generate(self, *, inputs_embeds, attention_mask, eos_token_id, pad_token_id, do_sample,
                 max_new_tokens):
        assert attention_mask.shape == inputs_embeds.shape[:2] and pad_token_id == 0
        seen = int((inputs_embeds[0, :, 0] == 1).sum())
        return torch.tensor([[seen, inputs_embeds.shape[1] - seen]])
class Harmon(nn.Module):
    prompt_template = {"INSTRUCTION": "<user>{input}<assistant>"}
    mar = type("Mar", (), {"buffer_size": 64})()
    device, dtype = torch.device("cpu"), torch.float32
    def __init__(self):
        super().__init__()
        self.llm, self.tokenizer = Llm(), Tokenizer()
    def load_state_dict(self, state, strict): assert state == {"w": 1} and not strict
    def encode(self, pixels):
        assert pixels.shape[1:] == (3, 512, 512) and -1 <= pixels.min() < pixels.max() <= 1
        return pixels
    def extract_visual_feature(self, pixels):
        return None, torch.ones(len(pixels), 32 * 32 + 64, 8)
    def prepare_text_conditions(self, prompt, cfg_prompt):
        assert prompt.startswith("Generate an image: ") and cfg_prompt == "Generate an image."
        return {"input_ids": torch.zeros(2, 5, dtype=int), "attention_mask": torch.ones(2, 5)}
    def sample(self, input_ids=None, inputs_embeds=None, attention_mask=None, num_iter=64, cfg=1.0,
               cfg_schedule="constant", temperature=1.0, progress=False, image_shape=None):
        assert cfg != 1.0 and image_shape == (32, 32)
        return torch.rand(1, 3, 512, 512) * 2 - 1
class BUILDER:
    build = staticmethod(lambda config: Harmon())
""",
}

_TAR = {
    "tok/__init__.py": "",
    "tok/mm_autoencoder.py": """
import torch
from torch import nn
class Encoder(nn.Module):
    def forward(self, pixels):
        assert pixels.shape[:2] == (1, 3) and 0 <= pixels.min() and pixels.max() <= 1
        return {"bottleneck_rep": torch.tensor([[1, 2, 3]])}
class MMAutoEncoder(nn.Module):
    def __init__(self, ar_path, encoder_path, decoder_path, encoder_args, decoder_args):
        super().__init__()
        assert "1024px" in ar_path and encoder_args == {"input_type": "rec"}
        self.ar_model, self.encoder = nn.Linear(1, 1), Encoder()
    def decode_from_encoder_indices(self, codes, settings):
        assert codes.shape == (1, 729) and settings == {"cfg_scale": 4.0}
        assert self.ar_model.cls_token_num == 729 and self.encoder.pool_scale == 1
        return torch.full((1, 16, 24, 3), int(codes.max()), dtype=torch.uint8)
""",
}

_SHOWO2 = {
    "inference_t2i.py": "",
    "configs/showo2_1.5b_demo_432x432.yaml": "",
    "omegaconf.py": """
from types import SimpleNamespace as S
class OmegaConf:
    @staticmethod
    def load(path):
        flow = dict(path_type="Linear", prediction="velocity", loss_weight=None, train_eps=None,
                    sample_eps=None, snr_type="lognorm", sampling_method="euler", atol=1e-6,
                    rtol=1e-3, reverse=False, do_shift=True, time_shifting_factor=3.0)
        showo = S(llm_model_path="qwen", add_time_embeds=True)
        prep = S(resolution=32, num_image_tokens=4)
        return S(model=S(showo=showo), dataset=S(preprocessing=prep), transport=S(**flow))
""",
    "utils.py": """
import numpy as np
path_to_llm_name = {"qwen": "qwen2_5"}
def get_hyper_params(config, tokenizer, ids):
    tokens = config.dataset.preprocessing.num_image_tokens
    assert tokens == 5  # with the one for the time
    return (tokens, 99, 40, 40 - tokens - 4, 16, 2, 3, 2, 0, *ids.values(), 7.5)
def denorm(images):
    return ((images.float() + 1) * 127.5).permute(0, 2, 3, 1).numpy().astype(np.uint8)
""",
    "datasets/__init__.py": "",
    "datasets/utils.py": """
import torch
def image_transform(image, resolution): return torch.zeros(3, resolution, resolution)
""",
    "transport.py": """
def create_transport(path_type, prediction, loss_weight, train_eps, sample_eps, snr_type, do_shift,
                     seq_len): return "transport"
class Sampler:
    def __init__(self, transport): assert transport == "transport"
    def sample_ode(self, *, sampling_method, num_steps, atol, rtol, reverse, time_shifting_factor):
        return lambda z, model, **given: [z, model(z, 0.5, **given)]
""",
    "models/misc.py": """
import torch
class Tokenizer:
    eos_token_id = 0
    def __len__(self): return 300
    def __call__(self, text, add_special_tokens):
        return type("T", (), {"input_ids": [*text.encode()]})()
    def decode(self, ids, skip_special_tokens): return " ".join(map(str, ids))
def get_text_tokenizer(path, add_showo_tokens, return_showo_token_ids, llm_name):
    assert llm_name == "qwen2_5"
    names = ("bos_id", "eos_id", "boi_id", "eoi_id", "bov_id", "eov_id", "img_pad_id", "vid_pad_id")
    return Tokenizer(), {name: 256 + number for number, name in enumerate(names)}
def prepare_gen_input(prompts, text_tokenizer, num_image_tokens, bos_id, eos_id, boi_id, eoi_id,
                      pad_id, img_pad_id, max_text_len, device):
    assert (bos_id, eos_id, boi_id, eoi_id, pad_id, img_pad_id) == (256, 257, 258, 259, 0, 262)
    tokens, place = torch.zeros(1, 40, dtype=int), torch.tensor([[[2, num_image_tokens]]])
    return tokens, tokens, place, place
""",
    "models/omni_attention.py": """
import torch
def causal_attn_mask_naive(B, LEN, device, inverted=True): return torch.zeros(B, 1, LEN, LEN)
""",
    "models/__init__.py": """
import torch
from torch import nn
def omni_attn_mask_naive(B, LEN, modalities, device, inverted=True):
    assert modalities.shape == (B, 1, 2)
    mask = torch.zeros(B, 1, LEN, LEN)
    for row, ((start, length),) in enumerate(modalities.tolist()):
        assert start + length <= LEN
        mask[row, :, start : start + length] = 1
    return mask
class WanVAE:
    def __init__(self, vae_pth, dtype, device): self.dtype = dtype
    def sample(self, video):
        assert video.shape == (1, 3, 1, 32, 32) and video.dtype == self.dtype
        return torch.zeros(1, 16, 1, 4, 4)
    def batch_decode(self, latents):
        assert latents.shape == (1, 16, 1, 4, 6)
        return torch.zeros(1, 3, 1, 32, 48)
class Showo2Qwen2_5(nn.Module):
    def __init__(self):
        super().__init__()
        self.showo = nn.Module()
        self.showo.model = nn.Module()
        self.showo.model.embed_tokens = nn.Embedding(300, 8)
        self.position_embedding = nn.Embedding(4, 8)
        self.fusion_proj = nn.Linear(16, 8)
        self.image_position_ids = torch.arange(4)[None]
    @classmethod
    def from_pretrained(cls, path, use_safetensors):
        assert not use_safetensors
        return cls()
    def image_embedder_und(self, latents): return latents.new_zeros(1, 4, 8)
    image_embedder_gen = image_embedder_und
    def und_trans(self, seen): return {"last_hidden_state": seen}
    def time_embed(self, t, dtype): return torch.zeros(1, 1, 8, dtype=dtype)
    def mmu_generate(self, input_embeds=None, attention_mask=None, max_new_tokens=100, top_k=None,
                     eos_token=None):
        length = input_embeds.shape[1]
        assert attention_mask.shape == (1, 1, length, length)
        assert attention_mask.dtype == input_embeds.dtype
        return [torch.tensor([length]), torch.tensor([int(attention_mask[0, 0, :, 0].sum())])]
    def t2i_generate(self, z, t, *, text_tokens, attention_mask, modality_positions,
                     output_hidden_states, max_seq_len, guidance_scale):
        assert z.shape == (2, 16, 4, 6) and text_tokens.shape == (2, 40)
        assert attention_mask.shape == (2, 1, 40, 40) and max_seq_len == 40
        return z
""",
}


def bagel(root: Path) -> dict[str, Path | str]:
    """Make the checkout and the files of BAGEL; return the worker's options."""
    return {
        "code": _write(root / "code", _BAGEL),
        "weights": _write(root / "BAGEL-7B-MoT", {"ema.safetensors": ""}),
    }


def harmon(root: Path) -> dict[str, Path | str]:
    """Make the checkout and the checkpoint of Harmon; return the worker's options."""
    import torch

    torch.save({"w": 1}, root / "harmon_1.5b.pth")
    return {
        "code": _write(root / "code", _HARMON),
        "weights": root / "harmon_1.5b.pth",
        "device": "cpu",
    }


def tar(root: Path) -> dict[str, Path | str]:
    """Make the checkout, a tiny Qwen2 of random weights and its words; return the options."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    names = ["<pad>", "<|im_start|>", "<|im_end|>", "<im_start>", "<S0>"]
    names += [f"<I{number}>" for number in range(64)]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {name: number for number, name in enumerate([*names, *alphabet])}
    words = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    marks = {"pad_token": "<pad>", "eos_token": "<|im_end|>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **marks)
    tokenizer.add_tokens(names)
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    config = Qwen2Config(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        pad_token_id=0,
        eos_token_id=2,
    )
    model = Qwen2ForCausalLM(config)
    # Its words are chance; a tenth of them ends an answer, so that none takes long.
    model.generation_config.eos_token_id = [vocabulary[letter] for letter in alphabet[::8]]
    model.save_pretrained(root / "Tar-1.5B")
    tokenizer.save_pretrained(root / "Tar-1.5B")
    files = ("ta_tok.pth", "ar_dtok_lp_1024px.pth", "vq_ds16_t2i.pt")
    return {
        "code": _write(root / "code", _TAR),
        "weights": root / "Tar-1.5B",
        "visual": _write(root / "visual", dict.fromkeys(files, "")),
        "device": "cpu",
    }


def showo2(root: Path) -> dict[str, Path | str]:
    """Make the checkout and the files of Show-o2; return the worker's options."""
    _write(root, {"Wan2.1_VAE.pth": ""})
    return {
        "code": _write(root / "code", _SHOWO2),
        "weights": _write(root / "show-o2-1.5B", {"config.json": json.dumps({})}),
        "vae": root / "Wan2.1_VAE.pth",
        "device": "cpu",
    }


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root
