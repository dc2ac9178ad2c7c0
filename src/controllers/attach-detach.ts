import type { PersistentVolumeClaim } from '../api/apps.js';
import { isPodTerminal, type Node, type Pod } from '../api/core.js';
import { keyOf } from '../api/meta.js';
import { type AttachableVolume, type CsiDriver, claimNames, needsAttachment, usesClaims, type VolumeAttachment } from '../api/volumes.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, MILLISECOND, MINUTE, SECOND, type Time } from '../kernel/time.js';
import type { Stream } from '../random/stream.js';
import { type AttachedVolume, Attachments, multiAttachMessage, type NodeView, type WantedVolume } from './attachments.js';
import { AttachmentHandler, ClaimHandler, NodeHandler, PodHandler } from './attachment-handlers.js';
import { VolumesAttachedPatch } from './attachment-patches.js';
import { objectRequest } from './controller.js';
import { attachmentName } from './csi-attacher.js';

/** Period of the reconciler (attach_detach_controller.go DefaultTimerConfig). */
const LOOP_PERIOD: Duration = 100 * MILLISECOND;
/** How an attachment is waited for (csi_attacher.go waitForVolumeAttachDetachStatusWithLister), and for how long (csi_plugin.go csiTimeout). */
const FIRST_LOOK: Duration = 500 * MILLISECOND;
const LAST_LOOK: Duration = 7 * SECOND;
const LOOK_FACTOR = 1.05;
const LOOK_JITTER = 0.1;
const TIMEOUT: Duration = 2 * MINUTE;
/** Back-off of failed operations (goroutinemap/exponentialbackoff). */
const FIRST_RETRY: Duration = 500 * MILLISECOND;
const LAST_RETRY: Duration = 122 * SECOND;

const OP_RECONCILE = 1;
const OP_LOOK = 2;

/** An attach or detach under way. */
interface Operation {
  readonly kind: 'attach' | 'detach';
  readonly volume: AttachableVolume;
  readonly name: string;
  readonly node: string;
  readonly attached: AttachedVolume | null;
  readonly verify: boolean;
  readonly since: Time;
  step: 'report' | 'verify' | 'request' | 'wait';
  look: Duration;
}

/**
 * The attach/detach controller (pkg/controller/volume/attachdetach): makes a VolumeAttachment for each volume that a scheduled pod
 * needs on its node, names what is attached in the node's status, and detaches what no pod needs there once the kubelet has
 * unmounted it. The round of 100 ms runs while there is something to do.
 */
export class AttachDetachController implements Component, ResponseReceiver {
  readonly name = 'attach-detach-controller';
  readonly attachments = new Attachments();
  /** Volumes detached although their node had not unmounted them (attachdetach_controller_forced_detaches). */
  forcedDetaches = 0;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly recorder: EventRecorder;
  private readonly jitter: Stream;
  private readonly pods: Informer<Pod>;
  private readonly nodes: Informer<Node>;
  private readonly claims: Informer<PersistentVolumeClaim>;
  private readonly volumes: Informer<AttachableVolume>;
  private readonly drivers: Informer<CsiDriver>;
  private readonly attachmentObjects: Informer<VolumeAttachment>;
  private readonly operations = new Slots<Operation>();
  /** Volumes with an operation, by name, or by name and node if several nodes may have them. */
  private readonly busy = new Set<string>();
  /** Back-off by the same keys: until when, and the last delay. */
  private readonly retries = new Map<string, { until: Time; delay: Duration }>();
  /** Nodes whose status does not name yet what is attached. */
  private readonly unreported = new Set<string>();
  /** Pods by the claims that they wait for. */
  private readonly waiting = new Map<string, Set<string>>();
  private armed = false;

