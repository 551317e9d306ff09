"""BAGEL with its authors' inference code: text, vision, pictures and editing.

    exec:/path/to/bagel-env/bin/python bagel.py --code BAGEL --weights BAGEL-7B-MoT

--code is a checkout of bytedance-seed/BAGEL, --weights the files of ByteDance-Seed/BAGEL-7B-MoT.
Its 14 billion parameters take 28 GB on one GPU. The decoding settings are those of its demo.
"""

from family_worker import arguments, code_of, commit_of, need, pictures_of, saved, serve

DRAW = {
    "cfg_text_scale": 4.0,
    "cfg_interval": [0.4, 1.0],
    "cfg_renorm_min": 0.0,
    "cfg_renorm_type": "global",
    "timestep_shift": 3.0,
    "num_timesteps": 50,
    "image_shapes": [1024, 1024],
}
EDIT = {
    "cfg_text_scale": 4.0,
    "cfg_img_scale": 2.0,
    "cfg_interval": [0.0, 1.0],
    "cfg_renorm_min": 0.0,
    "cfg_renorm_type": "text_channel",
    "timestep_shift": 3.0,
    "num_timesteps": 50,
}
SAY = {"do_sample": False, "text_temperature": 0.3, "max_think_token_n": 512}


def load(options):
    need(options.code, "inferencer.py", "--code", "a checkout of bytedance-seed/BAGEL")
    what = "the files of ByteDance-Seed/BAGEL-7B-MoT"
    checkpoint = need(options.weights, "ema.safetensors", "--weights", what)
    with code_of(options.code):
        import torch
        from data.data_utils import add_special_tokens
        from data.transforms import ImageTransform
        from inferencer import InterleaveInferencer
        from modeling import bagel
        from modeling.autoencoder import load_ae
        from modeling.qwen2 import Qwen2Tokenizer
        from safetensors.torch import load_file
    llm_config = bagel.Qwen2Config.from_json_file(str(options.weights / "llm_config.json"))
    llm_config.qk_norm = True
    llm_config.tie_word_embeddings = False
    llm_config.layer_module = "Qwen2MoTDecoderLayer"
    vit_config = bagel.SiglipVisionConfig.from_json_file(str(options.weights / "vit_config.json"))
    vit_config.rope = False
    vit_config.num_hidden_layers -= 1
    vae, vae_config = load_ae(local_path=str(options.weights / "ae.safetensors"))
    config = bagel.BagelConfig(
        visual_gen=True,
        visual_und=True,
        llm_config=llm_config,
        vit_config=vit_config,
        vae_config=vae_config,
        vit_max_num_patch_per_side=70,
        connector_act="gelu_pytorch_tanh",
        latent_patch_size=2,
        max_latent_size=64,
    )
    llm, vit = bagel.Qwen2ForCausalLM(llm_config), bagel.SiglipVisionModel(vit_config)
    model = bagel.Bagel(llm, vit, config)
    model.vit_model.vision_model.embeddings.convert_conv2d_to_linear(vit_config)
    model.load_state_dict(load_file(str(checkpoint)), strict=False)
    tokenizer, new_token_ids, _ = add_special_tokens(
        Qwen2Tokenizer.from_pretrained(str(options.weights))
    )
    return InterleaveInferencer(
        model=model.to("cuda", torch.bfloat16).eval(),
        vae_model=vae.to("cuda").eval(),
        tokenizer=tokenizer,
        vae_transform=ImageTransform(1024, 512, 16),
        vit_transform=ImageTransform(980, 224, 14),
        new_token_ids=new_token_ids,
    )


def answer(model, sample, options):
    task = sample["task"]
    asked = [*pictures_of(sample), sample["prompt"]]
    if task == "text-to-image":
        given = model.interleave_inference(asked, think=options.think, **DRAW)
    elif task == "image-editing":
        given = model.interleave_inference(asked, think=options.think, **EDIT)
    else:
        given = model.interleave_inference(
            asked, think=options.think, understanding_output=True, **SAY
        )
    # With --think the model writes down what it plans before it draws.
    words = [part for part in given if isinstance(part, str)]
    drawn = [part for part in given if not isinstance(part, str)]
    return {
        "text": "\n".join(words) or None,
        "images": [name for image in drawn for name in saved(image, sample)],
    }


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--think", action="store_true", help="let the model plan in words first")
    given = parser.parse_args()
    serve(
        name="BAGEL-7B-MoT",
        can=("text_output", "image_input", "image_output", "image_editing"),
        settings={
            "code": commit_of(given.code),
            "think": given.think,
            "draw": DRAW,
            "edit": EDIT,
            "say": SAY,
        },
        load=lambda: load(given),
        answer=lambda model, sample: answer(model, sample, given),
        weights=given.weights,
    )
