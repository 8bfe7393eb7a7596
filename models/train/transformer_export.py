"""Write model.onnx (int8), tokenizer.json and model.json from a checkpoint of transformer_train.py, check and score them.

    python transformer_export.py --checkpoint pairs.pt --tokenizer tokenizer.json --out DIR --pairs DIR [--bench DIR --floor 60]

The graph is written by hand, so that a text's embedding does not depend on the texts beside it: every token's row is
quantised by its own largest value (ONNX's dynamic quantisation takes that of the whole batch). Two checks, and the exit
status is 1 when one fails: cosines of the int8 file to the trained floats, and dowser's own token ids and embeddings of
the same texts against Python's (`node` 24, dowser's packages installed).
"""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from evaluate import PASSAGE, QUERY, Embedder, ndcg
from transformer import MATRYOSHKA, PREFIXES, SMALL, Encoder, embed, rotations
from verify import sample

MAX_TOKENS = 320         # a window of data.py, its path and a prefix; longer texts were never seen in training
WEIGHT_LEVELS = 63       # 7 bits: without VNNI a processor adds two products in 16 bits, which 8 bits would overflow
ROW_LEVELS, MIDDLE = 127, 128
SMALLEST_NORM = 1e-12
BYTES_MAX = 30_000_000
MEAN, LEAST, SAME = 0.99, 0.97, 1e-3     # cosines to the floats, and the largest difference of dowser's numbers from Python's
HERE = os.path.dirname(os.path.abspath(__file__))


class Graph:
    """Nodes and weights of an ONNX graph in the order they are asked for."""

    def __init__(self):
        self.nodes, self.weights = [], {}

    def weight(self, array):
        name = f"w{len(self.weights)}"
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def __call__(self, op, *inputs, outputs=1, **attributes):
        """Add a node; arrays and numbers among the inputs become weights. Its output's name, or names."""
        names = [i if isinstance(i, str) else self.weight(np.asarray(i, np.float32) if isinstance(i, float) else np.asarray(i)) for i in inputs]
        out = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, names, out, **attributes))
        return out[0] if outputs == 1 else out

    def length(self, x):
        """Root of the mean square of each row."""
        return self("Sqrt", self("Add", self("ReduceMean", self("Mul", x, x), axes=[-1]), SMALL))

    def quantise(self, x, length=None):
        """Rows as uint8 around MIDDLE (ONNX Runtime multiplies uint8 by int8 25 times as fast as int8 by int8), and the
        scale of each. With `length` the rows are divided by it, which only their scale notices."""
        scale = self("Div", self("Max", self("ReduceMax", self("Abs", x), axes=[-1]), SMALLEST_NORM), float(ROW_LEVELS))
        rows = self("Cast", self("Add", self("Round", self("Div", x, scale)), float(MIDDLE)), to=TensorProto.UINT8)
        return rows, scale if length is None else self("Div", scale, length)

    def matrix(self, rows, linear):
        """Quantised rows times a matrix that is quantised by column."""
        rows, scale = rows
        weight = linear.weight.detach().numpy().T
        column = np.maximum(np.abs(weight).max(0), SMALLEST_NORM) / WEIGHT_LEVELS
        product = self("MatMulInteger", rows, np.rint(weight / column).astype(np.int8), np.uint8(MIDDLE))
        return self("Mul", self("Mul", self("Cast", product, to=TensorProto.FLOAT), scale), column.astype(np.float32))

    def attention(self, x, block, cos, sin, hidden):
        size = block.out.weight.shape[0] // block.heads
        joined = self("Reshape", self.matrix(self.quantise(x, self.length(x)), block.qkv), np.array([0, 0, 3, block.heads, size]))
        q, k, v = self("Split", self("Transpose", joined, perm=[2, 0, 3, 1, 4]), outputs=3, axis=0)
        turned = []
        for part in (q, k):
            left, right = self("Split", part, outputs=2, axis=-1)
            turned.append(self("Add", self("Mul", part, cos), self("Mul", self("Concat", self("Neg", right), left, axis=-1), sin)))
        likeness = self("MatMul", self("Mul", turned[0], size ** -0.5), self("Transpose", turned[1], perm=[0, 1, 2, 4, 3]))
        seen = self("MatMul", self("Softmax", self("Add", likeness, hidden), axis=-1), v)
        flat = self("Reshape", self("Transpose", self("Squeeze", seen, np.array([0])), perm=[0, 2, 1, 3]), np.array([0, 0, -1]))
        return self("Add", x, self.matrix(self.quantise(flat), block.out))

    def feed_forward(self, x, block):
        gate, value = self("Split", self.matrix(self.quantise(x, self.length(x)), block.up), outputs=2, axis=-1)
        bent = self("Mul", self("Mul", gate, 0.5), self("Add", self("Erf", self("Div", gate, 2 ** 0.5)), 1.0))
        return self("Add", x, self.matrix(self.quantise(self("Mul", bent, value)), block.down))


