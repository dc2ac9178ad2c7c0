import type { Container, Pod, PodSpec, ResourceList, Toleration, TopologySpreadConstraint } from '../../api/core.js';
import type { Labels } from '../../api/meta.js';
import { controllerOf } from '../../api/meta.js';
import type { AffinityTerms } from './affinity-term.js';
import { compileAffinity } from './affinity-term.js';
import type { HostPort } from './host-ports.js';
import { hostPortsOf } from './host-ports.js';
import { normalizedImageName } from './images.js';
import { RequiredNodeAffinity } from './node-selector.js';
import { isScalarResource, podRequestsWith } from './requests.js';

/** Requests assumed for scoring when a container states none (pkg/scheduler/util/pod_resources.go). */
export const DEFAULT_MILLI_CPU_REQUEST = 100;
export const DEFAULT_MEMORY_REQUEST = 200 * 1024 * 1024;

/** Fields of volumes that can be had on every node, and by any number of pods. */
const PLAIN: ReadonlySet<string> = new Set(['name', 'projected', 'configMap', 'secret', 'downwardAPI', 'emptyDir', 'hostPath']);

const defaults: ResourceList = { cpu: DEFAULT_MILLI_CPU_REQUEST, memory: DEFAULT_MEMORY_REQUEST };

/**
 * Everything about a pod that scheduling decisions read and that pods of one template share: computed once for each distinct
 * combination of namespace, labels and scheduling fields. Two pods of one shape are interchangeable for every plugin.
 */
export class PodShape {
  /** Number of the shape in its interner; equal shapes have equal numbers. */
  readonly id: number;
  readonly namespace: string;
  readonly labels: Labels;
  readonly spec: PodSpec;
  /** Effective requests: cpu in millicores, others in base units. Scalars: extended resources, hugepages, attachable volumes. */
  readonly cpu: number;
  readonly memory: number;
  readonly ephemeralStorage: number;
  readonly scalars: readonly { readonly name: string; readonly amount: number }[];
  /** Nothing at all is asked for (NodeResourcesFit then checks the number of pods only). */
  readonly requestsNothing: boolean;
  /** Requests with defaults for containers without cpu or memory, as nodes sum them for scoring. */
  readonly nonZeroCpu: number;
  readonly nonZeroMemory: number;
  /** The same as NodeResourcesFit scores the incoming pod with: it does not look at pod-level resources (recorded). */
  readonly scoringRequests: ResourceList;
  readonly requests: ResourceList;
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
  readonly nodeAffinity: RequiredNodeAffinity;
  readonly affinity: AffinityTerms;
  readonly spread: readonly TopologySpreadConstraint[];
  /** Normalised names of the images of all containers, init containers first. */
  readonly images: readonly string[];
  /** Normalised names of the images that are mounted as volumes. */
  readonly imageVolumes: readonly string[];
  /** Keys `namespace/claim` of the persistent volume claims, ephemeral volumes excluded. */
  readonly claims: readonly string[];
  /** No volume of it is anything to look at: none is a claim, or a disk. */
  readonly plainVolumes: boolean;

  constructor(id: number, pod: Pod) {
    const { spec, metadata } = pod;
    this.id = id;
    this.namespace = metadata.namespace;
    this.labels = metadata.labels ?? {};
    this.spec = spec;
    const requests = podRequestsWith(spec, undefined);
    this.requests = requests;
    this.cpu = requests.cpu ?? 0;
    this.memory = requests.memory ?? 0;
    this.ephemeralStorage = requests['ephemeral-storage'] ?? 0;
    this.scalars = Object.keys(requests)
      .filter(isScalarResource)
      .map((name) => ({ name, amount: requests[name]! }));
    this.requestsNothing =
      this.cpu === 0 && this.memory === 0 && this.ephemeralStorage === 0 && this.scalars.length === 0;
    const nonZero = podRequestsWith(spec, nonMissingRequests(spec, requests));
    this.nonZeroCpu = nonZero.cpu ?? 0;
    this.nonZeroMemory = nonZero.memory ?? 0;
    this.scoringRequests = podRequestsWith(spec, defaults, false);
    this.hostPorts = hostPortsOf(spec);
    this.tolerations = spec.tolerations ?? [];
    this.nodeAffinity = new RequiredNodeAffinity(spec);
    this.affinity = compileAffinity(spec.affinity, metadata.namespace);
    this.spread = spec.topologySpreadConstraints ?? [];
    this.images = [...(spec.initContainers ?? []), ...spec.containers].map((container) =>
      normalizedImageName(container.image),
    );
    this.imageVolumes = (spec.volumes ?? []).flatMap(({ image }) => {
      const reference = (image as { readonly reference?: string } | undefined)?.reference;
      return reference === undefined ? [] : [normalizedImageName(reference)];
    });
    this.claims = (spec.volumes ?? []).flatMap((volume) =>
      volume.persistentVolumeClaim === undefined
        ? []
        : [`${metadata.namespace}/${volume.persistentVolumeClaim.claimName}`],
    );
    this.plainVolumes = (spec.volumes ?? []).every((volume) => Object.keys(volume).every((field) => PLAIN.has(field)));
  }

