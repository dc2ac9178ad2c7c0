import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRecording, type RecordedChange, type Recording } from '../../src/conformance/controllers-recording.js';
import { compareAudit } from '../../src/conformance/scenarios/audit.js';
import { type AuditedRequest, readAuditCounts, readAuditExtract, withoutRepeats } from '../../src/conformance/scenarios/audit-log.js';
import { auditedPace } from '../../src/conformance/scenarios/audited-pace.js';
import { auditedTake } from '../../src/conformance/scenarios/audited-take.js';
import { recordedProfile } from '../../src/conformance/scenarios/cluster.js';
import { compareRequests } from '../../src/conformance/scenarios/requests.js';
import { MILLISECOND } from '../../src/kernel/time.js';
import { InputError } from '../../src/scenario/index.js';
import { checkScenario, conformanceControllers, recordingsIn } from '../../src/conformance/scenarios/index.js';

const DIR = join(process.cwd(), 'test/data/controllers/recordings');
const PROFILE = recordedProfile();

function load(name: string): Recording {
  return readRecording(join(DIR, `${name}.ndjson.gz`));
}

test('every recorded scenario passes from beginning to end', () => {
  const files = recordingsIn(DIR);
  const { lines, exitCode } = conformanceControllers(DIR);
  assert.match(lines.at(-1)!, new RegExp(`^controllers: scenarios ${files.length}/${files.length} decisions (\\d+)/\\1$`), lines.join('\n'));
  assert.equal(exitCode, 0);
});

test('API requests: creations, bindings and deletions equal, sizes ± 1, statuses ± 25 %, conflicts ± (2 + 50 %)', () => {
  const counts = readAuditCounts(DIR)!;
  const rows = compareAudit(DIR, counts, PROFILE, recordingsIn(DIR));
  assert.ok(rows.length > 60, `${rows.length} rows`);
  for (const scenario of Object.keys(counts.perNamespace)) assert.ok(rows.some((row) => row.scenario === scenario && row.what === 'POST pods'), scenario);
  assert.ok(rows.some(({ scenario }) => scenario.startsWith('idle node')));
  assert.deepEqual(rows.filter(({ holds }) => !holds), []);
});

test('a deletion that KWOK sent twice at once, and that was answered twice, counts once; one of a later pod of that name counts', () => {
  const key = 'kubelet(kwok)|delete|pods|200';
  const deletion = (at: string, name: string, milliseconds: number, code = 200): AuditedRequest => [`2026-11-21T02:17:${at}Z`, 'kubelet(kwok)', 'delete', 'pods', name, code, milliseconds];
  const requests = [
    deletion('24.077043', 'web-b8dr7', 13.56),
    deletion('24.089510', 'web-b8dr7', 3.13, 404),
    deletion('27.206270', 'web-cbmtn', 15.1),
    deletion('27.199299', 'web-cbmtn', 22.74),
    deletion('30.250681', 'db-0', 14.18),
    deletion('41.250681', 'db-0', 14.18),
  ];
  const counts = new Map([[key, 5], ['kcm:replicaset-controller|delete|pods|200', 2]]);
  assert.deepEqual([...withoutRepeats(counts, requests)], [[key, 4], ['kcm:replicaset-controller|delete|pods|200', 2]]);
  assert.equal(withoutRepeats(counts, []), counts);
});

/** A recording with the first change for which `mutate` gives another object. */
function altered(recording: Recording, mutate: (change: RecordedChange) => Record<string, unknown> | undefined, all = false): Recording {
  let done = false;
  const apply = (change: RecordedChange): RecordedChange => {
    const object = done && !all ? undefined : mutate(change);
    if (object === undefined) return change;
    done = true;
    return { ...change, object };
  };
  const result = { ...recording, changes: recording.changes.map(apply), final: recording.final.map(apply), commands: recording.commands.map(apply) };
  assert.ok(done, 'the recording must have what is altered');
  return result;
}

function differencesOf(recording: Recording): string {
  return checkScenario(recording, PROFILE).differences.join('\n');
}

interface Raw {
  readonly reason?: string;
  readonly message?: string;
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly reason?: string }[] };
  readonly code?: number;
}

