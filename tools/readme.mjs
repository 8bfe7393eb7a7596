// Writes what README.md takes from the program: the table of tools. With --check it changes nothing and fails when the table is old.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TOOLS } from '../dist/mcp/tools.js';

const file = fileURLToPath(new URL('../README.md', import.meta.url));
const before = readFileSync(file, 'utf8');
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const argument = ([name, required]) => (required ? `\`${name}\`` : `\`${name}?\``);
const rows = TOOLS.map(({ name, description, inputSchema }) => {
  const required = new Set(inputSchema.required ?? []);
  const taken = Object.keys(inputSchema.properties ?? {}).map((key) => argument([key, required.has(key)]));
  return `| \`${name}\` | ${taken.join(', ')} | ${cell(description)} |`;
});
const table = ['', '| tool | takes | what it is for |', '| --- | --- | --- |', ...rows, ''].join('\n');
const after = before.replace(
  /(<!-- tools:.*?-->)[\s\S]*?(<!-- \/tools -->)/,
  (_, open, close) => `${open}\n${table}\n${close}`,
);
if (process.argv.includes('--check')) {
  if (after !== before) {
    console.error('The table of tools in README.md is old: run `npm run readme`.');
    process.exit(1);
  }
} else {
  writeFileSync(file, after);
}
