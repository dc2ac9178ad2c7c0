import type { Pod, Service } from '../../src/api/core.js';
import type { EndpointSlice } from '../../src/api/workloads.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { SECOND } from '../../src/kernel/time.js';
import { Network } from '../../src/network/network.js';
import { KubeProxies } from '../../src/node/kube-proxy.js';
import type { DistributionSpec } from '../../src/random/distribution.js';
import { Randomness } from '../../src/random/stream.js';
import type { ImageBehaviour, Scenario, TrafficSpec } from '../../src/scenario/types.js';
import { Workload } from '../../src/workload/workload.js';
import { constantProfile, testContainer, testPod } from '../node/harness.js';

export const IMAGE = 'registry.example/web:v1';

export function behaviour(time: DistributionSpec, overrides: Partial<ImageBehaviour['request']> = {}): ImageBehaviour {
  return {
    image: '*/web:*',
    startup: { kind: 'constant', value: 0 },
    shutdown: { kind: 'constant', value: 0 },
    servesWhileDraining: false,
    imageBytes: 1,
    neverReady: false,
    request: { time, concurrency: 1, queue: 1e6, errors: 0, ...overrides },
  };
}

export interface BenchOptions {
  readonly behaviours: readonly ImageBehaviour[];
  /** Requests a second. */
  readonly rate: number;
  readonly timeout?: number;
  readonly pods?: number;
  readonly nodes?: number;
  readonly seed?: string;
  /** Only the requests to one pod in so many are simulated. */
  readonly sampleEvery?: number;
  /** Limits of the containers: millicores and bytes. */
  readonly limits?: Readonly<Record<string, number>>;
  /** What the traffic says besides. */
  readonly traffic?: Partial<TrafficSpec>;
}

/** Pods on nodes behind one Service that all proxies know, and users. The network takes no time. */
export class TrafficBench {
  readonly simulation = new Simulation();
  readonly network: Network;
  readonly workload: Workload;
  readonly proxies: KubeProxies;
  readonly pods: Pod[] = [];
  private readonly nodes: number;
  private readonly limits: Readonly<Record<string, number>> | undefined;

  constructor(options: BenchOptions) {
    const profile = constantProfile();
    const randomness = new Randomness(options.seed ?? '1');
    const { simulation } = this;
    const nodes = options.nodes ?? 4;
    this.nodes = nodes;
    this.limits = options.limits;
    this.network = new Network(simulation, randomness, profile.network);
    const traffic: TrafficSpec = {
      service: { namespace: 'default', name: 'web' },
      rate: options.rate,
      start: 0,
      timeout: options.timeout ?? 1e6 * SECOND,
      ...options.traffic,
    };
    const { behaviours, sampleEvery } = options;
    const scenario = { behaviours, traffic: [traffic], profile, ...(sampleEvery === undefined ? {} : { sampleEvery }) } as unknown as Scenario;
    this.workload = new Workload({ simulation, randomness, network: this.network, scenario });
    this.proxies = new KubeProxies({ simulation, randomness, profile, nodes, minSyncPeriod: SECOND, extraDelay: 0 });
    const names: string[] = [];
    const hosts: number[] = [];
    for (let i = 0; i < nodes; i++) {
      names.push(`node-${i}`);
      hosts.push(this.network.addHost(`node-${i}`, 'a'));
    }
    this.workload.connect(this.proxies, hosts, names);
    for (let i = 0; i < (options.pods ?? 1); i++) this.pods.push(this.addPod(i));
    this.tell(this.pods);
    this.proxies.settle();
    this.workload.start(0);
  }

  /** A pod that listens from now on. */
  addPod(index: number, image = IMAGE): Pod {
    const container = testContainer({ image, ...(this.limits === undefined ? {} : { resources: { limits: this.limits } }) });
    const pod = testPod(`web-${index}`, { nodeName: `node-${index % this.nodes}`, containers: [container] });
    const listening = { ...pod, status: { ...pod.status, podIP: `10.1.${index >> 7}.${(index & 127) + 2}` } };
    this.workload.pods.podListening(listening);
    return listening;
  }

  /** The proxies are told of the Service and of these endpoints. */
  tell(pods: readonly Pod[], name = 'web'): void {
    const meta = { namespace: 'default', resourceVersion: 1, generation: 1, creationTimestamp: 0 };
    const service: Service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...meta, name, uid: name },
      spec: { type: 'ClusterIP', ports: [] },
    };
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...meta, name: `${name}-1`, uid: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [],
      endpoints: pods.map((pod) => ({
        addresses: [pod.status.podIP!],
        conditions: { ready: true, serving: true, terminating: false },
      })),
    };
    const now = this.simulation.now;
    this.proxies.serviceChanged(service, false, now);
    this.proxies.endpointSliceChanged(slice, false, now);
  }

  run(seconds: number): void {
    this.simulation.run(seconds * SECOND);
  }

  totals(from = 0, to = Number.POSITIVE_INFINITY, version?: string) {
    return this.workload.totals(from * SECOND, to * SECOND, version);
  }
}
