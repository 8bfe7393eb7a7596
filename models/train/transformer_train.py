"""Train the transformer in two stages; the same command again goes on from the last checkpoint, to the same result.

    python transformer_train.py words --pairs DIR --tokenizer tokenizer.json --out words.pt            (optional)
    python transformer_train.py pairs --pairs DIR --tokenizer tokenizer.json --start words.pt --out pairs.pt

words: guess masked words of code and of what is said about it. pairs: put a query and its code near each other.
--minutes ends a run early with a checkpoint, one is written every two minutes anyway; --cache keeps the read corpus for
the next run; --static takes the first vectors from a checkpoint of train.py; --teacher is a folder that teacher.py wrote.
"""
import argparse
import json
import math
import os
import pickle
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import data
from train import MAX_SCALE, Teacher, distil, held_out_mrr
from transformer import MATRYOSHKA, PREFIXES, SHAPE, TASK_SHARE, UNKNOWN, Encoder, embed, forward, pad, portions, rows_of, split

SEED = 20
RATE = {"words": 6e-4, "pairs": 4e-4}
EPOCHS = {"words": 2, "pairs": 8}
BATCH = {"words": 512, "pairs": 2048}
WARM, LAST = 0.05, 0.02          # share of steps to the full rate, and of the rate at the end
DECAY, BETAS, CLIP = 0.01, (0.9, 0.98), 1.0
MASKED, SPOILT = 0.2, 0.1        # share of words to guess, and of these the share that is another word instead of none
TOKENS = {"cuda": 65_536, "cpu": 4_096}     # of one pass with gradients; memory, not the result, depends on it
SAVE_SECONDS, LOG_STEPS = 120, 20


def batches(corpus, size):
    """Numbers of `size` pairs without end. The runs of one repository that corpus.epoch makes stay together."""
    left, epoch = np.zeros(0, np.int64), 0
    while True:
        for numbers in corpus.epoch(np.random.default_rng([SEED, epoch])):
            left = np.concatenate([left, numbers])
            while len(left) >= size:
                yield left[:size]
                left = left[size:]
        epoch += 1


def guess_words(model, corpus, numbers, rng, job):
    """Loss of masked words, its gradients added up portion by portion."""
    rows = [np.concatenate(both) for both in zip(*rows_of(corpus, numbers, "nl2code", rng))]
    chosen = [rng.random(len(row)) < MASKED for row in rows]
    total = max(1, sum(int(mask.sum()) for mask in chosen))
    loss = 0.0
    for some in portions(rows, job.tokens):
        ids, seen = pad([rows[i] for i in some], job.device)
        hidden = pad([chosen[i] for i in some], job.device)[0].bool() & seen
        other = torch.from_numpy(rng.integers(2, corpus.vocabulary, ids.shape)).to(job.device)
        spoilt = torch.from_numpy(rng.random(ids.shape) < SPOILT).to(job.device)
        shown = torch.where(hidden, torch.where(spoilt, other, UNKNOWN), ids)
        with torch.autocast("cuda", torch.bfloat16, enabled=job.device == "cuda"):
            logits = model.words(model.tokens(shown, seen)[hidden])
        part = F.cross_entropy(logits.float(), ids[hidden], reduction="sum") / total
        part.backward()
        loss += part.detach()
    return loss