  /** Has required or preferred inter-pod terms of any sort (NodeInfo.PodsWithAffinity). */
  get hasAffinity(): boolean {
    return this.affinity.any;
  }
}

/** Which defaults apply to containers without requests (types.go getNonMissingContainerRequests). */
function nonMissingRequests(spec: PodSpec, requests: ResourceList): ResourceList | undefined {
  const podLevel = spec.resources?.requests;
  const podLevelSet =
    podLevel !== undefined &&
    ('cpu' in podLevel || 'memory' in podLevel || Object.keys(podLevel).some((name) => name.startsWith('hugepages-')));
  if (!podLevelSet) return defaults;
  const missing: Record<string, number> = {};
  for (const name of ['cpu', 'memory']) if (requests[name] === undefined) missing[name] = defaults[name]!;
  return missing;
}

/** The parts of one container list that scheduling reads, met before under one reference. */
interface Remembered {
  readonly pod: Pod;
  readonly key: string;
}

/** Texts that identify shapes, by the container list that pods of one template share: a memory of a pure function. */
const remembered = new WeakMap<readonly Container[], Remembered[]>();

/** Whether two pods, of one container list, agree in all other parts by reference. */
function sameParts(a: Pod, b: Pod): boolean {
  const x = a.spec;
  const y = b.spec;
  if (a.metadata.namespace !== b.metadata.namespace || a.metadata.labels !== b.metadata.labels) return false;
  if (a.metadata.ownerReferences !== b.metadata.ownerReferences && controllerOf(a)?.uid !== controllerOf(b)?.uid) return false;
  return (
    x === y ||
    (x.affinity === y.affinity &&
      x.nodeSelector === y.nodeSelector &&
      x.tolerations === y.tolerations &&
      x.topologySpreadConstraints === y.topologySpreadConstraints &&
      x.initContainers === y.initContainers &&
      x.volumes === y.volumes &&
      x.overhead === y.overhead &&
      x.resources === y.resources &&
      x.resourceClaims === y.resourceClaims &&
      x.hostNetwork === y.hostNetwork &&
      x.priority === y.priority &&
      x.preemptionPolicy === y.preemptionPolicy)
  );
}

/** Text that is equal for pods that every plugin treats alike. */
function shapeKey(pod: Pod): string {
  const list = remembered.get(pod.spec.containers);
  if (list !== undefined) for (let i = 0; i < list.length; i++) if (sameParts(list[i]!.pod, pod)) return list[i]!.key;
  const { spec, metadata } = pod;
  const key = JSON.stringify([
    metadata.namespace,
    metadata.labels ?? null,
    spec.containers.map(partsOfContainer),
    (spec.initContainers ?? []).map(partsOfContainer),
    spec.nodeSelector ?? null,
    spec.affinity ?? null,
    spec.tolerations ?? null,
    spec.topologySpreadConstraints ?? null,
    spec.volumes ?? null,
    spec.overhead ?? null,
    spec.resources ?? null,
    spec.resourceClaims ?? null,
    spec.hostNetwork ?? null,
    spec.priority ?? null,
    spec.preemptionPolicy ?? null,
    controllerOf(pod) ?? null,
  ]);
  if (list === undefined) remembered.set(spec.containers, [{ pod, key }]);
  else if (list.length < 16) list.push({ pod, key });
  return key;
}

function partsOfContainer(container: Container): unknown {
  return [container.image, container.resources ?? null, container.ports ?? null, container.restartPolicy ?? null];
}

/** Gives pods their shapes; equal pods get the same one. */
export class PodShapes {
  private readonly byKey = new Map<string, PodShape>();
  private readonly shapes: PodShape[] = [];

  /** The shape of a pod of which another version has the shape `known`. */
  again(pod: Pod, other: Pod, known: PodShape): PodShape {
    return pod === other || (pod.spec.containers === other.spec.containers && sameParts(pod, other)) ? known : this.of(pod);
  }

  of(pod: Pod): PodShape {
    const key = shapeKey(pod);
    let shape = this.byKey.get(key);
    if (shape === undefined) {
      shape = new PodShape(this.shapes.length, pod);
      this.shapes.push(shape);
      this.byKey.set(key, shape);
    }
    return shape;
  }

  /** The shape with a number. */
  get(id: number): PodShape {
    return this.shapes[id]!;
  }
}