def build(model):
    """The model as ONNX; `side` is an input without effect, so that every model of dowser is asked alike."""
    graph = Graph()
    table = model.table.weight.detach().numpy()
    largest = np.maximum(np.abs(table).max(1, keepdims=True), SMALLEST_NORM)
    rows = graph("Cast", graph("Gather", np.rint(table / largest * ROW_LEVELS).astype(np.int8), "input_ids"), to=TensorProto.FLOAT)
    # the norm that follows makes the scale of a row meaningless
    x = graph("MatMul", rows, model.project.weight.detach().numpy().T)
    x = graph("Div", x, graph.length(x))
    mask = graph("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden = graph("Mul", graph("Sub", 1.0, graph("Unsqueeze", mask, np.array([0, 2, 3]))), -1e9)
    length = graph("Slice", graph("Shape", "input_ids"), np.array([1]), np.array([2]))
    cos, sin = (graph("Slice", turn, np.array([0]), length) for turn in rotations(MAX_TOKENS, model.shape["width"] // model.shape["heads"]))
    for block in model.blocks:
        x = graph.feed_forward(graph.attention(x, block, cos, sin, hidden), block)
    share = graph("Unsqueeze", graph("Div", mask, graph("ReduceSum", mask, np.array([1]))), np.array([1]))
    mean = graph("Squeeze", graph("MatMul", share, graph("Div", x, graph.length(x))), np.array([1]))
    pooled = graph("MatMul", mean, model.head.weight.detach().numpy().T)
    graph.nodes.append(helper.make_node("LpNormalization", [pooled], ["embeddings"], axis=-1, p=2))
    tokens = lambda name: helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
    made = helper.make_graph(
        graph.nodes, "transformer", [tokens("input_ids"), tokens("attention_mask"), helper.make_tensor_value_info("side", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", model.shape["dimensions"]])], list(graph.weights.values()))
    made = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], producer_name="dowser")
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made


def write(model, options):
    """The three files. Returns the bytes of model.onnx."""
    os.makedirs(options.out, exist_ok=True)
    onnx.save(build(model), os.path.join(options.out, "model.onnx"))
    shutil.copyfile(options.tokenizer, os.path.join(options.out, "tokenizer.json"))
    files = {}
    for file in ("model.onnx", "tokenizer.json"):
        data = open(os.path.join(options.out, file), "rb").read()
        files[file] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    description = {
        "name": options.name, "kind": "transformer", "version": 1, "dimensions": model.shape["dimensions"], "matryoshka": MATRYOSHKA,
        "maxTokens": MAX_TOKENS, "pooling": "none", "inputs": {"ids": "input_ids", "mask": "attention_mask", "side": "side"},
        "output": "embeddings", "prefixes": {task: dict(zip(("query", "passage"), both)) for task, both in PREFIXES.items()},
        "licence": "MIT", "files": files}
    with open(os.path.join(options.out, "model.json"), "w") as handle:
        json.dump(description, handle, indent=2)
        handle.write("\n")
    return files["model.onnx"]["bytes"]


class Prefixed(Embedder):
    """The exported files with the prefixes of nl2code."""

    def __call__(self, texts, side, batch=32):
        return super().__call__([PREFIXES["nl2code"][side] + text for text in texts], side, batch)


def verify(model, folder, pairs):
    """Whether the int8 file agrees with the floats, and dowser with the file."""
    texts, languages = sample(pairs)
    python, good = Prefixed(folder), True
    with tempfile.NamedTemporaryFile("w", suffix=".json") as handle:
        json.dump(texts, handle)
        handle.flush()
        run = subprocess.run(["node", os.path.join(HERE, "embed.mjs"), folder, handle.name], capture_output=True, text=True, check=True)
    dowser = json.loads(run.stdout)
    for side, name in ((QUERY, "query"), (PASSAGE, "passage")):
        lists = python.ids([PREFIXES["nl2code"][side] + text for text in texts])
        began = time.time()
        ours = python(texts, side)
        taken = time.time() - began
        exact = F.normalize(embed(model, [np.array(ids, np.int64) for ids in lists], "cpu", 4096), dim=1).numpy()
        cosine = (ours * exact).sum(1)
        ids = sum(a != b for a, b in zip(dowser[name]["ids"], lists))
        apart = float(np.abs(np.array(dowser[name]["embeddings"]) - ours).max())
        print(f"{name}: {len(texts)} texts in {len(languages)} languages, int8 to float cosine mean {cosine.mean():.5f} min {cosine.min():.5f}; "
              f"dowser's token ids that differ {ids}, embeddings apart {apart:.1e}; {sum(map(len, lists)) / taken:.0f} tokens/s")
        good &= cosine.mean() >= MEAN and cosine.min() >= LEAST and ids == 0 and apart <= SAME
    print(run.stderr.strip())
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("checkpoint", "tokenizer", "out", "pairs"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--bench", help="folder of mbpp and humaneval, as evaluate.py has it")
    parser.add_argument("--floor", type=float, default=0, help="fail below this score")
    parser.add_argument("--name", default="dowser-transformer-v1")
    options = parser.parse_args()
    kept = torch.load(options.checkpoint, map_location="cpu")
    model = Encoder(kept["vocabulary"], kept["shape"])
    model.load_state_dict(kept["model"])
    size = write(model, options)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} million parameters, {size / 1e6:.1f} MB")
    good = verify(model, options.out, options.pairs) and size <= BYTES_MAX
    if options.bench:
        embedder = Prefixed(options.out)
        scores = {name: round(ndcg(embedder, os.path.join(options.bench, name)), 2) for name in ("mbpp", "humaneval")}
        print(json.dumps(scores))
        good &= min(scores.values()) >= options.floor
    sys.exit(not good)


if __name__ == "__main__":
    main()
