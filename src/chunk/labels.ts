/** Gives each chunk its symbols and its scope. */
import type { LineRange } from './cut.ts';

/** Something that a file defines. Lines count from 0; `name` is undefined where only owners are known (an `impl` block). */
export type Definition = {
  readonly name: string | undefined;
  /** Names it is qualified with, outermost first; they are defined elsewhere. */
  readonly owners: readonly string[];
  readonly row: number;
  readonly last: number;
};

export type Labels = { readonly symbols: readonly string[]; readonly scope: readonly string[] };

/** A chunk of short lines (constants, prototypes) has many; with more than these, its text says the rest. */
const SYMBOLS_PER_CHUNK_MAX = 100;
/** The innermost ones count where nesting is deeper. */
const SCOPE_MAX = 8;

/** Labels of ranges in order, from definitions in order of their lines, outer ones first. */
export function labelRanges(ranges: readonly LineRange[], definitions: readonly Definition[]): Labels[] {
  let next = 0;
  let open: Definition[] = [];
  return ranges.map(({ first, last }) => {
    open = open.filter((definition) => definition.last >= first);
    const symbols = new Set<string>();
    const scope: string[] = open.flatMap(({ owners, name }) => (name === undefined ? owners : [...owners, name]));
    for (; next < definitions.length && definitions[next]!.row <= last; next++) {
      const definition = definitions[next]!;
      scope.push(...definition.owners);
      if (definition.name !== undefined && symbols.size < SYMBOLS_PER_CHUNK_MAX) symbols.add(definition.name);
      open.push(definition);
    }
    const outer = [...new Set(scope)].filter((name) => !symbols.has(name));
    return { symbols: [...symbols], scope: outer.slice(-SCOPE_MAX) };
  });
}

/** Definitions of two readings of one text, in order of their lines; what the first has found counts once. */
export function joinDefinitions(read: readonly Definition[], more: readonly Definition[]): Definition[] {
  const known = new Set(read.map(({ name, row }) => `${row} ${name}`));
  return [...read, ...more.filter(({ name, row }) => !known.has(`${row} ${name}`))].sort((a, b) => a.row - b.row);
}
