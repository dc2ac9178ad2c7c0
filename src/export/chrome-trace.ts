import { type RunResult, tableOf } from '../analysis/result.js';
import { duration, micros, process, rows, thread, type TraceEvent } from './chrome-events.js';
import { requestEvents } from './chrome-requests.js';

/** Tracks other than nodes, by process number. */
const ROLLOUT = 1;
const USERS = 2;
const API = 3;
const ETCD = 4;
const SCHEDULER = 5;
const CLIENTS = 6;
const FIRST_NODE = 100;
const NO_NODE = 'no node';

/** Phases of a pod: name and the column with the instant it begins. */
const PHASES: readonly (readonly [string, string])[] = [
  ['scheduling', 'created'],
  ['sandbox', 'scheduled'],
  ['image pull', 'sandboxed'],
  ['container start', 'pulled'],
  ['until ready', 'started'],
  ['ready', 'ready'],
  ['terminating', 'deleted'],
];

/**
 * A run in Chrome's trace format, in parts, for Perfetto or chrome://tracing: a process a node with a track a pod, the
 * steps of the rollout, who led which Raft term, scheduling attempts, single API requests as flows from client to server, and
 * counters of users' and API requests.
 */
export function* toChromeTrace(result: RunResult): Generator<string> {
  yield '{"displayTimeUnit":"ms","traceEvents":[\n';
  let first = true;
  for (const event of events(result)) {
    yield (first ? '' : ',\n') + JSON.stringify(event);
    first = false;
  }
  yield '\n]}\n';
}

function* events(result: RunResult): Generator<TraceEvent> {
  yield* rolloutEvents(result);
  yield* counters(result, 'requests_by_second', USERS, 'users', 'requests', 'version', 'requests');
  yield* counters(result, 'errors_by_second', USERS, 'users', 'errors', 'cause', 'errors');
  yield* counters(result, 'api_requests_by_second', API, 'kube-apiserver', 'API requests', 'verb', 'requests');
  yield* etcdEvents(result);
  yield* requestEvents(result, API, CLIENTS);
  yield* schedulerEvents(result);
  yield* podEvents(result);
}

function* rolloutEvents(result: RunResult): Generator<TraceEvent> {
  const { rolloutStart, rolloutEnd } = result.summary.metrics;
  yield* process(ROLLOUT, 'rollout');
  yield thread(ROLLOUT, 1, 'steps');
  if (rolloutStart !== null) {
    const end = rolloutEnd ?? result.summary.simulatedSeconds;
    yield {
      ph: 'X',
      name: result.name,
      pid: ROLLOUT,
      tid: 1,
      ts: micros(rolloutStart),
      dur: duration(rolloutStart, end),
    };
  }
  const table = tableOf(result, 'rollout');
  for (const row of rows(table)) {
    yield {
      ph: 'i',
      name: row.text('phase'),
      pid: ROLLOUT,
      tid: 1,
      ts: micros(row.number('time')),
      s: 't',
      args: { message: row.text('message') },
    };
  }
}

/** One counter track with a line a value of `key`, a point a second; a key without a row in a second is 0. */
function* counters(
  result: RunResult,
  name: string,
  pid: number,
  processName: string,
  track: string,
  key: string,
  value: string,
): Generator<TraceEvent> {
  const table = tableOf(result, name);
  if (table === undefined || table.length === 0) return;
  yield* process(pid, processName);
  const bySecond = new Map<number, Record<string, number>>();
  const names = new Set<string>();
  for (const row of rows(table)) {
    const text = row.text(key) || 'none';
    names.add(text);
    let point = bySecond.get(row.number('time'));
    if (point === undefined) bySecond.set(row.number('time'), (point = {}));
    point[text] = (point[text] ?? 0) + row.number(value);
  }
  for (const [time, point] of [...bySecond].sort((a, b) => a[0] - b[0])) {
    const args = Object.fromEntries([...names].map((text) => [text, point[text] ?? 0]));
    yield { ph: 'C', name: track, pid, ts: micros(time), args };
  }
}

