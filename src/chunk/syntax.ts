/** Reads a syntax tree once: which definitions a file has, and what each cut between its lines would sever. */
import { type Grammar, type Node, Role, type Tree, type TreeCursor, withTree } from './grammars.ts';
import type { Definition } from './labels.ts';
import { type CutWeights, type Lines, weighLooks } from './lines.ts';
import { type Name, readName } from './names.ts';

/** What is known of a file before it is cut. */
export type Outline = { readonly weights: CutWeights; readonly definitions: readonly Definition[] };

/** What a cut inside a node weighs, by the node's role; nested nodes add up. */
const INSIDE_WEIGHT: Readonly<Record<number, number>> = {
  [Role.Other]: 3,
  [Role.Container]: 1,
  [Role.Function]: 4,
  [Role.Value]: 2,
  [Role.Wrapper]: 0,
  [Role.Comment]: 6,
  [Role.Attribute]: 6,
};
/** Between a definition and the comment or decorator in front of it, and between the equations of one function. */
const GLUE_WEIGHT = 8;
/** Where we don't look, every line may be the middle of something. */
const UNSEEN_WEIGHT = 3;
/** A cut so near to a definition's ends would leave a useless shred of it. */
const SHRED_CHARS = 400;
const SHRED_WEIGHT = 5;
/** A function or statement shorter than this is rarely cut, so its inside is not looked at. */
const LOOK_INSIDE_CHARS = 1_000;
/** Types of nodes whose lines are words, not code. */
const TEXT = /string|heredoc|template/;
/** Deeper nesting is data or hostile. */
const DEPTH_MAX = 200;

/** What a grammar found in lines, and by what each line is covered. */
export type Reading = Outline & {
  /** False where the grammar did not fit: some definitions are then missing. */
  readonly understood: boolean;
  readonly covers: Uint8Array;
};

/** What a line is inside of: there, what looks like a definition is none, or one that only its function knows. */
export const Cover = { None: 0, Code: 1, Comment: 2 } as const;

/** The reading of lines, or undefined when they took too long to parse. `text` is what the parser is to see of them. */
export function outline(grammar: Grammar, lines: Lines, text: string): Reading | undefined {
  return withTree(grammar, text, (tree) => new Walk(grammar, lines).run(tree));
}

/** One level of the tree on the way down to where the walk is. */
type Frame = {
  readonly insideFunction: boolean;
  readonly enclosed: boolean;
  /** Comments and decorators that wait for what they belong to; -1 when none do. */
  pendingFirst: number;
  pendingLast: number;
  /** Last line of the sibling before, and what it defines. */
  siblingLast: number;
  sibling: string | undefined;
};

/** Where a node stands and what it is to the chunker. */
type Place = { readonly typeId: number; readonly role: number; readonly first: number; readonly last: number };

class Walk {
  readonly #grammar: Grammar;
  readonly #lines: Lines;
  readonly #definitions: Definition[] = [];
  readonly #covers: Uint8Array;
  /** weights[n] is what begins to weigh at line n, less what ends to: their running sum is the weight. */
  readonly #changes: Float64Array;

  constructor(grammar: Grammar, lines: Lines) {
    this.#grammar = grammar;
    this.#lines = lines;
    this.#changes = new Float64Array(lines.count + 2);
    this.#covers = new Uint8Array(lines.count);
  }

  run(tree: Tree): Reading {
    const cursor = tree.walk();
    const frames: Frame[] = [newFrame(false, false)];
    try {
      if (cursor.gotoFirstChild()) this.#visitAll(cursor, frames);
    } finally {
      cursor.delete();
    }
    const weights = weighLooks(this.#lines);
    let sum = 0;
    for (let line = 0; line < this.#lines.count; line++) {
      sum += this.#changes[line]!;
      weights[line]! += sum;
    }
    const understood = !tree.rootNode.hasError;
    return { weights, definitions: this.#definitions, understood, covers: this.#covers };
  }

  /** Visits every node worth visiting, in order, without recursion: trees can be deeper than the stack. */
  #visitAll(cursor: TreeCursor, frames: Frame[]): void {
    for (;;) {
      const below = this.#visit(cursor, frames[frames.length - 1]!);
      if (below !== undefined && frames.length < DEPTH_MAX && cursor.gotoFirstChild()) {
        frames.push(below);
        continue;
      }
      while (!cursor.gotoNextSibling()) {
        frames.pop();
        if (frames.length === 0) return;
        cursor.gotoParent();
      }
    }
  }

  /** Takes note of one node; returns the frame for its children when they are to be visited. */
  #visit(cursor: TreeCursor, frame: Frame): Frame | undefined {
    const typeId = cursor.nodeTypeId;
    const role = this.#grammar.roles[typeId]!;
    if (role === Role.Token) return undefined;
    const first = cursor.startPosition.row;
    const last = this.#lastLine(first, cursor.endPosition);
    if (role === Role.Comment || role === Role.Attribute) {
      if (role === Role.Comment) this.#covers.fill(Cover.Comment, first, last + 1);
      this.#weigh(first, last, INSIDE_WEIGHT[role]!);
      waitForOwner(frame, first, last, role);
      return undefined;
    }
    if (frame.pendingFirst >= 0 && first <= frame.pendingLast + 1) this.#weigh(frame.pendingFirst, first, GLUE_WEIGHT);
    frame.pendingFirst = -1;
    return this.#note(cursor, frame, { typeId, role, first, last });
  }

