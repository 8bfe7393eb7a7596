/** The script of a thread or a process: it lies beside the module that starts it, compiled or not. */

/** `url` is the module's own `import.meta.url`; `name` has no ending. */
export function scriptBeside(url: string, name: string): URL {
  return new URL(`./${name}${url.endsWith('.ts') ? '.ts' : '.js'}`, url);
}
