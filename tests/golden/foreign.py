"""Makes tests/fixtures/golden/foreign/*: a training graph that PyTorch exports, and the curve that PyTorch trains with it.

Run by hand from the repository's root, never by the tests:

    python tests/golden/foreign.py

Needs torch, onnx, onnxscript and safetensors; the versions used are written into `versions.json`. The model is a decoder of
a shape that chorale has no architecture for (learned positions, LayerNorm with bias, ReLU, no rotation). Forward and
backward pass are traced together, decomposed to core ATen operators and exported; `chorale graph contract` says what the
names mean. Take `export` as a pattern for a model of your own.
"""

import json
import math
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch._decomp import core_aten_decompositions
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx

OUT = Path("tests/fixtures/golden/foreign")
VOCABULARY, WIDTH, HEADS, LAYERS, POSITIONS, STEPS = 300, 16, 2, 2, 64, 10
GROUP = 1 << 16


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.feed_norm = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
        self.query_key_value = torch.nn.Linear(WIDTH, 3 * WIDTH)
        self.mix = torch.nn.Linear(WIDTH, WIDTH)
        self.up, self.down = torch.nn.Linear(WIDTH, 2 * WIDTH), torch.nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x, bias):
        rows, tokens = x.shape[0], x.shape[1]
        heads = self.query_key_value(self.attention_norm(x)).reshape(rows, tokens, 3, HEADS, WIDTH // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS) + bias
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(rows, tokens, WIDTH)
        x = x + self.mix(mixed)
        return x + self.down(F.relu(self.up(self.feed_norm(x))))


class Decoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.positions = torch.nn.Embedding(POSITIONS, WIDTH)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = torch.nn.LayerNorm(WIDTH)

    def forward(self, tokens, positions, segments):
        """Rows of several texts: a token sees the tokens before it of its own segment and of its prompt's."""
        query, key = segments[:, :, None], segments[:, None, :]
        related = (key == query) | (key == query - torch.remainder(query, GROUP))
        visible = related & (positions[:, None, :] <= positions[:, :, None])
        bias = torch.where(visible, 0.0, -1e30)[:, None]
        x = self.tokens(tokens) + self.positions(positions)
        for layer in self.layers:
            x = layer(x, bias)
        return self.norm(x)


def step_of(model: Decoder, names: list[str]):
    """The function of contract inputs and trainable tensors that gives the loss, a metric and the gradients."""

    def step(tokens, positions, segments, selected, labels, units, *trainable):
        with torch.enable_grad():
            weights = [tensor.detach().requires_grad_() for tensor in trainable]
            states = functional_call(model, dict(zip(names, weights)), (tokens, positions, segments))
            states = states.reshape(-1, WIDTH).index_select(0, selected)
            logits = states @ weights[names.index("tokens.weight")].T
            log_p = logits.log_softmax(-1)
            loss = -log_p.gather(-1, labels[:, None]).sum() / units
            accuracy = (logits.argmax(-1) == labels).float().sum() / units
            return loss, accuracy, *torch.autograd.grad(loss, weights)

    return step


def rows_of(texts: list[list[int]]):
    """One text per row, padded; what the trainer feeds is laid out by chorale and may share rows."""
    width = max(map(len, texts))
    tokens = torch.tensor([text + [0] * (width - len(text)) for text in texts])
    positions = torch.tensor([list(range(len(text))) + [0] * (width - len(text)) for text in texts])
    segments = torch.tensor([[0] + [1] * (len(text) - 1) + [-1] * (width - len(text)) for text in texts])
    selected = torch.tensor([row * width + i for row, text in enumerate(texts) for i in range(len(text) - 1)])
    labels = torch.tensor([token for text in texts for token in text[1:]])
    return tokens, positions, segments, selected, labels, torch.tensor(float(len(labels)))


def export(model: Decoder, path: Path) -> None:
    names = [name for name, _ in model.named_parameters()]
    trainable = [tensor.detach() for _, tensor in model.named_parameters()]
    batch = rows_of([[0, 5, 6, 7, 8, 9, 1], [0, 3, 4, 5, 1], [0, 9, 1]])
    inputs = ["tokens", "positions", "segments", "selected", "labels", "units"]
    traced = make_fx(step_of(model, names), core_aten_decompositions(), tracing_mode="symbolic")(*batch, *trainable)
    row = {0: torch.export.Dim("rows", min=1), 1: torch.export.Dim("width", min=2)}
    chosen = {0: torch.export.Dim("chosen", min=1)}
    shapes = [row, row, row, chosen, chosen, {}, *[{} for _ in names]]
    torch.onnx.export(
        traced,
        (*batch, *trainable),
        path,
        dynamo=True,
        external_data=False,
        opset_version=21,
        optimize=True,
        dynamic_shapes=tuple(shapes),
        input_names=[*inputs, *(f"trainable.{name}" for name in names)],
        output_names=["loss", "mean_token_accuracy", *(f"gradient.{name}" for name in names)],
    )
    graph = onnx.load(path)
    del graph.graph.value_info[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(11)
    model = Decoder()
    names = [name for name, _ in model.named_parameters()]
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.2)
    save_file({name: tensor.detach().clone() for name, tensor in model.named_parameters()}, OUT / "model.safetensors")
    export(model, OUT / "decoder.onnx")

    generator = torch.Generator().manual_seed(12)
    lengths = [6, 11, 8, 3]
    batches = [
        [[0, *torch.randint(3, VOCABULARY, (length,), generator=generator).tolist(), 1] for length in lengths]
        for _ in range(STEPS)
    ]
    settings = {"learning_rate": 1e-2, "betas": [0.9, 0.999], "eps": 1e-8, "max_grad_norm": 1.0}
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings["learning_rate"], betas=settings["betas"], eps=settings["eps"], weight_decay=0.0
    )
    step = step_of(model, names)
    losses, norms = [], []
    for texts in batches:
        loss, _, *gradients = step(*rows_of(texts), *model.parameters())
        for parameter, gradient in zip(model.parameters(), gradients):
            parameter.grad = gradient
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), settings["max_grad_norm"]).item())
        optimizer.step()
        losses.append(loss.item())
    facts = {"settings": settings, "batches": batches, "loss": losses, "grad_norm": norms}
    (OUT / "steps.json").write_text(json.dumps(facts, indent=1) + "\n")
    about = {
        "script": "tests/golden/foreign.py",
        "peers": {"torch": torch.__version__, "onnx": onnx.__version__},
        "dtype": "float32",
        "device": "cpu",
        "tolerance": "Training (1e-4 of the largest expected magnitude)",
        "why": "a training graph of another tool must train here as it does there",
    }
    (OUT / "versions.json").write_text(json.dumps(about, indent=1) + "\n")
    for path in OUT.iterdir():
        assert path.stat().st_size <= 200_000, path


if __name__ == "__main__":
    main()
