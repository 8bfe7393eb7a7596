/** Definitions that a grammar does not understand, or that stand where it does not show them, are known all the same. */
import { describe, expect, test } from 'vitest';
import { chunkFile } from '../../src/chunk/chunk.ts';
import { readHeads } from '../../src/chunk/heads.ts';
import { splitLines } from '../../src/chunk/lines.ts';
import { blankMacros } from '../../src/chunk/macros.ts';
import { makeFile } from './helpers.ts';

const symbolsOf = async (path: string, text: string): Promise<string[]> =>
  (await chunkFile(makeFile(path, text))).flatMap(({ symbols }) => symbols);
const scopesOf = async (path: string, text: string): Promise<string[]> =>
  (await chunkFile(makeFile(path, text), { aimChars: 40, maxChars: 90 })).map(({ scope }) => scope.join('.'));

describe('macros of C and C++', () => {
  test.each([
    ['class LIB_OWNER Name : public Base {\n  int x;\n};', ['Name']],
    ['class LIBEXPORT Name final {\n};', ['Name']],
    ['struct LIB_ALIGNED(8) [[nodiscard]] Name {\n};', ['Name']],
    ['LIB_NAMESPACE_BEGIN\nclass Name {\n};\nLIB_NAMESPACE_END', ['Name']],
    ['LIB_TEMPLATE_HEAD\nclass Name // as a map\n  : public Base {\n};', ['Name']],
    ['LIB_EXPORT int run(int count) {\n  return count;\n}', ['run']],
    ['class Name {\n  void lock() LIB_LOCKS(mutex_) {\n  }\n  int x LIB_GUARDED_BY(mutex_);\n};', ['Name', 'lock']],
    ['void copy(char* lib_nonnull to) {\n}', ['copy']],
    ['TEST_F(Suite, Case) {\n  run();\n}', ['Case']],
    ['struct LIB_INFO info = {1, 2};', ['info']],
    ['class LIB_OWNER Later;\nstruct LIB_INFO last;', ['last']],
    ['#define FIRST(a) \\\n  LIB_FIRST(a)\n#define SECOND(a) \\\n  LIB_SECOND(a)\n', ['FIRST', 'SECOND']],
  ])('%s defines %j', async (text, names) => {
    expect(await symbolsOf('a.h', text)).toEqual(names);
  });

  test('leave the scope of what follows as it is written', async () => {
    const text = `template <class T>\nclass LIB_OWNER Name\n    : public Base<T> {\n public:\n${'  void use(int first, int second);\n'.repeat(6)}};\n`;
    expect(new Set((await scopesOf('a.h', text)).slice(1))).toEqual(new Set(['Name']));
  });

  test('are blanked without moving anything, and cost no more than the length of the text', () => {
    const text = 'A_B\r\nclass LIB_X\n  Name {\n  int* lib_nullable p LIB_Y(z);\n};\n';
    const seen = blankMacros(text);
    expect(seen).toBe('   \r\nclass      \n  Name {\n  int*              p         ;\n};\n');
    const startMs = performance.now();
    for (const part of ['A_B(', 'class A_B ', ') ', ' A_B', '\t', 'a', 'A', '*  ', ')\n  '])
      blankMacros(part.repeat(50_000));
    expect(performance.now() - startMs).toBeLessThan(3_000);
  });
});

