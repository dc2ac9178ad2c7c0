import type { KubernetesObject } from '../api/meta.js';
import { infoOfKind } from '../api/resources.js';
import { typicalBytes } from '../apiserver/object-size.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { Kubectl } from '../client/kubectl/kubectl.js';
import type { KubectlOutput } from '../client/kubectl/run.js';
import type { ApiClient } from '../client/types.js';
import type { FaultBook } from '../faults/fault-book.js';
import type { FaultDomain } from '../faults/faults.js';
import { drawTargets } from '../faults/random-faults.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { MILLISECOND, type Time } from '../kernel/time.js';
import { DrawCursor } from '../node/draws.js';
import type { Randomness } from '../random/stream.js';
import type { FaultTarget, TimelineAction } from '../scenario/types.js';
import { ApplyPatch, SetImagePatch } from '../strategies/patches.js';

const OP_ACT = 1;
/** What an action broke is repaired. */
const OP_REPAIR = 2;

/** One line of what the timeline did. */
export interface TimelineEntry {
  readonly time: Time;
  readonly phase: string;
  readonly message: string;
}

/** A user at the keyboard: carries out the actions of a scenario's timeline through the API, or on the machines themselves. */
export class Timeline implements Component, ResponseReceiver, KubectlOutput {
  readonly name = 'timeline';
  readonly log: TimelineEntry[] = [];
  /** What the timeline has looked at. */
  readonly files: { readonly name: string; readonly content: string }[] = [];
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly faults: FaultDomain;
  private readonly actions: readonly TimelineAction[];
  private readonly kubectl: Kubectl;
  private readonly book: FaultBook;
  private readonly draws: DrawCursor;
  /** Actions that wait for an instant of the rollout. */
  private readonly waiting = new Set<number>();
  private origin: Time = 0;
  /** What an action broke, by its number. */
  private readonly broken = new Map<number, readonly FaultTarget[]>();

  constructor(simulation: Simulation, randomness: Randomness, client: ApiClient, faults: FaultDomain, book: FaultBook, actions: readonly TimelineAction[], kubectl: Kubectl) {
    this.kubectl = kubectl;
    this.book = book;
    this.draws = new DrawCursor(randomness.keyed('timeline/nodes'));
    this.simulation = simulation;
    this.client = client;
    this.faults = faults;
    this.actions = actions;
    this.target = simulation.add(this);
  }

  /** Schedules all actions, relative to the origin of the scenario's time. */
  start(origin: Time): void {
    this.origin = origin;
    this.actions.forEach((action, i) => {
      if (action.progress === undefined) this.simulation.scheduleAt(origin + action.at, this.target, OP_ACT, i);
      else this.waiting.add(i);
    });
  }

  /** Some actions wait for an instant of the rollout. */
  get waits(): boolean {
    return this.waiting.size > 0;
  }

  /** How far the rollout is: the share of its replicas that is ready in the new version, and whether it is over. */
  progressed(share: number, over: boolean): void {
    for (const i of this.waiting) {
      const { progress, at } = this.actions[i]!;
      if (!over && (progress === 'end' || share < progress!)) continue;
      this.waiting.delete(i);
      this.simulation.schedule(at, this.target, OP_ACT, i);
    }
  }

  describe(opcode: number, argument: number): string {
    return opcode === OP_REPAIR ? 'a fault of the timeline is repaired' : `${this.actions[argument]?.action} of the timeline`;
  }

