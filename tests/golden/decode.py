"""Makes tests/fixtures/golden/decode/*: logits and greedy continuations of the tiny Llama checkpoints, by transformers.

Run by hand from the repository's root after training.py, never by the tests:

    python tests/golden/decode.py

For each checkpoint under tests/fixtures/golden/training, `<checkpoint>.safetensors` holds `logits.<i>` (f32 [tokens,
vocabulary], one sequence at a time, so no padding is involved) and `<checkpoint>.json` the prompts, the greedy
continuations, and the versions used. `frequencies` are transformers' rotary frequencies under Llama 3 scaling.
"""

import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

MODELS = Path("tests/fixtures/golden/training")
OUT = Path("tests/fixtures/golden/decode")
PROMPT_LENGTHS = [1, 3, 7, 12]
NEW_TOKENS = 30


def prompt(index: int, length: int, vocabulary: int) -> list[int]:
    generator = torch.Generator().manual_seed(100 + index)
    return torch.randint(3, vocabulary, (length,), generator=generator).tolist()


@torch.no_grad()
def make_case(folder: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    prompts = [prompt(i, length, model.config.vocab_size) for i, length in enumerate(PROMPT_LENGTHS)]
    tensors, greedy, margins = {}, [], []
    for index, tokens in enumerate(prompts):
        tensors[f"logits.{index}"] = model(torch.tensor([tokens])).logits[0].contiguous()
        text = list(tokens)
        for _ in range(NEW_TOKENS):
            best = model(torch.tensor([text])).logits[0, -1].topk(2)
            margins.append(float(best.values[0] - best.values[1]))
            text.append(int(best.indices[0]))
        greedy.append(text[len(tokens) :])
    save_file(tensors, OUT / f"{folder.name}.safetensors")
    case = {
        "script": "tests/golden/decode.py",
        "why": "logits and greedy text must be those of transformers",
        "tolerance": "Training (1e-4 relative to the largest logit)",
        "device": "cpu",
        "dtype": "float32",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "smallest_margin": min(margins),
        "prompts": prompts,
        "greedy": greedy,
    }
    (OUT / f"{folder.name}.json").write_text(json.dumps(case, indent=1) + "\n")


def make_frequencies() -> None:
    scaling = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
        "rope_theta": 500000.0,
    }
    config = LlamaConfig(hidden_size=4096, num_attention_heads=32, max_position_embeddings=131072, rope_parameters=scaling)
    frequencies, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    case = {
        "script": "tests/golden/decode.py",
        "why": "Llama 3.1's stretched rotary frequencies",
        "transformers": transformers.__version__,
        "rope_parameters": scaling,
        "head_dim": 128,
        "frequencies": frequencies.tolist(),
    }
    (OUT / "frequencies.json").write_text(json.dumps(case, indent=1) + "\n")


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    folders = sorted(path.parent for path in MODELS.glob("*/config.json"))
    assert len(folders) >= 2, folders
    for folder in folders:
        make_case(folder)
    make_frequencies()


main()
