import type { PersistentVolumeClaim } from '../api/apps.js';
import type { Node } from '../api/core.js';
import { type AttachableVolume, claimNames, type CsiDriver, needsAttachment, uniqueVolumeName } from '../api/volumes.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { Component } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, MILLISECOND, SECOND } from '../kernel/time.js';
import type { DistributionSpec } from '../random/distribution.js';
import { OP_PREPARED, type Fleet } from './fleet.js';
import type { NodeRecord } from './node-record.js';
import type { PodRecord } from './records.js';
import { stopAwaiting } from './volume-wait.js';

/** volume_manager.go: a pod waits for its volumes that long before its sync fails, and is looked at every 300 ms. */
export const VOLUME_WAIT_TIMEOUT: Duration = 123 * SECOND;
/** The populator and the reconciler go round every 100 ms. */
const LOOP_PERIOD: Duration = 100 * MILLISECOND;
/** Back-off of an operation that failed (goroutinemap/exponentialbackoff). */
export const VOLUME_FIRST_RETRY: Duration = 500 * MILLISECOND;
export const VOLUME_LAST_RETRY: Duration = 122 * SECOND;
const NOTHING: DistributionSpec = { kind: 'constant', value: 0 };

const OP_AGAIN = 1;
const OP_MOUNTED = 2;
const OP_TIMEOUT = 3;

/** Keyed draws of mounts, apart from those of the pod's other steps. */
const MOUNT_TURN = 1_000_000;

/** One volume of a pod that waits for it. */
interface Wait {
  readonly pod: PodRecord;
  readonly claim: string;
  /** Kubelet's life at its node. */
  readonly epoch: number;
  step: 'claim' | 'volume' | 'driver' | 'attach' | 'mount' | 'failed';
  volume: AttachableVolume | null;
  retry: Duration;
}

/** Volumes of a pod on its node. */
interface PodVolumes {
  readonly pod: PodRecord;
  readonly names: string[];
  /** Volumes that are not mounted yet. */
  left: number;
  /** The running sync of the pod waits for them. */
  awaited: boolean;
  /** Slots of the waits; given up when the pod ends. */
  readonly waits: Set<number>;
  timeout: number;
}

/**
 * The volume managers of all kubelets, as far as volumes are attached by the attach/detach controller (pkg/kubelet/volumemanager): a
 * pod's claims and volumes are read from the API, the node's status says at its next update that they are in use, the kubelet reads
 * its node until that names them as attached, and mounts them. The pod's sandbox waits for that. Once the pod has ended they are
 * no longer in use.
 */
export class VolumeManager implements Component, ResponseReceiver {
  readonly name = 'kubelets/volumes';
  private readonly fleet: Fleet;
  private readonly target: number;
  private readonly mount: DistributionSpec;
  private readonly waits = new Slots<Wait>();
  private readonly pods = new Map<string, PodVolumes>();
  private readonly timeouts = new Slots<PodVolumes>();

  constructor(fleet: Fleet, mount: DistributionSpec | undefined) {
    this.fleet = fleet;
    this.mount = mount ?? NOTHING;
    this.target = fleet.simulation.add(this);
  }

  /** A pod is about to start: false when it has no volumes to wait for; else `PodWorkers.volumesReady` is called. */
  begin(pod: PodRecord): boolean {
    const claims = claimNames(pod.pod);
    if (claims.length === 0) return false;
    const known = this.pods.get(pod.uid);
    if (known?.left === 0 && known.awaited) return false;
    const goesOn = known !== undefined && known.left > 0;
    const volumes: PodVolumes = goesOn ? known : { pod, names: known?.names ?? [], left: claims.length, awaited: true, waits: new Set(), timeout: 0 };
    this.pods.set(pod.uid, volumes);
    volumes.awaited = true;
    volumes.timeout = this.fleet.simulation.schedule(VOLUME_WAIT_TIMEOUT, this.target, OP_TIMEOUT, this.timeouts.put(volumes));
    if (!goesOn) {
      for (const claim of claims) volumes.waits.add(this.waits.put({ pod, claim, epoch: pod.node.epoch, step: 'failed', volume: null, retry: VOLUME_FIRST_RETRY }));
    }
    for (const slot of [...volumes.waits]) {
      const wait = this.waits.get(slot);
      if (wait.step !== 'failed' || !volumes.awaited) continue;
      wait.step = 'claim';
      this.request(slot);
    }
    return true;
  }

  /** The sync of a pod has failed: what is under way goes on without it. */
  rest(pod: PodRecord): void {
    stopAwaiting(this.pods.get(pod.uid), this.fleet.simulation);
  }

  /** A pod that waits for its volumes ends; true if it did. */
  abandon(pod: PodRecord): boolean {
    const volumes = this.pods.get(pod.uid);
    if (volumes === undefined || volumes.left === 0) return false;
    this.stopWaiting(volumes);
    return true;
  }

