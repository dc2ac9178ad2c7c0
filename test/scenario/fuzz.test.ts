import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { readManifest } from '../../src/api/manifest.js';
import type { RawMap } from '../../src/api/reader.js';
import { Serializer } from '../../src/api/serialize.js';
import { validateObject } from '../../src/api/validation.js';
import { isInputError, validateFile } from '../../src/scenario/index.js';

const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));

/** All paths of a value, deepest ones too. */
function paths(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, each]) =>
    paths(each, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return [path, ...inner];
}

/** A copy with something else at a path. */
function replaced(value: unknown, path: readonly (string | number)[], other: unknown): unknown {
  if (path.length === 0) return other;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  let at = copy;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  at[path[path.length - 1]!] = other;
  return copy;
}

const other = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    '',
    ' ',
    '25%',
    '100mm',
    '1Gi',
    'a/b',
    'constructor',
    '__proto__',
    [],
    {},
    [null],
    [[]],
    { a: {} },
  ),
  fc.string(),
  fc.integer(),
  fc.jsonValue({ maxDepth: 2 }),
);

describe('anything in the place of anything', () => {
  const manifests = parseAllDocuments(
    readFileSync(join(scenarios, 'online-boutique/kubernetes-manifests.yaml'), 'utf8'),
  )
    .map((document) => document.toJS() as RawMap | null)
    .filter((value) => value !== null);
  const serializer = new Serializer();

  it('in a manifest: is read or refused with a field, never a crash; what is accepted comes back the same', () => {
    const places = manifests.flatMap((manifest, i) => paths(manifest).map((path) => [i, path] as const));
    fc.assert(
      fc.property(fc.constantFrom(...places), other, ([i, path], value) => {
        const raw = replaced(manifests[i], path, value);
        if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return;
        const { object, errors } = readManifest(raw as RawMap);
        const problems = errors.length > 0 ? errors : validateObject(object);
        for (const problem of problems) assert.equal(typeof problem.field, 'string');
        if (problems.length > 0) return;
        const json = JSON.parse(JSON.stringify(serializer.object(object))) as RawMap;
        const again = readManifest(json);
        assert.deepEqual(again.errors, []);
        assert.deepEqual(JSON.parse(JSON.stringify(serializer.object(again.object))), json);
      }),
      { numRuns: 3000 },
    );
  });

  describe('in a file', () => {
    let folder = '';
    const cwd = process.cwd();

    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'towtank-'));
      cpSync(scenarios, folder, { recursive: true });
      process.chdir(folder);
    });

    after(() => {
      process.chdir(cwd);
      rmSync(folder, { recursive: true });
    });

    /** Whether a file is fine; anything thrown but input errors with a place is a failure of the test. */
    function accepted(): boolean {
      try {
        validateFile('case.yaml');
        return true;
      } catch (error) {
        assert.ok(isInputError(error), error instanceof Error ? (error.stack ?? '') : String(error));
        assert.match(error.toString(), /^[^\n]+\.(yaml|json)(:\d+:\d+)?: \S/);
        return false;
      }
    }

    it('of a scenario', () => {
      const scenario = parse(readFileSync('strategies.yaml', 'utf8').replace('count: 1000', 'count: 3')) as unknown;
      const all = paths(scenario);
      let refused = 0;
      fc.assert(
        fc.property(fc.constantFrom(...all), other, (path, value) => {
          writeFileSync('case.yaml', stringify(replaced(scenario, path, value)));
          if (!accepted()) refused++;
        }),
        { numRuns: 400 },
      );
      assert.ok(refused > 200, `${refused} refused`);
    });

    it('as text: characters cut out, doubled or swapped', () => {
      const text = readFileSync('strategies.yaml', 'utf8').replace('count: 1000', 'count: 3');
      const place = fc.integer({ min: 0, max: text.length });
      fc.assert(
        fc.property(
          place,
          fc.integer({ min: 0, max: 40 }),
          fc.oneof(fc.string(), fc.constantFrom('\t', '---\n', '&a ', '*a', '<<: *a', '{', '\0', '!!binary x', '- ')),
          (at, length, insert) => {
            writeFileSync('case.yaml', text.slice(0, at) + insert + text.slice(at + length));
            accepted();
          },
        ),
        { numRuns: 300 },
      );
    });

    it('as bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          writeFileSync('case.yaml', bytes);
          accepted();
        }),
        { numRuns: 200 },
      );
    });

    for (const [name, text] of [
      [
        'alias bomb',
        `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}`,
      ],
      [
        'alias bomb in a scenario',
        `cluster: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}`,
      ],
      ['alias to nothing', 'cluster: *nodes\n'],
      ['deep nesting', `cluster: ${'['.repeat(50000)}`],
      ['deep nesting in JSON', `{"kind": ${'['.repeat(200000)}${']'.repeat(200000)}}`],
      ['deep nesting in blocks', Array.from({ length: 3000 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
    ] as const) {
      it(name, () => {
        writeFileSync('case.yaml', text);
        assert.equal(accepted(), false);
      });
    }
  });
});
