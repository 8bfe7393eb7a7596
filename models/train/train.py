"""Train the static model: one vector a token, one weight a token and side, weighted sum, unit length.

    python train.py --pairs DIR --tokenizer tokenizer.json --out checkpoint.npz [--seed 20]
        [--teacher DIR --words 0.9 --distil 0.5]

With --teacher (what teacher.py wrote) the teacher's English enters in two places: as the first vectors of the words, and
as the likeness that queries ought to have to each other. Runs whose checkpoints are to be averaged need the same --words;
they differ in --seed, and may in the rest.
"""
import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from data import BATCH, CODE_DROP, Corpus, QUERY_DROP, text_key
from teacher import known

DIMENSIONS = 256
RATE, EPOCHS, SEED, START_SEED = 4e-3, 3, 20, 20   # runs to be averaged differ in the seed, not in the seed of the start
AVERAGE = 0.995          # weights averaged over the last steps of a run are what is kept
DISTILLED = 1024         # queries compared with each other in a step, of those the teacher has read
TEACHER_HEAT = 0.1       # temperature of its likeness
MAX_SCALE = 100.0        # limit of the learned temperature (as CLIP has it)
POOL = 2000              # held-out pairs ranked against each other


class Static(torch.nn.Module):
    """table float [V, 256]; gain float [2, V]: token weight = prior * exp(gain), prior = inverse document frequency."""

    def __init__(self, prior):
        super().__init__()
        self.register_buffer("prior", torch.as_tensor(prior))
        self.table = torch.nn.Parameter(torch.randn(prior.shape[1], DIMENSIONS) * DIMENSIONS ** -0.5)
        self.gain = torch.nn.Parameter(torch.zeros(prior.shape))
        self.scale = torch.nn.Parameter(torch.tensor(np.log(20.0), dtype=torch.float32))

    def weights(self):
        return self.prior * self.gain.exp()

    def forward(self, ids, starts, side):
        """Joined token ids and the start of each text -> [texts, 256], unit length."""
        weight = (self.prior[side][ids] * F.embedding(ids, self.gain[side].unsqueeze(1)).squeeze(1).exp())
        return F.normalize(F.embedding_bag(ids, self.table, starts, mode="sum", per_sample_weights=weight), dim=1)


def contrast(query, code, scale):
    """Symmetric InfoNCE of two [n, d] matrices of unit rows that belong together."""
    logits = scale * query @ code.T
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def distil(query, likeness, scale):
    """Divergence of the student's likeness of queries from the teacher's, own row left out."""
    own = torch.eye(len(query), dtype=torch.bool)
    student = (scale * query @ query.T).masked_fill(own, -1e4).log_softmax(1)
    teacher = (likeness / TEACHER_HEAT).masked_fill(own, -1e4).softmax(1)
    return F.kl_div(student, teacher, reduction="batchmean")


class Teacher:
    """What teacher.py wrote: `rows` of the pairs' queries, -1 where it has none."""

    def __init__(self, folder, corpus):
        keys, self.embeddings = known(folder)
        at = np.searchsorted(keys, corpus.key).clip(max=len(keys) - 1)
        self.rows = np.where(keys[at] == corpus.key, at, -1)
        self.keys = keys

    def likeness(self, numbers):
        """Cosines [n, n] of the queries of some pairs; a query it does not know is like none but itself."""
        rows = self.rows[numbers]
        some = torch.from_numpy(self.embeddings[rows.clip(0)]).float() * torch.from_numpy(rows >= 0).unsqueeze(1)
        return some @ some.T

    def words(self, vocabulary):
        """Embeddings of our words by themselves in our dimensions (principal axes), unit length: [V, 256]."""
        wanted = np.array([text_key(word) for word in vocabulary], np.uint64)
        at = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        if (self.keys[at] != wanted).any():
            raise SystemExit("the teacher has not read every word of this tokenizer")
        plain = torch.from_numpy(self.embeddings[at]).float()
        plain = plain - plain.mean(0)
        axes = torch.linalg.eigh(plain.T @ plain)[1][:, -DIMENSIONS:]     # principal axes: the last have the largest variance
        return F.normalize(plain @ axes, dim=1)


