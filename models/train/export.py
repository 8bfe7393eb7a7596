"""Write model.onnx, tokenizer.json and model.json from a checkpoint, or from the mean of several that began alike.

    python export.py --checkpoint checkpoint.npz [another.npz] --tokenizer tokenizer.json --out DIR [--name dowser-static-v1]
"""
import argparse
import hashlib
import json
import os
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MAX_TOKENS = 512
MATRYOSHKA = [256]
SMALLEST_NORM = 1e-12


def load(files):
    """Mean of checkpoints with the same seed and tokenizer: table [V, d], weights [2, V]."""
    return tuple(np.mean([np.load(file)[part] for file in files], axis=0) for part in ("table", "weights"))


def quantise(table, weights):
    """float table [V, d], weights [2, V] -> int8 table, weights with each row's scale folded in."""
    largest = np.abs(table).max(1)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    rows = np.clip(np.rint(table / scale[:, None]), -127, 127).astype(np.int8)
    folded = (weights * scale).astype(np.float32)
    folded[:, :2] = 0                                      # [PAD] and [UNK]
    rows[:2] = 0
    return rows, folded


def graph(table, weights):
    """embedding = normalise(sum over tokens of mask * token_weight[side, id] * table[id])."""
    def constant(name, values, kind):
        return helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind, [len(values)], values))

    nodes = [
        constant("vocabulary", [table.shape[0]], TensorProto.INT64), constant("all", [-1], TensorProto.INT64),
        constant("one", [1], TensorProto.INT64), constant("tiny", [SMALLEST_NORM], TensorProto.FLOAT),
        helper.make_node("Mul", ["side", "vocabulary"], ["offset"]),
        helper.make_node("Add", ["input_ids", "offset"], ["weight_ids"]),
        helper.make_node("Reshape", ["token_weight", "all"], ["flat_weight"]),
        helper.make_node("Gather", ["flat_weight", "weight_ids"], ["weight"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["weight", "mask"], ["masked"]),
        helper.make_node("Unsqueeze", ["masked", "one"], ["row"]),
        helper.make_node("Gather", ["table", "input_ids"], ["small"]),
        helper.make_node("Cast", ["small"], ["vectors"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["row", "vectors"], ["product"]),
        helper.make_node("Squeeze", ["product", "one"], ["sum"]),
        helper.make_node("Mul", ["sum", "sum"], ["square"]),
        helper.make_node("ReduceSum", ["square", "one"], ["total"], keepdims=1),
        helper.make_node("Sqrt", ["total"], ["norm"]),
        helper.make_node("Max", ["norm", "tiny"], ["length"]),
        helper.make_node("Div", ["sum", "length"], ["embeddings"]),
    ]
    tokens = lambda name: helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
    made = helper.make_graph(
        nodes, "static", [tokens("input_ids"), tokens("attention_mask"), helper.make_tensor_value_info("side", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", table.shape[1]])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(weights, "token_weight")])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], producer_name="dowser")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, nargs="+")
    for name in ("tokenizer", "out"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--name", default="dowser-static-v1")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    table, weights = quantise(*load(options.checkpoint))
    onnx.save(graph(table, weights), os.path.join(options.out, "model.onnx"))
    shutil.copyfile(options.tokenizer, os.path.join(options.out, "tokenizer.json"))
    files = {}
    for file in ("model.onnx", "tokenizer.json"):
        data = open(os.path.join(options.out, file), "rb").read()
        files[file] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    tasks = ("nl2code", "qa", "code2code", "code2nl", "code2completion")
    description = {
        "name": options.name, "kind": "static", "version": 1, "dimensions": table.shape[1], "matryoshka": MATRYOSHKA,
        "maxTokens": MAX_TOKENS, "pooling": "none", "inputs": {"ids": "input_ids", "mask": "attention_mask", "side": "side"},
        "output": "embeddings", "prefixes": {task: {"query": "", "passage": ""} for task in tasks},
        # the query of these tasks is code itself, so it takes the passage's token weights
        "sides": {task: {"query": "passage"} for task in ("code2code", "code2completion")},
        "licence": "MIT", "files": files}
    with open(os.path.join(options.out, "model.json"), "w") as handle:
        json.dump(description, handle, indent=2)
        handle.write("\n")
    print(json.dumps(files))


if __name__ == "__main__":
    main()
