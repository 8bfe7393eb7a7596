/** Fetching over a real connection: resumed, tried again, checked, and what is refused. */
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DowserError } from '../../src/errors.ts';
import { hashBytes } from '../../src/hash.ts';
import { type DownloadOptions, download, type Fetched, type Wanted } from '../../src/library/download.ts';
import { Journal } from '../../src/library/journal.ts';
import { makeFolder } from '../source/tree.ts';
import { COMMIT, type Habits, Hub, someBytes } from './hub.ts';

const PATH = 'maker/model/onnx/model.onnx';
const FILE = someBytes(600_000);

let hub: Hub;
let folder: string;
beforeEach(async () => {
  hub = await Hub.start({ [PATH]: FILE });
  folder = makeFolder();
});
afterEach(() => hub.stop());

const change = (habits: Partial<Habits>): void => {
  hub.habits = { ...hub.habits, ...habits };
};
const target = (): string => join(folder, 'model.onnx');

async function fetchFile(wanted: Partial<Wanted> = {}, options: Partial<DownloadOptions> = {}): Promise<Fetched> {
  const url = `${hub.base}/maker/model/resolve/main/onnx/model.onnx`;
  const whole = { name: 'model.onnx', url, file: target(), sha256: undefined, bytes: undefined, ...wanted };
  return download(whole, { journal: new Journal(join(folder, 'journal.json')), pauseMs: 1, ...options });
}

async function refusal(wanted: Partial<Wanted> = {}, options: Partial<DownloadOptions> = {}): Promise<DowserError> {
  const error = await fetchFile(wanted, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DowserError);
  return error as DowserError;
}

/** Stops a download when so many bytes are there. */
async function stopAt(bytes: number): Promise<void> {
  const stopping = new AbortController();
  change({ bytesPerMs: 10_000 });
  const onBytes = (there: number): void => {
    if (there >= bytes) stopping.abort();
  };
  expect((await refusal({}, { signal: stopping.signal, onBytes })).code).toBe('cancelled');
  await hub.settled();
  change({ bytesPerMs: undefined });
}

describe('a file', () => {
  test.each([false, true])('comes as it is on the hub, sent elsewhere: %s', async (redirects) => {
    change({ redirects });
    const seen: (number | undefined)[] = [];
    const fetched = await fetchFile({}, { onBytes: (_, total) => seen.push(total) });
    expect(fetched).toEqual({ bytes: FILE.length, sha256: hashBytes(FILE), commit: COMMIT, checked: 'hub' });
    expect(readFileSync(target()).equals(FILE)).toBe(true);
    expect(new Set(seen)).toEqual(new Set([FILE.length]));
  });

  test('is checked by the catalog where that knows it, and trusted as it first comes where nobody does', async () => {
    change({ namesDigests: false });
    expect((await fetchFile()).checked).toBe('first download');
    expect((await fetchFile({ sha256: hashBytes(FILE), bytes: FILE.length })).checked).toBe('catalog');
  });

  test('that is there is not fetched again', async () => {
    await fetchFile();
    const { sentBytes } = hub;
    expect((await fetchFile()).sha256).toBe(hashBytes(FILE));
    expect(hub.sentBytes).toBe(sentBytes);
  });

  test('of no byte comes, too', async () => {
    hub.files.set(PATH, Buffer.alloc(0));
    expect((await fetchFile()).bytes).toBe(0);
  });
});

describe('a download that was stopped', () => {
  test.each([false, true])('goes on where it stopped, sent elsewhere: %s', async (redirects) => {
    change({ redirects });
    await stopAt(200_000);
    const already = readFileSync(target()).length;
    expect(already).toBeGreaterThanOrEqual(200_000);
    const before = hub.sentBytes;
    expect((await fetchFile()).sha256).toBe(hashBytes(FILE));
    expect(hub.requests.at(-1)).toMatchObject({ status: 206, range: `bytes=${already}-` });
    expect(hub.sentBytes - before).toBe(FILE.length - already);
  });

  test.each<[string, () => void]>([
    ['the server ignores ranges', () => change({ ranges: false })],
    ['the part has lost its end', () => truncateSync(target(), 1_000)],
    ['the part is full of zeros', () => writeFileSync(target(), Buffer.alloc(readFileSync(target()).length))],
    ['the journal is torn', () => writeFileSync(join(folder, 'journal.json'), '{"model.onnx":{"bytes":2')],
  ])('begins anew where %s', async (_, happens) => {
    await stopAt(200_000);
    happens();
    const before = hub.sentBytes;
    expect((await fetchFile()).sha256).toBe(hashBytes(FILE));
    expect(readFileSync(target()).equals(FILE)).toBe(true);
    expect(hub.sentBytes - before).toBe(FILE.length);
  });

  test.each([true, false])(
    'is of the new file where that has changed on the server, digests named: %s',
    async (namesDigests) => {
      change({ namesDigests });
      await stopAt(200_000);
      const changed = someBytes(FILE.length, 2);
      hub.files.set(PATH, changed);
      expect((await fetchFile()).sha256).toBe(hashBytes(changed));
      expect(readFileSync(target()).equals(changed)).toBe(true);
    },
  );

  test('begins anew where the server names no version of the file', async () => {
    change({ etags: false });
    await stopAt(200_000);
    const before = hub.sentBytes;
    expect((await fetchFile()).sha256).toBe(hashBytes(FILE));
    expect(hub.requests.at(-1)).toMatchObject({ status: 200, range: undefined });
    expect(hub.sentBytes - before).toBe(FILE.length);
  });

  test('begins anew where the file has become shorter', async () => {
    await stopAt(300_000);
    hub.files.set(PATH, FILE.subarray(0, 100_000));
    hub.trick = (request, response) => {
      if (request.headers.range !== undefined) response.writeHead(416).end();
      return request.headers.range !== undefined;
    };
    expect((await fetchFile()).bytes).toBe(100_000);
  });
});

