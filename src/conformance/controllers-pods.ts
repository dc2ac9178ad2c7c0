import type { StatefulSet } from '../api/apps.js';
import type { Pod } from '../api/core.js';
import type { PodDisruptionBudget } from '../api/policy.js';
import { decideEviction } from '../apiserver/eviction.js';
import { podsToDelete } from '../controllers/pod-ranking.js';
import { ordinalOf } from '../controllers/stateful-set-pods.js';
import { planStatefulSet } from '../controllers/stateful-set-policy.js';
import { SECOND, type Time } from '../kernel/time.js';
import {
  commandTarget,
  type RecordedChange,
  recordedMeta,
  recordedPod,
  recordedTime,
  type Recording,
  type RecordingHeader,
} from './controllers-recording.js';
import { POD_LAG, type Tally, templateOf } from './controllers-tally.js';

/** Decisions about pods in a recording: victims of scale downs, pods of StatefulSets, evictions. */

/** Pods that a ReplicaSet deletes when it shrinks: those that rank first among what was there. */
export function replayVictims(recording: Recording, tally: Tally): void {
  const { header } = recording;
  const states: ReadonlyMap<string, Pod>[] = [new Map()];
  const sizes = new Map<string, number>();
  // Pods that a person or the garbage collector deletes are no victims of a scale down.
  const named = new Set(recording.commands.map(({ name }) => commandTarget(name)).filter(({ verb }) => verb === 'delete' || verb === 'evict').map(({ name }) => name));
  let rollout = false;
  for (const change of recording.changes) {
    if (change.kind === 'ReplicaSet') {
      if (change.type === 'D') sizes.delete(change.name);
      else sizes.set(change.name, (change.object['spec'] as { replicas?: number }).replicas ?? 0);
      if (sizes.size > 1) rollout = true;
      continue;
    }
    if (change.kind !== 'Pod') continue;
    const pod = recordedPod(header, change);
    const current = states[states.length - 1]!;
    const before = current.get(change.name);
    const owner = pod.metadata.ownerReferences?.[0];
    const going = change.type !== 'D' && pod.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined;
    if (going && !rollout && owner?.kind === 'ReplicaSet' && sizes.has(owner.name) && !named.has(change.name) && before !== undefined) {
      checkVictim(before, owner.name, sizes.get(owner.name)!, states, change.time, tally);
    }
    const pods = new Map(current);
    if (change.type === 'D') pods.delete(change.name);
    else pods.set(change.name, pod);
    states.push(pods);
    if (states.length > POD_LAG) states.shift();
  }
}

function checkVictim(victim: Pod, owner: string, size: number, states: readonly ReadonlyMap<string, Pod>[], now: Time, tally: Tally): void {
  let first = '';
  for (let lag = states.length - 1; lag >= 0; lag--) {
    const names = victims(states[lag]!, owner, size, now);
    if (names.has(victim.metadata.name)) {
      tally.check(true, '', '', '');
      return;
    }
    if (first === '') first = [...names].join(' ');
  }
  tally.check(false, `victim of ${owner} at size ${size}`, victim.metadata.name, first);
}

class RanksByName {
  private readonly counts = new Map<string, number>();

  constructor(pods: readonly Pod[]) {
    for (const { spec } of pods) this.counts.set(spec.nodeName ?? '', this.rank(spec.nodeName ?? '') + 1);
  }

  rank(node: string): number {
    return this.counts.get(node) ?? 0;
  }
}

/** Pods that a scale down to a size would delete. */
function victims(pods: ReadonlyMap<string, Pod>, owner: string, size: number, now: Time): ReadonlySet<string> {
  const active = [...pods.values()].filter(
    (pod) => pod.metadata.ownerReferences?.[0]?.name === owner && pod.metadata.deletionTimestamp === undefined && pod.status.phase !== 'Failed' && pod.status.phase !== 'Succeeded',
  );
  const onNode = new RanksByName(active);
  // Whole seconds may pass between the decision and the record: the age buckets of both are tried.
  const names = new Set<string>();
  for (const lag of [0, SECOND / 2, SECOND]) {
    for (const pod of podsToDelete(active, onNode, Math.max(1, active.length - size), now - lag)) names.add(pod.metadata.name);
  }
  return names;
}

interface RawStatefulSetSpec {
  readonly replicas?: number;
  readonly podManagementPolicy?: 'OrderedReady' | 'Parallel';
  readonly updateStrategy?: StatefulSet['spec']['updateStrategy'];
  readonly template?: { readonly image?: string };
}

function recordedStatefulSet(header: RecordingHeader, change: RecordedChange): StatefulSet {
  const spec = change.object['spec'] as RawStatefulSetSpec;
  const minReadySeconds = header.params['minReadySeconds'];
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: recordedMeta(header, change),
    spec: {
      replicas: spec.replicas ?? 1,
      selector: {},
      template: templateOf(spec.template?.image ?? ''),
      serviceName: '',
      podManagementPolicy: spec.podManagementPolicy ?? 'OrderedReady',
      updateStrategy: spec.updateStrategy ?? { type: 'RollingUpdate' },
      revisionHistoryLimit: 10,
      ...(typeof minReadySeconds === 'number' ? { minReadySeconds } : {}),
    },
    status: change.object['status'] as StatefulSet['status'],
  };
}

interface StatefulState {
  readonly set: StatefulSet | undefined;
  readonly pods: ReadonlyMap<string, Pod>;
  /** Names of the set's revisions, oldest first. */
  readonly revisions: readonly string[];
}

