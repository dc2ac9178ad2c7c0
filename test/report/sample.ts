import { NO_LATENCY, summarizeLatency } from '../../src/analysis/latency.js';
import type { LatencySummary, RunMetrics, RunResult, RunSummary, Verdict } from '../../src/analysis/result.js';
import { type Study, study } from '../../src/analysis/study.js';
import { Recorder } from '../../src/metrics/recorder.js';
import * as tables from '../../src/metrics/tables.js';
import { Stream } from '../../src/random/stream.js';

/** Metrics of a run without anything, for tests to override. */
export function metrics(overrides: Partial<RunMetrics>): RunMetrics {
  return {
    rolloutStart: null,
    rolloutEnd: null,
    rolloutDuration: null,
    timeToFirstNew: null,
    timeToHalfNew: null,
    timeToAllNew: null,
    requests: 0,
    errors: 0,
    errorShare: null,
    errorsByCause: {},
    failures: [],
    latency: { before: NO_LATENCY, during: NO_LATENCY, after: NO_LATENCY },
    lowestAvailableShare: null,
    surgePodSeconds: null,
    deficitPodSeconds: null,
    apiRequests: 0,
    apiErrors: 0,
    apiWrites: 0,
    apiWriteLatency: NO_LATENCY,
    etcdCommitLatency: NO_LATENCY,
    apiUnanswered: 0,
    apiClients: [],
    apiServerMemory: [],
    etcdClusters: [],
    schedulingDuration: NO_LATENCY,
    podsCreated: 0,
    podTrace: null,
    rollout: null,
  podStartup: {
      create_to_schedule: NO_LATENCY,
      schedule_to_run: NO_LATENCY,
      schedule_to_sandbox: NO_LATENCY,
      sandbox_to_pulled: NO_LATENCY,
      pulled_to_run: NO_LATENCY,
      run_to_ready: NO_LATENCY,
      run_to_watch: NO_LATENCY,
      schedule_to_watch: NO_LATENCY,
      pod_startup: NO_LATENCY,
    },
    ...overrides,
  };
}

/** A summary around metrics. */
export function summary(name: string, measured: RunMetrics, verdicts: readonly Verdict[]): RunSummary {
  return {
    scenario: 'strategies',
    question: 'Which strategy brings frontend v0.11 to users with fewer than 0.1% errors?',
    strategy: name,
    rolloutDeployments: ['default/frontend'],
    kubernetesVersion: '1.34',
    seed: '1',
    startTime: '2025-01-01T00:00:00Z',
    simulatedSeconds: 300,
    events: 1_234_567,
    traceHash: '9f0c64a1d27be358',
    verdicts,
    serviceLevels: [],
    met: verdicts.every((verdict) => verdict.met),
    metrics: measured,
    findings: [],
  };
}

/** How many pods of the old and the new version exist and are ready, t seconds into the rollout. */
interface Shape {
  readonly name: string;
  readonly duration: number;
  pods(t: number): readonly [number, number, number, number];
}

const N = 20;
const clamp = (x: number, low: number, high: number): number => Math.max(low, Math.min(high, x));
const SHAPES: readonly Shape[] = [
  {
    name: 'recreate',
    duration: 14,
    pods: (t) => (t < 4 ? [N, 0, 0, 0] : [0, N, 0, clamp(Math.round((t - 8) * 4), 0, N)]),
  },
  {
    name: 'ramped',
    duration: 42,
    pods(t) {
      const ready = clamp(Math.floor((t - 4) / 7) * 5, 0, N);
      const made = clamp(ready + 5, 0, N);
      const old = clamp(N - ready, 0, N);
      return [old, made, old, ready];
    },
  },
  {
    name: 'blue-green',
    duration: 52,
    pods: (t) => (t < 48 ? [N, N, N, clamp(Math.round((t - 5) * 4), 0, N)] : [0, N, 0, N]),
  },
  {
    name: 'canary',
    duration: 110,
    pods(t) {
      const ready = t < 6 ? 0 : t < 36 ? 1 : t < 70 ? 5 : t < 100 ? 10 : N;
      return [N - ready, ready, N - ready, ready];
    },
  },
];

