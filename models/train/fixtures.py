"""Makes test/fixtures/models: tiny models with random weights in the architectures and forms that neural embedders come
in, each with what the reference library (transformers, one text at a time) makes of some texts.

    python fixtures.py --out ../../test/fixtures/models

    decoder          Qwen2 with grouped attention as torch exports it; a tokenizer that adds nothing, like Qwen2.5's
    decoder-past     the same with past_key_values in plain operators; its weights in a file beside it
    decoder-grouped  the same with past_key_values, GroupQueryAttention and float16; a tokenizer that ends every text
    decoder-q4       the same with MatMulNBits
    encoder          BERT as torch exports it, with pooled and unpooled output
    encoder-half     the same in float16
    encoder-int8     the same with activations quantised when it runs

reference.json holds for each text its ids and what each pooling gives, before it is cut or brought to unit length; whole
(`maxTokens` of the manifest) and cut to CUT tokens. Quantised models are their own reference, run by onnxruntime.
"""
import argparse
import copy
import json
import logging
import os
import shutil

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import matmul_nbits_quantizer, quantize_dynamic
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, Qwen2Config, Qwen2Model

from model_folder import Decoder, Encoder, export, write_manifest
from qwen2_graph import DATA, build

HIDDEN, SIZES, TOKENS, CUT, DECIMALS = 32, [8, 16, 32], 48, 12, 6
SPREAD = 0.2    # of random weights: ten times the usual, so that every token counts
TEXTS = [
    "def parse_url(text):\n    return urlsplit(text)",
    "how is a url parsed?",
    "x",
    "export class RequestHandler { async handle(request) { throw new Error('not found') } }",
    "read file " * 40,
    "    for (int i = 0; i < n; ++i) sum += values[i];\n\n\n",
    "Naïve café: 日本語のコメント, 你好",
    "\U0001F600 e\u0301 \u00e9",
    "the end <|endoftext|> of [SEP] it",
    "return",
    "SELECT name FROM users WHERE id = 42;",
    "",
]
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SHAPE = dict(vocab=320, hidden=HIDDEN, layers=2, heads=4, kv_heads=2, head=16, inner=64, theta=1e6, epsilon=1e-6, positions=64)


def byte_tokenizer(ends):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=SHAPE["vocab"] - 1, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    end = tokenizer.token_to_id("<|endoftext|>")
    bytes_only = processors.ByteLevel(trim_offsets=False)
    template = processors.TemplateProcessing("$A <|endoftext|>", special_tokens=[("<|endoftext|>", end)])
    tokenizer.post_processor = processors.Sequence([bytes_only, template]) if ends else bytes_only
    return tokenizer


def word_tokenizer():
    """The words of the texts and the letters they are of; not trained, since a trainer breaks ties as it happens."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = {word for text in TEXTS for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))}
    letters = sorted(set("".join(words)))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + letter for letter in letters)]
    pieces += sorted(word for word in words if 3 <= len(word) <= 6) + ["##er", "##ing", "##ler", "##tion"]
    tokenizer.model = models.WordPiece({piece: at for at, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]")
    tokenizer.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in pieces[:4]])
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def scatter(model):
    """Random norms and biases too: with ones and zeros, leaving one out would change nothing."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter += torch.randn_like(parameter) * SPREAD
    return model.eval().requires_grad_(False)


def decoder():
    return scatter(Qwen2Model(Qwen2Config(
        vocab_size=SHAPE["vocab"], hidden_size=HIDDEN, num_hidden_layers=SHAPE["layers"], num_attention_heads=SHAPE["heads"],
        num_key_value_heads=SHAPE["kv_heads"], head_dim=SHAPE["head"], intermediate_size=SHAPE["inner"], rms_norm_eps=SHAPE["epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": SHAPE["theta"]}, initializer_range=SPREAD, attn_implementation="eager")))


def encoder(words):
    return scatter(BertModel(BertConfig(
        vocab_size=words, hidden_size=HIDDEN, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, initializer_range=SPREAD, attn_implementation="eager"), add_pooling_layer=False))


