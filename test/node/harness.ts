import type { Container, Node, Pod, PodSpec, Probe } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../../src/apiserver/request.js';
import type { ApiClient } from '../../src/client/types.js';
import type { NodeEventRecorder } from '../../src/node/fleet.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { Network } from '../../src/network/network.js';
import type { ContainerBehaviour, ContainerLife, ImageFacts, PodLifecycleListener } from '../../src/node/behaviour.js';
import { Kubelets, type KubeletsOptions } from '../../src/node/kubelets.js';
import type { DistributionSpec } from '../../src/random/distribution.js';
import { Randomness } from '../../src/random/stream.js';
import type { CostProfile } from '../../src/scenario/types.js';

const constant = (value: number): DistributionSpec => ({ kind: 'constant', value });

/** A profile whose every duration is a constant, so that tests can add them up. */
export function constantProfile(): CostProfile {
  return {
    name: 'test',
    network: {
      sameHost: constant(0),
      sameZone: constant(0),
      crossZone: constant(0),
      external: constant(0),
      bytesPerSecond: 1e9,
    },
    kubelet: {
      prepare: constant(60 * MILLISECOND),
      sandbox: constant(250 * MILLISECOND),
      createContainer: constant(60 * MILLISECOND),
      startContainer: constant(80 * MILLISECOND),
      stopSandbox: constant(200 * MILLISECOND),
      plegRelist: constant(30 * MILLISECOND),
      probe: constant(0),
      imagePresent: 2 * MILLISECOND,
      pullOverhead: constant(150 * MILLISECOND),
      pullBytesPerSecond: 100e6,
      unpackBytesPerSecond: 150e6,
      compression: 2.5,
      imageLayers: 5,
      statusSyncCpu: 0,
    },
    kubeProxy: { sync: constant(100 * MILLISECOND) },
    kwok: { preprocessCpu: 0, playCpu: 0, leaseCpu: 0 },
    requests: { imageBytes: 100e6, connectTimeout: 2 * SECOND },
  } as unknown as CostProfile;
}