/** A study over ten seeds: the metrics of the sample with a little spread. */
export function sampleStudy(): Study {
  const random = new Stream('sample', 'study');
  const runs = new Map<string, RunMetrics[]>();
  for (const { name, summary: one } of sampleResults()) {
    const { metrics: base } = one;
    const spread = (value: number | null): number => (value ?? 0) * (0.9 + 0.2 * random.next());
    const seeds = Array.from({ length: 10 }, () => ({
      ...base,
      rolloutDuration: spread(base.rolloutDuration),
      errorShare: spread(base.errorShare),
      surgePodSeconds: spread(base.surgePodSeconds),
      latency: { ...base.latency, during: { ...base.latency.during, p99: spread(base.latency.during.p99) } },
    }));
    runs.set(name, seeds);
  }
  return study(runs);
}

/** Results of four strategies as a comparison run would give them: made up, but of the right shape and size. */
export function sampleResults(): RunResult[] {
  return SHAPES.map(sampleResult);
}

function sampleResult(shape: Shape): RunResult {
  const random = new Stream('sample', shape.name);
  const recorder = new Recorder();
  const start = 60;
  const latencies: [number[], number[], number[]] = [[], [], []];
  let requests = 0;
  let errors = 0;
  let surge = 0;
  let least = N;
  const causes: Record<string, number> = {};
  for (let second = 0; second < 300; second++) {
    const t = second - start;
    const done = t >= shape.duration;
    const [oldPods, newPods, oldReady, newReady] = t < 0 ? [N, 0, N, 0] : done ? [0, N, 0, N] : shape.pods(t);
    const ready = oldReady + newReady;
    surge += t >= 0 && !done ? Math.max(0, oldPods + newPods - N) : 0;
    least = t >= 0 ? Math.min(least, ready) : least;
    recordReplicas(recorder, second, [oldPods, oldReady, newPods, newReady], t >= 0);
    const arrivals = Math.round(500 + (random.next() - 0.5) * 60);
    const share = ready === 0 ? 0 : newReady / ready;
    for (const [version, part] of [
      ['v0.10.3', 1 - share],
      ['v0.11.0', share],
    ] as const) {
      const count = Math.round(arrivals * part);
      if (count === 0) continue;
      const load = 20 / Math.max(1, ready);
      const failed = ready === 0 ? count : version === 'v0.11.0' ? Math.round(count * 0.0006 * random.next()) : 0;
      const p50 = 0.021 * load * (1 + 0.1 * random.next()) * (version === 'v0.11.0' ? 1.2 : 1);
      const p99 = p50 * 5.2 * (1 + 0.25 * random.next());
      const none = ready === 0;
      recorder
        .table(tables.REQUESTS_BY_SECOND)
        .append([
          second,
          'default/frontend',
          none ? '' : version,
          count,
          failed,
          none ? Number.NaN : p50,
          none ? Number.NaN : p99,
        ]);
      if (failed > 0) {
        const cause = none ? 'no-endpoint' : 'application';
        causes[cause] = (causes[cause] ?? 0) + failed;
        recorder.table(tables.ERRORS_BY_SECOND).append([second, 'default/frontend', cause, failed]);
      }
      requests += count;
      errors += failed;
      if (!none) latencies[t < 0 ? 0 : done ? 2 : 1].push(p50, p50 * 1.5, p99);
    }
    recordControlPlane(recorder, second, t >= 0 && !done, random);
  }
  recordPods(recorder, shape, start, random);
  recordNarrative(recorder, shape, start);
  recordRequests(recorder, start);
  recordNodes(recorder, random);
  const errorShare = errors / requests;
  const during = summarizeLatency(latencies[1]);
  const verdicts: Verdict[] = [
    verdict('errors < 0.1%', 'errors', errorShare, 0.001, 'share'),
    verdict('latency p99 < 250ms', 'latency', during.p99 ?? 0, 0.25, 'seconds'),
    verdict('rollout duration < 8m', 'rolloutDuration', shape.duration, 480, 'seconds'),
  ];
  const spread = (p50: number): LatencySummary => ({
    count: 900,
    mean: p50 * 1.2,
    p50,
    p90: p50 * 2,
    p99: p50 * 4,
    max: p50 * 9,
  });
  return {
    name: shape.name,
    tables: recorder.tables,
    summary: {
      ...summary(
        shape.name,
        metrics({
          rolloutStart: start,
          rolloutEnd: start + shape.duration,
          rolloutDuration: shape.duration,
          timeToFirstNew: 5,
          timeToHalfNew: shape.duration / 2,
          timeToAllNew: shape.duration,
          requests,
          errors,
          errorShare,
          errorsByCause: causes,
          latency: { before: summarizeLatency(latencies[0]), during, after: summarizeLatency(latencies[2]) },
          lowestAvailableShare: least / N,
          surgePodSeconds: surge,
          deficitPodSeconds: 0,
          apiRequests: 48_210,
          apiErrors: 0,
          apiWrites: 412,
          apiWriteLatency: spread(0.006),
          etcdCommitLatency: spread(0.004),
          podsCreated: N,
          podStartup: {
            create_to_schedule: spread(0.02),
            schedule_to_run: spread(1.4),
            schedule_to_sandbox: spread(0.5),
            sandbox_to_pulled: spread(0.5),
            pulled_to_run: spread(0.4),
            run_to_ready: spread(0.6),
            run_to_watch: spread(0.3),
            schedule_to_watch: spread(1.8),
            pod_startup: spread(2.1),
          },
        }),
        verdicts,
      ),
      findings: ['Service default/paymentservice selects no pod'],
    },
  };
}