describe('a server that fails', () => {
  test('by ending too early is asked for the rest', async () => {
    let cuts = 0;
    hub.trick = (_request, response) => {
      if (cuts++ < 3) setTimeout(() => response.destroy(), 15);
      return false;
    };
    change({ bytesPerMs: 5_000 });
    expect((await fetchFile()).sha256).toBe(hashBytes(FILE));
    expect(cuts).toBeGreaterThan(3);
    expect(hub.sentBytes).toBeLessThan(2 * FILE.length);
  });

  test.each([429, 500, 503])('with %d for a while is asked again', async (status) => {
    let times = 0;
    hub.trick = (_request, response) => {
      if (times++ >= 2) return false;
      response.writeHead(status, { 'retry-after': '0' }).end();
      return true;
    };
    expect((await fetchFile()).sha256).toBe(hashBytes(FILE));
    expect(times).toBe(3);
  });

  test('for good is given up after some attempts', async () => {
    let times = 0;
    hub.trick = (_request, response) => {
      times++;
      response.writeHead(500).end();
      return true;
    };
    const error = await refusal();
    expect(error.code).toBe('fetch_failed');
    expect(error.message).toMatch(/answers 500/);
    expect(times).toBe(5);
  });

  test.each([
    [404, /answers 404: it is not there/],
    [401, /answers 401: it is not given to everyone/],
    [418, /answers 418/],
  ])('with %d is not asked again', async (status, message) => {
    let times = 0;
    hub.trick = (_request, response) => {
      times++;
      response.writeHead(status).end();
      return true;
    };
    const error = await refusal();
    expect(error.code).toBe('fetch_failed');
    expect(error.message).toMatch(message);
    expect(times).toBe(1);
  });

  test('because there is none is said with its address, and without its secrets', async () => {
    const url = 'http://user:secret@127.0.0.1:9/model.onnx?signature=secret';
    const error = await refusal({ url });
    expect(error.code).toBe('fetch_failed');
    expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:9\/model\.onnx can't be fetched: .*ECONNREFUSED/);
    expect(error.message).not.toContain('secret');
  });
});

describe('wrong bytes are refused', () => {
  test.each([false, true])('that are zeros instead of the file, digests named: %s', async (namesDigests) => {
    change({ namesDigests });
    hub.trick = async (_request, response, file) => {
      if (namesDigests) response.setHeader('x-linked-etag', `"${hashBytes(file)}"`);
      response.writeHead(200, { 'content-length': file.length });
      await hub.write(response, Buffer.alloc(file.length));
      response.end();
      return true;
    };
    const error = await refusal(namesDigests ? {} : { sha256: hashBytes(FILE) });
    expect(error.code).toBe('model_damaged');
    expect(hub.sentBytes).toBe(2 * FILE.length); // once more, in case it was the way
    expect(readFileSync(target()).length).toBe(0);
  });

  test('before they come, where the hub says another sha256 or length than the catalog', async () => {
    change({ bytesPerMs: 1_000 });
    expect((await refusal({ sha256: '0'.repeat(64) })).code).toBe('model_damaged');
    expect((await refusal({ bytes: FILE.length + 1 })).code).toBe('model_damaged');
    await hub.settled();
    expect(hub.sentBytes).toBeLessThan(FILE.length);
    expect(readFileSync(target()).length).toBe(0);
  });

  test.each([
    ['text/html', {}],
    ['application/octet-stream', { 'content-encoding': 'gzip' }],
  ])('that are a page, or packed: %s', async (type, headers) => {
    hub.trick = (_request, response) => {
      response.writeHead(200, { 'content-type': type, ...headers }).end('<html>Log in</html>');
      return true;
    };
    const error = await refusal();
    expect(error.code).toBe('fetch_failed');
    expect(error.message).toMatch(/a page/);
  });

  test('that are a range nobody asked for', async () => {
    await stopAt(200_000);
    hub.trick = (request, response, file) => {
      if (request.headers.range === undefined) return false;
      const from = Number(/\d+/.exec(request.headers.range)![0]) - 7;
      response.writeHead(206, {
        etag: String(request.headers['if-range']),
        'content-range': `bytes ${from}-${file.length - 1}/${file.length}`,
      });
      response.end(file.subarray(from));
      return true;
    };
    expect((await fetchFile()).sha256).toBe(hashBytes(FILE));
    expect(readFileSync(target()).equals(FILE)).toBe(true);
  });
});

test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'not a url:\\'])(
  'a redirect to %s is not followed',
  async (location) => {
    hub.trick = (_request, response) => {
      response.writeHead(302, { location }).end();
      return true;
    };
    const error = await refusal();
    expect(error.code).toBe('fetch_failed');
  },
);

test('redirects without end are not followed', async () => {
  let times = 0;
  hub.trick = (request, response) => {
    times++;
    response.writeHead(307, { location: request.url! }).end();
    return true;
  };
  expect((await refusal()).message).toMatch(/not followed/);
  expect(times).toBe(6);
});

test('a folder that can not be written is said to be that', async () => {
  const error = await refusal({ file: join(folder, 'absent', 'model.onnx') });
  expect(error.code).toBe('disk_failed');
  expect(existsSync(join(folder, 'absent'))).toBe(false);
});
