/** The known word that a mistyped one most likely meant. */

/** At most this share of a word may differ, or the guess would mislead. */
const DIFFERENCE_MAX = 0.4;

/** The candidate with the fewest edits to `word`, when they are few. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = squash(word.slice(0, 64));
  let best: { candidate: string; edits: number } | undefined;
  for (const candidate of candidates) {
    const edits = editDistance(plain, squash(candidate));
    if (best === undefined || edits < best.edits) best = { candidate, edits };
  }
  if (best === undefined || best.edits > Math.max(1, Math.floor(plain.length * DIFFERENCE_MAX))) return undefined;
  return best.candidate;
}

/** `maxTokens`, `max-tokens` and `max_tokens` are one spelling. */
function squash(word: string): string {
  return word.replace(/[-_ ]/g, '').toLowerCase();
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