function verdict(objective: string, metric: string, value: number, limit: number, unit: string): Verdict {
  return { objective, metric, met: value < limit, value, limit, comparison: '<', unit };
}

function recordReplicas(recorder: Recorder, second: number, pods: readonly number[], started: boolean): void {
  const [oldPods, oldReady, newPods, newReady] = pods as [number, number, number, number];
  const table = recorder.table(tables.REPLICAS_BY_SECOND);
  const deployment = 'default/frontend';
  table.append([second, deployment, 'frontend-6c9d7f', 'v0.10.3', oldReady, oldPods, oldReady, oldReady]);
  if (started) table.append([second, deployment, 'frontend-84b5cc', 'v0.11.0', newPods, newPods, newReady, newReady]);
}

function recordControlPlane(recorder: Recorder, second: number, busy: boolean, random: Stream): void {
  const api = recorder.table(tables.API_REQUESTS_BY_SECOND);
  const kinds: readonly (readonly [string, string, number])[] = [
    ['update', 'leases', 100],
    ['patch', 'nodes/status', 20],
    ['get', 'nodes', 22],
    ['patch', 'pods/status', busy ? 14 : 0],
    ['create', 'pods', busy ? 3 : 0],
    ['create', 'events', busy ? 9 : 0],
    ['update', 'deployments/status', busy ? 2 : 0],
    ['list', 'pods', second % 30 === 0 ? 1 : 0],
  ];
  for (const [verb, resource, rate] of kinds) {
    const count = Math.round(rate * (0.8 + 0.4 * random.next()));
    if (count === 0) continue;
    const middle = 0.004 * (1 + random.next() * (busy ? 1 : 0.3));
    api.append([second, verb, resource, verb === 'create' ? 201 : 200, count, middle, middle * 3.5]);
  }
  const etcd = recorder.table(tables.ETCD_BY_SECOND);
  for (const member of [0, 1, 2]) {
    const leads = member === (second < 150 ? 0 : 1);
    const fsync = 0.0018 * (1 + 0.3 * random.next());
    etcd.append([
      second,
      `etcd-${member}`,
      leads ? 1 : 0,
      second < 150 ? 2 : 3,
      leads ? 120 + (busy ? 28 : 0) : 0,
      leads ? fsync * 1.7 : Number.NaN,
      leads ? fsync * 5 : Number.NaN,
      fsync,
      fsync * 3,
      41_000_000 + second * 9000,
    ]);
  }
  recorder
    .table(tables.SCHEDULER_BY_SECOND)
    .append([second, busy ? Math.round(random.next() * 3) : 0, 0, second > 90 ? 2 : 0, 0]);
}

