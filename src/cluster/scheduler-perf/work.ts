import type { Node, Pod } from '../../api/core.js';
import type { KubernetesObject } from '../../api/meta.js';
import { infoOfKind } from '../../api/resources.js';
import type { ApiRequest, ApiResponse } from '../../apiserver/request.js';
import type { PerfNodePreparation, PerfObjectSet, PerfPodCreation } from '../../scenario/types.js';
import { createRequest } from '../timeline.js';
import { AllocatablePatch, LabelPatch } from './patches.js';
import { placed, type Work } from './tasks.js';

const HOSTNAME = 'kubernetes.io/hostname';

function ofIndex({ prototypes }: PerfObjectSet, index: number): KubernetesObject {
  return prototypes.length === 1 ? prototypes[0]! : prototypes[index]!;
}

/** Nodes, one after the other, with the label of their own name (node_util.go PrepareNodes). */
export class NodeCreation implements Work {
  readonly pieces: number;
  private readonly set: PerfObjectSet;
  /** Names for nodes whose template only begins one. */
  private readonly names: readonly string[];

  constructor(set: PerfObjectSet, names: readonly string[]) {
    this.set = set;
    this.pieces = set.count;
    this.names = names;
  }

  request(piece: number, step: number): ApiRequest | undefined {
    if (step > 0) return undefined;
    const node = ofIndex(this.set, piece) as Node;
    const name = this.names[piece]!;
    const labels = { ...node.metadata.labels, [HOSTNAME]: name };
    return createRequest({ ...node, metadata: { ...node.metadata, name, labels } } as Node);
  }
}

/** Labels or resources that nodes get after their creation (test/utils PrepareNodeStrategy). */
export class NodePreparation implements Work {
  readonly pieces: number;
  private readonly names: readonly string[];
  private readonly preparation: PerfNodePreparation;

  constructor(names: readonly string[], preparation: PerfNodePreparation) {
    const { label, allocatable, csi } = preparation;
    this.pieces = label === undefined && allocatable === undefined && csi === undefined ? 0 : names.length;
    this.names = names;
    this.preparation = preparation;
  }

  request(piece: number, step: number): ApiRequest | undefined {
    const { label, allocatable, csi } = this.preparation;
    const requests: ApiRequest[] = [];
    const patch = { verb: 'patch', resource: 'nodes', namespace: '', name: this.names[piece]! } as const;
    if (allocatable !== undefined)
      requests.push({ ...patch, subresource: 'status', patch: new AllocatablePatch(allocatable) });
    if (label !== undefined)
      requests.push({ ...patch, patch: new LabelPatch(label.key, label.values[piece % label.values.length]!) });
    // Servers without CSINodes: a node's allocatable alone limits nothing then.
    if (csi !== undefined && infoOfKind('storage.k8s.io/v1', 'CSINode') !== undefined)
      requests.push(createRequest(csiNode(patch.name, csi)));
    return requests[step];
  }
}

function csiNode(name: string, drivers: Readonly<Record<string, number>>): KubernetesObject {
  const metadata = { name, namespace: '', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 };
  const spec = { drivers: Object.entries(drivers).map(([driver, count]) => ({ name: driver, nodeID: name, allocatable: { count } })) };
  return { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata, spec } as KubernetesObject;
}

/** Objects as they are, one after the other. */
export class Creation implements Work {
  readonly pieces: number;
  private readonly objects: readonly KubernetesObject[];
  private readonly namespace: string;

  constructor(objects: readonly KubernetesObject[], namespace: string) {
    this.objects = objects;
    this.namespace = namespace;
    this.pieces = objects.length;
  }

  request(piece: number, step: number): ApiRequest | undefined {
    return step > 0 ? undefined : createRequest(inNamespace(this.objects[piece]!, this.namespace));
  }
}

/** An object in a namespace, if its kind has one. */
export function inNamespace(object: KubernetesObject, namespace: string): KubernetesObject {
  return infoOfKind(object.apiVersion, object.kind)?.namespaced === true ? placed(object, namespace) : object;
}

/** Pods, each with its claim and volume if they are asked for (test/utils CreatePodWithPersistentVolume). */
export class PodCreation implements Work {
  readonly pieces: number;
  private readonly spec: PerfPodCreation;
  private readonly pods: readonly KubernetesObject[];

  constructor(spec: PerfPodCreation) {
    this.spec = spec;
    this.pieces = spec.count;
    this.pods = spec.prototypes.map((pod) => placed(pod, spec.namespace));
  }

