import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { parseTimestamp } from '../../src/api/timestamps.js';
import { delayRange, JsonSubject, possibleStages, stageWeight } from '../../src/node/kwok/lifecycle.js';
import { isStage, readStage } from '../../src/node/kwok/read-stage.js';
import type { Stage } from '../../src/node/kwok/stage.js';
import { MEDIA_TYPES, stageActions } from '../../src/node/kwok/steps.js';
import type { TemplateEnvironment } from '../../src/node/kwok/template-functions.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
/** Stage files of KWOK with the pairs of its own tests, by path. */
const files = JSON.parse(gunzipSync(readFileSync(join(root, 'test/data/node/kwok-stages.json.gz'))).toString()) as Record<string, string>;

/** The functions as KWOK's own stage test replaces them: their names and arguments. */
const named: TemplateEnvironment = {
  call(name, args) {
    const list = args.map((value) => (typeof value === 'string' ? JSON.stringify(value) : String(value))).join(', ');
    const call = args.length === 0 ? name : `${name}(${list})`;
    return name.endsWith('IPsWith') ? [`<0 of ${call}>`, `<1 of ${call}>`] : `<${call}>`;
  },
};

function stagesOf(folder: string): Stage[] {
  const stages: Stage[] = [];
  for (const [path, text] of Object.entries(files)) {
    if (path.slice(0, path.lastIndexOf('/')) !== folder) continue;
    const raw: unknown = parse(text);
    if (!isStage(raw)) continue;
    const source = {
      file: path,
      lineOf: () => 1,
      error: (at: readonly (string | number)[], message: string) => assert.fail(`${path} ${at.join('.')}: ${message}`),
    };
    stages.push(readStage(raw, source)!);
  }
  return stages;
}

function played(object: Record<string, unknown>, stages: readonly Stage[]): unknown {
  const metadata = object.metadata as { name: string; namespace?: string };
  // KWOK's test looks at 2006-01-02T15:04:05Z.
  const subject = new JsonSubject(object, parseTimestamp('2006-01-02T15:04:05Z')!);
  const own = stages.filter((stage) => stage.apiGroup === object.apiVersion && stage.kind === object.kind);
  return {
    apiGroup: object.apiVersion,
    kind: object.kind,
    name: metadata.name,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    stages: possibleStages(own, subject).map((stage) => {
      const delay = delayRange(stage, subject, 0);
      return {
        ...(delay.length === 0 ? {} : { delay }),
        // The pairs were made of untyped objects, whose patches are merge patches.
        next: stageActions(stage.steps, object, named, false).map((action) => {
          if (action.kind === 'delete') return { kind: 'delete' };
          if (action.kind === 'event') return action;
          const { kind, type, subresource, data } = action;
          return { data, kind, ...(subresource === '' ? {} : { subresource }), type: MEDIA_TYPES[type] };
        }),
        stage: stage.name,
        weight: stageWeight(stage, subject),
      };
    }),
  };
}

const inputs = Object.keys(files).filter((path) => path.endsWith('.input.yaml'));

test('there are pairs of nodes, pods and volumes', () => {
  assert.equal(inputs.length, 16);
});

for (const path of inputs) {
  test(`KWOK's pair ${path.replace('/testdata/', '/').replace('.input.yaml', '')}`, () => {
    const folder = path.slice(0, path.indexOf('/testdata/'));
    const expected: unknown = parse(files[path.replace('.input.', '.output.')]!);
    assert.deepEqual(played(parse(files[path]!) as Record<string, unknown>, stagesOf(folder)), expected);
  });
}
