import type { Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Connections } from '../apiserver/connections.js';
import { ClientEventRecorder } from '../client/event-recorder.js';
import { RestClient } from '../client/rest-client.js';
import type { EventRecorder } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';

/** eventRecordQPS and eventBurst of the kubelet (pkg/kubelet/apis/config/v1beta1/defaults.go). */
const EVENT_QPS = 50;
const EVENT_BURST = 100;

/** The event recorders of all kubelets: each node has its own, with its own client, made when it has something to say. */
export class KubeletEvents implements EventRecorder {
  private readonly simulation: Simulation;
  private readonly connections: Connections;
  private readonly nodeIndexes: ReadonlyMap<string, number>;
  private readonly hosts: readonly number[];
  private readonly servers: number;
  private readonly recorders = new Map<string, ClientEventRecorder>();
  private readonly clients: RestClient[] = [];
  private limited = true;

  constructor(
    simulation: Simulation,
    connections: Connections,
    nodeIndexes: ReadonlyMap<string, number>,
    hosts: readonly number[],
    servers: number,
  ) {
    this.simulation = simulation;
    this.connections = connections;
    this.nodeIndexes = nodeIndexes;
    this.hosts = hosts;
    this.servers = servers;
  }

  event(object: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const node = object.kind === 'Node' ? object.metadata.name : ((object as Pod).spec.nodeName ?? '');
    const index = this.nodeIndexes.get(node);
    if (index === undefined) return;
    let recorder = this.recorders.get(node);
    if (recorder === undefined) {
      const user = `system:node:${node}`;
      const client = new RestClient(
        this.simulation,
        this.connections,
        user,
        this.hosts[index]!,
        index % this.servers,
        EVENT_QPS,
        EVENT_BURST,
      );
      client.limited = this.limited;
      this.clients.push(client);
      recorder = new ClientEventRecorder(this.simulation, client, 'kubelet', node);
      this.recorders.set(node, recorder);
    }
    recorder.event(object, type, reason, message);
  }

  /** Puts the client-side limits in force or lifts them. */
  setLimited(limited: boolean): void {
    this.limited = limited;
    for (const client of this.clients) client.limited = limited;
  }
}