  /** Nothing of a pod is left on its node: its volumes are unmounted. */
  release(pod: PodRecord): void {
    const volumes = this.pods.get(pod.uid);
    if (volumes === undefined) return;
    this.stopWaiting(volumes);
    this.pods.delete(pod.uid);
    for (const name of volumes.names) this.unuse(pod.node, name);
  }

  /** A machine has crashed: nothing is mounted there any more. */
  crash(node: NodeRecord): void {
    for (const [uid, volumes] of [...this.pods]) {
      if (volumes.pod.node !== node) continue;
      this.stopWaiting(volumes);
      this.pods.delete(uid);
    }
    node.volumesInUse.clear();
    node.volumesReported = new Set();
    node.volumesChanged = true;
  }

  /** The node's status was written with these volumes in use. */
  reported(node: NodeRecord, names: readonly string[]): void {
    node.volumesReported = new Set(names);
  }

  private stopWaiting(volumes: PodVolumes): void {
    stopAwaiting(volumes, this.fleet.simulation);
    volumes.left = 0;
    volumes.waits.clear();
  }

  private unuse(node: NodeRecord, name: string): void {
    const count = node.volumesInUse.get(name) ?? 0;
    if (count > 1) {
      node.volumesInUse.set(name, count - 1);
      return;
    }
    node.volumesInUse.delete(name);
    node.volumesChanged = true;
    this.fleet.heartbeats.statusChanged(node);
  }

  /** Whether a wait still goes on; forgets it when not. */
  private isOn(slot: number): boolean {
    const { pod, epoch } = this.waits.get(slot);
    const on = this.pods.get(pod.uid)?.waits.has(slot) === true && pod.node.up && pod.node.epoch === epoch;
    if (!on) this.waits.take(slot);
    return on;
  }

  private request(slot: number): void {
    const { pod, claim, step, volume } = this.waits.get(slot);
    const { namespace } = pod.pod.metadata;
    if (step === 'claim') this.get(slot, 'persistentvolumeclaims', namespace, claim);
    else if (step === 'volume') this.get(slot, 'persistentvolumes', '', volume!.metadata.name);
    else if (step === 'driver') this.get(slot, 'csidrivers', '', volume!.spec.csi!.driver);
    else if (step === 'mount') this.startMount(slot);
    else if (pod.node.volumesReported.has(uniqueVolumeName(volume!.spec.csi!))) this.get(slot, 'nodes', '', pod.node.name);
    else this.again(slot, this.backOff(slot));
  }

  private get(slot: number, resource: string, namespace: string, name: string): void {
    const { pod } = this.waits.get(slot);
    const request: ApiRequest = { verb: 'get', resource, namespace, name };
    pod.node.client!.request(request, this, slot);
  }

  private again(slot: number, delay: Duration): void {
    this.fleet.simulation.post(delay, this.target, OP_AGAIN, slot);
  }

  private backOff(slot: number): Duration {
    const wait = this.waits.get(slot);
    const delay = wait.retry;
    wait.retry = Math.min(VOLUME_LAST_RETRY, wait.retry * 2);
    return delay;
  }

  describe(opcode: number): string {
    return opcode === OP_TIMEOUT ? 'a pod has waited long for its volumes' : opcode === OP_MOUNTED ? 'a volume is mounted' : 'looks for a volume';
  }

  handle(opcode: number, argument: number): void {
    if (opcode === OP_TIMEOUT) {
      this.timedOut(this.timeouts.take(argument));
      return;
    }
    if (!this.isOn(argument)) return;
    if (opcode === OP_MOUNTED) this.mounted(argument);
    else this.request(argument);
  }

  receive(slot: number, response: ApiResponse): void {
    if (!this.isOn(slot)) return;
    const wait = this.waits.get(slot);
    if (!succeeded(response) && !(wait.step === 'driver' && response.code === 404)) {
      if (wait.step === 'claim') this.failed(slot, `failed to fetch PVC from API server: ${reasonOf(response, 'persistentvolumeclaims', wait.claim)}`);
      else if (wait.step === 'volume') this.failed(slot, `failed to fetch PV ${wait.volume!.metadata.name} from API server: ${reasonOf(response, 'persistentvolumes', wait.volume!.metadata.name)}`);
      else this.again(slot, LOOP_PERIOD);
      return;
    }
    switch (wait.step) {
      case 'claim': {
        const claim = response.object as PersistentVolumeClaim;
        const volumeName = claim.spec.volumeName ?? '';
        const { deletionTimestamp, finalizers = [] } = claim.metadata;
        if (deletionTimestamp !== undefined && !finalizers.includes('kubernetes.io/pvc-protection')) {
          this.failed(slot, 'PVC is being deleted');
          return;
        }
        if (volumeName === '' || claim.status?.phase !== 'Bound') {
          this.failed(slot, claim.status?.phase === 'Bound' ? 'PVC has empty pvc.Spec.VolumeName' : 'PVC is not bound');
          return;
        }
        wait.volume = { metadata: { name: volumeName } } as AttachableVolume;
        wait.step = 'volume';
        this.request(slot);
        return;
      }
      case 'volume':
        wait.volume = response.object as AttachableVolume;
        wait.step = wait.volume.spec.csi === undefined ? 'mount' : 'driver';
        if (wait.step === 'mount') this.startMount(slot);
        else this.request(slot);
        return;
      case 'driver':
        if (needsAttachment(response.object as CsiDriver | undefined)) this.use(slot);
        else this.startMount(slot);
        return;
      default:
        this.look(slot, response.object as Node);
    }
  }

