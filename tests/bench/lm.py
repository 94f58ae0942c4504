"""Tokens per second of language-model training in plain PyTorch, beside `train.rs lm`: all weights of a small decoder,
128 texts of 10 to 25 tokens a step, padded to the longest, AdamW with clipping, 2 threads; the median over 20 steps.

Usage: python lm.py [STEPS]
"""

import json
import os
import random
import statistics
import sys
import time

import torch
import torch.nn.functional as F
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

VOCABULARY = 3000


def main() -> None:
    torch.set_num_threads(int(os.environ.get("THREADS", "2")))
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=2,
            max_position_embeddings=128,
            tie_word_embeddings=True,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-6, weight_decay=0.01)
    draw = random.Random(0)
    seconds, rates = [], []
    for step in range(int(sys.argv[1]) if len(sys.argv) > 1 else 24):
        texts = [[0] + [draw.randrange(3, VOCABULARY) for _ in range(9 + draw.randrange(16))] for _ in range(128)]
        start = time.perf_counter()
        width = max(map(len, texts))
        tokens = torch.full((len(texts), width), 2)
        mask = torch.zeros(len(texts), width, dtype=torch.long)
        for row, text in enumerate(texts):
            tokens[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        logits = model(tokens, attention_mask=mask).logits[:, :-1]
        losses = F.cross_entropy(logits.reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1), reduction="none")
        scored = mask[:, 1:].reshape(-1)
        loss = (losses * scored).sum() / scored.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        elapsed = time.perf_counter() - start
        if step >= 4:
            seconds.append(elapsed)
            rates.append(mask.sum().item() / elapsed)
    row = {"job": "lm-torch", "value": statistics.median(seconds), "unit": "s/step",
           "tokens_per_second": statistics.median(rates),
           "versions": {"torch": torch.__version__, "transformers": transformers.__version__}}
    print(json.dumps(row), flush=True)


main()