  constructor(context: ProcessContext, client: ApiClient) {
    const { simulation, informers, randomness } = context;
    this.simulation = simulation;
    this.target = simulation.add(this);
    this.client = client;
    this.recorder = context.eventRecorder('attachdetach-controller', client);
    this.jitter = randomness.stream('attach-detach-controller/wait');
    this.drivers = informers.informer<CsiDriver>('csidrivers');
    this.volumes = informers.informer<AttachableVolume>('persistentvolumes');
    this.claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.attachmentObjects = informers.informer<VolumeAttachment>('volumeattachments');
    this.nodes = informers.informer<Node>('nodes');
    this.pods = informers.informer<Pod>('pods');
    this.attachmentObjects.addEventHandler(new AttachmentHandler(this));
    this.claims.addEventHandler(new ClaimHandler(this));
    this.volumes.addEventHandler(new ClaimHandler(this));
    this.drivers.addEventHandler(new ClaimHandler(this));
    this.nodes.addEventHandler(new NodeHandler(this));
    this.pods.addEventHandler(new PodHandler(this));
  }

  /** A pod came or changed. */
  podChanged(pod: Pod): void {
    if (!usesClaims(pod) || (pod.spec.nodeName ?? '') === '') return;
    const ended = isPodTerminal(pod) || (pod.metadata.deletionTimestamp !== undefined && !hasRunning(pod));
    this.attachments.setPod(pod, ended ? [] : this.attachable(pod));
    this.arm();
  }

  podGone(pod: Pod): void {
    if (!usesClaims(pod)) return;
    this.attachments.setPod(pod, []);
    this.arm();
  }

  /** A claim, a volume or a driver appeared or changed: pods that waited for it are looked at again. */
  storageChanged(): void {
    if (this.waiting.size === 0) return;
    const keys = [...this.waiting.values()].flatMap((pods) => [...pods]);
    this.waiting.clear();
    for (const key of new Set(keys)) {
      const pod = this.pods.get(key);
      if (pod !== undefined) this.podChanged(pod);
    }
  }

  nodeChanged(): void {
    this.arm();
  }

  /** An attachment that an earlier life of the controller has left: it may be there or not. */
  attachmentSeen(object: VolumeAttachment): void {
    const volume = this.volumes.get(object.spec.source.persistentVolumeName ?? '');
    if (volume?.spec.csi === undefined) return;
    const { nodeName } = object.spec;
    for (const attached of this.attachments.attached.values()) if (attached.node === nodeName && attached.volume.metadata.name === volume.metadata.name) return;
    if (this.isBusy(volume, nodeName)) return;
    this.attachments.mark(volume, nodeName, this.nodes.get(nodeName)?.status.volumesAttached?.some(({ name }) => name.endsWith(`^${volume.spec.csi!.volumeHandle}`)) === true);
    this.arm();
  }

  /** Volumes of a pod that must be attached; claims that are not bound yet are waited for. */
  private attachable(pod: Pod): AttachableVolume[] {
    const found: AttachableVolume[] = [];
    for (const name of claimNames(pod)) {
      const key = `${pod.metadata.namespace}/${name}`;
      const volume = this.volumes.get(this.claims.get(key)?.spec.volumeName ?? '');
      if (volume === undefined) this.wait(key, pod);
      else if (volume.spec.csi !== undefined && needsAttachment(this.drivers.get(volume.spec.csi.driver))) found.push(volume);
    }
    return found;
  }

  private wait(claim: string, pod: Pod): void {
    const pods = this.waiting.get(claim);
    if (pods === undefined) this.waiting.set(claim, new Set([keyOf(pod)]));
    else pods.add(keyOf(pod));
  }

  private arm(): void {
    if (this.armed || (!this.attachments.unsettled && this.unreported.size === 0)) return;
    this.armed = true;
    const { now } = this.simulation;
    this.simulation.post((Math.floor(now / LOOP_PERIOD) + 1) * LOOP_PERIOD - now, this.target, OP_RECONCILE);
  }

  describe(opcode: number): string {
    return opcode === OP_RECONCILE ? 'attaches and detaches volumes' : 'looks whether a volume is attached';
  }

  handle(opcode: number, slot: number): void {
    if (opcode === OP_LOOK) {
      this.look(slot);
      return;
    }
    this.armed = false;
    if (this.synced) this.reconcile();
    this.arm();
  }