def contrast(query, code, scale):
    """Symmetric InfoNCE of the first 256, 128 and 64 dimensions (Matryoshka), averaged."""
    target, loss = torch.arange(len(query), device=query.device), 0.0
    for size in MATRYOSHKA:
        logits = scale * F.normalize(query[:, :size], dim=1) @ F.normalize(code[:, :size], dim=1).T
        loss = loss + (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    return loss / len(MATRYOSHKA)


def match_pairs(model, corpus, numbers, rng, job):
    """Contrast over the whole batch; gradients by way of those of the embeddings, so memory holds one portion (GradCache)."""
    task = rng.choice(list(TASK_SHARE), p=list(TASK_SHARE.values()))
    rows = [[np.concatenate([prefix, row]) for row in side] for prefix, side in zip(job.prefixes[task], rows_of(corpus, numbers, task, rng))]
    sides = [embed(model, side, job.device, job.tokens).requires_grad_() for side in rows]
    scale = model.scale.exp().clamp(max=MAX_SCALE)
    loss = contrast(*sides, scale)
    told = loss.detach()
    known = np.flatnonzero(job.teacher.rows[numbers] >= 0) if job.teacher and task in ("nl2code", "qa") else []
    if len(known) > 1:
        with torch.device(job.device):
            likeness = job.teacher.likeness(numbers[known]).to(job.device)
            loss = loss + job.distil * distil(F.normalize(sides[0][known], dim=1), likeness, scale)
    loss.backward()
    for side, cached in zip(rows, sides):
        for some in portions(side, job.tokens):
            (forward(model, [side[i] for i in some], job.device) * cached.grad[some]).sum().backward()
    return told


STAGES = {"words": guess_words, "pairs": match_pairs}


def mrr(model, corpus, job):
    """As train.py scores the static model, with the prefixes of nl2code."""
    def embeddings(ids, starts, side):
        rows = [np.concatenate([job.prefixes["nl2code"][side], row]) for row in split(ids.numpy(), starts.numpy())]
        return F.normalize(embed(model, rows, job.device, job.tokens), dim=1).cpu()
    return round(held_out_mrr(embeddings, corpus)[0], 4)


def read(options):
    """The corpus, from --cache where that was written by the same data.py."""
    reader = open(data.__file__).read()
    if options.cache and os.path.exists(options.cache):
        with open(options.cache, "rb") as handle:
            if pickle.load(handle) == reader:
                return pickle.load(handle)
    corpus = data.Corpus(options.pairs, options.tokenizer)
    if options.cache:
        with open(options.cache, "wb") as handle:
            pickle.dump(reader, handle), pickle.dump(corpus, handle, protocol=5)
    return corpus


def first_model(options, corpus):
    """The model before the first step: of the stage before, or random with the static model's vectors where given."""
    if options.start:
        kept = torch.load(options.start, map_location="cpu")
        model = Encoder(kept["vocabulary"], kept["shape"])
        model.load_state_dict(kept["model"])
        return model
    model = Encoder(corpus.vocabulary, options.shape)
    if options.static:
        static = np.load(options.static)
        with torch.no_grad():      # the direction of a vector is its meaning; the length is for the norm that follows
            model.table.weight.copy_(F.normalize(torch.from_numpy(static["table"]), dim=1))
    return model


def save(out, **state):
    torch.save(state, out + ".part")
    os.replace(out + ".part", out)


def train(options, corpus, job):
    torch.manual_seed(SEED)
    if job.device == "cuda":
        torch.set_float32_matmul_precision("high")
    model = first_model(options, corpus).to(job.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.0, betas=BETAS, weight_decay=DECAY, fused=True)
    done, began = 0, time.time()
    if os.path.exists(options.out):
        kept = torch.load(options.out, map_location=job.device)
        model.load_state_dict(kept["model"]), optimiser.load_state_dict(kept["optimiser"])
        done = kept["done"]
    pairs = int((~corpus.held_out).sum())
    if pairs < 2 * data.BATCH:
        raise SystemExit(f"{pairs} pairs are too few: an epoch is made of whole batches of {data.BATCH}")
    steps = options.steps or options.epochs * pairs // options.batch
    say = lambda **values: print(json.dumps({"stage": options.stage, "step": done, "of": steps, **values, "seconds": round(time.time() - began)}), flush=True)
    keep = lambda: save(options.out, model=model.state_dict(), optimiser=optimiser.state_dict(), done=done,
                        vocabulary=model.vocabulary, shape=model.shape)
    total = sum(p.numel() for p in model.parameters())
    say(parameters=total, outside=total - model.table.weight.numel(), device=job.device, mrr=mrr(model, corpus, job))
    losses, saved = [], time.time()
    for at, numbers in enumerate(batches(corpus, options.batch)):
        late = options.minutes and time.time() - began > 60 * options.minutes
        if done == steps or late:
            break
        if at < done:
            continue
        rate = options.rate * min((done + 1) / (WARM * steps), LAST + (1 - LAST) * (1 + math.cos(math.pi * done / steps)) / 2)
        for group in optimiser.param_groups:
            group["lr"] = rate
        losses.append(STAGES[options.stage](model, corpus, numbers, np.random.default_rng([SEED, 1, done]), job))
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        done += 1
        if len(losses) == LOG_STEPS or done == steps:
            say(loss=round(float(torch.stack(losses).mean()), 4), rate=f"{rate:.1e}", scale=round(model.scale.exp().item(), 1))
            losses = []
        if done % options.check == 0:
            say(mrr=mrr(model, corpus, job))
        if time.time() - saved > SAVE_SECONDS:
            keep()
            saved = time.time()
    keep()
    say(mrr=mrr(model, corpus, job), finished=done == steps)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    for name in ("pairs", "tokenizer", "out"):
        parser.add_argument("--" + name, required=True)
    for name in ("start", "static", "teacher", "cache"):
        parser.add_argument("--" + name)
    parser.add_argument("--distil", type=float, default=0.5, help="weight of the teacher's loss")
    parser.add_argument("--shape", type=json.loads, default={}, help=f"changes of {SHAPE} as JSON")
    for name, kind in (("rate", float), ("epochs", int), ("batch", int), ("steps", int), ("minutes", float)):
        parser.add_argument("--" + name, type=kind)
    parser.add_argument("--check", type=int, default=500, help="steps between scores of held-out pairs")
    options = parser.parse_args()
    for name, usual in (("rate", RATE), ("epochs", EPOCHS), ("batch", BATCH)):
        setattr(options, name, getattr(options, name) or usual[options.stage])
    options.shape = {**SHAPE, **options.shape}
    began, corpus = time.time(), read(options)
    print(f"{len(corpus.kind)} pairs, {len(corpus.names)} repositories, held out {corpus.held_names}, read in {time.time() - began:.0f} s", flush=True)
    tokenizer = Tokenizer.from_file(options.tokenizer)
    ids = lambda text: np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.int64)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    job = argparse.Namespace(device=device, tokens=TOKENS[device], distil=options.distil,
                             prefixes={task: [ids(text) for text in both] for task, both in PREFIXES.items()},
                             teacher=Teacher(options.teacher, corpus) if options.teacher else None)
    train(options, corpus, job)


if __name__ == "__main__":
    main()