/** Pods that a StatefulSet creates and deletes. */
export function replayStatefulSet(recording: Recording, tally: Tally): void {
  const { header } = recording;
  const states: StatefulState[] = [{ set: undefined, pods: new Map(), revisions: [] }];
  let deleted = false;
  for (const change of recording.changes) {
    const before = states[states.length - 1]!;
    if (change.kind === 'StatefulSet') {
      deleted ||= change.type === 'D';
      states.push({ ...before, set: change.type === 'D' ? undefined : recordedStatefulSet(header, change) });
    } else if (change.kind === 'ControllerRevision' && change.type === 'A') {
      states.push({ ...before, revisions: [...before.revisions, change.name] });
    } else if (change.kind === 'Pod') {
      const pod = recordedPod(header, change);
      if (pod.metadata.ownerReferences?.[0]?.kind !== 'StatefulSet') continue;
      const old = before.pods.get(change.name);
      const pods = new Map(before.pods);
      if (change.type === 'D') pods.delete(change.name);
      else pods.set(change.name, pod);
      const going = change.type === 'M' && pod.metadata.deletionTimestamp !== undefined && old?.metadata.deletionTimestamp === undefined;
      if (!deleted && (change.type === 'A' || going)) checkStateful(states, pod, change, tally);
      states.push({ ...before, pods });
    }
  }
}

function checkStateful(states: readonly StatefulState[], pod: Pod, change: RecordedChange, tally: Tally): void {
  const create = change.type === 'A';
  const found: string[] = [];
  for (let lag = 0; lag < POD_LAG && lag < states.length; lag++) {
    const { set, pods, revisions } = states[states.length - 1 - lag]!;
    if (set === undefined || revisions.length === 0) continue;
    // The newest revision belongs to the template as soon as it exists; before, the one the status names.
    for (const updateRevision of new Set([revisions[revisions.length - 1]!, set.status.updateRevision ?? revisions[0]!])) {
      const currentRevision = set.status.currentRevision ?? updateRevision;
      const plan = planStatefulSet({ set, pods: [...pods.values()], currentRevision, updateRevision, maxUnavailableGate: false, claims: new Map(), now: change.time });
      const creations = plan.create.map(({ ordinal, revision }) => `+${ordinal}@${revision}`);
      const deletions = plan.remove.map((entry) => `-${ordinalOf(entry.pod)}`);
      found.push([...creations, ...deletions].join(' '));
      const wanted = create ? `+${ordinalOf(pod)}@${pod.metadata.labels?.['controller-revision-hash'] ?? ''}` : `-${ordinalOf(pod)}`;
      if ((create ? creations : deletions).includes(wanted)) {
        tally.check(true, '', '', '');
        return;
      }
    }
  }
  tally.check(false, `${create ? 'creation' : 'deletion'} at revision ${change.revision}`, pod.metadata.name, found.join(' | '));
}

/** Evictions: the answer to each, given the budgets and the pod before it. */
export function replayEvictions(recording: Recording, tally: Tally): void {
  const { header } = recording;
  for (const command of recording.commands) {
    const { verb, name } = commandTarget(command.name);
    const code = command.object['code'];
    if (verb !== 'evict' || typeof code !== 'number') continue;
    const answers = new Set<string>();
    const cause = causeOf(command);
    let ok = false;
    // The command is recorded after its answer; what the server saw is one of the states of the moments before.
    for (const lag of [0, 5e6, 20e6, 50e6, 100e6, 200e6, 400e6]) {
      const view = stateAt(recording, command.time - lag, header);
      const pod = view.pods.get(name);
      if (pod === undefined) continue;
      const decision = decideEviction(pod, view.budgets, command.time - lag);
      const answer = decision.kind === 'refuse' ? `${decision.code} ${decision.cause ?? ''}` : '201 ';
      answers.add(answer);
      if (answer === `${code} ${code === 201 ? '' : cause}`) ok = true;
    }
    if (answers.size > 0) tally.check(ok, `eviction of ${name} at ${command.time / SECOND} s`, `${code} ${cause}`, [...answers].join(' | '));
  }
}

function causeOf(command: RecordedChange): string {
  const causes = command.object['causes'] as readonly (string | { readonly message?: string })[] | undefined;
  const first = causes?.[0];
  return typeof first === 'string' ? first : (first?.message ?? '');
}

function stateAt(recording: Recording, time: Time, header: RecordingHeader): { pods: Map<string, Pod>; budgets: PodDisruptionBudget[] } {
  const pods = new Map<string, Pod>();
  const budgets = new Map<string, PodDisruptionBudget>();
  for (const change of recording.changes) {
    if (change.time > time) continue;
    if (change.kind === 'Pod') {
      if (change.type === 'D') pods.delete(change.name);
      else pods.set(change.name, recordedPod(header, change));
    } else if (change.kind === 'PodDisruptionBudget') {
      if (change.type === 'D') budgets.delete(change.name);
      else budgets.set(change.name, recordedBudget(header, change));
    }
  }
  return { pods, budgets: [...budgets.values()] };
}

function recordedBudget(header: RecordingHeader, change: RecordedChange): PodDisruptionBudget {
  const { spec, status } = change.object as { spec: PodDisruptionBudget['spec']; status: PodDisruptionBudget['status'] };
  const disrupted: Record<string, Time> = {};
  for (const [name, time] of Object.entries(status.disruptedPods ?? {})) disrupted[name] = recordedTime(header, time) ?? 0;
  return { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: recordedMeta(header, change), spec, status: { ...status, disruptedPods: disrupted } };
}
