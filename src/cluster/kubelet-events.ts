import type { KubernetesObject } from '../api/meta.js';
import type { Connections } from '../apiserver/connections.js';
import { ClientEventRecorder } from '../client/event-recorder.js';
import { RestClient } from '../client/rest-client.js';
import type { Simulation } from '../kernel/simulation.js';
import type { NodeEventRecorder } from '../node/fleet.js';

/** eventRecordQPS and eventBurst of the kubelet (pkg/kubelet/apis/config/v1beta1/defaults.go). */
const EVENT_QPS = 50;
const EVENT_BURST = 100;

/** The event recorders of all kubelets: each node has its own, with its own client, made when it has something to say. */
export class KubeletEvents implements NodeEventRecorder {
  private readonly simulation: Simulation;
  private readonly connections: Connections;
  private readonly names: readonly string[];
  private readonly hosts: readonly number[];
  private readonly servers: number;
  /** By node; null: its kubelet has said nothing yet. */
  private readonly recorders: (ClientEventRecorder | null)[];
  private readonly clients: RestClient[] = [];
  private limited = true;

  constructor(
    simulation: Simulation,
    connections: Connections,
    names: readonly string[],
    hosts: readonly number[],
    servers: number,
  ) {
    this.simulation = simulation;
    this.connections = connections;
    this.names = names;
    this.recorders = names.map(() => null);
    this.hosts = hosts;
    this.servers = servers;
  }

  event(node: number, object: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const recorder = this.recorders[node] ?? this.begin(node);
    recorder.event(object, type, reason, message);
  }

  private begin(node: number): ClientEventRecorder {
    const name = this.names[node]!;
    const client = new RestClient(this.simulation, this.connections, `system:node:${name}`, this.hosts[node]!, node % this.servers, EVENT_QPS, EVENT_BURST);
    client.limited = this.limited;
    this.clients.push(client);
    const recorder = new ClientEventRecorder(this.simulation, client, 'kubelet', name);
    this.recorders[node] = recorder;
    return recorder;
  }

  /** Puts the client-side limits in force or lifts them. */
  setLimited(limited: boolean): void {
    this.limited = limited;
    for (const client of this.clients) client.limited = limited;
  }
}
