"""Makes tests/fixtures/golden/encoders/*: tiny random encoders and what transformers computes with them.

Run by hand from the repository's root, never by the tests:

    python tests/golden/encoders.py

Every folder has `config.json`, `model.safetensors` (bfloat16; everything is computed in float32 from those numbers, on the
CPU), `golden.json` (texts as token ids, versions) and `golden.safetensors`: `hidden.<i>`, the last hidden states of each
text alone, and `mean` and `cls`, the normalised vectors of all texts padded to one length (sentence-transformers' pooling
and normalisation, written out).

- bert, xlm-roberta: as transformers saves them; xlm-roberta as a masked language model, so its names have a prefix.
- new: multilingual GTE. Its own code is not in transformers, but transformers' `gte` is the same network under other names;
  the file is written with the names, the packed matrices and the `config.json` that published checkpoints have. Their NTK
  scaling is theta * factor and frequencies divided by factor^(2/E) (https://kexue.fm/archives/9706), which is
  `linear` scaling by that number for transformers.
"""

import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

OUT = Path("tests/fixtures/golden/encoders")
VOCABULARY = 96
TEXTS = [[5, 17, 60, 33, 8, 9, 71, 20, 44, 13, 90, 6], [40, 7, 3], [12, 55, 23, 23, 81, 4, 10]]
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 32,
    "initializer_range": 0.2,
    "attn_implementation": "eager",
}
NTK = {"factor": 8.0, "theta": 50.0, "width": 8}
NEW_NAMES = [
    ("layers.", "encoder.layer."),
    ("self_attn.o_proj", "attention.o_proj"),
    ("post_attention_layernorm", "attn_ln"),
    ("post_mlp_layernorm", "mlp_ln"),
]


def randomise(model) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name.lower() or "bias" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
            parameter.copy_(parameter.to(torch.bfloat16))


def new_tensors(model) -> dict[str, torch.Tensor]:
    """The tensors of a `gte` under the names of model type `new`, queries, keys and values packed, up before gate."""
    state = dict(model.state_dict())
    for layer in range(COMMON["num_hidden_layers"]):
        own = f"layers.{layer}"
        for kind in ("weight", "bias"):
            parts = [state.pop(f"{own}.self_attn.{part}_proj.{kind}") for part in "qkv"]
            state[f"{own}.attention.qkv_proj.{kind}"] = torch.cat(parts)
        parts = [state.pop(f"{own}.mlp.{part}_proj.weight") for part in ("up", "gate")]
        state[f"{own}.mlp.up_gate_proj.weight"] = torch.cat(parts)
    for old, name in NEW_NAMES:
        state = {key.replace(old, name): tensor for key, tensor in state.items()}
    return {f"new.{key}": tensor for key, tensor in state.items()}


def make_new(folder: Path):
    scale = NTK["factor"] ** (2 / NTK["width"])
    rope = {"rope_type": "linear", "factor": scale, "rope_theta": NTK["theta"] * NTK["factor"]}
    settings = COMMON | {"type_vocab_size": 1, "pad_token_id": 1, "hidden_act": "gelu"}
    model = transformers.GteModel(transformers.GteConfig(**settings, rope_parameters=rope))
    randomise(model)
    config = {name: value for name, value in settings.items() if name != "attn_implementation"} | {
        "architectures": ["NewForTokenClassification"],
        "attention_probs_dropout_prob": 0.0,
        "auto_map": {"AutoConfig": "configuration.NewConfig"},
        "classifier_dropout": 0.0,
        "hidden_dropout_prob": 0.1,
        "layer_norm_eps": 1e-12,
        "layer_norm_type": "layer_norm",
        "logn_attention_clip1": False,
        "logn_attention_scale": False,
        "model_type": "new",
        "pack_qkv": True,
        "position_embedding_type": "rope",
        "rope_scaling": {"factor": NTK["factor"], "type": "ntk"},
        "rope_theta": NTK["theta"],
        "torch_dtype": "bfloat16",
        "unpad_inputs": False,
        "use_memory_efficient_attention": False,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    tensors = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in new_tensors(model).items()}
    save_file(tensors, folder / "model.safetensors")
    return model


def make_saved(folder: Path, whole, body):
    """Saves a copy in bfloat16, which is exact by now; `body` is the encoder in `whole`."""
    randomise(whole)
    whole.to(torch.bfloat16).save_pretrained(folder)
    whole.to(torch.float32)
    (folder / "generation_config.json").unlink(missing_ok=True)
    return body(whole)


def make(case: str, folder: Path):
    torch.manual_seed(5)
    if case == "new":
        return make_new(folder)
    if case == "bert":
        config = transformers.BertConfig(**COMMON, pad_token_id=0)
        return make_saved(folder, transformers.BertModel(config, add_pooling_layer=True), lambda model: model)
    config = transformers.XLMRobertaConfig(**COMMON, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)
    return make_saved(folder, transformers.XLMRobertaForMaskedLM(config), lambda model: model.roberta)


@torch.no_grad()
def golden(model, padding: int) -> dict[str, torch.Tensor]:
    hidden = [model(torch.tensor([text])).last_hidden_state[0] for text in TEXTS]
    tensors = {f"hidden.{index}": states for index, states in enumerate(hidden)}
    longest = max(map(len, TEXTS))
    tokens = torch.tensor([text + [padding] * (longest - len(text)) for text in TEXTS])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in TEXTS])
    states = model(tokens, attention_mask=mask).last_hidden_state
    wide = mask.unsqueeze(-1).float()
    mean = (states * wide).sum(1) / wide.sum(1).clamp(min=1e-9)
    tensors["mean"] = torch.nn.functional.normalize(mean, p=2, dim=1)
    tensors["cls"] = torch.nn.functional.normalize(states[:, 0], p=2, dim=1)
    return tensors


def main() -> None:
    for case in ("bert", "new", "xlm-roberta"):
        folder = OUT / case
        folder.mkdir(parents=True, exist_ok=True)
        model = make(case, folder).eval()
        tensors = golden(model, model.config.pad_token_id)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "golden.safetensors")
        about = {
            "script": "tests/golden/encoders.py",
            "peers": {"torch": torch.__version__, "transformers": transformers.__version__},
            "texts": TEXTS,
        }
        (folder / "golden.json").write_text(json.dumps(about) + "\n")
        print(case, sum(path.stat().st_size for path in folder.iterdir()), "bytes")


if __name__ == "__main__":
    main()