def pooled(hidden):
    """All poolings of one text's [tokens, hidden]."""
    values = {"last": hidden[-1], "mean": hidden.mean(0), "cls": hidden[0]}
    return {pooling: [round(float(value), DECIMALS) for value in vector] for pooling, vector in values.items()}


def reference(tokenizer, hidden_of):
    rows = []
    for text in TEXTS:
        row = {"text": text}
        for name, limit in (("whole", TOKENS), ("cut", CUT)):
            tokenizer.enable_truncation(limit)
            ids = tokenizer.encode(text).ids
            row[name] = {"ids": ids, **(pooled(hidden_of(ids)) if ids else {})}
        rows.append(row)
    tokenizer.no_truncation()
    return rows


def of_library(model):
    return lambda ids: model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()


def of_runtime(file):
    session = onnxruntime.InferenceSession(file)
    inputs = {"input_ids": lambda ids: ids, "attention_mask": np.ones_like, "token_type_ids": np.zeros_like,
              "position_ids": lambda ids: np.arange(ids.shape[1])[None]}
    names = [entry.name for entry in session.get_inputs()]
    return lambda ids: session.run(["last_hidden_state"], {name: inputs[name](np.array([ids])) for name in names})[0][0].astype(np.float32)


def write(out, name, make, tokenizer, hidden_of, pooling, padding):
    """One folder. `make` writes model.onnx into it."""
    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    file = os.path.join(folder, "model.onnx")
    make(file)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    write_manifest(folder, name=name, dimensions=HIDDEN, matryoshka=SIZES, maxTokens=TOKENS, pooling=pooling, padding=padding, licence="MIT")
    rows = reference(tokenizer, hidden_of or of_runtime(file))
    with open(os.path.join(folder, "reference.json"), "w", encoding="utf-8") as handle:
        handle.write(json.dumps({"cut": CUT, "rows": rows}, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(name, sum(os.path.getsize(os.path.join(folder, part)) for part in os.listdir(folder)), "bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    out = parser.parse_args().out
    logging.disable(logging.WARNING)
    torch.manual_seed(21)
    plain, ended, words = byte_tokenizer(False), byte_tokenizer(True), word_tokenizer()
    qwen, bert = decoder(), encoder(words.get_vocab_size())
    arrays = lambda dtype: {name: value.numpy().astype(dtype) for name, value in qwen.state_dict().items()}
    save = lambda model: lambda file: onnx.save(model, file)

    def save_past(file):
        with open(os.path.join(os.path.dirname(file), DATA), "wb") as data:
            onnx.save(build(SHAPE, arrays("float32"), "past", "float32", data), file)

    def save_q4(file):
        quantizer = matmul_nbits_quantizer.MatMulNBitsQuantizer(build(SHAPE, arrays("float32"), "plain"), block_size=32, is_symmetric=True)
        quantizer.process()
        onnx.save(quantizer.model.model, file)

    decoded = export(Decoder(qwen), ["input_ids", "attention_mask", "position_ids"], ["last_hidden_state"])
    write(out, "decoder", save(decoded), plain, of_library(qwen), "last", "left")
    write(out, "decoder-past", save_past, plain, of_library(qwen), "last", "left")
    grouped = build(SHAPE, arrays("float16"), "grouped", "float16")
    write(out, "decoder-grouped", save(grouped), ended, of_library(qwen), "last", "right")
    write(out, "decoder-q4", save_q4, plain, None, "last", "right")

    inputs, outputs = ["input_ids", "attention_mask", "token_type_ids"], ["last_hidden_state", "sentence_embedding"]
    encoded = export(Encoder(bert), inputs, outputs)
    write(out, "encoder", save(encoded), words, of_library(bert), "mean", "right")
    write(out, "encoder-int8", lambda file: quantize_dynamic(encoded, file), words, None, "mean", "right")
    half = copy.deepcopy(bert).half()
    write(out, "encoder-half", save(export(Encoder(half), inputs, outputs)), words, of_library(bert), "mean", "right")


if __name__ == "__main__":
    main()
