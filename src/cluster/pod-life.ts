import type { Pod } from '../api/core.js';
import { podVersion } from '../api/image.js';
import { controllerOf } from '../api/meta.js';
import type { Time } from '../kernel/time.js';
import { NEVER } from './app-tracker.js';

/** Instants of a pod's life, by which their columns are numbered. */
export const CREATED = 0;
export const SCHEDULED = 1;
export const SANDBOXED = 2;
export const PULLED = 3;
export const STARTED = 4;
export const READY = 5;
export const WATCHED = 6;
export const DELETED = 7;
export const REMOVED = 8;
const INSTANTS = 9;

const FIRST_ROOM = 64;

/** What the pods of one owner have in common. */
interface Descent {
  readonly namespace: string;
  readonly owner: string;
  readonly version: string;
  readonly replicaSet: string;
}

/** The instants of one pod's life as they show in the API. */
export class PodLife {
  readonly name: string;
  node = '';
  restarts = 0;
  /** Counted as ready in its ReplicaSet. */
  isReady = false;
  private readonly descent: Descent;
  private readonly lives: PodLives;
  private readonly first: number;

  constructor(name: string, descent: Descent, lives: PodLives, first: number) {
    this.name = name;
    this.descent = descent;
    this.lives = lives;
    this.first = first;
  }

  get namespace(): string {
    return this.descent.namespace;
  }

  /** Kind and name of its controller; empty: it has none. */
  get owner(): string {
    return this.descent.owner;
  }

  get version(): string {
    return this.descent.version;
  }

  /** `namespace/name` of its controller. */
  get replicaSet(): string {
    return this.descent.replicaSet;
  }

  /** An instant; `NEVER`: it has not come. */
  at(instant: number): Time {
    return this.lives.instants[this.first + instant]!;
  }

  /** An instant comes, unless it has come before. */
  comes(instant: number, time: Time): void {
    const { instants } = this.lives;
    if (instants[this.first + instant] === NEVER) instants[this.first + instant] = time;
  }

  get created(): Time {
    return this.at(CREATED);
  }

  get scheduled(): Time {
    return this.at(SCHEDULED);
  }

  get sandboxed(): Time {
    return this.at(SANDBOXED);
  }

  get pulled(): Time {
    return this.at(PULLED);
  }

  get started(): Time {
    return this.at(STARTED);
  }

  get ready(): Time {
    return this.at(READY);
  }

  get watched(): Time {
    return this.at(WATCHED);
  }

  get deleted(): Time {
    return this.at(DELETED);
  }

  get removed(): Time {
    return this.at(REMOVED);
  }
}

/** The lives of all pods: their instants side by side, what pods of one template have in common once. */
export class PodLives {
  /** Of each life its instants, one after the other. */
  instants: Float64Array = new Float64Array(FIRST_ROOM * INSTANTS);
  private used = 0;
  /** Of the pod that came last. */
  private last: Descent | null = null;
  private lastImage = '';
  private lastOwner = '';

  /** A pod has been stored. */
  begin(pod: Pod): PodLife {
    const first = this.used;
    this.used += INSTANTS;
    if (this.used > this.instants.length) {
      const { instants } = this;
      this.instants = new Float64Array(instants.length * 2);
      this.instants.set(instants);
    }
    this.instants.fill(NEVER, first, this.used);
    this.instants[first + CREATED] = pod.metadata.creationTimestamp;
    return new PodLife(pod.metadata.name, this.descentOf(pod), this, first);
  }

  private descentOf(pod: Pod): Descent {
    const owner = controllerOf(pod);
    const { namespace } = pod.metadata;
    const image = pod.spec.containers[0]?.image ?? '';
    const uid = owner?.uid ?? '';
    if (this.last === null || this.last.namespace !== namespace || image !== this.lastImage || uid !== this.lastOwner || uid === '') {
      this.last = {
        namespace,
        owner: owner === undefined ? '' : `${owner.kind}/${owner.name}`,
        version: podVersion(pod.spec),
        replicaSet: owner === undefined ? '' : `${namespace}/${owner.name}`,
      };
      this.lastImage = image;
      this.lastOwner = uid;
    }
    return this.last;
  }
}
