"""Diffusers pipelines of the library's own classes, as small as they can be, with random weights.

They are made by code in a fraction of a second and saved as any pipeline is, so that a test opens
them from a directory like a user's model. What they draw means nothing: it is noise.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxTransformer2DModel,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from tiny_models import byte_tokenizer
from tokenizers import pre_tokenizers
from transformers import (
    CLIPConfig,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

__all__ = [
    "SIDE",
    "checker",
    "save_instruct_pix2pix",
    "save_kontext",
    "save_stable_diffusion",
    "threshold_between",
]

SIDE = 32
"""Width and height of what the pipelines draw when neither is asked for, in pixels."""
_CLIP_SIDE = 16


def save_stable_diffusion(path: Path, *, threshold: float | None = None) -> Path:
    """Save a text-to-image pipeline.

    Args:
        path: the directory.
        threshold: a cosine above which its safety checker finds a picture unsafe: with -2 it
            blackens each, with 2 none. None saves a pipeline without a safety checker.
    """
    torch.manual_seed(0)
    pipeline: Any = StableDiffusionPipeline(
        **_parts(), **_safety(None if threshold is None else checker(threshold))
    )
    pipeline.save_pretrained(path)
    return path


def save_instruct_pix2pix(path: Path, *, threshold: float | None = None) -> Path:
    """Save a pipeline that only edits: its denoiser sees the source's latents beside the noise."""
    torch.manual_seed(0)
    pipeline: Any = StableDiffusionInstructPix2PixPipeline(
        **_parts(in_channels=8), **_safety(None if threshold is None else checker(threshold))
    )
    pipeline.save_pretrained(path)
    return path


def save_kontext(path: Path) -> Path:
    """Save a pipeline that draws from text alone, and edits when it gets a picture."""
    torch.manual_seed(0)
    pipeline: Any = FluxKontextPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(latent_channels=1),
        text_encoder=_clip_text(),
        tokenizer=_clip_tokenizer(),
        text_encoder_2=T5EncoderModel(
            T5Config(vocab_size=300, d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4)
        ),
        tokenizer_2=byte_tokenizer(),
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
        ),
    )
    pipeline.save_pretrained(path)
    return path


def checker(threshold: float) -> StableDiffusionSafetyChecker:
    """Return a safety checker that blackens pictures nearer than `threshold` to its concepts."""
    torch.manual_seed(1)
    tower = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4}
    vision = {**tower, "num_hidden_layers": 1, "image_size": _CLIP_SIDE, "patch_size": 8}
    made = StableDiffusionSafetyChecker(
        CLIPConfig(vision_config=vision, text_config=tower, projection_dim=16)
    )
    with torch.no_grad():
        made.concept_embeds.normal_()
        made.concept_embeds_weights.fill_(threshold)
        made.special_care_embeds_weights.fill_(2)
    made.eval()
    return made


def threshold_between(images: list[Any]) -> tuple[float, list[bool]]:
    """Return a threshold that parts pictures, and which of them lie above it.

    Args:
        images: PIL pictures, as the pipeline gives them with a checker that finds nothing.
    """
    made = checker(2)
    pixels = _feature_extractor()(images, return_tensors="pt").pixel_values
    with torch.no_grad():
        embeds = made.visual_projection(made.vision_model(pixels)[1])
        cosines = torch.nn.functional.cosine_similarity(
            embeds[:, None], made.concept_embeds[None], dim=-1
        )
    nearest: list[float] = cosines.max(dim=1).values.tolist()
    ordered = sorted(nearest)
    gaps = [upper - lower for lower, upper in pairwise(ordered)]
    at = max(range(len(gaps)), key=gaps.__getitem__)
    middle = (ordered[at] + ordered[at + 1]) / 2
    return middle, [value > middle for value in nearest]


def _parts(in_channels: int = 4) -> dict[str, Any]:
    return {
        "unet": UNet2DConditionModel(
            block_out_channels=(32, 64),
            layers_per_block=1,
            sample_size=SIDE // 8,
            in_channels=in_channels,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=8,
            norm_num_groups=8,
        ),
        "vae": _vae(latent_channels=4),
        # The library's own defaults are those of its first releases; it warns of them.
        "scheduler": DDIMScheduler(steps_offset=1, clip_sample=False),
        "text_encoder": _clip_text(),
        "tokenizer": _clip_tokenizer(),
    }


def _safety(made: StableDiffusionSafetyChecker | None) -> dict[str, Any]:
    return {
        "safety_checker": made,
        "feature_extractor": None if made is None else _feature_extractor(),
        "requires_safety_checker": made is not None,
    }


def _feature_extractor() -> CLIPImageProcessorPil:
    side = {"height": _CLIP_SIDE, "width": _CLIP_SIDE}
    return CLIPImageProcessorPil(size={"shortest_edge": _CLIP_SIDE}, crop_size=side)


def _vae(latent_channels: int) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(32, 32, 32, 32),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=latent_channels,
        use_quant_conv=latent_channels > 1,
        use_post_quant_conv=latent_channels > 1,
        shift_factor=0.0609,
        scaling_factor=1.5035,
    )


def _clip_text() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(_clip_vocabulary()),
            hidden_size=32,
            projection_dim=32,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )


def _clip_vocabulary() -> dict[str, int]:
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    endings = [f"{symbol}</w>" for symbol in symbols]
    tokens = [*symbols, *endings, "<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}


def _clip_tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer(vocab=_clip_vocabulary(), merges=[], model_max_length=77)
