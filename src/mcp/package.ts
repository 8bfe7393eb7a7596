/** What package.json says of us. */
import { readFileSync } from 'node:fs';

/** From `src/mcp` and from `dist/mcp` alike, the package lies two folders up. */
export const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
