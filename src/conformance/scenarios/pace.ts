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
  /** What of each delay is not the controller's: requests and watches, as the model adds them itself. */
  readonly rest: Duration;
  /** Of a delay, what passes from a key's turn until a worker reads the object. */
  readonly wakeShares: { readonly replicaset: number; readonly deployment: number };
}

/** Delays longer than this come from client limits or from the machine standing still. */
const LONGEST = 1000 * MILLISECOND;
/** Fewer delays than this say nothing. */
const ENOUGH = 4;
/** What requests and watches take without load, which the model adds itself. */
const REST = 4 * MILLISECOND;
/**
 * Of a delay, what passes until the informer takes up a change, and from a key's turn until a worker reads the object: a ReplicaSet
 * is read early, and what its pods have become meanwhile still counts. In the rest the sync makes its requests.
 */
const EVENT_SHARE = 0.05;
const WAKE_SHARES = { replicaset: 0.05, deployment: 0.95 } as const;

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
  return { replicaset, deployment, rest: REST, wakeShares: WAKE_SHARES };
}

/** A lognormal distribution by the median and mean of delays. */
function distribution(delays: readonly Duration[], rest: Duration): Lognormal | undefined {
  const kept = delays.filter((delay) => delay <= LONGEST).map((delay) => Math.max(MILLISECOND / 5, delay - rest));
  if (kept.length < ENOUGH) return undefined;
  const sorted = [...kept].sort((x, y) => x - y);
  const median = sorted[sorted.length >> 1]!;
  let sum = 0;
  for (const delay of kept) sum += delay;
  const ratio = Math.max(1, sum / kept.length / median);
  // The mean of a lognormal distribution is its median times e^(σ²/2).
  return { kind: 'lognormal', median, sigma: Math.sqrt(2 * log(ratio)) };
}

interface Lognormal {
  readonly kind: 'lognormal';
  readonly median: Duration;
  readonly sigma: number;
}

function share({ median, sigma }: Lognormal, part: number): DistributionSpec {
  return { kind: 'lognormal', median: median * part, sigma };
}

/** The profile of a machine that was as slow as in the recording. */
export function paced(profile: CostProfile, pace: Pace): CostProfile {
  const { controllers } = profile;
  const syncCpu: Record<string, DistributionSpec> = { ...controllers.syncCpu };
  const wakeUp: Record<string, DistributionSpec> = { ...controllers.wakeUp };
  for (const name of ['deployment', 'replicaset'] as const) {
    const delay = distribution(pace[name], pace.rest);
    if (delay === undefined) continue;
    syncCpu[name] = share(delay, 1 - EVENT_SHARE - pace.wakeShares[name]);
    wakeUp[name] = share(delay, pace.wakeShares[name]);
  }
  const hop = distribution(pace.deployment, pace.rest);
  const event = hop === undefined ? {} : { replicasets: share(hop, EVENT_SHARE), deployments: share(hop, EVENT_SHARE) };
  return { ...profile, controllers: { ...controllers, syncCpu, wakeUp, eventDelay: { ...controllers.eventDelay, ...event } } };
}
