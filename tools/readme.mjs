// Writes what README.md takes from elsewhere: the table of tools, and the faults that were injected last. With --check it changes
// nothing and fails when one of them is old.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TOOLS } from '../dist/mcp/tools.js';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const file = at('../README.md');
const before = readFileSync(file, 'utf8');
const parts = { tools: toolsTable(), faults: faultsTable(readFileSync(at('../test/faults/results.md'), 'utf8')) };
const after = before.replace(
  /(<!-- (\w+): .*?-->)[\s\S]*?(<!-- \/\2 -->)/g,
  (_, open, name, close) => `${open}\n\n${parts[name]}\n\n${close}`,
);
if (!process.argv.includes('--check')) writeFileSync(file, after);
else if (after !== before) {
  console.error('A table in README.md is old: run `npm run readme`.');
  process.exit(1);
}

function toolsTable() {
  const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const argument = ([name, required]) => (required ? `\`${name}\`` : `\`${name}?\``);
  const rows = TOOLS.map(({ name, description, inputSchema }) => {
    const required = new Set(inputSchema.required ?? []);
    const taken = Object.keys(inputSchema.properties ?? {}).map((key) => argument([key, required.has(key)]));
    return `| \`${name}\` | ${taken.join(', ')} | ${cell(description)} |`;
  });
  return ['| tool | takes | what it is for |', '| --- | --- | --- |', ...rows].join('\n');
}

/** Machine and day, then of each row what was injected, what was lost, and what the control without the protection lost. */
function faultsTable(results) {
  const [, machine, ...lines] = results.split('\n').filter((line) => line !== '');
  const rows = lines.filter((line) => line.startsWith('| ')).slice(2);
  const short = rows.map((row) => {
    const [fault, , losses, , control] = row.split('|').slice(1).map((cell) => cell.trim());
    return `| ${fault} | ${losses} | ${control} |`;
  });
  return [machine, '', '| fault | lost / injected | the control without protection: lost / of |', '| --- | --- | --- |', ...short].join('\n');
}
