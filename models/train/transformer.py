"""A small bidirectional encoder, and what it reads: rows of token ids with the prefix of a task before them."""
import numpy as np
import torch
import torch.nn.functional as F

# Before a text, per task: query, passage (the scheme of jina-code-embeddings, arXiv 2508.21290, as in src/embed/tasks.ts).
# An index holds the passages of nl2code; code2code shares them.
PREFIXES = {
    "nl2code": ("Find the most relevant code snippet given the following query:\n", "Candidate code snippet:\n"),
    "qa": ("Find the most relevant answer given the following question:\n", "Candidate answer:\n"),
    "code2code": ("Find an equivalent code snippet given the following code snippet:\n", "Candidate code snippet:\n"),
    "code2nl": ("Find the most relevant comment given the following code snippet:\n", "Candidate comment:\n"),
    "code2completion": ("Find the most relevant completion given the following start of code snippet:\n", "Candidate completion:\n"),
}
TASK_SHARE = {"nl2code": 0.7, "qa": 0.05, "code2code": 0.1, "code2nl": 0.05, "code2completion": 0.1}   # of batches; what an index asks most
# 25.9 million parameters with the vocabulary of the static model, 14.2 of them outside of the table.
SHAPE = {"table": 256, "width": 384, "layers": 8, "heads": 6, "inner": 1024, "dimensions": 256}
MATRYOSHKA = [256, 128, 64]
ROPE_BASE = 10_000.0
SMALL = 1e-6             # under a root, so that nothing is divided by zero
PAD, UNKNOWN = 0, 1      # the unknown word also stands for a masked one


def norm(x):
    """Unit mean square. Without a gain of its own: every use is followed by a matrix that can hold it."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + SMALL)


def rotations(positions, size):
    """cos and sin [positions, size] of the rotary position code."""
    angle = np.arange(positions)[:, None] * ROPE_BASE ** (-np.arange(0, size, 2) / size)
    return tuple(np.concatenate([f(angle)] * 2, 1).astype(np.float32) for f in (np.cos, np.sin))


def rotate(x, cos, sin):
    left, right = x.chunk(2, -1)
    return x * cos + torch.cat([-right, left], -1) * sin


class Block(torch.nn.Module):
    """Attention and a gated feed-forward part, each after a norm and added to what came in."""

    def __init__(self, width, heads, inner, layers):
        super().__init__()
        matrix = lambda rows, columns: torch.nn.Linear(columns, rows, bias=False)
        self.heads = heads
        self.qkv, self.out = matrix(3 * width, width), matrix(width, width)
        self.up, self.down = matrix(2 * inner, width), matrix(width, inner)
        for part in (self.qkv, self.up):
            torch.nn.init.normal_(part.weight, std=0.02)
        for part in (self.out, self.down):
            torch.nn.init.normal_(part.weight, std=0.02 / (2 * layers) ** 0.5)

    def forward(self, x, cos, sin, mask):
        q, k, v = self.qkv(norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = (rotate(part, cos, sin).to(v.dtype) for part in (q, k))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        gate, value = self.up(norm(x)).chunk(2, -1)
        return x + self.down(F.gelu(gate) * value)


class Encoder(torch.nn.Module):
    """Token ids and mask [texts, tokens] -> embeddings [texts, dimensions], not normalised: the mean over tokens."""

    def __init__(self, vocabulary, shape):
        super().__init__()
        self.vocabulary, self.shape = vocabulary, shape
        width = shape["width"]
        self.table = torch.nn.Embedding(vocabulary, shape["table"])
        self.project = torch.nn.Linear(shape["table"], width, bias=False)
        self.blocks = torch.nn.ModuleList(Block(width, shape["heads"], shape["inner"], shape["layers"]) for _ in range(shape["layers"]))
        self.head = torch.nn.Linear(width, shape["dimensions"], bias=False)
        self.scale = torch.nn.Parameter(torch.tensor(20.0).log())      # of the contrast, learned
        torch.nn.init.normal_(self.table.weight, std=shape["table"] ** -0.5)

    def tokens(self, ids, mask):
        """[texts, tokens, width]"""
        x = norm(self.project(self.table(ids)).float())        # what is added up stays in full precision
        cos, sin = (torch.from_numpy(r).to(x) for r in rotations(ids.shape[1], self.shape["width"] // self.shape["heads"]))
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return norm(x)

    def forward(self, ids, mask):
        weight = mask.unsqueeze(-1).float()
        return self.head((self.tokens(ids, mask) * weight).sum(1) / weight.sum(1))

    def words(self, hidden):
        """[n, width] -> logits of the word at each place, by the table itself: [n, vocabulary]."""
        return hidden @ self.project.weight @ self.table.weight.T


def split(ids, starts):
    """Joined ids as one array a text."""
    return np.split(ids, starts[1:])


def rows_of(corpus, numbers, task, rng):
    """The two sides of some pairs as rows of ids, without prefixes: [query rows, passage rows]."""
    bag = lambda side: split(*corpus.bags(numbers, side, rng))
    if task == "code2nl":
        return [bag(1), bag(0)]
    if task == "code2code":
        return [bag(1), bag(1)]                                # another window, other words dropped
    if task == "code2completion":
        code = bag(1)
        cuts = [int(len(row) * share) for row, share in zip(code, rng.uniform(0.3, 0.7, len(code)))]
        return [[row[:cut] for row, cut in zip(code, cuts)], [row[cut:] for row, cut in zip(code, cuts)]]
    return [bag(0), bag(1)]


def pad(rows, device):
    """ids and mask [texts, tokens] on the device."""
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(max(1, lengths.max())) < np.maximum(lengths, 1)[:, None]    # a text without tokens is one [PAD]
    ids = np.full(mask.shape, PAD, np.int64)
    ids[np.arange(mask.shape[1]) < lengths[:, None]] = np.concatenate(rows)
    return torch.from_numpy(ids).to(device, non_blocking=True), torch.from_numpy(mask).to(device, non_blocking=True)


def portions(rows, tokens):
    """Numbers of rows of like length, at most about `tokens` with padding: [[number]]."""
    order, out = sorted(range(len(rows)), key=lambda i: len(rows[i])), [[]]
    for i in order:
        if out[-1] and (len(out[-1]) + 1) * max(1, len(rows[i])) > tokens:
            out.append([])
        out[-1].append(i)
    return out


def embed(model, rows, device, tokens):
    """Embeddings of all rows, not normalised, without gradients: float [rows, dimensions]."""
    out = torch.empty(len(rows), model.shape["dimensions"], device=device)
    with torch.no_grad():
        for some in portions(rows, tokens):
            out[some] = forward(model, [rows[i] for i in some], device)
    return out


def forward(model, rows, device):
    """One portion through the model, in bfloat16 on an accelerator."""
    with torch.autocast("cuda", torch.bfloat16, enabled=device == "cuda"):
        return model(*pad(rows, device)).float()