describe('a text that a grammar does not understand', () => {
  test('has the definitions that its lines begin', async () => {
    const text = `public value class Result<out T>
@Internal internal constructor(@Internal internal val holder: Any?) {
    public fun getOrNull(): T? = holder as T
}

public interface Channel<E> : SendChannel<E> {
    public companion object Factory {
        public const val LIMITED: Int = 1
    }
}

public inline fun <T> Result<T>.getOrElse(other: () -> T): T = other()
`;
    expect(await symbolsOf('a.kt', text)).toEqual(
      expect.arrayContaining(['Result', 'getOrNull', 'Channel', 'Factory', 'getOrElse']),
    );
  });

  test.each([
    ['bash', 'lib::run() {\nfunction stop {\nrun now()', ['run', 'stop']],
    [
      'c',
      'static int run(int a) {\nint declared(int a);\n  call(a) {\n#define MAX(a) (a)\nstruct point {\nelse run(a) {',
      ['run', 'MAX', 'point'],
    ],
    [
      'cpp',
      'void a::Shop::open() const {\nusing Key = int;\nenum class Kind : int {\nclass Later;',
      ['open', 'Key', 'Kind'],
    ],
    ['csharp', 'public sealed record Order(int Id);\nnamespace App.Mail;', ['Order', 'Mail']],
    ['elixir', 'defmodule App.Cart do\n  defmacro add(x) do\n  defp empty?, do: true', ['Cart', 'add', 'empty?']],
    ['go', 'func (s *Set[K]) Add(k K) {\ntype Set[K any] struct {\nfunc run(', ['Add', 'Set', 'run']],
    ['haskell', "newtype Parser a = P\nrun' :: Int -> Int\nclass Monad m where", ['Parser', "run'", 'Monad']],
    ['java', '@Deprecated public final class A<T> extends B {\npublic @interface Note {', ['A', 'Note']],
    [
      'javascript',
      'export default async function run(a) {\nconst add = (a, b) => a\nclass A extends B {',
      ['run', 'add', 'A'],
    ],
    ['kotlin', 'fun List<Int>.total(): Int = 1\ndata class Point(val x: Int)', ['total', 'Point']],
    ['lua', 'local function run(a)\nfunction M.stop()\nM.go = function(a)', ['run', 'stop', 'go']],
    ['php', 'abstract class Order\n    public static function make(int $a)', ['Order', 'make']],
    ['python', 'async def run(a):\nclass Order(Base):', ['run', 'Order']],
    ['ruby', '  def self.build(a)\nclass Shop::Cart < Base\n  def paid?', ['build', 'Cart', 'paid?']],
    ['rust', 'pub(crate) async fn run<T>(a: T) {\nmacro_rules! make {\npub struct Order;', ['run', 'make', 'Order']],
    ['scala', 'private[app] final case class Order(id: Int)\n  override def run[A](a: A) =', ['Order', 'run']],
    ['swift', 'public final class Order: Base {\n  static func make<T>(a: T) {', ['Order', 'make']],
    [
      'typescript',
      'export abstract class A<T> {\nexport type Key = string\nexport const run = async () => {',
      ['A', 'Key', 'run'],
    ],
    ['zig', 'pub inline fn run(a: u8) void {\nconst Order = packed struct {', ['run', 'Order']],
  ])('in %s names what begins there, and no uses or prose', (language, text, names) => {
    const prose = '\nthe class of things\nreturns a function and more\nnew Type\nimport class\ntype of a thing\n';
    expect(readHeads(language, splitLines(text + prose)).map(({ name }) => name)).toEqual(names);
  });

  test('knows how far a definition reaches by what is further in', () => {
    const lines = splitLines('class A:\n    def f(self):\n        pass\n\n    x = 1\n\ny = 2\n');
    expect(readHeads('python', lines)).toEqual([
      { name: 'A', owners: [], row: 0, last: 4 },
      { name: 'f', owners: [], row: 1, last: 2 },
    ]);
  });
});

describe('definitions in places of their own', () => {
  test('are all known where a chunk has as many as a list of constants', async () => {
    const text = Array.from({ length: 60 }, (_, at) => `HTTP_${400 + at} = ${400 + at}`).join('\n');
    expect(await symbolsOf('a.py', text)).toHaveLength(60);
  });

  test.each([
    ['a.js', 'var app = exports = module.exports = {};\nres.status = function status(code) {\n};', ['app', 'status']],
    ['a.cpp', 'namespace {\nint run() { return 1; }\n}', ['run']],
    ['a.kt', 'class A {\n  companion object {\n    fun make() = A()\n  }\n}', ['A', 'make']],
    [
      'a.scala',
      'object A {\n  val order = new Order[Int] {\n    def compare(x: Int) = x\n  }\n}',
      ['A', 'order', 'compare'],
    ],
    ['A.java', 'enum A {\n  ONE {\n    public String label() { return ""; }\n  };\n}', ['A', 'label']],
    [
      'a.rb',
      'class A\n  if fast?\n    def run\n    end\n  else\n    def walk\n    end\n  end\nend',
      ['A', 'run', 'walk'],
    ],
    ['a.rs', 'trait A {\n  type Item;\n  fn run(&self);\n}', ['A', 'Item', 'run']],
    ['a.kt', '@Target(CLASS)\n@Mark\npublic annotation class A\n', ['A']],
    ['a.rs', 'pin_project! {\n    pub struct A<T> {\n        inner: T,\n    }\n}', ['A']],
    ['a.rb', 'concern do\n  def run\n  end\nend', ['run']],
  ])('of %s are found: %s', async (path, text, names) => {
    expect(await symbolsOf(path, text)).toEqual(names);
  });

  test.each([
    ['a.py', 'class A:\n    """As in:\n\n    class Sample(A):\n    """\n    x = 1\n'],
    ['a.kt', '/*\nclass Sample : A() {\n*/\nclass A {\n}\n'],
    ['a.ts', 'class A {\n  text = `\nclass Sample extends A {\n`;\n}\n'],
  ])('in comments and strings of %s are none', async (path, text) => {
    expect(await symbolsOf(path, text)).not.toContain('Sample');
  });

  test('an implementation of a trait is in the scope of both, and defines neither', async () => {
    const [chunk] = await chunkFile(makeFile('a.rs', 'impl<S> Extract<S> for Json {\n    fn extract(s: S) {}\n}\n'));
    expect(chunk).toMatchObject({ symbols: ['extract'], scope: ['Json', 'Extract'] });
  });
});
