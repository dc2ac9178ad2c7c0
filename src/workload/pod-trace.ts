import type { Pod } from '../api/core.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import { succeeded } from '../apiserver/request.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { PodTraceSpec } from '../scenario/types.js';

const OP_ARRIVE = 1;
const OP_DEPART = 2;

/** Not bound yet. */
const WAITING: Time = -1;

/**
 * The owner of the pods of a recorded trace: creates each at its time of arrival and deletes it when it has been bound to a node for its
 * lifetime, as a batch system does whose work takes that long.
 */
export class PodTrace implements Component, ResponseReceiver, ResourceEventHandler<Pod> {
  readonly name = 'pod-trace';
  /** Pods created and bound so far, and pods that the API server refused. */
  created = 0;
  bound = 0;
  refused = 0;
  /** Created, not bound, not gone. */
  pending = 0;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly spec: PodTraceSpec;
  private readonly numbers = new Map<string, number>();
  /** When each pod was created and bound; −1: not yet. */
  private readonly createdAt: Float64Array;
  private readonly boundAt: Float64Array;
  private origin: Time = 0;
  private next = 0;

  constructor(simulation: Simulation, client: ApiClient, pods: Informer<Pod>, spec: PodTraceSpec) {
    this.simulation = simulation;
    this.client = client;
    this.spec = spec;
    this.target = simulation.add(this);
    this.createdAt = new Float64Array(spec.pods.length).fill(WAITING);
    this.boundAt = new Float64Array(spec.pods.length).fill(WAITING);
    spec.pods.forEach(({ name }, i) => {
      this.numbers.set(name, i);
    });
    pods.addEventHandler(this);
  }

  /** Lets pods arrive, relative to the origin of the scenario's time. */
  start(origin: Time): void {
    this.origin = origin;
    this.scheduleArrival();
  }

  private scheduleArrival(): void {
    const pod = this.spec.pods[this.next];
    if (pod !== undefined) this.simulation.scheduleAt(this.origin + pod.arrival, this.target, OP_ARRIVE, this.next);
  }

  describe(opcode: number, argument: number): string {
    return `pod ${this.spec.pods[argument]!.name} of the trace ${opcode === OP_ARRIVE ? 'arrives' : 'departs'}`;
  }

  handle(opcode: number, argument: number): void {
    const { name, shape } = this.spec.pods[argument]!;
    const { namespace } = this.spec;
    if (opcode === OP_DEPART) {
      this.client.request({ verb: 'delete', resource: 'pods', namespace, name }, this, argument);
      return;
    }
    const { labels, annotations, spec } = this.spec.shapes[shape]!;
    const body: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0, labels, annotations },
      spec,
      status: { phase: 'Pending' },
    };
    this.client.request({ verb: 'create', resource: 'pods', namespace, name, body }, this, argument);
    this.next = argument + 1;
    this.scheduleArrival();
  }

  receive(_tag: number, response: ApiResponse, request: ApiRequest): void {
    if (request.verb === 'create' && !succeeded(response)) this.refused++;
  }

  /** Number of a pod of the trace; undefined for all others. */
  private numberOf(pod: Pod): number | undefined {
    return pod.metadata.namespace === this.spec.namespace ? this.numbers.get(pod.metadata.name) : undefined;
  }

  onAdd(pod: Pod): void {
    const number = this.numberOf(pod);
    if (number === undefined) return;
    this.created++;
    this.pending++;
    this.createdAt[number] = pod.metadata.creationTimestamp;
    this.look(pod, number);
  }

  onUpdate(_old: Pod, pod: Pod): void {
    const number = this.numberOf(pod);
    if (number !== undefined) this.look(pod, number);
  }

  onDelete(pod: Pod): void {
    const number = this.numberOf(pod);
    if (number !== undefined && this.boundAt[number] === WAITING) this.pending--;
  }

  private look(pod: Pod, number: number): void {
    if (this.boundAt[number] !== WAITING || (pod.spec.nodeName ?? '') === '') return;
    this.bound++;
    this.pending--;
    this.boundAt[number] = pod.status.conditions?.find(({ type }) => type === 'PodScheduled')?.lastTransitionTime ?? this.simulation.now;
    const { lifetime } = this.spec.pods[number]!;
    if (lifetime !== Number.POSITIVE_INFINITY) this.simulation.schedule(lifetime, this.target, OP_DEPART, number);
  }

  /** How long each pod that was bound had waited for its node, nanoseconds. */
  pendingTimes(): Float64Array {
    const times: number[] = [];
    for (let i = 0; i < this.boundAt.length; i++) if (this.boundAt[i] !== WAITING) times.push(this.boundAt[i]! - this.createdAt[i]!);
    return Float64Array.from(times);
  }
}
