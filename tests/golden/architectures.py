"""Makes tests/fixtures/golden/architectures/*: a tiny random checkpoint of every decoder family, and what transformers and
PEFT compute with it.

Run by hand from the repository's root, never by the tests:

    python tests/golden/architectures.py [case ...]

Every folder is a Hugging Face folder (`config.json`, `model.safetensors` in bfloat16; everything below is computed in
float32 from those numbers, on the CPU) with two files more:

- `golden.json`: prompts and greedy continuations; preference pairs with DPO's loss and metrics for all weights and for
  adapters; losses and gradient norms of ten optimizer steps on those pairs; the norm of every weight's gradient.
- `golden.safetensors`: `logits.<i>`, one sequence at a time, so no padding is involved; `initial.*` and `gradient.*` of
  the adapters; `sampled.*`, at most 32 evenly spaced elements of every weight's gradient.

The shapes are small, but windows are shorter than the texts, caps and factors are such that they matter, rotations are
stretched within the texts' length, and norms and biases are random.
"""

import json
import re
import sys
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
from training import VOCABULARY, dpo_loss, gradients, numbers, pair_rows, plain, prefixed, ten_steps, trainable

OUT = Path("tests/fixtures/golden/architectures")
PROMPT_LENGTHS = [1, 6, 17, 30]
NEW_TOKENS = 32
SAMPLES = 32
BETA = 0.1
SMALLEST_MARGIN = 3e-4
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 16}
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
    "initializer_range": 0.2,
}
SECOND_GLOBAL = ["sliding_attention", "full_attention", "sliding_attention"]
CASES = {
    "cohere": ("Cohere", {"use_qk_norm": True, "logit_scale": 0.3, "layer_norm_eps": 1e-5}),
    "cohere2": (
        "Cohere2",
        {"head_dim": 16, "logit_scale": 0.5, "sliding_window": 8, "layer_types": SECOND_GLOBAL, "attention_bias": True},
    ),
    "gemma2": (
        "Gemma2",
        {
            "head_dim": 16,
            "sliding_window": 8,
            "query_pre_attn_scalar": 24,
            "attn_logit_softcapping": 3.0,
            "final_logit_softcapping": 6.0,
        },
    ),
    "gemma3_text": (
        "Gemma3Text",
        {
            "head_dim": 8,
            "sliding_window": 8,
            "layer_types": SECOND_GLOBAL,
            "query_pre_attn_scalar": 24,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
            },
        },
    ),
    "llama": ("Llama", {"head_dim": 16, "rope_parameters": LLAMA3, "attention_bias": True, "mlp_bias": True}),
    "mistral": ("Mistral", {"head_dim": 16, "sliding_window": 8}),
    "qwen2": (
        "Qwen2",
        {
            "use_sliding_window": True,
            "sliding_window": 8,
            "max_window_layers": 1,
            "tie_word_embeddings": True,
            "rope_parameters": YARN | {"mscale": 1.2, "mscale_all_dim": 0.7},
        },
    ),
    "qwen3": ("Qwen3", {"head_dim": 16, "rope_parameters": YARN | {"attention_factor": 1.3, "beta_fast": 4.0}}),
}


def make_model(case: str, folder: Path, seed: int) -> None:
    family, settings = CASES[case]
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**COMMON | settings)
    model = getattr(transformers, f"{family.removesuffix('Text')}ForCausalLM")(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or "bias" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def reload(folder: Path):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()


@torch.no_grad()
def forward(model) -> tuple[dict, dict]:
    prompts = [numbers(100 + index, length) for index, length in enumerate(PROMPT_LENGTHS)]
    tensors, greedy, margins = {}, [], []
    for index, tokens in enumerate(prompts):
        tensors[f"logits.{index}"] = model(torch.tensor([tokens])).logits[0]
        text = list(tokens)
        for _ in range(NEW_TOKENS):
            best = model(torch.tensor([text])).logits[0, -1].topk(2)
            margins.append(float(best.values[0] - best.values[1]))
            text.append(int(best.indices[0]))
        greedy.append(text[len(tokens) :])
    return tensors, {"prompts": prompts, "greedy": greedy, "smallest_margin": min(margins)}


def sampled(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.flatten()[:: -(-tensor.numel() // SAMPLES)] for name, tensor in values.items()}


def all_weights(folder: Path) -> tuple[dict, dict]:
    model, reference = reload(folder), reload(folder)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    rows = pair_rows(reference, 30, [(14, 4, 7), (18, 5, 2), (4, 8, 8)])
    loss, metrics = dpo_loss(model, rows, BETA)
    found = gradients(model, loss)
    norms = {name: tensor.norm().item() for name, tensor in found.items()}
    facts = {"rows": rows, "beta": BETA, "loss": loss.item(), "metrics": metrics, "norms": norms}
    return prefixed("sampled", sampled(found)), facts


def adapters(folder: Path) -> tuple[dict, dict]:
    lora = {"rank": 2, "alpha": 4, "targets": ["all-linear"]}
    config = peft.LoraConfig(
        r=lora["rank"], lora_alpha=lora["alpha"], target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM"
    )
    torch.manual_seed(4)
    model = peft.get_peft_model(reload(folder), config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.1)
    rows = pair_rows(reload(folder), 40, [(14, 4, 7), (18, 5, 2), (4, 8, 8)])
    loss, metrics = dpo_loss(model, rows, BETA)
    tensors = prefixed("initial", plain({n: p.detach().clone() for n, p in trainable(model).items()}))
    tensors |= prefixed("gradient", plain(gradients(model, loss)))
    settings = {
        "learning_rate": 1e-2,
        "betas": [0.9, 0.999],
        "eps": 1e-8,
        "weight_decay": 0.1,
        "max_grad_norm": 1.0,
        "warmup_ratio": 0.2,
        "schedule": "cosine",
    }
    log, _, _ = ten_steps(model, [rows] * 10, lambda m, batch: dpo_loss(m, batch, BETA)[0], settings)
    facts = {"rows": rows, "beta": BETA, "lora": lora, "loss": loss.item(), "metrics": metrics}
    return tensors, facts | {"steps": {"settings": settings, **log}}


def make_case(case: str) -> None:
    folder = OUT / case
    # A seed whose greedy texts do not hang on the last bits.
    for seed in range(1, 50):
        make_model(case, folder, seed)
        tensors, text = forward(reload(folder))
        if text["smallest_margin"] >= SMALLEST_MARGIN:
            break
    assert text["smallest_margin"] >= SMALLEST_MARGIN, case
    for make, name in ((all_weights, "dpo"), (adapters, "dpo_lora")):
        found, facts = make(folder)
        tensors, text[name] = tensors | found, facts
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, folder / "golden.safetensors")
    peers = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    about = {"script": "tests/golden/architectures.py", "seed": seed, "peers": peers, "dtype": "float32", "device": "cpu"}
    lines = json.dumps(about | text, indent=1)
    # Lists of numbers on one line each.
    lines = re.sub(r"\[\s+([^\[\]{}\"]*?)\s+\]", lambda m: "[" + re.sub(r",\s+", ", ", m.group(1)) + "]", lines)
    (folder / "golden.json").write_text(lines + "\n")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(case, "seed", seed, "margin", text["smallest_margin"], size, "bytes")
    for path in folder.iterdir():
        assert path.stat().st_size <= 200_000, path


def main() -> None:
    for case in sys.argv[1:] or CASES:
        (OUT / case).mkdir(parents=True, exist_ok=True)
        make_case(case)


if __name__ == "__main__":
    main()
