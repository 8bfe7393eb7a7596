/** Chooses lines of many texts so that each token of a budget buys the most: names that will be needed, each paid for once. */
import { namesIn } from '../tokens.ts';
import type { Reason } from '../types.ts';
import { countTokens, SNIPPET_HEAD_TOKENS, SNIPPET_NEXT_TOKENS } from './budget.ts';
import { Heap } from './heap.ts';

/** A text to choose from: lines with their ends, of one file. */
export type Source = {
  readonly path: string;
  readonly lines: readonly string[];
  /** 1 for each line whose names tell nothing: it only imports. */
  readonly muted: Uint8Array;
  /** Names that are defined here. */
  readonly symbols: readonly string[];
  /** What it is worth to see some of it, whatever names it has. */
  readonly prior: Reason;
};

/** What it is worth to see a name in use, and to see it defined. */
export type Worth = { readonly used: number; readonly defined: number };

/** Lines `from` to `to` (from 0, both included) of a source; the amounts of the reasons are what the lines add. */
export type Choice = {
  readonly source: number;
  readonly from: number;
  readonly to: number;
  readonly reasons: readonly Reason[];
};

/** A use without what stands around it shows nothing; a definition's head says all in itself. */
const USE_LINES = [6, 12, 24] as const;
const HEAD_LINES_MAX = 4;
/** So many lines of a source bring all that its prior is worth. */
const PRIOR_LINES = 12;
/** Nothing fits into less. */
const TOKENS_LEFT_MIN = 16;

/** Greedy by worth per token, which for worth that only falls is within a constant of the best choice (Khuller et al. 1999). */
export function choose(sources: readonly Source[], worth: ReadonlyMap<string, Worth>, maxTokens: number): Choice[] {
  const names = [...worth.keys()];
  const ids = new Map(names.map((name, id) => [name, id]));
  const pages = sources.map((source, at) => pageOf(source, at, ids));
  const chooser = new Chooser(pages, names, [...worth.values()]);
  return chooser.run(maxTokens);
}

/** A source made ready: what each line costs and which names stand on it. */
type Page = {
  readonly source: Source;
  readonly at: number;
  readonly costs: readonly number[];
  readonly names: readonly (readonly number[])[];
  /** Line on which a name is defined, by its id. */
  readonly heads: ReadonlyMap<number, number>;
  readonly chosen: Uint8Array;
  /** What was bought, and at which line. */
  readonly bought: { readonly line: number; readonly name: string; readonly amount: number }[];
  isPriorPaid: boolean;
};

type Offer = { readonly page: Page; readonly from: number; readonly to: number };

class Chooser {
  readonly #pages: readonly Page[];
  readonly #names: readonly string[];
  readonly #worth: readonly Worth[];
  readonly #opened = new Set<string>();
  /** 1 for names that were bought, and in which look a name was met last. */
  readonly #had: Uint8Array;
  readonly #met: Uint32Array;
  #look = 0;

  constructor(pages: readonly Page[], names: readonly string[], worth: readonly Worth[]) {
    this.#pages = pages;
    this.#names = names;
    this.#worth = worth;
    this.#had = new Uint8Array(names.length);
    this.#met = new Uint32Array(names.length);
  }

  /** What an offer is worth falls as others are taken: the best is the first whose rate still stands when it is looked at again. */
  run(maxTokens: number): Choice[] {
    const heap = new Heap<Offer>();
    for (const page of this.#pages) for (const offer of offersOf(page)) heap.push(this.#rate(offer), offer);
    let left = maxTokens;
    while (left >= TOKENS_LEFT_MIN && heap.top > 0) {
      const offer = heap.pop();
      const rate = this.#rate(offer);
      if (rate <= 0) continue;
      if (rate < heap.top) {
        heap.push(rate, offer);
        continue;
      }
      const cost = this.#cost(offer);
      if (cost > left) continue;
      left -= cost;
      this.#take(offer);
    }
    return this.#pages.flatMap(runsOf);
  }

  #rate(offer: Offer): number {
    const cost = this.#cost(offer);
    if (cost === 0) return 0;
    let worth = 0;
    this.#gain(offer, (_, amount) => {
      worth += amount;
    });
    return worth / cost;
  }

  /** Hands over what an offer adds, by the names of the reasons; `id` is -1 where no name is behind it. */
  #gain({ page, from, to }: Offer, add: (id: number, amount: number, isDefined: boolean) => void): void {
    const look = ++this.#look;
    for (let at = from; at <= to; at++) {
      for (const id of page.names[at]!) {
        if (this.#met[id] === look) continue;
        const head = page.heads.get(id);
        const isDefined = head !== undefined && head >= from && head <= to;
        this.#met[id] = look;
        const { used, defined } = this.#worth[id]!;
        const gain = isDefined ? defined : used;
        if (gain > 0 && this.#had[id] === 0) add(id, gain, isDefined);
      }
    }
    const { amount } = page.source.prior;
    if (amount > 0 && !page.isPriorPaid)
      add(-1, amount * Math.min(1, (to - from + 1) / Math.min(PRIOR_LINES, page.costs.length)), false);
  }

  #cost({ page, from, to }: Offer): number {
    let tokens = 0;
    for (let at = from; at <= to; at++) if (page.chosen[at] === 0) tokens += page.costs[at]!;
    if (tokens === 0 || page.chosen.subarray(Math.max(0, from - 1), to + 2).includes(1)) return tokens;
    return tokens + (this.#opened.has(page.source.path) ? SNIPPET_NEXT_TOKENS : SNIPPET_HEAD_TOKENS);
  }

  #take(offer: Offer): void {
    const { page, from, to } = offer;
    this.#gain(offer, (id, amount, isDefined) => {
      if (id !== -1) this.#had[id] = 1;
      const name = id === -1 ? page.source.prior.name : `${isDefined ? 'defines' : 'uses'} ${this.#names[id]}`;
      page.bought.push({ line: from, name, amount });
    });
    page.isPriorPaid = true;
    page.chosen.fill(1, from, to + 1);
    this.#opened.add(page.source.path);
  }
}

