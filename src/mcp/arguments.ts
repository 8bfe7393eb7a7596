/** Reads a tool's arguments: forgives what models often slip on, refuses the rest in words that say what to do. */
import type { z } from 'zod';
import { DowserError } from '../errors.ts';
import { nearest } from './nearest.ts';
import { visibleLine } from './visible.ts';

/** The arguments as the schema describes them. Throws DowserError('bad_argument') that names each one that can't be used. */
export function readArguments<Schema extends z.ZodObject>(
  tool: string,
  schema: Schema,
  raw: unknown,
): z.output<Schema> {
  if (raw !== undefined && (typeof raw !== 'object' || raw === null || Array.isArray(raw))) {
    throw new DowserError(
      'bad_argument',
      `${tool} takes an object of named arguments: ${Object.keys(schema.shape).join(', ')}.`,
    );
  }
  const given = Object.entries(raw ?? {});
  const complaints = given
    .filter(([name]) => !Object.hasOwn(schema.shape, name))
    .map(([name]) => unknownArgument(name, schema));
  const known = given.filter(([name, value]) => Object.hasOwn(schema.shape, name) && value !== null);
  const parsed = schema.safeParse(
    Object.fromEntries(known.map(([name, value]) => [name, forgive(value, schema, name)])),
  );
  const names = new Set(known.map(([name]) => name));
  for (const issue of parsed.error?.issues ?? []) complaints.push(badValue(issue, schema, names));
  if (complaints.length > 0 || !parsed.success) {
    throw new DowserError('bad_argument', `${tool}: ${complaints.join(' ')}`);
  }
  return parsed.data;
}

function unknownArgument(name: string, schema: z.ZodObject): string {
  const names = Object.keys(schema.shape);
  const guess = nearest(name, names);
  const hint =
    guess === undefined
      ? `It takes ${names.length === 0 ? 'no arguments' : names.join(', ')}.`
      : `Did you mean '${guess}'?`;
  return `Unknown argument '${visibleLine(name, 60)}'. ${hint}`;
}

function badValue(issue: z.core.$ZodIssue, schema: z.ZodObject, given: ReadonlySet<string>): string {
  const name = String(issue.path[0] ?? '');
  const described = Object.hasOwn(schema.shape, name) ? (schema.shape[name] as z.ZodType).description : undefined;
  const problem = given.has(name) ? visibleLine(issue.message) : 'missing';
  return `'${issue.path.join('.')}': ${problem}.${described === undefined ? '' : ` It is: ${described}`}`;
}

/** Models write numbers as strings, and one item where a list is asked for; a value that still doesn't fit is left to the schema. */
function forgive(value: unknown, schema: z.ZodObject, name: string): unknown {
  const type = innerType(schema.shape[name] as z.ZodType);
  if (typeof value !== 'string') return value;
  if (type === 'number' && /^\s*\d{1,9}(\.\d{1,9})?\s*$/.test(value)) return Number(value);
  if (type === 'array') return listOf(value);
  return value;
}

function innerType(schema: z.ZodType): string {
  const inner = (schema as z.ZodOptional<z.ZodType>).def;
  return inner.type === 'optional' ? inner.innerType.def.type : schema.def.type;
}

function listOf(value: string): unknown {
  if (value.trimStart().startsWith('[')) {
    try {
      return JSON.parse(value);
    } catch {
      // A glob may start with a bracket as well.
    }
  }
  return [value];
}
