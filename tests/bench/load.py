"""Makes a model of Qwen2.5-0.5B's shape with random bf16 weights, and measures transformers on it beside `load.rs`.

Usage: python load.py make FOLDER      writes FOLDER/model: 24 layers, hidden 896, 14 query and 2 key-value heads,
                                       feed-forward 4864, vocabulary 151,936, tied head, about 1 GB
       python load.py first FOLDER     seconds from `from_pretrained` (f32) to the first token after a prompt of 64
                                       tokens, and the peak of resident memory; 2 threads, imports not counted
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def make(folder: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=151_936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=32_768,
        rms_norm_eps=1e-6,
        rope_theta=1e6,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder / "model")


def first(folder: Path) -> None:
    import torch
    import transformers
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(2)
    times = []
    for _ in range(3):
        Path("/proc/self/clear_refs").write_text("5")
        start = time.perf_counter()
        model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32).eval()
        with torch.no_grad():
            model.generate(torch.arange(3, 67)[None], max_new_tokens=1, do_sample=False, pad_token_id=1)
        times.append(time.perf_counter() - start)
        status = Path("/proc/self/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
        del model
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    facts = {"job": "load-transformers", "value": min(times), "unit": "s to first token", "all": times, "peak": peak}
    print(json.dumps(facts | {"versions": versions}), flush=True)


if __name__ == "__main__":
    {"make": make, "first": first}[sys.argv[1]](Path(sys.argv[2]))