  request(piece: number, step: number): ApiRequest | undefined {
    const pod = this.pods.length === 1 ? this.pods[0]! : this.pods[piece]!;
    const { volume, namespace } = this.spec;
    if (volume === undefined) return step > 0 ? undefined : createRequest(pod);
    const claimName = `pvc-${piece}`;
    const volumeName = `${namespace}-pv-${piece}`;
    switch (step) {
      case 0:
      case 1: {
        const claim = boundClaim(placed(volume.claim, namespace, claimName), volumeName);
        return step === 0 ? createRequest(claim) : statusRequest(claim);
      }
      case 2:
      case 3: {
        const bound = boundVolume(placed(volume.volume, '', volumeName), namespace, claimName);
        return step === 2 ? createRequest(bound) : statusRequest(bound);
      }
      case 4:
        return createRequest(withClaim(pod as Pod, claimName));
      default:
        return undefined;
    }
  }
}

function statusRequest(object: KubernetesObject): ApiRequest {
  return { ...createRequest(object), verb: 'update', subresource: 'status' };
}

function boundClaim(claim: KubernetesObject, volumeName: string): KubernetesObject {
  const { spec } = claim as KubernetesObject & { readonly spec: object };
  return { ...claim, spec: { ...spec, volumeName }, status: { phase: 'Bound' } } as KubernetesObject;
}

function boundVolume(volume: KubernetesObject, namespace: string, name: string): KubernetesObject {
  const { spec } = volume as KubernetesObject & { readonly spec: object };
  const claimRef = { kind: 'PersistentVolumeClaim', namespace, name, apiVersion: 'v1' };
  return { ...volume, spec: { ...spec, claimRef }, status: { phase: 'Bound' } } as KubernetesObject;
}

function withClaim(pod: Pod, claimName: string): Pod {
  return { ...pod, spec: { ...pod.spec, volumes: [{ name: 'vol', persistentVolumeClaim: { claimName } }] } };
}

/** Updates of objects by name, each also of its status (update.go). */
export class Updates implements Work {
  readonly pieces: number;
  private readonly objects: readonly KubernetesObject[];
  private readonly namespace: string;

  constructor(objects: readonly KubernetesObject[], namespace: string) {
    this.objects = objects;
    this.namespace = namespace;
    this.pieces = objects.length;
  }

  request(piece: number, step: number): ApiRequest | undefined {
    const request = createRequest(inNamespace(this.objects[piece]!, this.namespace));
    if (step === 0) return { ...request, verb: 'update' };
    return step === 1 ? { ...request, verb: 'update', subresource: 'status' } : undefined;
  }
}

/** Deletions of pods. */
export class Deletions implements Work {
  readonly pieces: number;
  private readonly pods: readonly Pod[];

  constructor(pods: readonly Pod[]) {
    this.pods = pods;
    this.pieces = pods.length;
  }

  request(piece: number, step: number): ApiRequest | undefined {
    const { namespace, name } = this.pods[piece]!.metadata;
    return step > 0 ? undefined : { verb: 'delete', resource: 'pods', namespace, name };
  }
}

/** Objects of several templates made at each tick, or made and deleted in turn (executor.go runChurnOp). */
export class Churn implements Work {
  readonly pieces: number;
  private readonly templates: readonly KubernetesObject[];
  private readonly recreate: boolean;
  private readonly number: number;
  /** Names of what is there now, by template and turn. */
  private readonly names: string[][];

  constructor(templates: readonly KubernetesObject[], namespace: string, recreate: boolean, number: number) {
    this.templates = templates.map((template) => inNamespace(template, namespace));
    this.recreate = recreate;
    this.number = number;
    this.names = templates.map(() => []);
    this.pieces = recreate || number === 0 ? Number.MAX_SAFE_INTEGER : number;
  }

  request(piece: number, step: number, last: ApiResponse | null): ApiRequest | undefined {
    const turn = this.recreate ? piece % this.number : 0;
    if (this.recreate && step > 0) this.names[step - 1]![turn] = this.names[step - 1]![turn] ? '' : (last?.object?.metadata.name ?? '');
    const template = this.templates[step];
    if (template === undefined) return undefined;
    const name = this.recreate ? (this.names[step]![turn] ?? '') : '';
    const create = createRequest(template);
    return name === '' ? create : { verb: 'delete', resource: create.resource, namespace: create.namespace, name };
  }
}