  /** Weighs a node, records what it defines, and decides whether to look inside. */
  #note(cursor: TreeCursor, frame: Frame, node: Place): Frame | undefined {
    const { first, last } = node;
    const name = this.#readName(cursor, frame, node);
    const kind = this.#kindOf(node, name, frame);
    this.#define(frame, name, first, last);
    const long = this.#lines.ends[last]! - this.#lines.starts[first]! > LOOK_INSIDE_CHARS;
    const look = kind === Role.Wrapper || kind === Role.Container || (last > first && (long || kind === Role.Value));
    const plain = kind === Role.Wrapper && frame.insideFunction ? Role.Other : kind;
    this.#weigh(first, last, INSIDE_WEIGHT[plain]! + (look ? 0 : UNSEEN_WEIGHT));
    if (last > first && (kind === Role.Function || (!look && TEXT.test(cursor.nodeType))))
      this.#covers.fill(Cover.Code, first + 1, last + 1);
    if (kind === Role.Function && long) this.#weighShreds(first, last);
    frame.siblingLast = last;
    return look
      ? newFrame(frame.insideFunction || kind === Role.Function, frame.enclosed || name !== undefined)
      : undefined;
  }

  /** Some nodes end where the next one begins; the white space between is not theirs. */
  #lastLine(first: number, end: { row: number; column: number }): number {
    const { indents, count } = this.#lines;
    let last = Math.min(end.row, count - 1);
    if (last === end.row && end.column <= indents[last]!) last -= 1;
    while (last > first && indents[last]! < 0) last -= 1;
    return Math.max(first, last);
  }

  /** The name that a node defines; undefined when it has none, or is a mere variable of a function. */
  #readName(cursor: TreeCursor, frame: Frame, { typeId, role }: Place): Name | undefined {
    const rule = this.#grammar.rules[typeId];
    if (rule === undefined || rule === '') return undefined;
    const node = cursor.currentNode;
    if (role === Role.Value) {
      if ((frame.insideFunction || rule.startsWith('=')) && !this.#holdsFunction(node)) return undefined;
      if (importsModule(node.text)) return undefined;
    }
    return readName(node, rule, frame.enclosed);
  }

  /** What a node is here: a type of node that can define something need not. */
  #kindOf({ typeId, role }: Place, name: Name | undefined, frame: Frame): number {
    if (name?.role !== undefined) return name.role === 'container' ? Role.Container : Role.Function;
    const rule = this.#grammar.rules[typeId] ?? '';
    if (rule === '' || name !== undefined) return role;
    // A namespace or a companion object without a name has members all the same.
    if (role === Role.Container && !rule.startsWith('?')) return role;
    return role === Role.Value && !frame.insideFunction ? Role.Value : Role.Other;
  }

  #define(frame: Frame, name: Name | undefined, first: number, last: number): void {
    if (name !== undefined) this.#definitions.push({ name: name.name, owners: name.owners, row: name.row, last });
    // Equations, clauses and overloads of one name belong together.
    const again = name?.name !== undefined && frame.sibling === name.name && first <= frame.siblingLast + 2;
    if (again) this.#weigh(frame.siblingLast, first, GLUE_WEIGHT / 2);
    frame.sibling = name?.name;
  }

  #holdsFunction(node: Node): boolean {
    let value =
      node.childForFieldName('value') ?? node.childForFieldName('right') ?? node.namedChild(node.namedChildCount - 1);
    if (value?.type === 'expression_list') value = value.namedChild(0);
    const role = value === null ? Role.Token : this.#grammar.roles[value.typeId]!;
    return role === Role.Function || role === Role.Container;
  }

  #weighShreds(first: number, last: number): void {
    const { starts, ends } = this.#lines;
    let head = first;
    while (head < last && starts[head + 1]! - starts[first]! < SHRED_CHARS) head += 1;
    let tail = last;
    while (tail > first && ends[last]! - starts[tail]! < SHRED_CHARS) tail -= 1;
    this.#weigh(first, head, SHRED_WEIGHT);
    this.#weigh(tail, last, SHRED_WEIGHT);
  }

  /** A cut in front of any line after `first`, up to `last`, severs something that weighs so much. */
  #weigh(first: number, last: number, weight: number): void {
    if (last <= first) return;
    this.#changes[first + 1]! += weight;
    this.#changes[Math.min(last + 1, this.#changes.length - 1)]! -= weight;
  }
}

function newFrame(insideFunction: boolean, enclosed: boolean): Frame {
  return { insideFunction, enclosed, pendingFirst: -1, pendingLast: -1, siblingLast: -1, sibling: undefined };
}

/** A comment behind the code of a line belongs to that line, any other to what follows. */
function waitForOwner(frame: Frame, first: number, last: number, role: number): void {
  if (role === Role.Comment && first === frame.siblingLast) return;
  if (frame.pendingFirst < 0 || first > frame.pendingLast + 1) frame.pendingFirst = first;
  frame.pendingLast = last;
}

/** `const fs = require('fs')` names a module; it defines nothing. */
function importsModule(text: string): boolean {
  return /=\s*(?:await\s+)?(?:require|@import|import)\b/.test(text.slice(0, 200)) && !text.includes('\n');
}
