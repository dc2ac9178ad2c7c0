import type { Pod } from '../api/core.js';
import type { Time } from '../kernel/time.js';
import { apiTime } from './conditions.js';
import { deletionCost, maxContainerRestarts, PHASE_ORDER } from './pod-ranking.js';

/**
 * A pod of a controller, with what its controller counts and ranks by beside the object: versions that many others come after
 * are far away in memory, and need not be looked into again. Of a pod that is no longer active these are as they last were.
 */
export class OwnedPod {
  readonly key: string;
  /** Its last version. */
  pod: Pod;
  /** Empty: it has none yet. */
  node = '';
  isReady = false;
  /** When it became ready; 0 when it is not, or nobody knows. */
  readySince: Time = 0;
  /** Assigned, phase and ready in one number: lower is deleted first. */
  state = 0;
  /** As its annotation says. */
  cost = 0;
  /** Of the container that was restarted most; 0 when it is ready, as then nobody asks. */
  restarts = 0;
  /** It is among the active ones. */
  active = true;
  /** It is being deleted. */
  terminating = false;
  /** It counts as available. */
  available = false;
  /** Where it stands in the order of deletion; null: it is new, or has come forward since it was placed, or is out. */
  place: OrderPlace | null = null;
  /** It is among those to be placed. */
  unplaced = false;

  constructor(key: string, pod: Pod) {
    this.key = key;
    this.pod = pod;
    this.take(pod);
  }

  /** Takes the next version; returns whether something differs that the order of deletion looks at. */
  take(pod: Pod): boolean {
    const { node, readySince, state, cost, restarts } = this;
    const { spec, status, metadata } = pod;
    this.pod = pod;
    this.node = spec.nodeName ?? '';
    this.isReady = false;
    this.readySince = 0;
    const { conditions } = status;
    if (conditions !== undefined) {
      for (let i = 0; i < conditions.length; i++) {
        const condition = conditions[i]!;
        if (condition.type !== 'Ready') continue;
        this.isReady = condition.status === 'True';
        if (this.isReady) this.readySince = condition.lastTransitionTime ?? 0;
        break;
      }
    }
    this.state = (this.node === '' ? 0 : 8) + (PHASE_ORDER[status.phase] ?? 0) * 2 + (this.isReady ? 1 : 0);
    this.cost = metadata.annotations === undefined ? 0 : deletionCost(pod);
    this.restarts = this.isReady ? 0 : maxContainerRestarts(pod);
    return this.state !== state || this.node !== node || this.readySince !== readySince || this.cost !== cost || this.restarts !== restarts;
  }

  /** What its age is counted from: since it is ready, else since it was made. */
  get agedSince(): Time {
    return apiTime(this.isReady ? this.readySince : this.pod.metadata.creationTimestamp);
  }
}

/** A place in the order of deletion; void when its pod has another one, or none. */
export interface OrderPlace {
  readonly owned: OwnedPod;
  readonly uid: string;
  readonly state: number;
  readonly cost: number;
  rank: number;
  readonly restarts: number;
  /** Of its age. */
  bucket: number;
}
