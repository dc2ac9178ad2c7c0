import { isPodReady, type Node, type Pod } from '../../api/core.js';
import { controllerOf, type KubernetesObject } from '../../api/meta.js';
import type { Lease } from '../../api/workloads.js';
import { type ApiResponse, type ResponseReceiver, succeeded } from '../../apiserver/request.js';
import type { Process } from '../../client/process.js';
import type { RestClient } from '../../client/rest-client.js';
import type { ResourceEventHandler } from '../../client/types.js';
import type { Component } from '../../kernel/component.js';
import type { Simulation } from '../../kernel/simulation.js';
import { Slots } from '../../kernel/slots.js';
import { type Duration, SECOND } from '../../kernel/time.js';
import type { Stream } from '../../random/stream.js';
import type { PodTimes } from './pod-times.js';
import { NodeStagePatch, type PodStage, PodStagePatch } from './stage-patches.js';

const OP_POD = 1;
const OP_LEASE = 2;
const OP_NODE = 3;

/** KWOK renews a lease of 40 s every 10 s, each wait longer by up to 4 %, and reports a node every five minutes. */
const LEASE_SECONDS = 40;
const RENEW_INTERVAL: Duration = 10 * SECOND;
const RENEW_JITTER = 0.04;
const REPORT_INTERVAL: Duration = 300 * SECOND;
const LEASES = 'kube-node-lease';

const TAG_NONE = 0;
/** Tags of a second DELETE and of leases carry a slot. */
const TAG_DELETE = 1;
const TAG_LEASE = 2;
const TAG_KINDS = 4;

interface PodRecord {
  pod: Pod;
  /** Stage that is waited for or was reached, so that no stage is played twice. */
  stage: PodStage | 'deleting' | 'none';
  event: number;
}

interface NodeRecord {
  node: Node;
  lease: Lease | null;
  readonly slot: number;
  initializing: boolean;
}

/**
 * A KWOK process: it stands for the kubelets of the nodes of one value of the label `type`, by stages as the recordings' own.
 * It can be stopped and continued as by SIGSTOP and SIGCONT: then nothing is sent, and everything that came due happens at once.
 */
export class KwokNodes implements Component, ResponseReceiver {
  readonly name: string;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: RestClient;
  private readonly type: string;
  private readonly others: boolean;
  private readonly times: PodTimes;
  private readonly draws: Stream;
  private readonly nodes = new Map<string, NodeRecord>();
  private readonly pods = new Map<string, PodRecord>();
  private readonly podSlots = new Slots<PodRecord>();
  private readonly nodeSlots = new Slots<NodeRecord>();
  private readonly deletions = new Slots<Pod>();
  private stopped = false;
  /** What came due while the process was stopped. */
  private readonly late: { readonly opcode: number; readonly argument: number }[] = [];
  private readonly lateChanges: { readonly object: KubernetesObject; readonly gone: boolean }[] = [];
  private addresses = 0;

  /** @param others also takes the nodes without the label */
  constructor(process: Process, client: RestClient, type: string, others: boolean, times: PodTimes) {
    this.name = `kwok-${type}`;
    this.simulation = process.simulation;
    this.target = this.simulation.add(this);
    this.client = client;
    this.type = type;
    this.others = others;
    this.times = times;
    this.draws = process.randomness.stream(this.name);
    process.informer('nodes').addEventHandler(new Handler(this));
    process.informer('pods').addEventHandler(new Handler(this));
  }

  /** SIGSTOP. */
  stop(): void {
    this.stopped = true;
  }

  /** SIGCONT. */
  continue(): void {
    this.stopped = false;
    for (const { object, gone } of this.lateChanges.splice(0)) this.changed(object, gone);
    for (const { opcode, argument } of this.late.splice(0)) this.handle(opcode, argument);
  }

  /** A node or pod has changed or is gone. */
  changed(object: KubernetesObject, gone: boolean): void {
    if (this.stopped) this.lateChanges.push({ object, gone });
    else if (object.kind === 'Node') this.nodeChanged(object as Node, gone);
    else this.podChanged(object as Pod, gone);
  }

  handle(opcode: number, argument: number): void {
    if (this.stopped) {
      this.late.push({ opcode, argument });
      return;
    }
    switch (opcode) {
      case OP_POD:
        this.play(this.podSlots.take(argument));
        return;
      case OP_LEASE:
        this.renew(this.nodeSlots.get(argument));
        return;
      default:
        this.report(this.nodeSlots.get(argument));
    }
  }

  private nodeChanged(node: Node, gone: boolean): void {
    const { name, labels } = node.metadata;
    const type = labels?.['type'];
    if (type === undefined ? !this.others : type !== this.type) return;
    let record = this.nodes.get(name);
    if (gone) {
      this.nodes.delete(name);
      return;
    }
    if (record === undefined) {
      const slot = this.nodeSlots.put(null as unknown as NodeRecord);
      record = { node, lease: null, slot, initializing: false };
      this.nodeSlots.take(slot);
      this.nodeSlots.put(record);
      this.nodes.set(name, record);
      const known = node.status.conditions?.some((condition) => condition.type === 'Ready') === true;
      // A node that was there before has its lease already, somewhere in its period.
      if (known) this.simulation.schedule(Math.round(this.draws.next() * RENEW_INTERVAL), this.target, OP_LEASE, slot);
      else this.renew(record);
      this.simulation.schedule(Math.round((known ? this.draws.next() : 1) * REPORT_INTERVAL), this.target, OP_NODE, slot);
    }
    record.node = node;
    const ready = node.status.conditions?.find((condition) => condition.type === 'Ready')?.status === 'True';
    if (ready) record.initializing = false;
    else if (!record.initializing) {
      record.initializing = true;
      this.patchNode(record);
    }
  }

