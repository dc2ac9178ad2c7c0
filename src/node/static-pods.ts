import type { Pod } from '../api/core.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import { Slots } from '../kernel/slots.js';
import type { Fleet } from './fleet.js';
import type { NodeRecord } from './node-record.js';
import { type PodRecord, WORK_TERMINATED } from './records.js';
import { mirrorOf, mirrors, staticPod, withCriticalPriority } from './static-pod-policy.js';

/** Takes pods in on their nodes. */
export interface PodAdmission {
  addPod(node: NodeRecord, pod: Pod): PodRecord;
  admit(pod: PodRecord): void;
  resume(pod: PodRecord): void;
}

/** A request about a mirror: `node` reads the Node, which the mirror is to belong to. */
interface Asked {
  readonly pod: PodRecord | null;
  readonly node: NodeRecord;
  readonly epoch: number;
  readonly what: 'node' | 'create' | 'delete';
}

/**
 * Static pods: manifests in a directory of each machine (staticPodPath), which its kubelet runs without asking anybody, and the mirrors
 * that it keeps in the API (pkg/kubelet/config/file.go, kubelet.go tryReconcileMirrorPods, pod/mirror_client.go).
 */
export class StaticPods implements ResponseReceiver {
  private readonly fleet: Fleet;
  private readonly admission: PodAdmission;
  /** The directory of each node that has one: manifests by namespace and name. */
  private readonly directories = new Map<NodeRecord, Map<string, Pod>>();
  private readonly running = new Map<NodeRecord, Map<string, PodRecord>>();
  private readonly asked = new Slots<Asked>();
  private readonly waiting = new Set<PodRecord>();

  constructor(fleet: Fleet, admission: PodAdmission) {
    this.fleet = fleet;
    this.admission = admission;
  }

  /** Files that a machine has from the beginning: their pods are there before all others. */
  provide(node: NodeRecord, manifests: readonly Pod[]): void {
    const directory = new Map<string, Pod>();
    this.directories.set(node, directory);
    for (const manifest of manifests) {
      directory.set(keyOf(manifest), manifest);
      // Its share of the machine is taken before anybody places pods there.
      this.fleet.workers.termination.claimNode(this.take(node, manifest));
    }
  }

  /** The kubelets start. */
  start(): void {
    for (const [node, records] of this.running) {
      if (!node.up) continue;
      for (const record of records.values()) {
        this.fleet.workers.termination.unclaim(record);
        this.admission.admit(record);
      }
    }
  }

  private take(node: NodeRecord, manifest: Pod): PodRecord {
    const pod = staticPod(manifest, node.name, this.fleet.simulation.now);
    const record = this.admission.addPod(node, withCriticalPriority(pod));
    record.fixed = true;
    record.manifest = pod;
    let records = this.running.get(node);
    if (records === undefined) {
      records = new Map();
      this.running.set(node, records);
    }
    records.set(keyOf(pod), record);
    return record;
  }

  /** A file is written into a machine's directory, or changed; its kubelet notices at once (inotify), or when it starts. */
  write(node: NodeRecord, manifest: Pod): void {
    let directory = this.directories.get(node);
    if (directory === undefined) {
      directory = new Map();
      this.directories.set(node, directory);
    }
    directory.set(keyOf(manifest), manifest);
    if (node.up) this.look(node);
  }

  /** A file is removed from a machine's directory; false: there is none of this name. */
  remove(node: NodeRecord, key: string): boolean {
    if (this.directories.get(node)?.delete(key) !== true) return false;
    if (node.up) this.look(node);
    return true;
  }

  /** Compares the directory with what runs: what is gone or different ends, what is new starts once its predecessor has ended. */
  look(node: NodeRecord): void {
    const wanted = new Map<string, Pod>();
    for (const manifest of this.directories.get(node)?.values() ?? []) {
      const pod = staticPod(manifest, node.name, 0);
      wanted.set(keyOf(pod), manifest);
      const record = this.running.get(node)?.get(keyOf(pod));
      if (record === undefined) this.admission.admit(this.take(node, manifest));
      else if (record.uid !== pod.metadata.uid) this.end(record);
    }
    for (const [key, record] of this.running.get(node) ?? []) if (!wanted.has(key)) this.end(record);
  }

  private end(record: PodRecord): void {
    if (record.gone) return;
    record.gone = true;
    if (record.finished) this.ended(record);
    else if (record.work !== WORK_TERMINATED) this.fleet.workers.terminate(record, record.pod.spec.terminationGracePeriodSeconds);
  }

