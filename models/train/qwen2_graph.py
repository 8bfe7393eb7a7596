"""The graph of a Qwen2 decoder, written by hand: what exports for text generation look like, which feed each layer the
keys and values of the tokens before ("past_key_values"), and what the benchmark measures with synthetic weights.
"""
import math
import os

import numpy as np
import onnx
from onnx import TensorProto, helper

OPSET, DOMAIN = 17, "com.microsoft"
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}
LOWEST = {"float32": -3.0e38, "float16": -65504.0}
DATA = "model.onnx_data"


class Writer:
    """Nodes and initializers of a graph. Weights of `data` bytes or more go into a file beside it when one is open."""

    def __init__(self, dtype, data=None):
        self.dtype, self.data = dtype, data
        self.nodes, self.initializers = [], []

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [f"{kind.lower()}_{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def call(self, name, kind, *inputs, **attributes):
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, name, array):
        """A weight under its own name; two with one name are one."""
        if any(tensor.name == name for tensor in self.initializers):
            return name
        if self.data is None:
            self.initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
            return name
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape,
                             data_location=TensorProto.EXTERNAL)
        self.data.seek(-self.data.tell() % 64, os.SEEK_CUR)    # aligned, so that it can be mapped
        place = {"location": DATA, "offset": self.data.tell(), "length": array.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.data.write(np.ascontiguousarray(array).tobytes())
        self.initializers.append(tensor)
        return name

    def constant(self, values, dtype=np.int64):
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(onnx.numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def number(self, value):
        return self.constant(value, self.dtype)

    def cast(self, x, dtype):
        return self.op("Cast", x, to=dtype)

    def slice(self, x, first, last, axis):
        return self.op("Slice", x, self.constant([first]), self.constant([last]), self.constant([axis]))

    def linear(self, name, x, weights):
        product = self.op("MatMul", x, self.weight(name + ".weight", weights[name + ".weight"].T))
        if name + ".bias" not in weights:
            return product
        return self.op("Add", product, self.weight(name + ".bias", weights[name + ".bias"]))

    def norm(self, name, x, weights, epsilon):
        """Root mean square, in float32 whatever the rest is in, as the reference does."""
        x = self.cast(x, TensorProto.FLOAT)
        mean = self.op("ReduceMean", self.op("Mul", x, x), axes=[-1], keepdims=1)
        root = self.op("Sqrt", self.op("Add", mean, self.constant(epsilon, np.float32)))
        unit = self.cast(self.op("Div", x, root), TYPES[self.dtype])
        return self.op("Mul", unit, self.weight(name + ".weight", weights[name + ".weight"]))


def angles(write, shape):
    """Cosines and sines of every position, [batch, 1, tokens, head]."""
    size = shape["head"]
    rates = 1.0 / shape["theta"] ** (np.arange(0, size, 2, dtype=np.float32) / size)
    places = write.op("Unsqueeze", write.cast("position_ids", TensorProto.FLOAT), write.constant([2]))
    half = write.op("Mul", places, write.constant(rates.reshape(1, 1, -1), np.float32))
    whole = write.op("Unsqueeze", write.op("Concat", half, half, axis=-1), write.constant([1]))
    return [write.cast(write.op(kind, whole), TYPES[write.dtype]) for kind in ("Cos", "Sin")]


def rotate(write, x, cos, sin, size):
    first, second = write.slice(x, 0, size // 2, 3), write.slice(x, size // 2, size, 3)
    turned = write.op("Concat", write.op("Neg", second), first, axis=-1)
    return write.op("Add", write.op("Mul", x, cos), write.op("Mul", turned, sin))


def visible(write):
    """What is added to scores, [batch, 1, 1, tokens, all]: a token sees the tokens before it that are no padding."""
    one = write.constant([1])
    tokens, every = (write.slice(write.op("Shape", name), 1, 2, 0) for name in ("input_ids", "attention_mask"))
    scalar = lambda x: write.op("Squeeze", x)
    keys = write.op("Range", scalar(write.constant([0])), scalar(every), scalar(one))
    queries = write.op("Range", scalar(write.op("Sub", every, tokens)), scalar(every), scalar(one))
    before = write.op("LessOrEqual", write.op("Unsqueeze", keys, write.constant([0])), write.op("Unsqueeze", queries, one))
    real = write.op("Unsqueeze", write.cast("attention_mask", TensorProto.BOOL), write.constant([1, 2, 3]))
    return write.op("Where", write.op("And", before, real), write.number(0), write.number(LOWEST[write.dtype]))


def attend(write, layer, q, k, v, shape, seen, turns, past):
    """Grouped attention in plain operators, [batch, tokens, hidden]."""
    groups, size = shape["kv_heads"], shape["head"]
    split = lambda x, heads: write.op("Transpose", write.op("Reshape", x, write.constant([0, 0, heads, size])), perm=[0, 2, 1, 3])
    q, k, v = rotate(write, split(q, shape["heads"]), *turns, size), rotate(write, split(k, groups), *turns, size), split(v, groups)
    if past:
        k = write.call(f"present.{layer}.key", "Concat", f"past_key_values.{layer}.key", k, axis=2)
        v = write.call(f"present.{layer}.value", "Concat", f"past_key_values.{layer}.value", v, axis=2)
    q = write.op("Reshape", q, write.constant([0, groups, shape["heads"] // groups, -1, size]))
    k, v = (write.op("Unsqueeze", x, write.constant([2])) for x in (k, v))
    scores = write.op("Mul", write.op("MatMul", q, write.op("Transpose", k, perm=[0, 1, 2, 4, 3])), write.number(1 / math.sqrt(size)))
    out = write.op("MatMul", write.op("Softmax", write.op("Add", scores, seen), axis=-1), v)
    out = write.op("Reshape", out, write.constant([0, shape["heads"], -1, size]))
    return write.op("Reshape", write.op("Transpose", out, perm=[0, 2, 1, 3]), write.constant([0, 0, shape["heads"] * size]))


def attend_grouped(write, layer, q, k, v, shape, lengths):
    """The same in the one operator that published exports have; padding on the right only."""
    seconds, every, cos, sin = lengths
    out, key, value = (f"attention_{layer}", f"present.{layer}.key", f"present.{layer}.value")
    write.nodes.append(helper.make_node(
        "GroupQueryAttention",
        [q, k, v, f"past_key_values.{layer}.key", f"past_key_values.{layer}.value", seconds, every, cos, sin], [out, key, value],
        domain=DOMAIN, num_heads=shape["heads"], kv_num_heads=shape["kv_heads"], do_rotary=1, rotary_interleaved=0))
    return out


def grouped_lengths(write, shape):
    size = shape["head"]
    rates = 1.0 / shape["theta"] ** (np.arange(0, size, 2, dtype=np.float32) / size)
    turns = np.outer(np.arange(shape["positions"], dtype=np.float32), rates)
    last = write.op("Sub", write.op("ReduceSum", "attention_mask", write.constant([1]), keepdims=0), write.constant([1]))
    every = write.op("Squeeze", write.slice(write.op("Shape", "attention_mask"), 1, 2, 0))
    return (write.cast(last, TensorProto.INT32), write.cast(every, TensorProto.INT32),
            write.weight("cos", np.cos(turns).astype(write.dtype)), write.weight("sin", np.sin(turns).astype(write.dtype)))


def build(shape, weights, style, dtype="float32", data=None):
    """A model that gives `last_hidden_state`. `shape`: vocab, hidden, layers, heads, kv_heads, head, inner, theta,
    epsilon, positions. `weights`: names of the reference library -> arrays, or anything that gives them. `style`: plain, past
    (with past_key_values), or grouped (past_key_values and GroupQueryAttention). `data`: an open file for weights."""
    write = Writer(dtype, data)
    float_type, size = TYPES[dtype], shape["head"]
    x = write.op("Gather", write.weight("embed_tokens.weight", weights["embed_tokens.weight"]), "input_ids")
    if style == "grouped":
        lengths = grouped_lengths(write, shape)
    else:
        seen, turns = visible(write), angles(write, shape)
    for layer in range(shape["layers"]):
        at = f"layers.{layer}."
        inner = write.norm(at + "input_layernorm", x, weights, shape["epsilon"])
        q, k, v = (write.linear(f"{at}self_attn.{part}_proj", inner, weights) for part in "qkv")
        if style == "grouped":
            out = attend_grouped(write, layer, q, k, v, shape, lengths)
        else:
            out = attend(write, layer, q, k, v, shape, seen, turns, style == "past")
        x = write.op("Add", x, write.linear(at + "self_attn.o_proj", out, weights))
        inner = write.norm(at + "post_attention_layernorm", x, weights, shape["epsilon"])
        gate = write.linear(at + "mlp.gate_proj", inner, weights)
        gate = write.op("Mul", gate, write.op("Sigmoid", gate))
        inner = write.op("Mul", gate, write.linear(at + "mlp.up_proj", inner, weights))
        x = write.op("Add", x, write.linear(at + "mlp.down_proj", inner, weights))
    write.call("last_hidden_state", "Identity", write.norm("norm", x, weights, shape["epsilon"]))

    info = helper.make_tensor_value_info
    whole = lambda name, *dims: info(name, TensorProto.INT64, dims)
    inputs = [whole("input_ids", "batch_size", "sequence_length"), whole("attention_mask", "batch_size", "total_sequence_length")]
    if style != "grouped":
        inputs.append(whole("position_ids", "batch_size", "sequence_length"))
    outputs = [info("last_hidden_state", float_type, ["batch_size", "sequence_length", shape["hidden"]])]
    for layer in range(shape["layers"]) if style != "plain" else ():
        for part in ("key", "value"):
            dims = lambda tokens: ["batch_size", shape["kv_heads"], tokens, size]
            inputs.append(info(f"past_key_values.{layer}.{part}", float_type, dims("past_sequence_length")))
            outputs.append(info(f"present.{layer}.{part}", float_type, dims("total_sequence_length")))
    graph = helper.make_graph(write.nodes, "qwen2", inputs, outputs, write.initializers)
    opsets = [helper.make_opsetid("", OPSET)] + ([helper.make_opsetid(DOMAIN, 1)] if style == "grouped" else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)