  /** Before all caches are filled nothing is known of what is wanted. */
  private get synced(): boolean {
    return [this.pods, this.nodes, this.claims, this.volumes, this.drivers, this.attachmentObjects].every(({ synced }) => synced);
  }

  private reconcile(): void {
    const plan = this.attachments.plan(
      (name) => this.nodeView(name),
      (name, node) => this.busy.has(name) || this.busy.has(`${name} ${node}`) || this.isBackingOff(name, node),
      this.simulation.now,
    );
    for (const { attached, forced } of plan.detach) {
      if (forced) this.forcedDetaches++;
      attached.reported = false;
      // The node's status must no longer name the volume before it is detached.
      this.begin({ ...this.operation('detach', attached.volume, attached.name, attached.node), attached, verify: !forced, step: 'report' });
    }
    for (const wanted of plan.attach) this.begin({ ...this.operation('attach', wanted.volume, wanted.name, wanted.node), step: 'request' });
    for (const { wanted, others } of plan.multiAttach) this.reportMultiAttach(wanted, others);
    for (const node of this.unreported) this.report(node, -1);
    this.unreported.clear();
  }

  private operation(kind: Operation['kind'], volume: AttachableVolume, name: string, node: string): Operation {
    return { kind, volume, name, node, attached: null, verify: false, since: this.simulation.now, step: 'request', look: FIRST_LOOK };
  }

  private nodeView(name: string): NodeView | undefined {
    const node = this.nodes.get(name);
    if (node === undefined) return undefined;
    return {
      healthy: node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
      outOfService: node.spec.taints?.some(({ key }) => key === 'node.kubernetes.io/out-of-service') === true,
      inUse: new Set(node.status.volumesInUse ?? []),
    };
  }

  private keyOf(volume: AttachableVolume, name: string, node: string): string {
    const modes = volume.spec.accessModes ?? [];
    return modes.includes('ReadWriteMany') || modes.includes('ReadOnlyMany') ? `${name} ${node}` : name;
  }

  private isBusy(volume: AttachableVolume, node: string): boolean {
    const name = `kubernetes.io/csi/${volume.spec.csi!.driver}^${volume.spec.csi!.volumeHandle}`;
    return this.busy.has(this.keyOf(volume, name, node));
  }

  private isBackingOff(name: string, node: string): boolean {
    const { now } = this.simulation;
    return (this.retries.get(name)?.until ?? 0) > now || (this.retries.get(`${name} ${node}`)?.until ?? 0) > now;
  }

  private begin(operation: Operation): void {
    this.busy.add(this.keyOf(operation.volume, operation.name, operation.node));
    const slot = this.operations.put(operation);
    if (operation.step === 'report') this.report(operation.node, slot);
    else this.request(slot);
  }

  /** PATCH of the node's status.volumesAttached; `slot`: the operation that waits for it. */
  private report(node: string, slot: number): void {
    const patch = new VolumesAttachedPatch(this.attachments.reportedOn(node));
    this.send({ verb: 'patch', resource: 'nodes', subresource: 'status', namespace: '', name: node, patch }, slot);
  }