  /** Nothing is left of a static pod whose file is gone: its mirror goes, and a pod that replaces it starts. */
  ended(record: PodRecord): void {
    const { node } = record;
    this.running.get(node)?.delete(keyOf(record.pod));
    this.waiting.delete(record);
    if (record.mirror !== null) this.deleteMirror(record, record.mirror);
    this.fleet.statuses.forgetPod(record);
    this.look(node);
  }

  /** The machine or its kubelet is there again: static pods run before the API has told of any other. */
  resume(node: NodeRecord): void {
    const records = [...(this.running.get(node)?.values() ?? [])];
    for (const record of records) {
      if (record.forgotten) this.ended(record);
      else if (record.work === WORK_TERMINATED && (record.failReason !== '' || record.rejected !== '')) this.again(record);
      else this.admission.resume(record);
    }
    if (this.directories.has(node)) this.look(node);
  }

  /** A kubelet that has started knows nothing of the refusal or the end that the one before gave a pod: it starts anew. */
  private again(record: PodRecord): void {
    const { node } = record;
    this.fleet.statuses.forgetPod(record);
    const next = this.take(node, this.directories.get(node)!.get(manifestKey(record))!);
    next.mirror = record.mirror;
    this.admission.admit(next);
  }

  /** The API tells of a mirror. */
  mirrorChanged(node: NodeRecord, mirror: Pod): void {
    const record = this.running.get(node)?.get(keyOf(mirror));
    if (record === undefined) {
      if (node.up) this.delete(node, mirror, null);
      return;
    }
    record.mirror = mirror;
    if (!node.up || record.detached || record.lost) return;
    if (mirror.metadata.deletionTimestamp !== undefined || !mirrors(mirror, record.pod)) this.reconcile(record);
    else this.fleet.statuses.mirrorSeen(record);
  }

  /** A mirror has been deleted: another one takes its place. The pod itself runs on. */
  mirrorRemoved(node: NodeRecord, mirror: Pod): void {
    const record = this.running.get(node)?.get(keyOf(mirror));
    if (record === undefined || record.mirror?.metadata.uid !== mirror.metadata.uid) return;
    record.mirror = null;
    if (node.up && !record.detached && !record.lost) this.reconcile(record);
  }

  /** At each sync of a static pod: a mirror that is missing is made, one that is not right is deleted first. */
  reconcile(record: PodRecord): void {
    const { node, mirror } = record;
    if (record.gone || this.waiting.has(record)) return;
    if (mirror === null) {
      this.waiting.add(record);
      this.ask({ verb: 'get', resource: 'nodes', namespace: '', name: node.name }, { pod: record, node, epoch: node.epoch, what: 'node' });
    } else if (mirror.metadata.deletionTimestamp !== undefined || !mirrors(mirror, record.pod)) {
      this.waiting.add(record);
      this.deleteMirror(record, mirror);
    }
  }

  private deleteMirror(record: PodRecord, mirror: Pod): void {
    this.delete(record.node, mirror, record);
  }

  private delete(node: NodeRecord, mirror: Pod, pod: PodRecord | null): void {
    const { namespace, name, uid } = mirror.metadata;
    this.ask({ verb: 'delete', resource: 'pods', namespace, name, gracePeriodSeconds: 0, preconditions: { uid } }, { pod, node, epoch: node.epoch, what: 'delete' });
  }

  private ask(request: ApiRequest, asked: Asked): void {
    asked.node.client!.request(request, this, this.asked.put(asked));
  }

  /** The kubelet's process is gone, and what it waited for. */
  drop(node: NodeRecord): void {
    for (const record of this.running.get(node)?.values() ?? []) this.waiting.delete(record);
  }

  receive(slot: number, response: ApiResponse): void {
    const { pod, node, epoch, what } = this.asked.take(slot);
    if (pod === null || node.epoch !== epoch || !node.up) return;
    if (what === 'node' && succeeded(response) && !pod.gone) {
      const { namespace, name } = pod.pod.metadata;
      const body = mirrorOf(pod.manifest!, response.object as KubernetesObject);
      this.ask({ verb: 'create', resource: 'pods', namespace, name, body }, { pod, node, epoch, what: 'create' });
      return;
    }
    // A failure is put right at the next sync.
    this.waiting.delete(pod);
    if (what === 'delete' && succeeded(response) && !pod.gone && pod.mirror === null) this.reconcile(pod);
  }
}

/** Namespace and name of the manifest of a static pod, which is named after its node. */
function manifestKey({ pod, node }: PodRecord): string {
  const { namespace, name } = pod.metadata;
  return `${namespace}/${name.slice(0, name.length - node.name.length - 1)}`;
}