test('another first step of a rollout is found', () => {
  const changed = altered(load('roll-r10-s25p-u25p-m0-fix'), ({ kind, type, object }) => {
    const { spec } = object as Raw;
    return kind === 'ReplicaSet' && type === 'A' && spec?.replicas === 3 ? { ...object, spec: { ...spec, replicas: 4 } } : undefined;
  });
  assert.match(differencesOf(changed), /step 1 after patch Deployment\/web.*\n.*r2 0→4\n.*r2 0→3/);
});

test('another message of an event is found', () => {
  const changed = altered(load('quota7-r20'), ({ kind, object }) => {
    const { reason, message } = object as Raw;
    return kind === 'Event' && reason === 'FailedCreate' ? { ...object, message: message!.replace('limited: pods=7', 'limited: pods=8') } : undefined;
  }, true);
  assert.match(differencesOf(changed), /event\n {2}real: {2}ReplicaSet r1 Warning FailedCreate: .*limited: pods=8/);
});

test('a condition with another reason is found', () => {
  const changed = altered(load('deadline-r4-s0-u1-d12'), ({ kind, object }) => {
    const { status } = object as Raw;
    if (kind !== 'Deployment' || status?.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded') !== true) return undefined;
    const conditions = status.conditions.map((condition) => (condition.reason === 'ProgressDeadlineExceeded' ? { ...condition, reason: 'DeadlineExceeded' } : condition));
    return { ...object, status: { ...status, conditions } };
  }, true);
  assert.match(differencesOf(changed), /conditions Deployment web Progressing/);
});

test('another final state, another answer and another name are found', () => {
  const final = altered(load('undo-v4-lim10-to2'), ({ kind, type, object }) => {
    const metadata = object['metadata'] as { readonly annotations?: Record<string, string> };
    if (kind !== 'ReplicaSet' || type !== 'FINAL' || metadata.annotations?.['deployment.kubernetes.io/revision'] !== '5') return undefined;
    return { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations, 'deployment.kubernetes.io/revision': '6' } } };
  });
  assert.match(differencesOf(final), /final ReplicaSet r2\n.*revision=6/);
  const answer = altered(load('pdb-r3-min2'), ({ object }) => ((object as Raw).code === 429 ? { code: 201 } : undefined));
  assert.match(differencesOf(answer), /answer 2 to the user\n {2}real: {2}evict: 201\n {2}model: evict: 429/);
  const cron = load('cron-replace-75s');
  const rename = (text: string): string => text.replace('cj-29920457', 'cj-29920450');
  const named = cron.changes.map((change) => ({ ...change, name: rename(change.name) }));
  assert.match(differencesOf({ ...cron, changes: named }), /order of Jobs/);
});

test('a node that is evicted too early is found', () => {
  const recording = load('nl-z3-alldown-tol5');
  let shifted = false;
  const changes = recording.changes.map((change) => {
    const { taints } = (change.object['spec'] ?? {}) as { readonly taints?: readonly { readonly key: string; readonly effect: string }[] };
    const evicts = taints?.some(({ key, effect }) => key === 'node.kubernetes.io/unreachable' && effect === 'NoExecute') === true;
    if (shifted || change.kind !== 'Node' || !evicts || change.time < 85e9) return change;
    shifted = true;
    return { ...change, time: change.time - 5e9 };
  });
  assert.ok(shifted);
  assert.match(differencesOf({ ...recording, changes }), /NoExecute after the node before/);
});

test('a file that is no recording is refused with its line and the reason', () => {
  const folder = mkdtempSync(join(tmpdir(), 'towtank-recording-'));
  const path = join(folder, 'x.ndjson');
  const refuse = (text: string, pattern: RegExp): void => {
    writeFileSync(path, text);
    assert.throws(() => readRecording(path), (error: Error) => error instanceof InputError && pattern.test(String(error)), text);
  };
  refuse('', /x\.ndjson:1:1: expected a JSON object/);
  refuse('{"id":"a","group":"hpa","params":{}}\n', /x\.ndjson:1:1: expected a header with id, group, params and startUnixMs/);
  refuse('{"id":"a","group":"hpa","params":{},"startUnixMs":1}\n{"t":1\n', /x\.ndjson:2:1: expected a JSON object/);
  rmSync(folder, { recursive: true });
});

