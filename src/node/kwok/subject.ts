import type { Labels, KubernetesObject } from '../../api/meta.js';
import type { Serializer } from '../../api/serialize.js';
import type { Time } from '../../kernel/time.js';
import type { StageSubject } from './lifecycle.js';

/** Fields of typed objects that hold what their JSON holds, except that timestamps are numbers. */
const SAME_AS_JSON: Readonly<Record<string, ReadonlySet<string>>> = {
  metadata: new Set(['name', 'generateName', 'uid', 'labels', 'annotations', 'ownerReferences', 'finalizers', 'deletionTimestamp']),
  spec: new Set(['nodeName', 'schedulerName', 'restartPolicy', 'priorityClassName', 'serviceAccountName']),
  status: new Set([
    ...['phase', 'podIP', 'hostIP', 'reason', 'message', 'nominatedNodeName', 'qosClass', 'startTime', 'conditions', 'addresses'],
    ...['containerStatuses', 'initContainerStatuses', 'nodeInfo'],
  ]),
};

/** A Pod or Node of the simulation as stages see it; written as JSON only when an expression needs it. */
export class ObjectSubject implements StageSubject {
  private readonly serializer: Serializer;
  private object: KubernetesObject | null = null;
  private written: Record<string, unknown> | null = null;
  private typed = true;

  constructor(serializer: Serializer) {
    this.serializer = serializer;
  }

  /** Looks at an object from now on. */
  of(object: KubernetesObject): this {
    if (object === this.object) return this;
    this.object = object;
    this.written = null;
    return this;
  }

  get labels(): Labels | undefined {
    return this.object!.metadata.labels;
  }

  get annotations(): Labels | undefined {
    return this.object!.metadata.annotations;
  }

  data(path: readonly string[]): unknown {
    this.typed = path.length >= 2 && (SAME_AS_JSON[path[0]!]?.has(path[1]!) ?? false);
    return this.typed ? this.object : this.json();
  }

  json(): Record<string, unknown> {
    this.written ??= this.serializer.object(this.object!);
    return this.written;
  }

  timeOf(value: unknown): Time | undefined {
    if (typeof value === 'number') return this.typed ? value : undefined;
    return typeof value === 'string' ? this.serializer.parse(value) : undefined;
  }
}
