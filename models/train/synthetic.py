"""Models of real shapes with random weights: what they cost to run depends on the shapes alone.

The decoder jina-code-embeddings-0.5b (Qwen2.5-Coder-0.5B) as three folders that dowser opens: OUT-fp32, OUT-int8 (dynamic),
OUT-q4 (MatMulNBits); or, with --encoder, BERT of 12 layers and this width (384: bge-small; 768: BERT base, close to
CodeRankEmbed, jina-embeddings-v2-base-code and gte-modernbert-base) as OUT.

    python synthetic.py --tokenizer tokenizer.json --out DIR/synthetic-0.5b
    python synthetic.py --tokenizer MINILM/tokenizer.json --out DIR/synthetic-bert-768 --encoder 768
"""
import argparse
import os
import shutil
import zlib

import numpy as np
import onnx
from onnxruntime.quantization import matmul_nbits_quantizer, quantize_dynamic

from model_folder import Encoder, export, write_manifest
from qwen2_graph import DATA, build

SHAPE = dict(vocab=151_936, hidden=896, layers=24, heads=14, kv_heads=2, head=64, inner=4_864, theta=1e6, epsilon=1e-6, positions=32_768)
SIZES = [64, 128, 256, 512, 896]
TOKENS = 8_192
SPREAD = 0.02


class Weights:
    """Made when they are asked for: together they are 2 GB."""

    def __init__(self, shape):
        hidden, inner, head = shape["hidden"], shape["inner"], shape["head"]
        queries, keys = shape["heads"] * head, shape["kv_heads"] * head
        self.dims = {"embed_tokens.weight": (shape["vocab"], hidden), "norm.weight": (hidden,)}
        for layer in range(shape["layers"]):
            at = f"layers.{layer}."
            for part, width in (("q", queries), ("k", keys), ("v", keys)):
                self.dims |= {f"{at}self_attn.{part}_proj.weight": (width, hidden), f"{at}self_attn.{part}_proj.bias": (width,)}
            self.dims |= {f"{at}self_attn.o_proj.weight": (hidden, queries), f"{at}mlp.down_proj.weight": (hidden, inner)}
            self.dims |= {f"{at}mlp.{part}_proj.weight": (inner, hidden) for part in ("gate", "up")}
            self.dims |= {f"{at}{part}_layernorm.weight": (hidden,) for part in ("input", "post_attention")}

    def __contains__(self, name):
        return name in self.dims

    def __getitem__(self, name):
        random = np.random.default_rng(zlib.crc32(name.encode()))
        values = random.standard_normal(self.dims[name], np.float32) * SPREAD
        return values + 1 if name.endswith("norm.weight") else values


def finish(folder, tokenizer):
    shutil.copy(tokenizer, os.path.join(folder, "tokenizer.json"))
    write_manifest(folder, name=os.path.basename(folder), dimensions=SHAPE["hidden"], matryoshka=SIZES, maxTokens=TOKENS,
                   pooling="last", padding="right", licence="MIT")
    print(folder, sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)) >> 20, "MB", flush=True)


def make_encoder(hidden, folder, tokenizer):
    from transformers import BertConfig, BertModel

    config = BertConfig(hidden_size=hidden, num_hidden_layers=12, num_attention_heads=12, intermediate_size=4 * hidden)
    bert = BertModel._from_config(config, attn_implementation="eager").eval()
    os.makedirs(folder, exist_ok=True)
    model = export(Encoder(bert), ["input_ids", "attention_mask", "token_type_ids"], ["last_hidden_state", "sentence_embedding"])
    onnx.save(model, os.path.join(folder, "model.onnx"))
    shutil.copy(tokenizer, os.path.join(folder, "tokenizer.json"))
    write_manifest(folder, name=os.path.basename(folder), dimensions=hidden, maxTokens=512, pooling="mean", padding="right", licence="MIT")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--encoder", type=int, help="width of an encoder instead")
    options = parser.parse_args()
    if options.encoder is not None:
        return make_encoder(options.encoder, os.path.abspath(options.out), options.tokenizer)
    plain, int8, q4 = (f"{os.path.abspath(options.out)}-{form}" for form in ("fp32", "int8", "q4"))
    for folder in (plain, int8, q4):
        os.makedirs(folder, exist_ok=True)
    file = os.path.join(plain, "model.onnx")
    with open(os.path.join(plain, DATA), "wb") as data:
        onnx.save(build(SHAPE, Weights(SHAPE), "plain", "float32", data), file)
    finish(plain, options.tokenizer)
    quantize_dynamic(file, os.path.join(int8, "model.onnx"), use_external_data_format=False)
    finish(int8, options.tokenizer)
    quantizer = matmul_nbits_quantizer.MatMulNBitsQuantizer(onnx.load(file), block_size=32, is_symmetric=True, accuracy_level=4)
    quantizer.process()
    target = os.path.join(q4, "model.onnx")
    if os.path.exists(os.path.join(q4, DATA)):
        os.remove(os.path.join(q4, DATA))
    onnx.save(quantizer.model.model, target, save_as_external_data=True, location=DATA)
    finish(q4, options.tokenizer)


if __name__ == "__main__":
    main()
