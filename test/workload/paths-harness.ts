import type { Node, Pod, Service } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { Endpoint, EndpointSlice } from '../../src/api/workloads.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { Network } from '../../src/network/network.js';
import { KubeProxies } from '../../src/node/kube-proxy.js';
import { Randomness } from '../../src/random/stream.js';
import type { CostProfile, DnsSpec, ImageBehaviour, Scenario, TrafficSpec } from '../../src/scenario/types.js';
import { Workload } from '../../src/workload/workload.js';
import { constantProfile, testContainer, testNode, testPod } from '../node/harness.js';
import { behaviour } from './harness.js';

const constant = (value: number) => ({ kind: 'constant', value }) as const;

/** Round trips that can be told apart in sums. */
export const RTT = { sameHost: MILLISECOND / 10, sameZone: MILLISECOND, crossZone: 3 * MILLISECOND, external: 20 * MILLISECOND } as const;
export const UPSTREAM = 15 * MILLISECOND;
export const NODE_LOCAL = MILLISECOND / 5;
export const SERVICE_TIME = MILLISECOND;

export const DNS: DnsSpec = {
  service: { namespace: 'kube-system', name: 'kube-dns' },
  domain: 'cluster.local',
  ttl: 30 * SECOND,
  success: 30 * SECOND,
  denial: 30 * SECOND,
  autopath: false,
  nodeLocal: false,
};

export interface PathBenchOptions {
  readonly traffic: Partial<TrafficSpec>;
  readonly rate?: number;
  readonly nodes?: number;
  /** Zone of each node; default: all in one. */
  readonly zones?: readonly string[];
  readonly dns?: DnsSpec;
  readonly dnsTime?: number;
  readonly image?: Partial<ImageBehaviour>;
}

function meta(name: string, namespace: string) {
  return { name, namespace, uid: `${namespace}/${name}`, resourceVersion: 1, generation: 1, creationTimestamp: 0 };
}

/** Nodes, pods of any Service, and one stream of requests whose way through the network can be calculated by hand. */
export class PathBench {
  readonly simulation = new Simulation();
  readonly network: Network;
  readonly workload: Workload;
  readonly proxies: KubeProxies;
  readonly nodes: readonly Node[];
  readonly hosts: number[] = [];
  private pods = 0;

  constructor({ traffic, rate = 10, nodes = 2, zones = [], dns, dnsTime = MILLISECOND / 10, image = {} }: PathBenchOptions) {
    const { simulation } = this;
    const randomness = new Randomness('1');
    const base = constantProfile();
    const network = { ...base.network, sameHost: constant(RTT.sameHost), sameZone: constant(RTT.sameZone), crossZone: constant(RTT.crossZone), external: constant(RTT.external) };
    const profile: CostProfile = {
      ...base,
      network,
      dns: { upstream: constant(UPSTREAM), nodeLocal: constant(NODE_LOCAL) },
      ingress: { request: constant(0), reload: constant(SECOND) },
    };
    this.network = new Network(simulation, randomness, network);
    this.nodes = Array.from({ length: nodes }, (_, i) => testNode(i));
    const names = this.nodes.map((node) => node.metadata.name);
    const spec: TrafficSpec = { service: { namespace: 'default', name: 'web' }, rate, arrivals: { kind: 'constant' }, start: 0, timeout: 1e6 * SECOND, ...traffic };
    const server = { ...behaviour(constant(dnsTime)), image: '*/dns:*' };
    const web = { ...behaviour(constant(SERVICE_TIME), { concurrency: 100 }), ...image };
    const scenario = { behaviours: [web, server], traffic: [spec], profile, cluster: { nodes: this.nodes, ...(dns === undefined ? {} : { dns }) } };
    this.workload = new Workload({ simulation, randomness, network: this.network, scenario: scenario as unknown as Scenario });
    const nodeZones = names.map((_, i) => zones[i] ?? 'a');
    this.proxies = new KubeProxies({ simulation, randomness, profile, nodes, minSyncPeriod: SECOND, extraDelay: 0, nodeNames: names, nodeZones });
    for (const [i, name] of names.entries()) this.hosts.push(this.network.addHost(name, nodeZones[i]!));
    this.workload.connect(this.proxies, this.hosts, names);
  }

  /** A pod on a node that listens from now on. */
  pod(node: number, image = 'registry.example/web:v1', labels: Record<string, string> = { app: 'web' }): Pod {
    const i = this.pods++;
    const pod = testPod(`pod-${i}`, { nodeName: `node-${node}`, containers: [testContainer({ image })] });
    const listening = { ...pod, metadata: { ...pod.metadata, labels }, status: { ...pod.status, podIP: `10.1.0.${i + 2}` } };
    this.workload.pods.podListening(listening);
    return listening;
  }

  /** The proxies are told of a Service and its endpoints. */
  tell(name: string, pods: readonly Pod[], spec: Partial<Service['spec']> = {}, namespace = 'default', conditions: Endpoint['conditions'] = { ready: true, serving: true, terminating: false }): void {
    const service: Service = { apiVersion: 'v1', kind: 'Service', metadata: meta(name, namespace), spec: { type: 'ClusterIP', clusterIP: '10.96.0.1', ports: [], ...spec } };
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...meta(`${name}-1`, namespace), labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [],
      endpoints: pods.map((pod) => ({ addresses: [pod.status.podIP!], conditions, nodeName: pod.spec.nodeName! })),
    };
    this.proxies.serviceChanged(service, false, this.simulation.now);
    this.proxies.endpointSliceChanged(slice, false, this.simulation.now);
  }

  ingress(object: KubernetesObject): void {
    this.workload.ingress!.onAdd(object as never);
  }

  /** The proxies know everything, and traffic begins. */
  start(): void {
    this.proxies.settle();
    this.workload.start(this.simulation.now);
  }

  run(seconds: number): void {
    this.simulation.run(seconds * SECOND);
  }

  totals(from = 0, to = Number.POSITIVE_INFINITY) {
    return this.workload.totals(from * SECOND, to * SECOND);
  }

  /** Latency of all requests so far, when it is the same for all: milliseconds. */
  latency(): { readonly least: number; readonly most: number } {
    const { latency } = this.totals();
    return { least: latency.quantile(0) * 1000, most: latency.maximum * 1000 };
  }
}
