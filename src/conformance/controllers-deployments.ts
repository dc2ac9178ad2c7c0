import type { Deployment, DeploymentStatus, DeploymentStrategy, ReplicaSet } from '../api/workloads.js';
import { newCondition, setCondition } from '../controllers/conditions.js';
import { decideDeployment, type DeploymentDecision } from '../controllers/deployment-rollout.js';
import { findNewReplicaSet } from '../controllers/deployment-sets.js';
import { calculateStatus, rolloutStatus } from '../controllers/deployment-status.js';
import type { Time } from '../kernel/time.js';
import { type RecordedChange, recordedConditions, recordedMeta, type Recording, type RecordingHeader } from './controllers-recording.js';
import { LAG, type Tally, templateOf } from './controllers-tally.js';

/** Decisions of the Deployment controller in a recording: sizes of ReplicaSets, and statuses. */

interface RawDeploymentSpec {
  readonly replicas?: number;
  readonly paused?: boolean;
  readonly strategy?: DeploymentStrategy;
  readonly template?: { readonly image?: string };
}

function recordedDeployment(header: RecordingHeader, change: RecordedChange): Deployment {
  const spec = change.object['spec'] as RawDeploymentSpec;
  const conditions = recordedConditions(header, change.object);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: recordedMeta(header, change),
    spec: {
      replicas: spec.replicas ?? 1,
      selector: {},
      template: templateOf(spec.template?.image ?? ''),
      strategy: spec.strategy ?? { type: 'RollingUpdate' },
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...(spec.paused === true ? { paused: true } : {}),
    },
    status: { ...(change.object['status'] as Deployment['status']), ...(conditions === undefined ? {} : { conditions }) },
  };
}

function recordedReplicaSet(header: RecordingHeader, change: RecordedChange): ReplicaSet {
  const spec = change.object['spec'] as { readonly replicas?: number; readonly template?: { readonly image?: string } };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: recordedMeta(header, change),
    spec: { replicas: spec.replicas ?? 0, selector: {}, template: templateOf(spec.template?.image ?? ''), minReadySeconds: 0 },
    status: change.object['status'] as ReplicaSet['status'],
  };
}

/** What a Deployment's controller could have read at some revision. */
interface DeploymentState {
  readonly deployment: Deployment | undefined;
  readonly sets: ReadonlyMap<string, ReplicaSet>;
}

/** Sizes of ReplicaSets: every creation, and every change of spec.replicas. */
export function replayScaling(recording: Recording, tally: Tally): void {
  const { header } = recording;
  const states: DeploymentState[] = [{ deployment: undefined, sets: new Map() }];
  for (const change of recording.changes) {
    if (change.kind !== 'Deployment' && change.kind !== 'ReplicaSet') continue;
    const before = states[states.length - 1]!;
    if (change.kind === 'Deployment') {
      const deployment = change.type === 'D' ? undefined : recordedDeployment(header, change);
      states.push({ ...before, deployment });
      continue;
    }
    const sets = new Map(before.sets);
    const old = sets.get(change.name);
    const set = recordedReplicaSet(header, change);
    if (change.type === 'D') sets.delete(change.name);
    else sets.set(change.name, set);
    const owned = set.metadata.ownerReferences?.[0]?.kind === 'Deployment';
    if (owned && change.type !== 'D' && old?.spec.replicas !== set.spec.replicas) checkScale(states, set, old, tally);
    states.push({ ...before, sets });
  }
}

function checkScale(states: readonly DeploymentState[], set: ReplicaSet, old: ReplicaSet | undefined, tally: Tally): void {
  const wanted = set.spec.replicas;
  let first = '';
  for (let lag = 0; lag < LAG && lag < states.length; lag++) {
    const view = states[states.length - 1 - lag]!;
    // The Deployment and its ReplicaSets come through different watches: either may be ahead.
    for (let other = 0; other <= lag; other++) {
      for (const [d, s] of [[lag, other], [other, lag]] as const) {
        const { deployment } = states[states.length - 1 - d]!;
        if (deployment === undefined) continue;
        const decision = decide(deployment, [...states[states.length - 1 - s]!.sets.values()]);
        if (matches(decision, set, old, wanted)) {
          tally.check(true, '', '', '');
          return;
        }
        if (first === '' && view.deployment !== undefined) first = describe(decision);
      }
    }
  }
  const sizes = [...states[states.length - 1]!.sets.values()].map(sizeText).join(' ');
  tally.check(false, `scale at revision ${set.metadata.resourceVersion}, before: ${sizes}`, `${set.metadata.name} ${old?.spec.replicas ?? 0}→${wanted}`, first);
}

function decide(deployment: Deployment, sets: readonly ReplicaSet[]): DeploymentDecision {
  const newSet = findNewReplicaSet(deployment, sets);
  return decideDeployment(deployment, newSet, sets.filter((set) => set !== newSet));
}

