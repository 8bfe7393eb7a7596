/** Text to terms: what must meet meets, what must not does not, and no text is refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStopWord, namesIn, splitIdentifier, stem, tellingTerms, terms } from '../src/tokens.ts';

const RUNS = { seed: 7, numRuns: 300 };
const anyText = fc.string({ unit: 'binary', maxLength: 200 });

describe('an identifier is split, and kept whole as well', () => {
  test.each([
    ['parseHTTPUrl', 'pars http url parsehttpurl'],
    ['XMLHttpRequest', 'xml http request xmlhttprequest'],
    ['snake_case_name', 'snak cas nam snakecasename'],
    ['SCREAMING_SNAKE', 'scream snak screamingsnake'],
    ['__init__', 'init'],
    ['_private', 'priv'],
    ['$scope', 'scop'],
    ['sha256', 'sha 256 sha256'],
    ['x86_64', 'x 86 64 x8664'],
    ['OAuth2Token', 'o auth 2 token oauth2token'],
    ['HTML5Parser', 'html 5 pars html5parser'],
    ['getX', 'get x getx'],
    ['userIDs', 'user id userids'],
    ['std::vector<int>', 'std vect int'],
    ['kebab-case', 'kebab cas'],
    ['TCP/IP', 'tcp ip'],
    ["don't", 'don t'],
    ['ПарсерСтроки', 'парсер строки парсерстроки'],
    ['', ''],
    ['=> << && ...', ''],
  ])('%s', (text, expected) => {
    expect(terms(text).join(' ')).toBe(expected);
  });
});

describe('scripts without blanks', () => {
  test.each([
    ['检索结果', '检索 索结 结果'],
    ['한국어', '한국 국어'],
    ['データベース', 'デー ータ タベ ベー ース'],
    ['的', '的'],
  ])('every two neighbours of %s are a term', (text, expected) => {
    expect(terms(text).join(' ')).toBe(expected);
  });

  test.each(['调用fetch函数', '用fetch', 'fetchを呼ぶ', '한국fetch'])('a Latin word inside %s is found', (text) => {
    expect(terms(text)).toContain('fetch');
  });

  test('any part of a phrase shares a term with the phrase', () => {
    expect(terms('查询缓存命中率')).toEqual(expect.arrayContaining(terms('缓存')));
  });
});

describe('words of one idea meet', () => {
  test.each([
    'validate validates validated validating validator validators validation',
    'serialize serializes serialized serializing serializer serialization',
    'token tokens tokenize tokenized tokenizing tokenizer tokenization',
    'parse parses parsed parsing parser parsers',
    'cache caches cached caching',
    'filter filters filtered filtering',
    'render renders rendered rendering renderer',
    'create creates created creating creator creation',
    'retry retries retried retrying',
    'run runs running runner',
    'stop stops stopped stopping',
    'index indexes indexed indexing indexer',
    'connect connects connected connecting connection connections connector',
    'match matches matched matching matcher',
    'size sizes sized',
    'query queries queried querying',
    'iterate iterates iterating iterator iteration',
    'delete deletes deleted deleting deletion',
    'monitor monitors monitored monitoring',
    'transfer transfers transferred transferring',
    'dependency dependencies',
    'worker workers',
  ])('%s', (family) => {
    const stems = family.split(' ').map(stem);
    expect(new Set(stems).size, stems.join(' ')).toBe(1);
  });

  test.each([
    ['URLs', 'url'],
    ['APIs', 'API'],
    ['IDs', 'id'],
    ['café', 'cafe\u0301'],
    ['CACHE', 'cache'],
    ['fooBar', 'foo_bar'],
    ['foo-bar', 'FOO_BAR'],
    ['sha256', 'SHA-256'],
  ])('%s and %s', (one, other) => {
    expect(terms(one).filter((term) => terms(other).includes(term))).not.toEqual([]);
  });
});

describe('words of different ideas do not meet', () => {
  test.each([
    ['string', 'str'],
    ['class', 'clas'],
    ['process', 'proces'],
    ['status', 'statu'],
    ['user', 'use'],
    ['order', 'ord'],
    ['ring', 'r'],
    ['thing', 'th'],
    ['bring', 'br'],
    ['need', 'ne'],
    ['analysis', 'analysi'],
    ['session', 'sess'],
    ['number', 'num'],
    ['async', 'sync'],
  ])('%s and %s', (one, other) => {
    expect(stem(one)).not.toBe(stem(other));
  });
});

describe('words of no weight', () => {
  test('are left out of a question', () => {
    expect(tellingTerms('how does the retry of a lease work')).toEqual(['retry', 'leas']);
  });

  test('are words as written: what only shares their stem stays', () => {
    expect(tellingTerms('error handler')).toEqual(['error', 'handl']);
    expect(tellingTerms('worker thread')).toEqual(['work', 'thread']);
  });

  test('stay inside an identifier', () => {
    expect(tellingTerms('HandlerStack')).toContain('handl');
    expect(tellingTerms('getUser')).toEqual(['get', 'user', 'getuser']);
  });

  test('stay where nothing else remains', () => {
    expect(tellingTerms('how does this work')).toEqual(terms('how does this work'));
  });

  test('are known in any case', () => {
    expect(isStopWord('Where')).toBe(true);
    expect(isStopWord('constructor')).toBe(false);
    expect(isStopWord('__proto__')).toBe(false);
  });
});

describe('for any text', () => {
  test('terms are the same every time, not empty, and hold no blank, quote or upper-case letter', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const found = terms(text);
        expect(terms(text)).toEqual(found);
        for (const term of found) expect(term).toMatch(/^[\p{L}\p{M}\p{N}\p{Cs}]+$/u);
      }),
      RUNS,
    );
  });

  test('the terms of two texts are those of the texts joined by a blank', () => {
    fc.assert(
      fc.property(anyText, anyText, (one, other) => {
        expect(terms(`${one}\n${other}`)).toEqual([...terms(one), ...terms(other)]);
      }),
      RUNS,
    );
  });

  test('what a question asks for is among the terms of a text that says the same', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(terms(text)).toEqual(expect.arrayContaining(tellingTerms(text)));
      }),
      RUNS,
    );
  });

  test('a stem is a beginning of its word, but for y', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{1,14}$/), (word) => {
        const base = stem(word);
        expect(word.startsWith(base) || /ie[sd]$/.test(word)).toBe(true);
        expect(base.length).toBeGreaterThanOrEqual(Math.min(3, word.length));
      }),
      { ...RUNS, numRuns: 2_000 },
    );
  });

  test('case and underscores alone never change the parts', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{2,8}$/), { minLength: 1, maxLength: 5 }), (parts) => {
        const pascal = parts.map((part) => part[0]!.toUpperCase() + part.slice(1)).join('');
        expect(splitIdentifier(pascal)).toEqual(parts);
        expect(splitIdentifier(parts.join('_'))).toEqual(parts);
        expect(splitIdentifier(parts.join('_').toUpperCase())).toEqual(parts);
      }),
      RUNS,
    );
  });

  test('one word of a million letters is cut, not refused', () => {
    expect(terms('a'.repeat(1_000_000))).toEqual(['a'.repeat(64)]);
    expect(terms('aB'.repeat(500_000)).length).toBeLessThan(130);
  });
});

test('names in a text are whole identifiers, and marks belong to them only where they end one', () => {
  expect(namesIn('const größe = parse_url(a?.value, list!.length) ?? other!;')).toEqual([
    'const',
    'größe',
    'parse_url',
    'value',
    'list',
    'length',
    'other',
    'other!',
  ]);
  expect(namesIn('return if queue.empty? && save!(x)')).toEqual([
    'return',
    'queue',
    'empty',
    'save',
    'empty?',
    'save!',
  ]);
  expect(namesIn('plain_name(1)')).toEqual(['plain_name']);
});