  /** The volume is in use from now on, which the node's status must say before it may be attached. */
  private use(slot: number): void {
    const wait = this.waits.get(slot);
    const { node } = wait.pod;
    const name = uniqueVolumeName(wait.volume!.spec.csi!);
    const { names } = this.pods.get(wait.pod.uid)!;
    wait.step = 'attach';
    if (names.includes(name)) {
      this.request(slot);
      return;
    }
    names.push(name);
    const count = node.volumesInUse.get(name) ?? 0;
    node.volumesInUse.set(name, count + 1);
    if (count === 0) {
      node.volumesChanged = true;
      this.fleet.heartbeats.statusChanged(node);
    }
    this.request(slot);
  }

  /** A claim or volume cannot be used: the pod's sync fails at once (desired_state_of_world_populator.go), and the next one looks again. */
  private failed(slot: number, problem: string): void {
    const wait = this.waits.get(slot);
    const { pod, claim } = wait;
    const volumes = this.pods.get(pod.uid)!;
    wait.step = 'failed';
    if (!volumes.awaited) return;
    const waits = [...volumes.waits].map((each) => this.waits.get(each));
    const lacking = (some: readonly Wait[]): string => some.map((each) => this.volumeName(pod, each.claim)).join(' ');
    const attaching = waits.filter(({ step }) => step === 'attach');
    const text = `Unable to attach or mount volumes: unmounted volumes=[${lacking(waits)}], unattached volumes=[${lacking(attaching)}], failed to process volumes=[${lacking(waits.filter(({ step }) => step === 'failed'))}]: error processing PVC ${pod.pod.metadata.namespace}/${claim}: ${problem}`;
    this.fleet.event(pod, 'Warning', 'FailedMount', text);
    this.fleet.workers.volumesFailed(pod);
  }

  /** Whether the node's status names the volume as attached (VerifyControllerAttachedVolume). */
  private look(slot: number, node: Node): void {
    const wait = this.waits.get(slot);
    const name = uniqueVolumeName(wait.volume!.spec.csi!);
    if (node.status.volumesAttached?.some((each) => each.name === name) === true) this.startMount(slot);
    else this.again(slot, this.backOff(slot));
  }

  private startMount(slot: number): void {
    const wait = this.waits.get(slot);
    wait.step = 'mount';
    const driver = wait.volume!.spec.csi?.driver;
    if (!wait.pod.node.driversUp && driver !== undefined) {
      // csi_attacher.go MountDevice, csi_client.go; the operation is tried again with a back-off.
      const text = `MountVolume.MountDevice failed for volume "${wait.volume!.metadata.name}" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name ${driver} not found in the list of registered CSI drivers`;
      this.fleet.event(wait.pod, 'Warning', 'FailedMount', text);
      this.again(slot, this.backOff(slot));
      return;
    }
    wait.retry = VOLUME_FIRST_RETRY;
    const turn = MOUNT_TURN + this.pods.get(wait.pod.uid)!.left;
    this.fleet.simulation.post(this.fleet.duration(this.mount, wait.pod.key, OP_PREPARED, turn), this.target, OP_MOUNTED, slot);
  }

  private mounted(slot: number): void {
    const { pod } = this.waits.take(slot);
    const volumes = this.pods.get(pod.uid)!;
    volumes.waits.delete(slot);
    if (--volumes.left > 0) return;
    const { awaited } = volumes;
    this.stopWaiting(volumes);
    // Mounted; what is not awaited now is found by the next sync.
    volumes.awaited = true;
    if (awaited) this.fleet.workers.volumesReady(pod);
  }

  /** WaitForAttachAndMount gives up: the sync fails, without an event (kubelet.go), and the next one waits again. */
  private timedOut(volumes: PodVolumes): void {
    volumes.timeout = 0;
    if (volumes.left > 0 && volumes.awaited) this.fleet.workers.volumesFailed(volumes.pod);
  }

  private volumeName(pod: PodRecord, claim: string): string {
    const place = claimNames(pod.pod).indexOf(claim);
    return (pod.pod.spec.volumes ?? []).filter((volume) => volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined)[place]?.name ?? claim;
  }
}

/** Why a GET has failed, as the API server says it. */
function reasonOf(response: ApiResponse, resource: string, name: string): string {
  return response.code === 404 ? `${resource} "${name}" not found` : (response.message ?? 'no answer');
}