export function testNode(
  index: number,
  allocatable: Record<string, number> = { cpu: 4000, memory: 16e9, pods: 110 },
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: meta(`node-${index}`, ''),
    spec: {},
    status: { capacity: allocatable, allocatable, conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function meta(name: string, namespace: string) {
  return { name, namespace, uid: `uid-${name}`, resourceVersion: 1, generation: 1, creationTimestamp: 0 };
}

export function testProbe(overrides: Partial<Probe> = {}): Probe {
  return {
    handler: 'httpGet',
    initialDelaySeconds: 0,
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
    ...overrides,
  };
}

export function testContainer(overrides: Partial<Container> = {}): Container {
  return { name: 'server', image: 'app:v1', imagePullPolicy: 'IfNotPresent', ...overrides };
}

export function testPod(name: string, spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(name, 'default'),
    spec: {
      containers: [testContainer()],
      schedulerName: 'default-scheduler',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      nodeName: 'node-0',
      ...spec,
    },
    status: { phase: 'Pending' },
  };
}

export const SERVES: ContainerLife = {
  startup: 0,
  runtime: Number.POSITIVE_INFINITY,
  exitCode: 0,
  shutdown: SECOND,
  stopListening: 0,
};

/** Applications by image: a life, or lives in turn by restart. */
export class TestBehaviour implements ContainerBehaviour {
  readonly lives = new Map<string, ContainerLife | ((restart: number) => ContainerLife)>();
  readonly missing = new Set<string>();
  bytes = 100e6;
  readonly sizes = new Map<string, ImageFacts>();

  life(_pod: Pod, container: Container, restart: number): ContainerLife {
    const life = this.lives.get(container.image) ?? SERVES;
    return typeof life === 'function' ? life(restart) : life;
  }

  image(name: string): ImageFacts {
    return this.sizes.get(name) ?? { bytes: this.bytes, exists: !this.missing.has(name) };
  }
}

export interface Logged {
  readonly time: number;
  readonly request: ApiRequest;
  readonly code: number;
}

/** An API server that answers at once and tells the kubelets of every change of a pod. */
export class Bench implements NodeEventRecorder, PodLifecycleListener {
  readonly simulation = new Simulation();
  readonly network: Network;
  readonly behaviour = new TestBehaviour();
  readonly kubelets: Kubelets;
  readonly store = new Map<string, KubernetesObject>();
  readonly requests: Logged[] = [];
  readonly events: { time: number; pod: string; reason: string; message: string }[] = [];
  readonly listening: { time: number; pod: string; what: 'start' | 'stop' | 'kill'; ip?: string | undefined }[] = [];
  /** Every version of every pod, in order. */
  readonly history: { time: number; pod: Pod }[] = [];
  /** Answers this to everything while it is not 0. */
  broken = 0;
  /** Only requests of this verb are broken; empty: all. */
  brokenVerb = '';
  private version = 1;

  constructor(
    nodes = 1,
    seed = '1',
    profile: CostProfile = constantProfile(),
    kubernetesVersion?: '1.34' | '1.35' | '1.36',
    applications?: ((simulation: Simulation) => { behaviour: ContainerBehaviour; lifecycle: PodLifecycleListener }) | undefined,
    settings: Pick<KubeletsOptions, 'configuration' | 'registries' | 'machines'> & { readonly runtime?: string } = {},
  ) {
    const randomness = new Randomness(seed);
    this.network = new Network(this.simulation, randomness, profile.network);
    const list: Node[] = [];
    const hosts: number[] = [];
    for (let i = 0; i < nodes; i++) {
      const node = testNode(i);
      list.push(settings.runtime === undefined ? node : { ...node, status: { ...node.status, nodeInfo: { containerRuntimeVersion: settings.runtime } } });
      hosts.push(this.network.addHost(`node-${i}`, 'a'));
    }
    const parts = applications?.(this.simulation);
    this.kubelets = new Kubelets({
      simulation: this.simulation,
      randomness,
      profile,
      network: this.network,
      behaviour: parts?.behaviour ?? this.behaviour,
      lifecycle: parts?.lifecycle ?? this,
      nodes: list,
      hosts,
      events: this,
      clientFor: (index): ApiClient => new BenchClient(this, index),
      ...(kubernetesVersion === undefined ? {} : { kubernetesVersion }),
      ...settings,
      relist: this,
    });
    for (const node of list) this.store.set(`nodes//${node.metadata.name}`, node);
  }

  /** A kubelet that starts lists its pods. */
  relistNode(node: number): void {
    for (const [key, object] of [...this.store]) {
      if (key.startsWith('pods/') && nodeOf(object as Pod) === node) this.kubelets.podChanged(node, object as Pod);
    }
  }

  event(_node: number, object: KubernetesObject, _type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.events.push({ time: this.simulation.now, pod: object.metadata.name, reason, message });
  }

  podListening(pod: Pod): void {
    this.listening.push({ time: this.simulation.now, pod: pod.metadata.name, what: 'start', ip: pod.status.podIP });
  }

  podStoppedListening(pod: Pod, killed: boolean): void {
    this.listening.push({ time: this.simulation.now, pod: pod.metadata.name, what: killed ? 'kill' : 'stop' });
  }

  pod(name: string): Pod | undefined {
    return this.store.get(`pods/default/${name}`) as Pod | undefined;
  }

  /** Stores a pod bound to a node and tells its kubelet. */
  add(pod: Pod, node = 0): void {
    this.put({ ...pod, spec: { ...pod.spec, nodeName: `node-${node}` } });
  }

  /** Graceful deletion by a user. */
  delete(name: string, grace?: number): void {
    const pod = this.pod(name)!;
    const seconds = grace ?? pod.spec.terminationGracePeriodSeconds;
    if (seconds === 0) {
      this.remove(pod);
      return;
    }
    this.put({
      ...pod,
      metadata: {
        ...pod.metadata,
        deletionTimestamp: this.simulation.now + seconds * SECOND,
        deletionGracePeriodSeconds: seconds,
      },
    });
  }

  put(pod: Pod): void {
    const stored = { ...pod, metadata: { ...pod.metadata, resourceVersion: ++this.version } };
    this.store.set(`pods/${pod.metadata.namespace}/${pod.metadata.name}`, stored);
    this.history.push({ time: this.simulation.now, pod: stored });
    this.kubelets.podChanged(nodeOf(stored), stored);
  }

  remove(pod: Pod): void {
    this.store.delete(`pods/${pod.metadata.namespace}/${pod.metadata.name}`);
    this.kubelets.podRemoved(nodeOf(pod), pod);
  }

  /** Runs until so many seconds of simulated time. */
  run(seconds: number): void {
    this.simulation.run(Math.round(seconds * SECOND));
  }

  answer(request: ApiRequest): ApiResponse {
    if (this.broken !== 0 && (this.brokenVerb === '' || this.brokenVerb === request.verb)) return { code: this.broken };
    if (request.subresource === 'token') return { code: 201 };
    const key = `${request.resource}/${request.namespace}/${request.name}`;
    const current = this.store.get(key);
    switch (request.verb) {
      case 'get':
        return current === undefined ? { code: 404 } : { code: 200, object: current };
      case 'patch': {
        if (current === undefined) return { code: 404 };
        const object = request.patch!.apply(current);
        if (request.resource === 'pods') this.put(object as Pod);
        else this.store.set(key, object);
        return { code: 200, object: this.store.get(key)! };
      }
      case 'delete':
        if (current === undefined) return { code: 404 };
        if (request.preconditions?.uid !== undefined && request.preconditions.uid !== current.metadata.uid)
          return { code: 409 };
        this.remove(current as Pod);
        return { code: 200, object: current };
      default: {
        if (request.verb === 'create' && request.resource === 'nodes' && current !== undefined) return { code: 409, reason: 'AlreadyExists' };
        if (request.verb === 'create' && request.resource === 'pods') {
          if (current !== undefined) return { code: 409, reason: 'AlreadyExists' };
          const pod = request.body as Pod;
          this.put({ ...pod, metadata: { ...pod.metadata, uid: `uid-${++this.version}` } });
          return { code: 201, object: this.store.get(key)! };
        }
        if (request.verb === 'update' && current === undefined) return { code: 404 };
        const wanted = request.body!.metadata.resourceVersion;
        if (wanted !== 0 && wanted !== current!.metadata.resourceVersion) return { code: 409 };
        const object = { ...request.body!, metadata: { ...request.body!.metadata, resourceVersion: ++this.version } };
        this.store.set(key, object);
        return { code: 200, object };
      }
    }
  }
}

function nodeOf(pod: Pod): number {
  return Number(pod.spec.nodeName!.slice('node-'.length));
}

class BenchClient implements ApiClient {
  readonly user: string;
  private readonly bench: Bench;

  constructor(bench: Bench, index: number) {
    this.bench = bench;
    this.user = `system:node:node-${index}`;
  }

  request(request: ApiRequest, receiver: ResponseReceiver, tag: number): void {
    const response = this.bench.answer(request);
    this.bench.requests.push({ time: this.bench.simulation.now, request, code: response.code });
    receiver.receive(tag, response, request);
  }
}

/** Seconds of a time, to the millisecond. */
export function at(time: number): number {
  return Math.round(time / 1e6) / 1000;
}

/** Condition of a pod, or undefined. */
export function condition(pod: Pod | undefined, type: string) {
  return pod?.status.conditions?.find((candidate) => candidate.type === type);
}
