/** What a repository has now: its paths, the words of everything but prose, and signatures where they are asked for. */
import { readSignatures, type Signature } from '../chunk/signatures.ts';
import { readSource, readUnmasked } from '../source/read.ts';
import { splitIdentifier } from '../tokens.ts';
import type { SourceFile } from '../types.ts';
import type { Mention } from './mentions.ts';

export class Present {
  readonly root: string;
  readonly paths: ReadonlySet<string>;
  /** Words, and such as are joined by dashes. */
  readonly words = new Set<string>();
  readonly #code: string[] = [];

  constructor(root: string, paths: readonly string[]) {
    this.root = root;
    this.paths = new Set(paths);
  }

  /** A generated or minified file has names too: it is looked at, and nothing but those is kept. */
  add(file: SourceFile): void {
    const read = file.depth === 'name' ? readUnmasked(this.root, file.path) : file;
    for (const word of ('text' in read ? read.text : '').match(/[\p{L}\p{N}_$]+(?:-[\p{L}\p{N}_$]+)*/gu) ?? []) {
      this.words.add(word);
      if (word.includes('-')) for (const part of word.split('-')) this.words.add(part);
    }
    if (file.kind === 'code' && file.depth === 'full') this.#code.push(file.path);
  }

  /** Whether anything but prose still has it: an option in any spelling that code may have for it, a path from anywhere. */
  has({ what, name }: Mention): boolean {
    if (what === 'symbol') return this.words.has(name);
    if (what === 'path') return this.paths.has(name) || [...this.paths].some((path) => path.endsWith(`/${name}`));
    const parts = splitIdentifier(name);
    const camel = parts.map((part, at) => (at === 0 ? part : part[0]!.toUpperCase() + part.slice(1))).join('');
    return [name.slice(2), parts.join('_'), camel].some((word) => this.words.has(word));
  }

  /** The functions of these names; one name may have several. */
  async signaturesOf(names: ReadonlySet<string>): Promise<Map<string, Signature[]>> {
    const found = new Map<string, Signature[]>();
    if (names.size === 0) return found;
    const word = new RegExp(`\\b(?:${[...names].map((name) => name.replaceAll('$', '\\$')).join('|')})\\b`);
    for (const path of this.#code) {
      const file = await readSource(this.root, { path });
      if (!('text' in file) || !word.test(file.text)) continue;
      for (const signature of (await readSignatures(file)).all)
        if (signature.name !== undefined && names.has(signature.name))
          found.set(signature.name, [...(found.get(signature.name) ?? []), signature]);
    }
    return found;
  }
}