function pageOf(source: Source, at: number, ids: ReadonlyMap<string, number>): Page {
  const names = source.lines.map((line, row) => {
    if (source.muted[row] === 1) return [];
    const found = new Set<number>();
    for (const name of namesIn(line)) {
      const id = ids.get(name);
      if (id !== undefined) found.add(id);
    }
    return [...found];
  });
  const heads = new Map<number, number>();
  for (const symbol of source.symbols) {
    const id = ids.get(symbol);
    const line = id === undefined ? -1 : headOf(source.lines, names, id, symbol);
    if (line !== -1) heads.set(id!, line);
  }
  const costs = source.lines.map(countTokens);
  const chosen = new Uint8Array(source.lines.length);
  return { source, at, costs, names, heads, chosen, bought: [], isPriorPaid: false };
}

/** The line that defines a name: one that looks like it, before one that merely has it. */
function headOf(lines: readonly string[], names: readonly (readonly number[])[], id: number, name: string): number {
  let [assigned, first] = [-1, -1];
  for (const [at, line] of lines.entries()) {
    if (!names[at]!.includes(id)) continue;
    if (first === -1) first = at;
    if (COMMENT.test(line)) continue;
    const start = wholeIndexOf(line, name);
    const before = line.slice(0, start);
    if (DEFINING.test(before)) return at;
    const follows = FOLLOWS.test(line.slice(start + name.length));
    if (assigned === -1 && follows && !/[\w$.]$/.test(before)) assigned = at;
  }
  return assigned === -1 ? first : assigned;
}

function wholeIndexOf(line: string, name: string): number {
  for (let at = line.indexOf(name); at !== -1; at = line.indexOf(name, at + 1)) {
    const isWord = (character: string | undefined): boolean => character !== undefined && /[\w$]/.test(character);
    if (!isWord(line[at - 1]) && !isWord(line[at + name.length])) return at;
  }
  return line.indexOf(name);
}

const COMMENT = /^\s*(?:\*|\/\/|#(?!define)|--|"""|%)/;
/** What stands behind a name that is given a value, parameters or a body. */
const FOLLOWS = /^\s*(?:[=:(<{]|::)/;
/** What stands before a name that is defined; a receiver in brackets may come between. */
const DEFINING =
  /\b(?:def|defp|defmacro|class|func|fn|fun|function|type|interface|struct|enum|union|trait|impl|mod|module|namespace|object|protocol|extension|record|val|var|let|const|local|data|newtype|sub|define|typedef|public|private|protected|internal|static|pub|export|template|instance|actor)\b(?:[^=(]|\([^()]*\))*$/;

/** Heads of definitions, and windows of some sizes over lines that have names or a prior. */
function offersOf(page: Page): Offer[] {
  const { lines, prior } = page.source;
  const offers: Offer[] = [];
  for (const from of new Set(page.heads.values())) offers.push({ page, from, to: headEnd(lines, from) });
  for (const length of USE_LINES) {
    const step = Math.max(1, length >> 2);
    for (let from = 0; from < lines.length; from += step) {
      const to = Math.min(lines.length, from + length) - 1;
      if (prior.amount > 0 || page.names.slice(from, to + 1).some((names) => names.length > 0))
        offers.push({ page, from, to });
      if (to === lines.length - 1) break;
    }
  }
  return offers;
}

/** A head goes on while its brackets are open. */
function headEnd(lines: readonly string[], from: number): number {
  let depth = 0;
  for (let at = from; at < lines.length; at++) {
    for (const char of lines[at]!) {
      if (char === '(' || char === '[') depth++;
      else if (char === ')' || char === ']') depth--;
    }
    if (depth <= 0 || at - from + 1 >= HEAD_LINES_MAX) return at;
  }
  return lines.length - 1;
}

/** The chosen lines as runs, each with what was bought by its lines. */
function runsOf({ at: source, source: { lines }, chosen, bought }: Page): Choice[] {
  const runs: { from: number; to: number }[] = [];
  for (let line = 0; line < chosen.length; line++) {
    if (chosen[line] === 0) continue;
    const last = runs.at(-1);
    if (last?.to === line - 1) last.to = line;
    else runs.push({ from: line, to: line });
  }
  return runs.map(({ from, to }) => {
    const amounts = new Map<string, number>();
    for (const { line, name, amount } of bought)
      if (line >= from && line <= to) amounts.set(name, (amounts.get(name) ?? 0) + amount);
    const reasons = [...amounts].map(([name, amount]) => ({ name, amount }));
    return { source, ...withoutBlankEnds(lines, from, to), reasons };
  });
}

function withoutBlankEnds(lines: readonly string[], from: number, to: number): { from: number; to: number } {
  let [first, last] = [from, to];
  while (first < last && lines[first]!.trim() === '') first++;
  while (last > first && lines[last]!.trim() === '') last--;
  return { from: first, to: last };
}