/** Requests one after the other and at once, one that reached no server, and one that waited at its client's limiter. */
function recordRequests(recorder: Recorder, start: number): void {
  const table = recorder.table(tables.API_REQUESTS);
  const controller = 'system:serviceaccount:kube-system:replicaset-controller';
  for (let i = 0; i < 10; i++) {
    const sent = start + 0.001 * i;
    table.append([sent, 0, sent + 0.0003, sent + 0.0043, sent + 0.0047, controller, 'kube-apiserver-0', 'create', 'pods', 'default', 201]);
    const beat = start + 0.002 + i;
    const node = `node-${i}`;
    table.append([beat, 0, beat + 0.0003, beat + 0.003, beat + 0.0032, `system:node:${node}`, 'kube-apiserver-1', 'update', 'leases', `kube-node-lease/${node}`, 200]);
  }
  const sent = start + 60;
  table.append([sent, 0.4, sent + 0.4002, sent + 0.4042, sent + 0.4045, controller, 'kube-apiserver-0', 'delete', 'pods', 'default/frontend-0', 200]);
  table.append([sent + 1, 0, Number.NaN, Number.NaN, sent + 1.0001, 'kubernetes-admin', '', 'get', 'pods', 'default/frontend-0', 0]);
}

function recordPods(recorder: Recorder, shape: Shape, start: number, random: Stream): void {
  const table = recorder.table(tables.PODS);
  const attempts = recorder.table(tables.SCHEDULER_ATTEMPTS);
  for (let i = 0; i < N; i++) {
    const gone = start + (shape.duration * (i + 1)) / N;
    table.append([
      'default',
      `frontend-6c9d7f-old${i}`,
      'ReplicaSet/frontend-6c9d7f',
      'v0.10.3',
      `node-${(i * 37) % 200}`,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      0,
      0,
      gone,
      gone + 2.5 + random.next(),
      0,
    ]);
  }
  for (let i = 0; i < N; i++) {
    const created = start + 0.2 + (shape.duration * i) / N / 1.2;
    const scheduled = created + 0.01 + 0.02 * random.next();
    const sandboxed = scheduled + 0.4 + 0.3 * random.next();
    const pulled = sandboxed + (i % 5 === 0 ? 1.6 : 0.05);
    const started = pulled + 0.3 + 0.1 * random.next();
    const ready = started + 3 + 2 * random.next();
    const node = `node-${(i * 53) % 200}`;
    table.append([
      'default',
      `frontend-84b5cc-new${i}`,
      'ReplicaSet/frontend-84b5cc',
      'v0.11.0',
      node,
      created,
      scheduled,
      sandboxed,
      pulled,
      started,
      ready,
      started + 0.3,
      Number.NaN,
      Number.NaN,
      i === 7 ? 1 : 0,
    ]);
    attempts.append([scheduled, `default/frontend-84b5cc-new${i}`, 'scheduled', node, 1, 0.004, 0.0009, 100, 97, '']);
  }
  attempts.append([
    95,
    'default/batch-0',
    'unschedulable',
    '',
    1,
    0.003,
    0.012,
    1000,
    0,
    '0/1000 nodes are available: 1000 Insufficient memory. preemption: 0/1000 nodes are available: 1000 No preemption victims found for incoming pod.',
  ]);
}