  private request(slot: number): void {
    const { kind, volume, node } = this.operations.get(slot);
    const { driver, volumeHandle } = volume.spec.csi!;
    const name = attachmentName(volumeHandle, driver, node);
    if (kind === 'detach') {
      this.send({ verb: 'delete', resource: 'volumeattachments', namespace: '', name }, slot);
      return;
    }
    if (this.attachmentObjects.get(name) !== undefined) {
      this.startWaiting(slot);
      return;
    }
    const body: VolumeAttachment = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: { name, namespace: '', uid: '', resourceVersion: 0, generation: 0, creationTimestamp: 0 },
      spec: { attacher: driver, nodeName: node, source: { persistentVolumeName: volume.metadata.name } },
    };
    this.send(objectRequest('create', 'volumeattachments', body, { body }), slot);
  }

  private send(request: ApiRequest, slot: number): void {
    this.client.request(request, this, slot + 1);
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    if (tag === 0) {
      // A status that could not be written is written in the next round.
      if (!succeeded(response) && response.code !== 404) this.unreported.add(request.name);
      this.arm();
      return;
    }
    const slot = tag - 1;
    const operation = this.operations.get(slot);
    const { kind, step } = operation;
    const done = succeeded(response);
    if (step === 'report') {
      if (!done && response.code !== 404) this.failed(slot, response.message ?? 'request failed');
      else if (operation.verify) {
        operation.step = 'verify';
        this.send({ verb: 'get', resource: 'nodes', namespace: '', name: operation.node }, slot);
      } else this.requestNow(slot);
    } else if (step === 'verify') {
      const inUse = (response.object as Node | undefined)?.status.volumesInUse?.includes(operation.name) === true;
      if (inUse || (!done && response.code !== 404)) this.failed(slot, 'the volume is still in use');
      else this.requestNow(slot);
    } else if (kind === 'detach' && response.code === 404) this.succeededWith(slot);
    else if (done || response.reason === 'AlreadyExists') this.startWaiting(slot);
    else this.failed(slot, response.message ?? 'request failed');
  }

  private requestNow(slot: number): void {
    this.operations.get(slot).step = 'request';
    this.request(slot);
  }

  private startWaiting(slot: number): void {
    const operation = this.operations.get(slot);
    operation.step = 'wait';
    this.simulation.post(Math.round(operation.look * (1 + LOOK_JITTER * this.jitter.next())), this.target, OP_LOOK, slot);
    operation.look = Math.min(LAST_LOOK, Math.round(operation.look * LOOK_FACTOR));
  }

  private look(slot: number): void {
    const { kind, volume, node, since } = this.operations.get(slot);
    const { driver, volumeHandle } = volume.spec.csi!;
    const object = this.attachmentObjects.get(attachmentName(volumeHandle, driver, node));
    if (kind === 'attach' ? object?.status?.attached === true && object.metadata.deletionTimestamp === undefined : object === undefined) this.succeededWith(slot);
    else if (this.simulation.now - since > TIMEOUT) this.failed(slot, `timed out waiting for external-attacher of ${driver} CSI driver to ${kind} volume ${volumeHandle}`);
    else this.startWaiting(slot);
  }

  private succeededWith(slot: number): void {
    const { kind, volume, node, attached } = this.finish(slot);
    if (kind === 'detach') this.attachments.detached(attached!);
    else {
      const { name } = this.attachments.mark(volume, node, true);
      this.unreported.add(node);
      for (const pod of this.attachments.podsOn(name, [node])) {
        this.recorder.event(pod, 'Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded for volume "${volume.metadata.name}" `);
      }
    }
    this.arm();
  }

  private failed(slot: number, message: string): void {
    const operation = this.finish(slot);
    const { kind, volume, name, node, attached, step } = operation;
    const key = this.keyOf(volume, name, node);
    const delay = Math.min(LAST_RETRY, (this.retries.get(key)?.delay ?? FIRST_RETRY / 2) * 2);
    this.retries.set(key, { until: this.simulation.now + delay, delay });
    if (kind === 'attach') {
      this.attachments.mark(volume, node, false);
      for (const pod of this.attachments.podsOn(name, [node])) {
        this.recorder.event(pod, 'Warning', 'FailedAttachVolume', `AttachVolume.Attach failed for volume "${volume.metadata.name}" : ${message}`);
      }
    } else if (step === 'report' || step === 'verify') attached!.reported = attached!.certain;
    else attached!.certain = false;
    this.unreported.add(node);
    this.arm();
  }

  private finish(slot: number): Operation {
    const operation = this.operations.take(slot);
    const key = this.keyOf(operation.volume, operation.name, operation.node);
    this.busy.delete(key);
    return operation;
  }

  private reportMultiAttach(wanted: WantedVolume, others: readonly string[]): void {
    wanted.multiAttachReported = true;
    const users = this.attachments.podsOn(wanted.name, others);
    for (const pod of wanted.pods.values()) this.recorder.event(pod, 'Warning', 'FailedAttachVolume', multiAttachMessage(pod, wanted.volume, users));
  }
}

function hasRunning({ status }: Pod): boolean {
  return status.containerStatuses?.some(({ state }) => state.running !== undefined) === true;
}
