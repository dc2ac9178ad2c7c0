import type { Duration, Time } from '../../kernel/time.js';
import { MILLISECOND } from '../../kernel/time.js';
import type { DistributionSpec } from '../../random/distribution.js';
import { log } from '../../random/portable.js';
import type { CostProfile } from '../../scenario/types.js';
import type { Recording } from '../controllers-recording.js';
import { ownerOf } from './names.js';

/**
 * How long the recorded machine took from a change to the controller's answer to it: recordings were made on two shared cores
 * under changing load, several scenarios at once. The delays are taken for the time of a sync.
 */
export interface Pace {
  readonly replicaset: readonly Duration[];
  readonly deployment: readonly Duration[];
}

/** Delays longer than this come from client limits or from the machine standing still. */
const LONGEST = 1000 * MILLISECOND;
/** Fewer delays than this say nothing. */
const ENOUGH = 4;
/** What requests and watches take without load, which the model adds itself. */
const REST = 4 * MILLISECOND;

/** Delays from a pod's becoming ready to the status of its ReplicaSet that counts it, and from there to the Deployment's. */
export function paceOf(recording: Recording): Pace {
  const replicaset: Duration[] = [];
  const deployment: Duration[] = [];
  const ready = new Map<string, Time[]>();
  const seen = new Set<string>();
  const counted = new Map<string, number>();
  /** ReplicaSets that have grown and whose next pod has not come: size and when. */
  const grown = new Map<string, Time>();
  const sizes = new Map<string, number>();
  let lastSet: Time = -1;
  for (const change of recording.changes) {
    const { kind, name, type, object, time } = change;
    if (type === 'D') continue;
    const status = object['status'] as { readonly readyReplicas?: number; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
    if (kind === 'Pod') {
      const since = type === 'A' ? grown.get(ownerOf(change)) : undefined;
      if (since !== undefined) {
        replicaset.push(Math.max(0, time - since));
        grown.delete(ownerOf(change));
      }
      const isReady = status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
      if (!isReady || seen.has(name)) continue;
      seen.add(name);
      const owner = ownerOf(change);
      const times = ready.get(owner);
      if (times === undefined) ready.set(owner, [time]);
      else times.push(time);
    } else if (kind === 'ReplicaSet') {
      const count = status.readyReplicas ?? 0;
      const last = ready.get(`ReplicaSet/${name}`)?.[count - 1];
      if (count > (counted.get(name) ?? 0) && last !== undefined) replicaset.push(Math.max(0, time - last));
      const { replicas = 0 } = object['spec'] as { readonly replicas?: number };
      if (replicas > (sizes.get(name) ?? 0) && !grown.has(`ReplicaSet/${name}`)) grown.set(`ReplicaSet/${name}`, time);
      sizes.set(name, replicas);
      counted.set(name, Math.max(count, counted.get(name) ?? 0));
      lastSet = time;
    } else if (kind === 'Deployment' && lastSet >= 0) {
      deployment.push(Math.max(0, time - lastSet));
      lastSet = -1;
    }
  }
  return { replicaset, deployment };
}

/** A lognormal distribution of the median and mean of delays. */
function distribution(delays: readonly Duration[]): DistributionSpec | undefined {
  const kept = delays.filter((delay) => delay <= LONGEST).map((delay) => Math.max(MILLISECOND / 5, delay - REST));
  if (kept.length < ENOUGH) return undefined;
  const sorted = [...kept].sort((x, y) => x - y);
  const median = sorted[sorted.length >> 1]!;
  let sum = 0;
  for (const delay of kept) sum += delay;
  const ratio = Math.max(1, sum / kept.length / median);
  // The mean of a lognormal distribution is its median times e^(σ²/2).
  return { kind: 'lognormal', median, sigma: Math.sqrt(2 * log(ratio)) };
}

/** The profile of a machine that was as slow as in the recording. */
export function paced(profile: CostProfile, pace: Pace): CostProfile {
  const replicaset = distribution(pace.replicaset);
  const deployment = distribution(pace.deployment);
  const syncCpu = {
    ...profile.controllers.syncCpu,
    ...(replicaset === undefined ? {} : { replicaset }),
    ...(deployment === undefined ? {} : { deployment }),
  };
  return { ...profile, controllers: { ...profile.controllers, syncCpu } };
}