function* etcdEvents(result: RunResult): Generator<TraceEvent> {
  const table = tableOf(result, 'etcd_by_second');
  if (table === undefined) return;
  yield* process(ETCD, 'etcd');
  const tracks = new Map<string, number>();
  const open = new Map<string, { term: number; from: number; to: number }>();
  const slice = (member: string, reign: { term: number; from: number; to: number }): TraceEvent => ({
    ph: 'X',
    name: `leads term ${reign.term}`,
    pid: ETCD,
    tid: tracks.get(member)!,
    ts: micros(reign.from),
    dur: duration(reign.from, reign.to),
  });
  for (const row of rows(table)) {
    const member = row.text('member');
    if (!tracks.has(member)) {
      tracks.set(member, tracks.size + 1);
      yield thread(ETCD, tracks.size, member);
    }
    const time = row.number('time');
    const term = row.number('term');
    const reign = open.get(member);
    if (row.number('leader') === 1 && reign?.term === term) reign.to = time + 1;
    else {
      if (reign !== undefined) yield slice(member, reign);
      open.delete(member);
      if (row.number('leader') === 1) open.set(member, { term, from: time, to: time + 1 });
    }
  }
  for (const [member, reign] of open) yield slice(member, reign);
}

function* schedulerEvents(result: RunResult): Generator<TraceEvent> {
  const table = tableOf(result, 'scheduler_attempts');
  if (table === undefined || table.length === 0) return;
  yield* process(SCHEDULER, 'kube-scheduler');
  for (const row of rows(table)) {
    yield {
      ph: 'X',
      name: row.text('pod'),
      pid: SCHEDULER,
      tid: 1,
      ts: micros(row.number('time') - row.number('duration')),
      dur: duration(row.number('time') - row.number('duration'), row.number('time')),
      args: {
        result: row.text('result'),
        node: row.text('node'),
        feasible: row.number('feasible_nodes'),
        message: row.text('message'),
      },
    };
  }
}

/** Names in order, those that differ in a number by that number: node-9 before node-10. */
function byNumber(a: string, b: string): number {
  const [left, right] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const [x, y] = [left[i]!, right[i]!];
    if (x === y) continue;
    if (i % 2 === 1 && Number(x) !== Number(y)) return Number(x) - Number(y);
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

function* podEvents(result: RunResult): Generator<TraceEvent> {
  const table = tableOf(result, 'pods');
  const end = result.summary.simulatedSeconds;
  const names = new Set<string>();
  for (const row of rows(table)) names.add(row.text('node') || NO_NODE);
  const nodes = new Map([...names].sort(byNumber).map((name, i) => [name, FIRST_NODE + i]));
  for (const [name, pid] of nodes) yield* process(pid, name);
  let tid = 0;
  for (const row of rows(table)) {
    const pid = nodes.get(row.text('node') || NO_NODE)!;
    tid++;
    yield thread(pid, tid, `${row.text('namespace')}/${row.text('name')}`);
    const marks = PHASES.map(([name, column]) => ({ name, at: row.number(column) })).filter(
      (mark) => !Number.isNaN(mark.at),
    );
    const ordered = marks.filter((mark, i) => marks.slice(i + 1).every((later) => later.at >= mark.at));
    const removed = row.number('removed');
    for (let i = 0; i < ordered.length; i++) {
      const from = Math.max(0, ordered[i]!.at);
      const to = i + 1 < ordered.length ? ordered[i + 1]!.at : Number.isNaN(removed) ? end : removed;
      if (to <= from) continue;
      yield {
        ph: 'X',
        name: ordered[i]!.name,
        pid,
        tid,
        ts: micros(from),
        dur: duration(from, to),
        args: { version: row.text('version') },
      };
    }
  }
}
