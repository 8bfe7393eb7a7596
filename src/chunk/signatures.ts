/** Reads what a file says of its own definitions: each one's signature and body, and the comment that documents it. */
import { syntaxOf } from '../languages.ts';
import type { SourceFile } from '../types.ts';
import { type Grammar, loadGrammar, type Node, Role, withTree } from './grammars.ts';
import { readName } from './names.ts';

/** A definition as written. Lines count from 1. */
export type Signature = {
  readonly name: string | undefined;
  readonly line: number;
  /** From its first word, or its decorators, to where its body begins. */
  readonly head: string;
  readonly body: string;
  readonly isContainer: boolean;
};

/** A comment or docstring and the definition that it stands at. */
export type Documented = Signature & { readonly comment: string; readonly commentLine: number };

export type Signatures = { readonly all: readonly Signature[]; readonly documented: readonly Documented[] };

const NONE: Signatures = { all: [], documented: [] };
/** Steps from a statement down to the function in it; a longer way is no documented function. */
const STEPS_MAX = 200;
/** A node of one of these begins a body where the grammar gives it no name. */
const BODY = /body|block|statements|compound/;
const DOCSTRING = new Set(['python']);
const PROTOTYPES = new Set(['c', 'cpp']);

/** The signatures of a file; none where no grammar fits. */
export async function readSignatures(file: SourceFile): Promise<Signatures> {
  const syntax = file.depth === 'full' ? syntaxOf(file.language, file.path) : undefined;
  const grammar = syntax && (await loadGrammar(syntax));
  if (syntax === undefined || grammar === undefined) return NONE;
  return (
    withTree(grammar, file.text, (tree) => {
      const reader = new Reader(grammar, file);
      const comments = tree.rootNode.descendantsOfType(syntax.comments.split(/\s+/)).filter((node) => node !== null);
      const documented = reader.readComments(tree.rootNode, comments);
      return { all: reader.readAll(tree.rootNode), documented: [...documented, ...reader.documentedInside] };
    }) ?? NONE
  );
}

class Reader {
  readonly documentedInside: Documented[] = [];
  readonly #grammar: Grammar;
  readonly #file: SourceFile;
  readonly #lines: readonly string[];

  constructor(grammar: Grammar, file: SourceFile) {
    this.#grammar = grammar;
    this.#file = file;
    this.#lines = file.text.split('\n');
  }

  /** Every function and class, nested ones too. */
  readAll(root: Node): Signature[] {
    const found: Signature[] = [];
    const waiting: Node[] = [root];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const signature = this.#isDefinition(node) ? this.#read(node, node) : undefined;
      if (signature?.name !== undefined) {
        found.push(signature);
        if (DOCSTRING.has(this.#file.language)) this.#keepDocstring(node, signature);
      }
      for (const child of node.namedChildren.toReversed()) if (child !== null) waiting.push(child);
    }
    return found;
  }

  /** Comments that stand on the lines right before a definition. */
  readComments(root: Node, comments: readonly Node[]): Documented[] {
    return joinNeighbours(comments).flatMap(({ first, last }) => {
      const row = last.endPosition.row + (last.endPosition.column === 0 ? 0 : 1);
      const column = this.#lines[row]?.search(/\S/) ?? -1;
      if (column < 0 || this.#lines[row]![column] === '#') return []; // a line of the preprocessor
      // A character, not a point: at a point between two nodes the one around both would answer.
      let start = root.descendantForPosition({ row, column }, { row, column: column + 1 });
      if (start === null || !beginsAt(start, row, column)) return [];
      while (start.parent && start.parent.parent !== null && beginsAt(start.parent, row, column)) start = start.parent;
      const definition = this.#definitionIn(start);
      if (definition === undefined) return [];
      const comment = this.#file.text.slice(first.startIndex, last.endIndex);
      return [{ ...this.#read(definition, start), comment, commentLine: first.startPosition.row + 1 }];
    });
  }

  /** The first definition on the way down from a statement, through what only wraps it. */
  #definitionIn(start: Node): Node | undefined {
    const waiting = [start];
    for (let steps = 0; waiting.length > 0 && steps < STEPS_MAX; steps++) {
      const node = waiting.shift()!;
      if (this.#isDefinition(node)) return node;
      const role = this.#grammar.roles[node.typeId];
      if (role !== Role.Wrapper && role !== Role.Value && node !== start) continue;
      for (const child of node.namedChildren) if (child !== null) waiting.push(child);
    }
    return PROTOTYPES.has(this.#file.language) && start.text.includes('(') ? start : undefined;
  }

  #isDefinition(node: Node): boolean {
    const role = this.#grammar.roles[node.typeId];
    return role === Role.Function || role === Role.Container;
  }

  #read(node: Node, start: Node): Signature {
    const body = bodyOf(node);
    const isContainer = this.#grammar.roles[node.typeId] === Role.Container;
    const rule = this.#grammar.rules[node.typeId];
    return {
      name: rule ? readName(node, rule, false)?.name : nameAround(node),
      line: start.startPosition.row + 1,
      head: this.#file.text.slice(start.startIndex, body?.startIndex ?? node.endIndex),
      body: body === undefined ? '' : this.#file.text.slice(body.startIndex, node.endIndex),
      isContainer,
    };
  }

  /** A docstring is the first statement of the body; what follows it is the code. */
  #keepDocstring(node: Node, signature: Signature): void {
    const first = bodyOf(node)?.namedChild(0);
    const string =
      first?.type === 'string' ? first : first?.type === 'expression_statement' ? first.namedChild(0) : null;
    if (string?.type !== 'string') return;
    this.documentedInside.push({
      ...signature,
      body: this.#file.text.slice(string.endIndex, node.endIndex),
      comment: string.text,
      commentLine: string.startPosition.row + 1,
    });
  }
}

function bodyOf(node: Node): Node | undefined {
  const named = node.childForFieldName('body');
  if (named !== null) return named;
  return node.namedChildren.findLast((child) => child !== null && BODY.test(child.type)) ?? undefined;
}

/** `const name = () => ...` */
function nameAround(node: Node): string | undefined {
  const named = node.parent?.childForFieldName('name') ?? node.parent?.childForFieldName('left');
  return /[\w$]+$/.exec(named?.text ?? '')?.[0];
}

function beginsAt({ startPosition }: Node, row: number, column: number): boolean {
  return startPosition.row === row && startPosition.column === column;
}

/** Comments of single lines that follow each other are one. */
function joinNeighbours(comments: readonly Node[]): { first: Node; last: Node }[] {
  const joined: { first: Node; last: Node }[] = [];
  for (const node of comments) {
    const before = joined.at(-1);
    const follows =
      before !== undefined &&
      node.startPosition.column === before.last.startPosition.column &&
      node.startPosition.row - before.last.startPosition.row === 1 &&
      node.startPosition.row === node.endPosition.row - (node.endPosition.column === 0 ? 1 : 0);
    if (follows) before.last = node;
    else joined.push({ first: node, last: node });
  }
  return joined;
}