  handle(opcode: number, argument: number): void {
    const action = this.actions[argument]!;
    if (opcode === OP_REPAIR) {
      for (const target of this.broken.get(argument)!) this.noteAny('repair', this.book.repair(target));
      return;
    }
    if (action.action === 'heal') {
      this.note(action.action, this.book.heal(action.target));
      return;
    }
    if (action.action === 'fail') {
      const targets = drawTargets(action.target, this.draws.at(argument));
      this.broken.set(argument, targets);
      for (const target of targets) this.noteAny(action.action, this.book.fail(target));
      if (action.repair !== undefined) this.simulation.schedule(action.repair, this.target, OP_REPAIR, argument);
      return;
    }
    if (action.action === 'kubectl') {
      this.note(action.action, `$ kubectl ${action.command.text}`);
      this.kubectl.run(action.command, this);
      return;
    }
    if (action.action === 'defragment') {
      this.faults.defragmentEtcd(action.member, action.duration);
      this.note(action.action, `${this.faults.etcdName(action.member)} is defragmented`);
      return;
    }
    if (action.action === 'moveLeader') {
      this.faults.moveEtcdLeader(action.member);
      this.note(action.action, `${this.faults.etcdName(action.member)} is to lead`);
      return;
    }
    if (action.action === 'disarmAlarms') {
      this.faults.disarmEtcdAlarms(action.member);
      this.note(action.action, 'alarms of etcd are disarmed');
      return;
    }
    if (action.action === 'corrupt') {
      this.faults.corruptEtcd(action.member);
      this.note(action.action, `a bit flips in the database of ${this.faults.etcdName(action.member)}`);
      return;
    }
    if (action.action === 'shutdown') {
      const index = this.faults.nodeIndex(action.node);
      if (index !== undefined) this.faults.shutDown(index);
      this.note(action.action, `node ${action.node} is to shut down`);
      return;
    }
    if (action.action === 'inspect') {
      const seconds = String(Math.round((this.simulation.now - this.origin) / MILLISECOND) / 1000);
      for (const node of action.nodes) {
        const name = `kubelet.${node}.${seconds}s.json`;
        this.files.push({ name, content: `${JSON.stringify(this.faults.inspectKubelet(this.faults.nodeIndex(node)!), null, 2)}\n` });
        this.note(action.action, `what the kubelet of ${node} serves is in ${name}`);
      }
      return;
    }
    if (action.action === 'staticPod') {
      const index = this.faults.nodeIndex(action.node)!;
      for (const pod of action.pods) {
        this.faults.writeStaticPod(index, pod);
        this.note('static pod', `the file of ${pod.metadata.name} is written on ${action.node}`);
      }
      if (action.remove !== undefined) {
        const there = this.faults.removeStaticPod(index, action.remove);
        this.note(there ? 'static pod' : 'error', `${there ? 'the file of' : 'there is no file of'} ${action.remove} ${there ? 'is removed ' : ''}on ${action.node}`);
      }
      return;
    }
    if (action.action === 'restartNode') {
      action.nodes.forEach((name, i) => {
        const index = this.faults.nodeIndex(name);
        if (index !== undefined) this.faults.restartNode(index, action.what, i * action.every, action.start);
      });
      const which = action.nodes.length === 1 ? action.nodes[0] : `${action.nodes.length} nodes`;
      this.note('restart', `the ${action.what === 'kubelet' ? 'kubelet' : 'container runtime'} of ${which} is to restart`);
      return;
    }
    if (action.action === 'restart') {
      this.faults.restartApiServer(action.index, action.shutdownDelay, action.start);
      this.note(action.action, `kube-apiserver-${action.index} is to restart`);
      return;
    }
    for (const request of requestsOf(action)) {
      this.note(action.action, `${request.verb} ${request.resource} "${request.name}"`);
      this.client.request(request, this, argument);
    }
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    if (succeeded(response)) return;
    if (request.verb === 'create' && response.reason === 'AlreadyExists') {
      // `kubectl apply` of an object that exists patches it.
      const patch = new ApplyPatch(request.body!, typicalBytes(request.resource, request.body!));
      const { resource, namespace, name } = request;
      this.client.request({ verb: 'patch', resource, namespace, name, patch }, this, tag);
      return;
    }
    this.note('error', `${request.verb} ${request.resource} "${request.name}": ${response.message ?? `code ${response.code}`}`);
  }

  private noteAny(phase: string, message: string | undefined): void {
    if (message !== undefined) this.note(phase, message);
  }

  note(phase: string, message: string): void {
    this.log.push({ time: this.simulation.now, phase, message });
  }
}

/** The API requests of an action. */
function requestsOf(action: TimelineAction): readonly ApiRequest[] {
  switch (action.action) {
    case 'apply':
      return action.objects.map(createRequest);
    case 'setImage': {
      const { namespace, name } = action.deployment;
      const patch = new SetImagePatch(action.container, action.image);
      return [{ verb: 'patch', resource: 'deployments', namespace, name, patch }];
    }
    case 'scale': {
      const { namespace, name } = action.deployment;
      return [{ verb: 'update', resource: 'deployments', subresource: 'scale', namespace, name, replicas: action.replicas }];
    }
    case 'delete':
      return [{ verb: 'delete', resource: action.resource, namespace: action.object.namespace, name: action.object.name }];
    case 'fail':
    case 'heal':
    case 'defragment':
    case 'moveLeader':
    case 'disarmAlarms':
    case 'corrupt':
    case 'restart':
    case 'restartNode':
    case 'staticPod':
    case 'inspect':
    case 'shutdown':
    case 'kubectl':
      return [];
  }
}

/** The request that creates an object. */
export function createRequest(object: KubernetesObject): ApiRequest {
  const info = infoOfKind(object.apiVersion, object.kind);
  if (info === undefined) throw new Error(`${object.apiVersion} ${object.kind} is not served`);
  const { namespace, name } = object.metadata;
  return { verb: 'create', resource: info.resource, namespace, name, body: object };
}
