"""Makes tests/fixtures/golden/training/auxiliary.*: auxiliary terms (methods 4.3, 4.4, 4.9) by PyTorch with its own singular
value decomposition and its derivative, alone in float64 and within DPO on a tiny checkpoint with adapters in float32.

Run by hand from the repository's root, after training.py, never by the tests:

    python tests/golden/auxiliary.py

Needs what training.py needs.
"""

import json

import peft
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

from training import (
    OUT, completion_log_probability, gradients, numbers, pair_rows, plain, prefixed, reload, trainable, with_adapter,
)

LORA = {"rank": 4, "alpha": 8, "targets": ["q_proj", "v_proj"]}


def mlc(units, tau, detach):
    """As the released code has it: cross-entropy with the first singular value as target."""
    values = torch.linalg.svdvals(units)
    if detach:
        values = values / (values[..., :1].detach() + 1e-12)
    logits = values / tau
    return F.cross_entropy(logits, torch.zeros(logits.shape[0], dtype=torch.long), reduction="none")


def cosine(units):
    gram = units @ units.transpose(-1, -2)
    pairs = torch.triu_indices(gram.shape[-1], gram.shape[-1], 1)
    return 1 - gram[:, pairs[0], pairs[1]].mean(-1)


def term(states, extractor, settings):
    r = states if extractor is None else states @ extractor[0].T + extractor[1]
    units = r / (r.norm(dim=-1, keepdim=True) + 1e-12)
    if settings["term"] == "cosine":
        return cosine(units)
    return mlc(units, settings["tau"], settings["sigma_scale"] == "detach-first")


SETTINGS = {
    "mlc": {"term": "mlc", "tau": 0.2, "sigma_scale": "detach-first"},
    "mlc-none": {"term": "mlc", "tau": 0.7, "sigma_scale": "none"},
    "cosine": {"term": "cosine"},
}
SHAPES = {"two": (3, 2, 6, 5), "five": (4, 5, 12, 8), "sixteen": (2, 16, 12, 20)}


def alone(tensors, cases):
    """States that are far apart, near each other and nearly the same."""
    torch.manual_seed(11)
    for shape, (questions, languages, width, inner) in SHAPES.items():
        spread = torch.tensor([1.0, 0.3, 0.01, 2.0], dtype=torch.float64)[:questions, None, None]
        states = torch.randn(questions, 1, width, dtype=torch.float64) + spread * torch.randn(
            questions, languages, width, dtype=torch.float64
        )
        extractor = [torch.randn(inner, width, dtype=torch.float64) / width**0.5, 0.1 * torch.randn(inner, dtype=torch.float64)]
        # What the test reads is what this computes with.
        states, *extractor = [tensor.float().double() for tensor in (states, *extractor)]
        tensors |= {f"{shape}.states": states, f"{shape}.weight": extractor[0], f"{shape}.bias": extractor[1]}
        for name, settings in SETTINGS.items():
            leaves = [tensor.clone().requires_grad_() for tensor in (states, *extractor)]
            losses = term(leaves[0], leaves[1:], settings)
            losses.sum().backward()
            cases[f"{shape}.{name}"] = {"shape": shape, **settings, "losses": losses.tolist()}
            for what, leaf in zip(("states", "weight", "bias"), leaves):
                tensors[f"{shape}.{name}.gradient.{what}"] = leaf.grad


def hidden(model, prompt, layer):
    """Hugging Face's hidden state of the last token; its last entry is after the final norm."""
    return model(torch.tensor([prompt]), output_hidden_states=True).hidden_states[layer][0, -1]


def within(tensors, cases):
    """DPO with a term, as one loss."""
    model = with_adapter("tied", 9, LORA)
    rows = pair_rows(reload("tied"), 80, [(6, 4, 7), (9, 5, 2), (4, 8, 8)])
    questions = [[[0, *numbers(900 + 10 * q + l, 3 + (q + 2 * l) % 5)] for l in range(4)] for q in range(2)]
    of = [0, 1, 0]
    tensors |= prefixed("initial", plain({n: p.detach().clone() for n, p in trainable(model).items()}))
    torch.manual_seed(12)
    extractor = [torch.randn(24, 32) / 32**0.5, 0.1 * torch.randn(24)]
    tensors |= {"initial.extractor.weight": extractor[0].clone(), "initial.extractor.bias": extractor[1].clone()}
    plans = {
        "dpo-mlc-last": {**SETTINGS["mlc"], "layer": 2, "weight": 0.8, "extractor": True},
        "dpo-mlc-middle": {**SETTINGS["mlc-none"], "layer": 1, "weight": 1.5, "extractor": True},
        "dpo-cosine": {**SETTINGS["cosine"], "layer": 0, "weight": 0.8, "extractor": False},
    }
    # Layer 0 of adapters on attention has no gradient; the cosine compares what the first layer gives.
    plans["dpo-cosine"]["layer"] = 1
    for name, settings in plans.items():
        margins = []
        for row in rows:
            gain = {
                role: completion_log_probability(model, row["prompt"], row[role]) - row[f"reference_{role}"]
                for role in ("chosen", "rejected")
            }
            margins.append(0.1 * (gain["chosen"] - gain["rejected"]))
        objective = -F.logsigmoid(torch.stack(margins)).mean()
        states = torch.stack([torch.stack([hidden(model, p, settings["layer"]) for p in questions[q]]) for q in of])
        leaves = [tensor.clone().requires_grad_() for tensor in extractor] if settings["extractor"] else None
        auxiliary = term(states, leaves, settings).mean()
        loss = objective + settings["weight"] * auxiliary
        own = plain(gradients(model, loss))
        tensors |= prefixed(f"gradient.{name}", own)
        if leaves:
            tensors |= {f"gradient.{name}.extractor.weight": leaves[0].grad, f"gradient.{name}.extractor.bias": leaves[1].grad}
        cases[name] = {**settings, "objective_loss": objective.item(), "auxiliary_loss": auxiliary.item(), "loss": loss.item()}
        print(name, cases[name])
    return {"rows": rows, "questions": questions, "of": of, "lora": LORA}


def main() -> None:
    tensors, single, joint = {}, {}, {}
    alone(tensors, single)
    facts = within(tensors, joint)
    peers = {m.__name__: m.__version__ for m in (torch, transformers, peft)}
    facts = {
        "case": "auxiliary", "script": "tests/golden/auxiliary.py", "peers": peers, "device": "cpu",
        "dtype": "float64 for terms alone, float32 within DPO",
        "why": "losses and gradients of auxiliary terms must be those of PyTorch's own decomposition",
        **facts, "alone": single, "within": joint,
    }
    save_file({name: tensor.detach().float().contiguous() for name, tensor in tensors.items()}, OUT / "auxiliary.safetensors")
    (OUT / "auxiliary.json").write_text(json.dumps(facts, indent=1) + "\n")
    for path in OUT.glob("auxiliary.*"):
        path.chmod(0o644)
        assert path.stat().st_size <= 200_000, path


if __name__ == "__main__":
    main()
