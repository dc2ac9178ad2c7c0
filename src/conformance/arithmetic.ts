import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Pod } from '../api/core.js';
import type { IntOrString } from '../api/meta.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';
import { MAX_REPLICAS, newReplicaSetReplicas, resolveFenceposts, shareOut } from '../controllers/deployment-rollout.js';
import { compareForDeletion, DELETION_COST } from '../controllers/pod-ranking.js';
import { SECOND, seconds, type Time } from '../kernel/time.js';

/**
 * Replays outputs of the real Deployment and ReplicaSet arithmetic (a JSON file of inputs and outputs) against the model's
 * policy: fence posts, sizes of new ReplicaSets, proportional scaling, order of deletion.
 */

interface ArithmeticFile {
  readonly fenceposts?: readonly {
    readonly replicas: number;
    readonly maxSurge: string;
    readonly maxUnavailable: string;
    readonly surge: number;
    readonly unavailable: number;
  }[];
  readonly newRSNewReplicas?: readonly {
    readonly replicas: number;
    readonly maxSurge: string;
    readonly new: number;
    readonly old: number;
    readonly newReplicas: number;
  }[];
  readonly proportional?: readonly {
    readonly replicas: number;
    readonly maxReplicasAnnotation: number;
    readonly maxSurge: string;
    readonly rsSizeAndAgeSeconds: readonly (readonly [number, number])[];
    readonly order: readonly string[];
    readonly toAdd: number;
    readonly result: Readonly<Record<string, number>>;
  }[];
  readonly deletionRanking?: DeletionRanking | readonly DeletionRanking[];
}

interface DeletionRanking {
  readonly pods: readonly {
    readonly uid: string;
    readonly age: number;
    readonly readyAge: number;
    readonly cost: string;
    readonly node: string;
    readonly phase: Pod['status']['phase'];
    readonly rank: number;
    readonly ready: 'True' | 'False';
    readonly restarts: number;
  }[];
  readonly deleteOrder: readonly string[];
}

/** Result of a replay: text lines, and how many vectors agreed. */
export interface ReplayResult {
  readonly lines: readonly string[];
  readonly passed: number;
  readonly total: number;
}

/** Largest number of differences that are printed. */
const SHOWN = 20;

class Tally {
  readonly lines: string[] = [];
  passed = 0;
  total = 0;
  private failures = 0;

  check(name: string, expected: unknown, found: unknown): void {
    this.total++;
    const real = JSON.stringify(expected);
    const model = JSON.stringify(found);
    if (real === model) this.passed++;
    else if (this.failures++ < SHOWN) this.lines.push(`${name}\n  real:  ${real}\n  model: ${model}`);
  }
}

/** Checks all vectors of a parsed file. */
export function replayArithmetic(file: ArithmeticFile): ReplayResult {
  const tally = new Tally();
  for (const [i, vector] of (file.fenceposts ?? []).entries()) {
    const { surge, unavailable } = resolveFenceposts(amount(vector.maxSurge), amount(vector.maxUnavailable), vector.replicas);
    // The real function's answer after MaxUnavailable's cap: never more than wanted, nothing for no replicas.
    const capped = Math.min(unavailable, vector.replicas);
    tally.check(`fenceposts[${i}] ${JSON.stringify(vector)}`, [vector.surge, vector.unavailable], [surge, capped]);
  }
  for (const [i, vector] of (file.newRSNewReplicas ?? []).entries()) {
    const found = newReplicaSetReplicas(deployment(vector.replicas, vector.maxSurge), vector.new + vector.old, vector.new);
    tally.check(`newRSNewReplicas[${i}] ${JSON.stringify(vector)}`, vector.newReplicas, found);
  }
  for (const [i, vector] of (file.proportional ?? []).entries()) {
    const sets = vector.rsSizeAndAgeSeconds.map(([size, age], index) => replicaSet(`rs${index}`, size, age, vector.maxReplicasAnnotation));
    const changes = shareOut(deployment(vector.replicas, vector.maxSurge), sets, vector.toAdd);
    tally.check(`proportional[${i}] order`, vector.order, changes.map((change) => change.replicaSet.metadata.name));
    const sizes: Record<string, number> = {};
    for (const set of sets) sizes[set.metadata.name] = changes.find((change) => change.replicaSet === set)?.replicas ?? set.spec.replicas;
    tally.check(`proportional[${i}] ${JSON.stringify(vector)}`, sorted(vector.result), sorted(sizes));
  }
  const rankings = file.deletionRanking === undefined ? [] : [file.deletionRanking].flat();
  for (const [i, vector] of rankings.entries()) {
    tally.check(`deletionRanking[${i}]`, vector.deleteOrder, deletionOrder(vector));
  }
  return { lines: [...tally.lines, `arithmetic: ${tally.passed}/${tally.total}`], passed: tally.passed, total: tally.total };
}

/** Reads a vector file (JSON, or JSON compressed with gzip) and replays it; exit code 0 when all vectors agree, 1 when not. */
export function conformanceArithmetic(path: string): { readonly lines: readonly string[]; readonly exitCode: number } {
  const bytes = readFileSync(path);
  const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes).toString('utf8') : bytes.toString('utf8');
  const { lines, passed, total } = replayArithmetic(JSON.parse(text) as ArithmeticFile);
  return { lines, exitCode: total > 0 && passed === total ? 0 : 1 };
}

/** `2` or `25%` as the API has it. */
function amount(text: string): IntOrString {
  return text.endsWith('%') ? text : Number(text);
}

function sorted(record: Readonly<Record<string, number>>): readonly (readonly [string, number])[] {
  return Object.keys(record)
    .sort()
    .map((key) => [key, record[key]!] as const);
}

function deployment(replicas: number, surge: string): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', uid: 'd', resourceVersion: 1, generation: 1, creationTimestamp: 0 },
    spec: {
      replicas,
      selector: {},
      template: emptyTemplate,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: amount(surge), maxUnavailable: 0 } },
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    },
    status: {},
  };
}

const emptyTemplate = {
  metadata: {},
  spec: { containers: [], schedulerName: 'default-scheduler', restartPolicy: 'Always' as const, terminationGracePeriodSeconds: 30 },
};

function replicaSet(name: string, replicas: number, ageSeconds: number, maxReplicas: number): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      resourceVersion: 1,
      generation: 1,
      creationTimestamp: -seconds(ageSeconds),
      annotations: { [MAX_REPLICAS]: String(maxReplicas) },
    },
    spec: { replicas, selector: {}, template: emptyTemplate, minReadySeconds: 0 },
    status: { replicas },
  };
}

function deletionOrder(vector: DeletionRanking): readonly string[] {
  const now: Time = 0;
  const ranked = vector.pods.map((entry) => ({ rank: entry.rank, pod: podOf(entry) }));
  return ranked.sort((a, b) => compareForDeletion(a, b, now)).map((entry) => entry.pod.metadata.uid);
}

function podOf(entry: DeletionRanking['pods'][number]): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: entry.uid,
      namespace: 'default',
      uid: entry.uid,
      resourceVersion: 1,
      generation: 1,
      creationTimestamp: -entry.age * SECOND,
      ...(entry.cost === '' ? {} : { annotations: { [DELETION_COST]: entry.cost } }),
    },
    spec: { ...emptyTemplate.spec, nodeName: entry.node },
    status: {
      phase: entry.phase,
      conditions: [{ type: 'Ready', status: entry.ready, lastTransitionTime: -entry.readyAge * SECOND }],
      containerStatuses: [{ name: 'app', image: '', ready: entry.ready === 'True', restartCount: entry.restarts, state: {} }],
    },
  };
}