function matches(decision: DeploymentDecision, set: ReplicaSet, old: ReplicaSet | undefined, wanted: number): boolean {
  if (old === undefined) return decision.create === wanted;
  return decision.changes.some((change) => change.replicaSet.metadata.name === set.metadata.name && change.replicas === wanted);
}

function sizeText(set: ReplicaSet): string {
  const { replicas, readyReplicas, availableReplicas } = set.status;
  return `${set.metadata.name} ${set.spec.replicas}/${replicas}/${readyReplicas ?? 0}/${availableReplicas ?? 0}`;
}

function describe({ create, changes }: DeploymentDecision): string {
  const sizes = changes.map(({ replicaSet, replicas }) => `${replicaSet.metadata.name}→${replicas}`);
  return create === undefined ? sizes.join(' ') || 'nothing' : `create with ${create}`;
}

/** Counters and conditions without their times, as text that is equal for equal statuses. */
function statusText(status: DeploymentStatus): string {
  const { conditions, observedGeneration, ...counts } = status;
  const sorted = Object.keys(counts).sort();
  const numbers = sorted.map((key) => `${key}=${String(counts[key as keyof typeof counts])}`).join(' ');
  const texts = (conditions ?? []).map(({ type, status: value, reason, message }) => `${type}=${value}/${reason}/${message}`);
  return `g${observedGeneration ?? 0} ${numbers} ${texts.join('; ')}`;
}

/** Statuses of a Deployment: every write of it, given the Deployment and the ReplicaSets before it. */
export function replayStatus(recording: Recording, tally: Tally): void {
  const { header } = recording;
  const states: DeploymentState[] = [{ deployment: undefined, sets: new Map() }];
  for (const change of recording.changes) {
    if (change.kind !== 'Deployment' && change.kind !== 'ReplicaSet') continue;
    const before = states[states.length - 1]!;
    if (change.kind === 'ReplicaSet') {
      const sets = new Map(before.sets);
      if (change.type === 'D') sets.delete(change.name);
      else sets.set(change.name, recordedReplicaSet(header, change));
      states.push({ ...before, sets });
      continue;
    }
    const deployment = change.type === 'D' ? undefined : withDeadline(recordedDeployment(header, change), change);
    const old = before.deployment;
    if (deployment !== undefined && old !== undefined && statusText(old.status) !== statusText(deployment.status)) {
      checkStatus(states, deployment, change, tally);
    }
    states.push({ ...before, deployment });
  }
}

function withDeadline(deployment: Deployment, change: RecordedChange): Deployment {
  const spec = change.object['spec'] as { readonly progressDeadlineSeconds?: number };
  return { ...deployment, spec: { ...deployment.spec, progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600 } };
}

function checkStatus(states: readonly DeploymentState[], written: Deployment, change: RecordedChange, tally: Tally): void {
  const wanted = statusText(written.status);
  const found: string[] = [];
  for (let d = 0; d < LAG && d < states.length; d++) {
    const { deployment } = states[states.length - 1 - d]!;
    if (deployment === undefined) continue;
    for (let s = 0; s < LAG && s < states.length; s++) {
      for (const status of possibleStatuses(deployment, [...states[states.length - 1 - s]!.sets.values()], change.time)) {
        const text = statusText(status);
        if (text === wanted) {
          tally.check(true, '', '', '');
          return;
        }
        if (!found.includes(text)) found.push(text);
      }
    }
  }
  tally.check(false, `status at revision ${change.revision}`, wanted, found.slice(0, 4).join('\n         '));
}

/** What one sync may write as status: at its end, or on its way (a new ReplicaSet, pausing and resuming). */
function possibleStatuses(deployment: Deployment, sets: readonly ReplicaSet[], now: Time): readonly DeploymentStatus[] {
  const newSet = findNewReplicaSet(deployment, sets);
  const { status } = deployment;
  const progressing = (value: 'True' | 'Unknown', reason: string, message: string): DeploymentStatus => ({
    ...status,
    conditions: setCondition(status.conditions, newCondition('Progressing', value, reason, message, now)),
  });
  const onTheWay: DeploymentStatus[] = [
    progressing('Unknown', 'DeploymentPaused', 'Deployment is paused'),
    progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed'),
  ];
  if (newSet !== undefined) {
    onTheWay.push(progressing('True', 'NewReplicaSetCreated', `Created new replica set "${newSet.metadata.name}"`));
    onTheWay.push(progressing('True', 'FoundNewReplicaSet', `Found new replica set "${newSet.metadata.name}"`));
  }
  return [
    ...[status, ...onTheWay].map((base) => rolloutStatus({ ...deployment, status: base }, sets, newSet, now)),
    ...[status, ...onTheWay].map((base) => calculateStatus({ ...deployment, status: base }, sets, newSet, now)),
    ...onTheWay,
  ];
}