function recordNarrative(recorder: Recorder, shape: Shape, start: number): void {
  const rollout = recorder.table(tables.ROLLOUT);
  rollout.append([start, 'start', `set image of default/frontend to v0.11.0 (${shape.name})`]);
  if (shape.name === 'canary') {
    for (const [at, weight] of [
      [6, 5],
      [36, 25],
      [70, 50],
      [100, 100],
    ] as const) {
      rollout.append([start + at, 'step', `weight ${weight}%`]);
    }
  }
  if (shape.name === 'blue-green') rollout.append([start + 12, 'switch', 'selector of default/frontend to green']);
  rollout.append([start + shape.duration, 'complete', 'rollout complete']);
  const events = recorder.table(tables.EVENTS);
  for (let i = 0; i < 8; i++) {
    events.append([
      start + i * 3,
      'Normal',
      'ScalingReplicaSet',
      'Deployment/default/frontend',
      `Scaled up replica set frontend-84b5cc from ${i * 2} to ${i * 2 + 2}`,
      1,
    ]);
  }
  for (let i = 0; i < 20; i++) {
    events.append([
      start + i,
      'Normal',
      'Scheduled',
      `Pod/default/frontend-84b5cc-new${i}`,
      `Successfully assigned default/frontend-84b5cc-new${i} to node-${(i * 53) % 200}`,
      1,
    ]);
  }
  events.append([
    95,
    'Warning',
    'FailedScheduling',
    'Pod/default/batch-0',
    '0/1000 nodes are available: 1000 Insufficient memory. <script>alert(1)</script>',
    3,
  ]);
}

function recordNodes(recorder: Recorder, random: Stream): void {
  const nodes = recorder.table(tables.NODES);
  const usage = recorder.table(tables.NODE_USAGE);
  for (let i = 0; i < 200; i++) nodes.append([`node-${i}`, 'abc'[i % 3]!, 'n2-standard-4', 3.92, 13.2e9, 110]);
  for (let t = 0; t <= 300; t += 15) {
    for (let i = 0; i < 200; i++) {
      const base = ((i * 7919) % 83) / 100;
      usage.append([
        t,
        `node-${i}`,
        Math.round(base * 30),
        Math.min(1, base + 0.05 * random.next() + (t > 60 && t < 120 ? 0.1 : 0)),
        base * 0.8,
      ]);
    }
  }
}

/** A run on 5,000 nodes that are almost empty, with 20,000 pods of two versions that come and go, and 50,000 events. */
export function bigResult(): RunResult {
  const [sample] = sampleResults();
  const random = new Stream('sample', 'big');
  const recorder = new Recorder();
  const pods = recorder.table(tables.PODS);
  const events = recorder.table(tables.EVENTS);
  const attempts = recorder.table(tables.SCHEDULER_ATTEMPTS);
  for (let i = 0; i < 20_000; i++) {
    const created = 300 * random.next();
    const at = (seconds: number): number => created + seconds * (1 + random.next());
    const node = `node-${i % 4000}`;
    const steps = [at(0.01), at(0.5), at(1.5), at(1.7), at(4), at(4.1)];
    pods.append(['default', `web-${i}`, 'ReplicaSet/web', i % 2 === 0 ? 'v1' : 'v2', node, created, ...steps, i % 3 === 0 ? created + 100 : Number.NaN, Number.NaN, 0]);
    attempts.append([steps[0]!, `default/web-${i}`, 'scheduled', node, 1, 0.01, 0.002, 500, 480, '']);
    for (const reason of ['Scheduled', 'Pulled']) events.append([created, 'Normal', reason, `Pod/default/web-${i}`, `${reason} web-${i}`, 1]);
  }
  for (let node = 0; node < 5000; node++) recorder.table(tables.NODES).append([`node-${node}`, 'a', 'm', 8, 3e10, 110]);
  for (let time = 10; time <= 300; time += 10) {
    // A thousand nodes never have a pod, and half of the others only late: they have no rows then.
    for (let node = 0; node < 4000; node++) {
      if (node % 2 === 1 && time < 150) continue;
      recorder.table(tables.NODE_USAGE).append([time, `node-${node}`, 5, 0.01 + (0.08 * (node % 10)) / 10, 0.02]);
    }
  }
  const names = new Set(recorder.tables.map(({ spec }) => spec.name));
  return { ...sample!, name: 'big', tables: [...recorder.tables, ...sample!.tables.filter(({ spec }) => !names.has(spec.name))] };
}
