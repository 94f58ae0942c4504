"""Checks an exported training graph in the Python onnxruntime, without chorale.

    chorale graph export RECIPE STAGE --output FOLDER
    python tests/golden/export.py FOLDER/STAGE.onnx

The file must pass onnx's checker, load with the weights beside it, and give a loss whose slope along a random direction
is what its own gradient says (central differences).
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file


def feeds(session: onnxruntime.InferenceSession, trainable: np.ndarray, draw: np.random.Generator) -> dict:
    """Two rows of 5 prompt tokens, 4 of branch 1 and 3 of branch 2; every branch token is scored."""
    rows, prompt, branches = 2, 5, (4, 3)
    names = {value.name: value for value in session.get_inputs()}
    width = prompt + sum(branches)
    positions = list(range(prompt)) + [prompt + i for length in branches for i in range(length)]
    segments = [0] * prompt + [k + 1 for k, length in enumerate(branches) for _ in range(length)]
    tokens = draw.integers(3, 90, (rows, width))
    selected, labels, owners = [], [], []
    for row in range(rows):
        start = prompt
        for role, length in enumerate(branches):
            for i in range(length):
                selected.append(row * width + (prompt - 1 if i == 0 else start + i - 1))
                labels.append(tokens[row, start + i])
                owners.append((row, role))
            start += length
    values = {
        "trainable": trainable,
        "tokens": tokens.astype(np.int64),
        "positions": np.tile(np.array(positions, np.int64), (rows, 1)),
        "segments": np.tile(np.array(segments, np.int64), (rows, 1)),
        "selected": np.array(selected, np.int64),
        "labels": np.array(labels, np.int64),
        "units": np.array(rows, np.float32),
    }
    for role, name in enumerate(("chosen", "rejected")):
        values[f"{name}.members"] = np.array(
            [[float(owner == (row, role)) for owner in owners] for row in range(rows)], np.float32
        )
        values[f"{name}.reference"] = np.full(rows, -20.0, np.float32)
    return {name: values[name] for name in names}


def main() -> None:
    path = Path(sys.argv[1])
    onnx.checker.check_model(str(path), full_check=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(0)
    trainable = load_file(path.with_suffix(".safetensors"))["trainable"]
    # Away from the start: LoRA's B is 0 there, and half of the gradient with it.
    trainable = trainable + 0.05 * draw.standard_normal(trainable.shape).astype(np.float32)
    given = feeds(session, trainable, draw)
    loss, gradient = session.run(["loss", "gradient"], given)
    direction = gradient / np.linalg.norm(gradient)
    step = np.float32(1e-2)
    at = lambda sign: session.run(["loss"], given | {"trainable": trainable + sign * step * direction})[0]
    slope = (at(1) - at(-1)) / (2 * step)
    error = abs(slope - np.linalg.norm(gradient)) / np.linalg.norm(gradient)
    print(f"onnxruntime {onnxruntime.__version__}: loss {loss:.6f}, |gradient| {np.linalg.norm(gradient):.6f}, "
          f"slope {slope:.6f}, relative difference {error:.1e}")
    assert np.isfinite(loss) and error < 1e-2


main()
