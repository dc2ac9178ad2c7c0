import type { KubernetesObject } from '../../src/api/meta.js';
import { Allocators } from '../../src/apiserver/allocators.js';
import type { WebhookServers } from '../../src/apiserver/admission/webhook-calls.js';
import { ApiServer } from '../../src/apiserver/api-server.js';
import { createCallTable } from '../../src/apiserver/call.js';
import { Connections } from '../../src/apiserver/connections.js';
import type { ApiRequest, ApiResponse, Patch, ResponseReceiver } from '../../src/apiserver/request.js';
import { RestClient } from '../../src/client/rest-client.js';
import type { ResourceEventHandler } from '../../src/client/types.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { Network } from '../../src/network/network.js';
import { Randomness } from '../../src/random/stream.js';
import type { CostProfile } from '../../src/scenario/types.js';
import { FakeEtcd } from '../apiserver/fake-etcd.js';

const constant = (value: number) => ({ kind: 'constant', value }) as const;
export const RTT = 0.2e6;
const profile = {
  apiServer: {
    cores: 2,
    maxRequestsInFlight: 400,
    maxMutatingRequestsInFlight: 200,
    requestCpu: { default: constant(1e6) },
    listObjectCpu: 0,
    watchEventCpu: 0,
    encodeNanosecondsPerByte: 0,
  },
} as unknown as CostProfile;

/** API servers before a store without consensus, and a client without limits. */
export function setUp(servers: number, webhooks?: WebhookServers) {
  const simulation = new Simulation();
  const randomness = new Randomness('1');
  const network = new Network(simulation, randomness, {
    sameHost: constant(RTT),
    sameZone: constant(RTT),
    crossZone: constant(RTT),
    external: constant(RTT),
    bytesPerSecond: 1e15,
  });
  const clientHost = network.addHost('client', 'a');
  const calls = createCallTable();
  const connections = new Connections(simulation, network, calls);
  const etcd = new FakeEtcd(simulation, 1e6);
  const registry = new Allocators(simulation, randomness);
  for (let index = 0; index < servers; index++) {
    const host = network.addHost(`control-plane-${index}`, 'a');
    const server = new ApiServer({ simulation, randomness, profile, host, index, calls, etcd, registry, connections, ...(webhooks === undefined ? {} : { webhooks }) });
    connections.addServer(server);
    server.start();
  }
  const client = new RestClient(simulation, connections, 'kubernetes-admin', clientHost, 0, 0, 0);
  return { simulation, randomness, connections, network, etcd, client, clientHost };
}

/** Requests that all servers together have answered, as `verb resource[/subresource] code`, sorted by name. */
export function answered(connections: Connections): Record<string, number> {
  const counts = new Map<string, number>();
  for (const server of connections.servers) {
    for (const { verb, resource, codes } of server.metrics.totals.values()) {
      for (const [code, count] of codes) {
        const key = `${verb} ${resource} ${code}`;
        counts.set(key, (counts.get(key) ?? 0) + count);
      }
    }
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Keeps the answers to requests. */
export class Answers implements ResponseReceiver {
  readonly list: ApiResponse[] = [];
  receive(_tag: number, response: ApiResponse): void {
    this.list.push(response);
  }
}

export class SetLabel implements Patch {
  readonly bytes = 10;
  private readonly value: string;
  constructor(value: string) {
    this.value = value;
  }
  apply(current: KubernetesObject): KubernetesObject {
    return { ...current, metadata: { ...current.metadata, labels: { value: this.value } } };
  }
}

export function configMap(name: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'n', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 },
  };
}

export function create(name: string): ApiRequest {
  return { verb: 'create', resource: 'configmaps', namespace: 'n', name, body: configMap(name) };
}

/** Keeps what handlers were told. */
export class Told implements ResourceEventHandler<KubernetesObject> {
  readonly list: { readonly name: string; readonly version: number; readonly deleted: boolean; readonly unknown: boolean }[] = [];
  onAdd(object: KubernetesObject): void {
    this.note(object, false, false);
  }
  onUpdate(_old: KubernetesObject, object: KubernetesObject): void {
    this.note(object, false, false);
  }
  onDelete(object: KubernetesObject, finalStateUnknown = false): void {
    this.note(object, true, finalStateUnknown);
  }
  private note(object: KubernetesObject, deleted: boolean, unknown: boolean): void {
    this.list.push({ name: object.metadata.name, version: object.metadata.resourceVersion, deleted, unknown });
  }
}