const EXTRACT: readonly AuditedRequest[] = [
  ['2026-11-21T02:00:00.000Z', 'user(recorder)', 'create', 'deployments', 'web', 201, 5],
  ['2026-11-21T02:00:00.020Z', 'kcm:replicaset-controller', 'create', 'pods', null, 201, 30],
  ['2026-11-21T02:00:00.060Z', 'scheduler', 'create', 'pods/binding', 'web-b-1', 201, 4],
  ['2026-11-21T02:00:00.070Z', 'kubelet(kwok)', 'patch', 'pods/status', 'web-b-1', 200, 10],
  ['2026-11-21T02:00:00.100Z', 'kcm:replicaset-controller', 'update', 'replicasets/status', 'web-b', 200, 86],
  ['2026-11-21T02:00:01.070Z', 'kubelet(kwok)', 'patch', 'pods/status', 'web-b-1', 200, 20],
  ['2026-11-21T02:00:01.250Z', 'user(recorder)', 'create', 'horizontalpodautoscalers', 'h', 201, 3],
  ['2026-11-21T02:00:16.500Z', 'kcm:horizontal-pod-autoscaler', 'list', 'pods', null, 200, 100],
  ['2026-11-21T02:01:30.000Z', 'kcm:pod-garbage-collector', 'delete', 'pods', 'web-b-1', 200, 10],
];

test('the pace of an audit log: from the end of the request before to the begin of the next', () => {
  const { replicaset, deployment, rest } = auditedPace(EXTRACT);
  // After the patch that ended at 80 ms; the creation of the pods is the first request there is.
  assert.deepEqual(replicaset.map((gap) => Math.round(gap / MILLISECOND)), [20]);
  assert.deepEqual([deployment, rest], [[], 0]);
});

test('the take of an audit log: an extract of the recording itself changes nothing', () => {
  const recording = load('quota7-r20');
  const { recording: same, lost } = auditedTake(recording, readAuditExtract(DIR, 'quota7-r20'));
  assert.equal(same, recording);
  assert.deepEqual(lost, []);
});

test('the take of an audit log: of an earlier take come the times of commands, pods and metrics, and what was lost', () => {
  const recording = load('hpa-up-down');
  const first = recording.commands[0]!.time;
  const { recording: take, lost } = auditedTake(recording, EXTRACT);
  assert.equal(take.header.startUnixMs, Date.parse('2026-11-21T02:00:00Z') - first / MILLISECOND);
  const created = take.commands.find(({ name }) => name === 'create HorizontalPodAutoscaler/h')!;
  assert.equal(Math.round((created.time - first) / MILLISECOND), 1250);
  const pods = take.changes.filter(({ kind }) => kind === 'Pod').map(({ time }) => Math.round((time - first) / MILLISECOND));
  assert.deepEqual(pods, [64, 80, 1090]);
  const looks = take.changes.filter(({ kind }) => kind === 'HorizontalPodAutoscaler').map(({ time }) => Math.round((time - first) / MILLISECOND));
  assert.deepEqual(looks, [1253, 16_600]);
  // Collected 90 s after the start: its node was gone for the quarantine and a round or two before.
  assert.deepEqual(lost.map(({ ordinal, time }) => [ordinal, Math.round((time - first) / MILLISECOND)]), [[0, 20_010]]);
});

test('rows of requests: refusals and events are judged, events that were not written any more are told apart', () => {
  const counts = (pairs: Readonly<Record<string, number>>): ReadonlyMap<string, number> => new Map(Object.entries(pairs));
  const real = counts({ 'kcm:replicaset-controller|create|pods|201': 20, 'kcm:replicaset-controller|create|pods|403': 20, 'kcm:replicaset-controller|create|events|201': 12 });
  const rowsOf = (events: number, refused: number): readonly (readonly [string, boolean, string])[] => {
    const model = counts({ 'kcm:replicaset-controller|create|pods|201': 20, 'kcm:replicaset-controller|create|pods|403': refused, 'kcm:replicaset-controller|create|events|201': events });
    return compareRequests('s', real, [model]).map(({ what, holds, rule }) => [what, holds, rule] as const);
  };
  assert.deepEqual(rowsOf(20, 25), [
    ['POST pods', true, 'equal'],
    ['403 on pods', true, '± 25 %'],
    ['POST events by kcm:replicaset-controller', true, 'equal but for 8 not written'],
  ]);
  assert.deepEqual(rowsOf(12, 26).map(([, holds]) => holds), [true, false, false]);
});
