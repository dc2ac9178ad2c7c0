import type { NodeSelector, Service } from '../../api/core.js';
import type { KubernetesObject, LabelSelector, Labels } from '../../api/meta.js';
import type { Time } from '../../kernel/time.js';
import type { NamespaceLabels } from './affinity-term.js';

const noLabels: Labels = {};

/** A controller whose selector spreads its pods by default: ReplicaSet, StatefulSet or ReplicationController. */
export interface PodOwner extends KubernetesObject {
  readonly spec: { readonly selector?: LabelSelector | Labels };
}

/** PodDisruptionBudget as preemption reads it. */
export interface DisruptionBudget extends KubernetesObject {
  readonly spec: { readonly selector?: LabelSelector };
  readonly status?: {
    readonly disruptionsAllowed?: number;
    readonly disruptedPods?: Readonly<Record<string, unknown>>;
  };
}

/** Objects of one kind by key, with a count of changes. */
export class ObjectStore<T extends KubernetesObject> {
  version = 0;
  /** How often an object came, went or got another selector: a status that is written changes nothing for who looks at selectors only. */
  selections = 0;
  private readonly byKey = new Map<string, T>();

  set(object: T): void {
    const name = key(object);
    const before = this.byKey.get(name);
    this.byKey.set(name, object);
    this.version++;
    if (before === undefined || selectorOf(before) !== selectorOf(object)) this.selections++;
  }

  delete(object: KubernetesObject): void {
    if (!this.byKey.delete(key(object))) return;
    this.version++;
    this.selections++;
  }

  get(namespace: string, name: string): T | undefined {
    return this.byKey.get(namespace === '' ? name : `${namespace}/${name}`);
  }

  get size(): number {
    return this.byKey.size;
  }

  /** All in order of arrival. */
  values(): Iterable<T> {
    return this.byKey.values();
  }
}

function selectorOf(object: KubernetesObject): unknown {
  return (object as { readonly spec?: { readonly selector?: unknown } }).spec?.selector;
}

function key(object: KubernetesObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** Everything but pods and nodes that plugins read (the listers of the scheduler's informers). */
export class ClusterObjects implements NamespaceLabels {
  readonly namespaces = new ObjectStore<KubernetesObject>();
  readonly services = new ObjectStore<Service>();
  readonly replicaSets = new ObjectStore<PodOwner>();
  readonly statefulSets = new ObjectStore<PodOwner>();
  readonly replicationControllers = new ObjectStore<PodOwner>();
  readonly disruptionBudgets = new ObjectStore<DisruptionBudget>();
  readonly claims = new ObjectStore<PersistentVolumeClaim>();
  readonly volumes = new ObjectStore<PersistentVolume>();
  readonly storageClasses = new ObjectStore<StorageClass>();
  readonly csiNodes = new ObjectStore<CsiNode>();
  readonly csiDrivers = new ObjectStore<KubernetesObject>();

  /** Takes in an object of any kind that plugins read; false for others. */
  set(object: KubernetesObject): boolean {
    const store = this.storeOf(object.kind);
    store?.set(object);
    return store !== undefined;
  }

  private storeOf(kind: string): ObjectStore<KubernetesObject> | undefined {
    switch (kind) {
      case 'Namespace':
        return this.namespaces;
      case 'Service':
        return this.services as ObjectStore<KubernetesObject>;
      case 'ReplicaSet':
        return this.replicaSets as ObjectStore<KubernetesObject>;
      case 'StatefulSet':
        return this.statefulSets as ObjectStore<KubernetesObject>;
      case 'ReplicationController':
        return this.replicationControllers as ObjectStore<KubernetesObject>;
      case 'PodDisruptionBudget':
        return this.disruptionBudgets as ObjectStore<KubernetesObject>;
      case 'PersistentVolumeClaim':
        return this.claims as ObjectStore<KubernetesObject>;
      case 'PersistentVolume':
        return this.volumes as ObjectStore<KubernetesObject>;
      case 'StorageClass':
        return this.storageClasses as ObjectStore<KubernetesObject>;
      case 'CSINode':
        return this.csiNodes as ObjectStore<KubernetesObject>;
      case 'CSIDriver':
        return this.csiDrivers;
      default:
        return undefined;
    }
  }

  namespaceLabels(namespace: string): Labels {
    return this.namespaces.get('', namespace)?.metadata.labels ?? noLabels;
  }

  hasNamespace(namespace: string): boolean {
    return this.namespaces.get('', namespace) !== undefined;
  }
}

/** A quantity as a manifest writes it. */
export type RawQuantity = string | number;

/** PersistentVolumeClaim with the fields that scheduling reads, as in its manifest. */
export interface PersistentVolumeClaim extends KubernetesObject {
  readonly spec: {
    readonly accessModes?: readonly string[];
    readonly storageClassName?: string;
    readonly volumeName?: string;
    readonly volumeMode?: string;
    readonly selector?: LabelSelector;
    readonly resources?: { readonly requests?: { readonly storage?: RawQuantity } };
    readonly volumeAttributesClassName?: string;
  };
  readonly status?: {
    readonly phase?: string;
    readonly accessModes?: readonly string[];
    readonly capacity?: { readonly storage?: RawQuantity };
    readonly currentVolumeAttributesClassName?: string;
  };
}

/** PersistentVolume with the fields that scheduling reads, as in its manifest. */
export interface PersistentVolume extends KubernetesObject {
  readonly spec: {
    readonly accessModes?: readonly string[];
    readonly storageClassName?: string;
    readonly volumeMode?: string;
    readonly capacity?: { readonly storage?: RawQuantity };
    readonly claimRef?: ClaimRef;
    readonly persistentVolumeReclaimPolicy?: string;
    readonly volumeAttributesClassName?: string;
    readonly nodeAffinity?: { readonly required?: NodeSelector };
    readonly csi?: { readonly driver: string; readonly volumeHandle: string };
    readonly hostPath?: { readonly path?: string };
    readonly nfs?: object;
  };
  /** `lastPhaseTransitionTime`: simulated time. */
  readonly status?: { readonly phase?: string; readonly message?: string; readonly lastPhaseTransitionTime?: Time };
}

/** The claim for which a volume is reserved, or to which it is bound: then with its uid. */
export interface ClaimRef {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** StorageClass with the fields that scheduling reads. */
export interface StorageClass extends KubernetesObject {
  readonly provisioner?: string;
  /** Absent: Immediate, as the API server defaults it. */
  readonly volumeBindingMode?: 'Immediate' | 'WaitForFirstConsumer';
  /** Of the volumes that are made for it; absent: Delete, as the API server defaults it. */
  readonly reclaimPolicy?: string;
  readonly mountOptions?: readonly string[];
  readonly allowedTopologies?: readonly TopologySelectorTerm[];
}

/** Nodes on which a class provisions: every expression must hold. */
export interface TopologySelectorTerm {
  readonly matchLabelExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** CSINode: the drivers of a node and how many volumes each can attach. */
export interface CsiNode extends KubernetesObject {
  readonly spec: {
    readonly drivers?: readonly { readonly name: string; readonly allocatable?: { readonly count?: number } }[];
  };
}
