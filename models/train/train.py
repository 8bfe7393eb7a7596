"""Train the static model: one vector a token, one weight a token and side, weighted sum, unit length.

    python train.py --pairs DIR --tokenizer tokenizer.json --out checkpoint.npz [--epochs 8] [--dropout 0.1 0.15]
"""
import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F

from data import BATCH, CODE_DROP, Corpus, QUERY_DROP

DIMENSIONS = 256
RATE, EPOCHS, SEED = 2e-3, 8, 20
MAX_SCALE = 100.0        # limit of the learned temperature (as CLIP has it)
SHORT, SHORT_SHARE = 128, 0.0   # a second loss on the first dimensions (Matryoshka); 0 = off
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
        """Joined token ids and the start of each text -> [texts, 256], not normalised."""
        weight = (self.prior[side][ids] * F.embedding(ids, self.gain[side].unsqueeze(1)).squeeze(1).exp())
        return F.embedding_bag(ids, self.table, starts, mode="sum", per_sample_weights=weight)


def contrast(query, code, scale):
    """Symmetric InfoNCE of two [n, d] matrices whose rows belong together."""
    logits = scale * F.normalize(query, dim=1) @ F.normalize(code, dim=1).T
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def held_out_mrr(model, corpus):
    """Mean reciprocal rank of the code of held-out comments among POOL held-out passages."""
    numbers = np.flatnonzero(corpus.held_out & (corpus.kind == 0))
    numbers = np.random.default_rng(3).permutation(numbers)[:POOL]
    with torch.no_grad():
        sides = [F.normalize(model(*map(torch.from_numpy, corpus.bags(numbers, side)), side), dim=1) for side in (0, 1)]
        scores = sides[0] @ sides[1].T
        rank = (scores > scores.diagonal().unsqueeze(1)).sum(1) + 1
    return float((1 / rank).mean()), len(numbers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pairs", "tokenizer", "out"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--limit", type=int, help="only so many repositories")
    parser.add_argument("--dropout", type=float, nargs=2, default=(QUERY_DROP, CODE_DROP), help="share of tokens, query and code")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    began = time.time()
    corpus = Corpus(options.pairs, options.tokenizer, options.limit, options.dropout)
    print(f"{len(corpus.kind)} pairs, {len(corpus.names)} repositories, held out {corpus.held_names}, "
          f"{corpus.vocabulary} tokens, read in {time.time() - began:.0f} s", flush=True)
    prior = np.stack([corpus.idf(corpus.query), corpus.idf(corpus.code)])
    prior[:, :2] = 0                                       # [PAD] and [UNK] say nothing
    model = Static(prior)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    steps = options.epochs * sum(1 for _ in corpus.epoch(np.random.default_rng(0)))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    done, log = 0, []
    for epoch in range(options.epochs):
        total, count, start = 0.0, 0, time.time()
        for numbers in corpus.epoch(rng):
            sides = [model(*map(torch.from_numpy, corpus.bags(numbers, side, rng)), side) for side in (0, 1)]
            scale = model.scale.exp().clamp(max=MAX_SCALE)
            loss = contrast(*sides, scale)
            if SHORT_SHARE:
                loss = loss + SHORT_SHARE * contrast(*(s[:, :SHORT] for s in sides), scale)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            if done < steps - 1:
                schedule.step()
            total, count, done = total + loss.item(), count + 1, done + 1
        mrr, pool = held_out_mrr(model, corpus)
        log.append({"epoch": epoch + 1, "loss": round(total / count, 4), "mrr": round(mrr, 4), "pool": pool,
                    "seconds": round(time.time() - start)})
        print(log[-1], "scale", round(scale.item(), 1), flush=True)
        np.savez(options.out, table=model.table.detach().numpy(), weights=model.weights().detach().numpy())
    with open(options.out + ".json", "w") as handle:
        json.dump({"pairs": len(corpus.kind), "repositories": len(corpus.names), "held_out": corpus.held_names,
                   "batch": BATCH, "vocabulary": corpus.vocabulary, "log": log}, handle, indent=1)


if __name__ == "__main__":
    main()
