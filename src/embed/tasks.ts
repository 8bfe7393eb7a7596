/**
 * The five retrieval tasks: which prefix a model wants before a text, and on which side it embeds it.
 *
 * A passage text is the chunk's path, a line end, and the chunk's text (`passageText` in prepare.ts: models are trained
 * on that form); a query text is the question, or the code, as asked. The model's prefix goes before either.
 */
import type { Kind, Side, Task } from '../types.ts';
import type { ModelManifest } from './manifest.ts';

export const TASKS = ['nl2code', 'qa', 'code2code', 'code2nl', 'code2completion'] as const satisfies readonly Task[];

export const SIDES = ['query', 'passage'] as const satisfies readonly Side[];

export type Prefixes = Readonly<Record<Task, Readonly<Record<Side, string>>>>;

/**
 * The prefixes of jina-code-embeddings (arXiv 2508.21290, table 1), the scheme that manifests follow. A model trained
 * with them finds little without them. nl2code and code2code share a passage prefix: one index serves both.
 */
export const JINA_PREFIXES: Prefixes = {
  nl2code: {
    query: 'Find the most relevant code snippet given the following query:\n',
    passage: 'Candidate code snippet:\n',
  },
  qa: {
    query: 'Find the most relevant answer given the following question:\n',
    passage: 'Candidate answer:\n',
  },
  code2code: {
    query: 'Find an equivalent code snippet given the following code snippet:\n',
    passage: 'Candidate code snippet:\n',
  },
  code2nl: {
    query: 'Find the most relevant comment given the following code snippet:\n',
    passage: 'Candidate comment:\n',
  },
  code2completion: {
    query: 'Find the most relevant completion given the following start of code snippet:\n',
    passage: 'Candidate completion:\n',
  },
};

/** What the model wants before a text of this task and side; empty for a model trained without prefixes. */
export function prefixFor(manifest: ModelManifest, task: Task, side: Side): string {
  return manifest.prefixes[task][side];
}

/** The side of the model that embeds it: a query that is code goes where code went in training. */
export function sideFor(manifest: ModelManifest, task: Task, side: Side): Side {
  return manifest.sides[task]?.[side] ?? side;
}

/**
 * Prose is another lane: a question is after the passage that answers it, code after the words that describe it. Its
 * passages are embedded as answers for both, as all code is for nl2code and code2code: one embedding a chunk.
 */
const PROSE_TASKS: Partial<Record<Task, Task>> = { nl2code: 'qa', code2code: 'code2nl' };

/** The task by which chunks of this kind are asked for what `task` asks code. */
export function taskOf(kind: Kind, task: Task = 'nl2code'): Task {
  return kind === 'docs' ? (PROSE_TASKS[task] ?? task) : task;
}

/** Whether the model wants anything else before prose than before code: one that does not has no lanes. */
export function tellsProse({ prefixes }: Pick<ModelManifest, 'prefixes'>): boolean {
  const isApart = Object.entries(PROSE_TASKS).some(
    ([task, prose]) => prefixes[task as Task].query !== prefixes[prose].query,
  );
  return isApart || prefixes.nl2code.passage !== prefixes.qa.passage;
}
