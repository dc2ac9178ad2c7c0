import { controllerOf, type IntOrString } from '../../../src/api/meta.js';
import type { Deployment, ReplicaSet } from '../../../src/api/workloads.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../../../src/apiserver/request.js';
import type { Process } from '../../../src/client/process.js';
import type { ApiClient } from '../../../src/client/types.js';

const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAXIMUM = 'deployment.kubernetes.io/max-replicas';

/** What a Deployment allows. */
export interface Bounds {
  readonly replicas: number;
  /** Pods wanted and those that may exist beside them. */
  readonly most: number;
  /** Available pods that a rolling step leaves. */
  readonly floor: number;
}

export function boundsOf({ spec: { replicas, strategy } }: Deployment): Bounds {
  const rolling = strategy.rollingUpdate;
  let unavailable = rolling === undefined ? replicas : resolved(rolling.maxUnavailable, replicas, Math.floor);
  const surge = rolling === undefined ? 0 : resolved(rolling.maxSurge, replicas, Math.ceil);
  if (surge === 0 && unavailable === 0) unavailable = 1;
  return { replicas, most: replicas + surge, floor: replicas - Math.min(unavailable, replicas) };
}

function resolved(value: IntOrString, total: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number(value.replace('%', '')) * total) / 100);
}

/** One ReplicaSet as a sync read it, or as the API server answered the sync's last write. */
interface SetRead {
  readonly replicas: number;
  readonly available: number;
  readonly desired: string | undefined;
}

/** What one sync goes by. */
interface Read {
  readonly bounds: Bounds;
  /** The sync takes a step of a rolling update: it does not share a new size out, and is not paused. */
  readonly rolling: boolean;
  readonly paused: boolean;
  readonly sets: Map<string, SetRead>;
}

function readOf({ spec, status, metadata }: ReplicaSet): SetRead {
  return { replicas: spec.replicas, available: status.availableReplicas ?? 0, desired: metadata.annotations?.[DESIRED] };
}

/**
 * Looks at every write of a ReplicaSet as the Deployment controller sends it, on the state that its sync read when it began: the sizes
 * never grow beyond what is wanted and the surge, and no step of a rollout takes more available pods than it found it may.
 */
export class SyncWatch {
  readonly looked = { growth: 0, shrinking: 0 };
  private readonly violations: string[];
  /** By uid of the Deployment; a Deployment has one sync at a time. */
  private readonly reads = new Map<string, Read>();

  constructor(violations: string[]) {
    this.violations = violations;
  }

  /** A worker takes a Deployment from its queue: what its sync goes by is what the caches show now. */
  begins(key: string, process: Process): void {
    const deployment = process.informer<Deployment>('deployments').get(key);
    if (deployment === undefined) return;
    const { uid } = deployment.metadata;
    const bounds = boundsOf(deployment);
    const sets = new Map<string, SetRead>();
    for (const set of process.informer<ReplicaSet>('replicasets').list()) if (controllerOf(set)?.uid === uid) sets.set(set.metadata.uid, readOf(set));
    const scaling = [...sets.values()].some(({ replicas, desired }) => replicas > 0 && desired !== undefined && desired !== String(bounds.replicas));
    const rolling = deployment.spec.strategy.type === 'RollingUpdate' && deployment.spec.paused !== true && !scaling;
    this.reads.set(uid, { bounds, rolling, paused: deployment.spec.paused === true, sets });
  }

  overlook(client: ApiClient): ApiClient {
    const request = client.request.bind(client);
    client.request = (call, receiver, tag) => {
      if (call.resource !== 'replicasets' || call.subresource !== undefined) {
        request(call, receiver, tag);
        return;
      }
      if (call.body !== undefined) this.judge(call, call.body as ReplicaSet);
      request(call, new Answered(this, receiver), tag);
    };
    return client;
  }

  /** The API server has answered: the rest of the sync goes by what it says. */
  answered({ verb }: ApiRequest, response: ApiResponse): void {
    if (!succeeded(response) || verb === 'delete') return;
    const set = response.object as ReplicaSet;
    const owner = controllerOf(set);
    if (owner !== undefined) this.reads.get(owner.uid)?.sets.set(set.metadata.uid, readOf(set));
  }

  private judge(call: ApiRequest, next: ReplicaSet): void {
    const { name, uid, annotations } = next.metadata;
    const read = this.reads.get(controllerOf(next)?.uid ?? '');
    if (read === undefined) {
      this.violations.push(`replicaset ${name} is written without a sync of its Deployment`);
      return;
    }
    const own = call.verb === 'create' ? undefined : read.sets.get(uid);
    if (own === undefined && call.verb !== 'create') {
      this.violations.push(`replicaset ${name} is written and was not read`);
      return;
    }
    const { replicas = 0, available = 0 } = own ?? {};
    if (own !== undefined && next.spec.replicas === replicas) return;
    const { bounds, rolling, paused, sets } = read;
    if (own === undefined && paused) this.violations.push(`replicaset ${name} is made for a paused Deployment`);
    if (annotations?.[DESIRED] !== String(bounds.replicas) || annotations[MAXIMUM] !== String(bounds.most)) {
      this.violations.push(`replicaset ${name} is written for ${bounds.replicas} pods of at most ${bounds.most}, and says ${JSON.stringify(annotations)}`);
    }
    let before = 0;
    let working = 0;
    for (const set of sets.values()) {
      before += set.replicas;
      working += set.available;
    }
    if (next.spec.replicas > replicas) {
      this.looked.growth++;
      const after = before - replicas + next.spec.replicas;
      const most = Math.max(before, bounds.replicas === 0 ? 0 : bounds.most);
      if (after > most) this.violations.push(`replicaset ${name} → ${next.spec.replicas}: ${before} pods in all become ${after}, more than ${most}`);
    } else if (next.spec.replicas < replicas && rolling) {
      this.looked.shrinking++;
      const after = working - available + Math.min(available, next.spec.replicas);
      const floor = Math.min(working, bounds.floor);
      if (after < floor) this.violations.push(`replicaset ${name} → ${next.spec.replicas}: ${working} available pods become ${after}, fewer than ${floor}`);
    }
  }
}

/** Tells of the answer to a write. */
class Answered implements ResponseReceiver {
  private readonly watch: SyncWatch;
  private readonly receiver: ResponseReceiver;

  constructor(watch: SyncWatch, receiver: ResponseReceiver) {
    this.watch = watch;
    this.receiver = receiver;
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    this.watch.answered(request, response);
    this.receiver.receive(tag, response, request);
  }
}