def held_out_mrr(model, corpus):
    """Mean reciprocal rank of the code of held-out comments among POOL held-out passages."""
    numbers = np.flatnonzero(corpus.held_out & (corpus.kind == 0))
    numbers = np.random.default_rng(3).permutation(numbers)[:POOL]
    with torch.no_grad():
        sides = [model(*map(torch.from_numpy, corpus.bags(numbers, side)), side) for side in (0, 1)]
        scores = sides[0] @ sides[1].T
        rank = (scores > scores.diagonal().unsqueeze(1)).sum(1) + 1
    return float((1 / rank).mean()), len(numbers)


def train(corpus, teacher, vocabulary, options):
    """The averaged model, and one line of log an epoch."""
    torch.manual_seed(START_SEED)
    rng = np.random.default_rng(options.seed)
    corpus.drop = options.dropout
    model = Static(corpus.prior)
    if options.words:
        with torch.no_grad():
            model.table.mul_((1 - options.words) ** 0.5).add_(teacher.words(vocabulary), alpha=options.words ** 0.5)
    taught = np.flatnonzero((teacher.rows >= 0) & ~corpus.held_out) if options.distil else None
    optimiser = torch.optim.Adam(model.parameters(), lr=options.rate, fused=True)
    mean = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE))
    steps = options.epochs * sum(1 for _ in corpus.epoch(np.random.default_rng(0)))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    done, log = 0, []
    for epoch in range(options.epochs):
        total, count, start = 0.0, 0, time.time()
        for numbers in corpus.epoch(rng):
            query, code = [model(*map(torch.from_numpy, corpus.bags(numbers, side, rng)), side) for side in (0, 1)]
            scale = model.scale.exp().clamp(max=MAX_SCALE)
            loss = contrast(query, code, scale)
            total, count, done = total + loss.item(), count + 1, done + 1
            if options.distil:
                numbers = rng.choice(taught, min(DISTILLED, len(taught)), replace=False)
                query = model(*map(torch.from_numpy, corpus.bags(numbers, 0, rng)), 0)
                loss = loss + options.distil * distil(query, teacher.likeness(numbers), scale)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            mean.update_parameters(model)
            if done < steps:
                schedule.step()
        mrr, pool = held_out_mrr(model, corpus)
        log.append({"epoch": epoch + 1, "loss": round(total / count, 4), "mrr": round(mrr, 4),
                    "averaged": round(held_out_mrr(mean.module, corpus)[0], 4), "scale": round(scale.item(), 1), "pool": pool,
                    "seconds": round(time.time() - start)})
        print(log[-1], flush=True)
    return model, mean.module, log


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pairs", "tokenizer", "out"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--limit", type=int, help="only so many repositories")
    parser.add_argument("--dropout", type=float, nargs=2, default=(QUERY_DROP, CODE_DROP), help="share of tokens, query and code")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--teacher", help="folder that teacher.py wrote")
    parser.add_argument("--words", type=float, default=0.0, help="the teacher's share in the first vectors of the table")
    parser.add_argument("--distil", type=float, default=0.0, help="weight of the likeness of queries that the teacher sees")
    return parser.parse_args(arguments)


def main():
    options = parse()
    began = time.time()
    corpus = Corpus(options.pairs, options.tokenizer, options.limit)
    print(f"{len(corpus.kind)} pairs, {len(corpus.names)} repositories, held out {corpus.held_names}, "
          f"{corpus.vocabulary} tokens, read in {time.time() - began:.0f} s", flush=True)
    vocabulary = Tokenizer.from_file(options.tokenizer).get_vocab()
    teacher = Teacher(options.teacher, corpus) if options.teacher else None
    _, model, log = train(corpus, teacher, sorted(vocabulary, key=vocabulary.get), options)
    np.savez(options.out, table=model.table.detach().numpy(), weights=model.weights().detach().numpy())
    with open(options.out + ".json", "w") as handle:
        json.dump({"pairs": len(corpus.kind), "repositories": len(corpus.names), "held_out": corpus.held_names,
                   "batch": BATCH, "vocabulary": corpus.vocabulary, "log": log}, handle, indent=1)


if __name__ == "__main__":
    main()
