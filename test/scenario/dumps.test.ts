import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { Pod } from '../../src/api/core.js';
import { InputErrors, loadManifests } from '../../src/scenario/index.js';
import { SourceFile } from '../../src/scenario/source.js';
import { parseItems } from '../../src/scenario/split.js';

/** A pod as `kubectl get -o json` prints it, with what usually fills dumps. */
function pod(i: number): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `web-${i}`,
      namespace: 'shop',
      uid: `uid-${i}`,
      creationTimestamp: '2024-12-31T23:59:00Z',
      annotations: { note: `line one\n- apiVersion: not an item\nitems:\n---\n${'é'.repeat(20)}` },
      managedFields: Array.from({ length: 5 }, () => ({
        manager: 'kubelet',
        fieldsV1: { 'f:spec': { 'k:{"name":"web"}': { '.': {} } } },
      })),
    },
    spec: {
      containers: [{ name: 'web', image: `shop:${i}`, resources: { requests: { cpu: '100m' } } }],
      nodeName: 'node-1',
    },
    status: { phase: 'Running', podIP: '10.0.0.1', startTime: '2024-12-31T23:59:30Z' },
  };
}

const list = (items: readonly unknown[]) => ({
  apiVersion: 'v1',
  items,
  kind: 'List',
  metadata: { resourceVersion: '' },
});

describe('big dumps', () => {
  let folder = '';
  const pods = Array.from({ length: 2500 }, (_, i) => pod(i));

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-'));
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  function write(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  for (const [name, text] of [
    ['dump.json', JSON.stringify(list(pods), null, 4)],
    ['compact.json', JSON.stringify(list(pods))],
    ['dump.yaml', stringify(list(pods), { indentSeq: false })],
    ['indented.yaml', stringify(list(pods))],
    [
      'documents.yaml',
      pods
        .slice(0, 300)
        .map((each) => stringify(each))
        .join('---\n'),
    ],
  ] as const) {
    it(`${name}: every item, with its status and times`, () => {
      assert.ok(name === 'documents.yaml' || text.length > 1 << 20, `${text.length} bytes`);
      const { objects, findings } = loadManifests(write(name, text));
      assert.equal(objects.length, name === 'documents.yaml' ? 300 : 2500);
      assert.deepEqual(findings, []);
      const seventh = objects[7] as Pod;
      assert.equal(seventh.metadata.name, 'web-7');
      assert.equal(
        seventh.metadata.annotations?.note,
        (pods[7]!.metadata as { annotations: { note: string } }).annotations.note,
      );
      assert.equal(seventh.metadata.creationTimestamp, -60e9);
      assert.equal(seventh.status.startTime, -30e9);
      assert.equal(seventh.spec.containers[0]!.image, 'shop:7');
      assert.equal('managedFields' in seventh.metadata, false);
    });
  }

  for (const [name, indent] of [
    ['bad.json', '"replica": 1'],
    ['bad.yaml', 'replica: 1'],
  ] as const) {
    it(`${name}: an error is placed in its item`, () => {
      const wrong = pods.map((each, i) =>
        i === 2222 ? { ...each, spec: { replica: 1, ...(each.spec as object) } } : each,
      );
      const text =
        name === 'bad.json' ? JSON.stringify(list(wrong), null, 4) : stringify(list(wrong), { indentSeq: false });
      const lines = text.split('\n');
      const line = lines.findIndex((each) => each.includes(indent)) + 1;
      const column = lines[line - 1]!.indexOf('"replica"') + 1 || lines[line - 1]!.indexOf('replica') + 1;
      const path = write(name, text);
      assert.throws(
        () => loadManifests(path),
        (error: Error) => {
          assert.equal(
            error.toString().split('\n')[0],
            `${path}:${line}:${column}: Pod "web-2222": spec.replica: unknown field`,
          );
          return true;
        },
      );
    });
  }

  it('a syntax error in one item names its line', () => {
    const text = JSON.stringify(list(pods), null, 4).replace('"image": "shop:1234",', '"image": "shop:1234"');
    const line = text.slice(0, text.indexOf('shop:1234')).split('\n').length + 1;
    const path = write('syntax.json', text);
    assert.throws(
      () => loadManifests(path),
      (error: Error) => error.toString().startsWith(`${path}:${line}:25: no valid JSON: unexpected "\\""`),
    );
  });

  it('one mistake a thousand times over is told fifty times', () => {
    const path = write('many.json', JSON.stringify(list(pods.map((each) => ({ ...each, spec: { containers: [] } })))));
    assert.throws(
      () => loadManifests(path),
      (error) => {
        assert.ok(error instanceof InputErrors);
        assert.equal(error.errors.length, 51);
        assert.equal(error.errors[50]!.message, 'more than 50 errors; the rest of the file was not checked');
        return true;
      },
    );
  });
});

describe('parseItems', () => {
  /** Values of a text; `big` cuts it at the items, by comments that make it long. */
  function values(text: string, big: boolean): unknown[] {
    const filler = big ? `${'#'.repeat(1023)}\n`.repeat(1100) : '';
    const found: unknown[] = [];
    const source = new SourceFile('list.yaml', Buffer.from(text + filler));
    parseItems(source, {
      value: (value) => found.push(value),
      error: (error) => assert.fail(error.toString()),
    });
    return found;
  }

  it('finds the same items cut or whole, whatever their text looks like', () => {
    const tricky = fc.constantFrom(
      '- a',
      'items:',
      '---',
      'x\n- y\n  - z',
      ' lead',
      'tail \n',
      '# no comment',
      '\n\n',
      '"',
      'key: value',
      '…',
      '- apiVersion: v1\n  kind: Pod',
    );
    const item = fc.record({
      kind: fc.constant('ConfigMap'),
      data: fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(tricky, fc.string())),
      list: fc.array(tricky, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 5 }), fc.boolean(), (drawn, indentSeq) => {
        const items = JSON.parse(JSON.stringify(drawn)) as unknown[];
        const text = stringify({ apiVersion: 'v1', kind: 'List', items }, { indentSeq });
        assert.deepEqual(values(text, true), items);
        assert.deepEqual(values(text, false), items);
      }),
      { numRuns: 60 },
    );
  });

  it('flattens lists inside lists, and lists of a kind', () => {
    const text = stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [{ apiVersion: 'apps/v1', kind: 'DeploymentList', items: [{ kind: 'A' }, { kind: 'B' }] }, { kind: 'C' }],
    });
    assert.deepEqual(values(text, false), [{ kind: 'A' }, { kind: 'B' }, { kind: 'C' }]);
  });

  it('reads several documents, empty ones left out', () => {
    assert.deepEqual(values('---\n---\na: 1\n...\n---\n# nothing\n---\nb: 2\n', false), [{ a: 1 }, { b: 2 }]);
  });

  it('reads flow style and Windows line ends', () => {
    assert.deepEqual(values('{a: 1, b: [x]}', false), [{ a: 1, b: ['x'] }]);
    assert.deepEqual(values('a: 1\r\n---\r\nb: 2\r\n', false), [{ a: 1 }, { b: 2 }]);
  });
});
