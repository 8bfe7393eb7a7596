"""A folder that dowser opens: a torch model as ONNX, and the manifest of what lies there."""
import hashlib
import json
import os

import torch

TASKS = ("nl2code", "qa", "code2code", "code2nl", "code2completion")


class Decoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, use_cache=False).last_hidden_state


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return hidden, (hidden * mask).sum(1) / mask.sum(1)


def export(module, inputs, outputs):
    """As torch exports it, without the notes on where each node came from."""
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens")
    example = tuple(torch.ones(2, 7, dtype=torch.int64) for _ in inputs)
    program = torch.onnx.export(module.eval(), example, dynamo=True, verbose=False, input_names=inputs, output_names=outputs,
                                dynamic_shapes={name: {0: batch, 1: tokens} for name in inputs})
    model = program.model_proto
    for part in [model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]
    del model.graph.value_info[:]
    return model


def write_manifest(folder, prefixes=None, **fields):
    """model.json over every file that is in the folder; without prefixes for a model that was trained without."""
    files = {}
    for name in sorted(os.listdir(folder)):
        if name == "model.json":
            continue
        with open(os.path.join(folder, name), "rb") as handle:
            files[name] = {"sha256": hashlib.file_digest(handle, "sha256").hexdigest(), "bytes": os.path.getsize(handle.name)}
    none = {"query": "", "passage": ""}
    manifest = {"kind": "transformer", "version": 1, **fields, "prefixes": prefixes or {task: none for task in TASKS}, "files": files}
    with open(os.path.join(folder, "model.json"), "w") as handle:
        json.dump(manifest, handle, indent=1)
