import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitName } from '../../src/chunk/names.ts';

describe('a written name', () => {
  test.each([
    ['run', 'run', []],
    ['Foo::bar', 'bar', ['Foo']],
    ['a::Foo<std::pair<int, int>>::bar', 'bar', ['a', 'Foo']],
    ['~Foo', '~Foo', []],
    ['Foo::operator==', 'operator==', ['Foo']],
    ['operator()', 'operator()', []],
    ['Foo::operator bool', 'operator bool', ['Foo']],
    ['M.push', 'push', ['M']],
    ['M:push', 'push', ['M']],
    ['exports.run', 'run', []],
    ['module.exports.run', 'run', []],
    ['module.exports', undefined, []],
    ['Router.prototype.use', 'use', ['Router']],
    ['Shop.Cart', 'Cart', ['Shop']],
    ['App\\Mail', 'Mail', ['App']],
    ['(|+|)', '|+|', []],
    ['==', '==', []],
    ['paid?', 'paid?', []],
    ['name=', 'name=', []],
    ["foldl'", "foldl'", []],
    ['$format', 'format', []],
    ['@name', 'name', []],
    ['#secret', 'secret', []],
    ['"fails when full"', 'fails when full', []],
    ['größe', 'größe', []],
    ['_', undefined, []],
    ['', undefined, []],
  ])('%s is %s of %j', (text, name, owners) => {
    expect(splitName(text)).toEqual({ name, owners });
  });

  test('is never empty, blank or very long', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 3_000 }), (text) => {
        const { name, owners } = splitName(text);
        for (const part of name === undefined ? owners : [name, ...owners]) expect(part).toMatch(/\S/);
        expect(name?.length ?? 0).toBeLessThanOrEqual(160);
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});