  private report(record: NodeRecord): void {
    if (this.nodes.get(record.node.metadata.name) !== record) return;
    this.patchNode(record);
    this.simulation.schedule(REPORT_INTERVAL, this.target, OP_NODE, record.slot);
  }

  private patchNode({ node }: NodeRecord): void {
    const patch = new NodeStagePatch(this.simulation.now);
    this.client.request({ verb: 'patch', resource: 'nodes', subresource: 'status', namespace: '', name: node.metadata.name, patch }, this, TAG_NONE);
  }

  private renew(record: NodeRecord): void {
    const { name } = record.node.metadata;
    if (this.nodes.get(name) !== record) return;
    const { now } = this.simulation;
    const known = record.lease?.metadata;
    const metadata = { name, namespace: LEASES, uid: known?.uid ?? '', resourceVersion: known?.resourceVersion ?? 0, generation: 0, creationTimestamp: 0 };
    const spec = { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime: now };
    const body: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    const fresh = record.node.status.conditions === undefined && record.lease === null;
    this.client.request({ verb: fresh ? 'create' : 'update', resource: 'leases', namespace: LEASES, name, body }, this, TAG_LEASE + TAG_KINDS * record.slot);
    this.simulation.schedule(RENEW_INTERVAL * (1 + RENEW_JITTER * this.draws.next()), this.target, OP_LEASE, record.slot);
  }

  private podChanged(pod: Pod, gone: boolean): void {
    const { uid, deletionTimestamp } = pod.metadata;
    let record = this.pods.get(uid);
    if (gone) {
      if (record !== undefined && record.event !== 0) this.simulation.cancel(record.event);
      this.pods.delete(uid);
      return;
    }
    if (record === undefined) {
      this.times.note(pod);
      record = { pod, stage: 'none', event: 0 };
      this.pods.set(uid, record);
    }
    record.pod = pod;
    const { nodeName } = pod.spec;
    if (nodeName === undefined || !this.nodes.has(nodeName)) return;
    const next = deletionTimestamp === undefined ? nextStage(pod) : 'deleting';
    if (next === record.stage || next === 'none') return;
    if (record.event !== 0) this.simulation.cancel(record.event);
    record.stage = next;
    const delay = this.times.delay(pod, next);
    record.event = delay === undefined ? 0 : this.simulation.schedule(delay, this.target, OP_POD, this.podSlots.put(record));
  }

  private play(record: PodRecord): void {
    record.event = 0;
    const { pod, stage } = record;
    const { namespace, name } = pod.metadata;
    if (stage === 'deleting') {
      // KWOK sends it twice; the second finds nothing, or a pod that a finalizer holds.
      this.client.request({ verb: 'delete', resource: 'pods', namespace, name, gracePeriodSeconds: 0 }, this, TAG_DELETE + TAG_KINDS * this.deletions.put(pod));
      return;
    }
    if (stage === 'none') return;
    const address = stage === 'running' ? this.newAddress() : '';
    const patch = new PodStagePatch(stage, this.simulation.now, address);
    this.client.request({ verb: 'patch', resource: 'pods', subresource: 'status', namespace, name, patch }, this, TAG_NONE);
  }

  private newAddress(): string {
    const n = ++this.addresses;
    return `10.${64 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  }

  receive(tag: number, response: ApiResponse): void {
    const slot = Math.floor(tag / TAG_KINDS);
    if (tag % TAG_KINDS === TAG_LEASE) {
      const record = this.nodeSlots.get(slot);
      if (succeeded(response)) record.lease = response.object as Lease;
      else record.lease = null;
    } else if (tag % TAG_KINDS === TAG_DELETE) {
      const { namespace, name, uid } = this.deletions.take(slot).metadata;
      if (succeeded(response)) {
        this.client.request({ verb: 'delete', resource: 'pods', namespace, name, gracePeriodSeconds: 0, preconditions: { uid } }, this, TAG_NONE);
      }
    }
  }
}

/** The stage that follows from a pod's status. */
function nextStage(pod: Pod): PodStage | 'none' {
  const { phase } = pod.status;
  const { annotations } = pod.metadata;
  if (phase === 'Pending') return 'running';
  if (phase !== 'Running') return 'none';
  if (!isPodReady(pod)) return annotations?.['tow/never-ready'] === undefined ? 'ready' : 'none';
  if (controllerOf(pod as KubernetesObject)?.kind !== 'Job') return 'none';
  const index = annotations?.['batch.kubernetes.io/job-completion-index'];
  const fails = annotations?.['tow/fail'] !== undefined || (index !== undefined && annotations?.['tow/fail-index'] === index);
  return fails ? 'failed' : 'succeeded';
}

/** Hands what an informer tells on to the nodes. */
class Handler implements ResourceEventHandler<KubernetesObject> {
  private readonly nodes: KwokNodes;

  constructor(nodes: KwokNodes) {
    this.nodes = nodes;
  }

  onAdd(object: KubernetesObject): void {
    this.nodes.changed(object, false);
  }

  onUpdate(_old: KubernetesObject, object: KubernetesObject): void {
    this.nodes.changed(object, false);
  }

  onDelete(object: KubernetesObject): void {
    this.nodes.changed(object, true);
  }
}
