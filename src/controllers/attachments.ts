import type { Pod } from '../api/core.js';
import { type AttachableVolume, allowsMultiAttach, uniqueVolumeName } from '../api/volumes.js';
import { MINUTE, type Time } from '../kernel/time.js';

/** What is attached where and what should be: pure (pkg/controller/volume/attachdetach/{cache,reconciler}). */

/** A volume that is still mounted is detached by force from an unhealthy node after that long (ReconcilerMaxWaitForUnmountDuration). */
export const MAX_WAIT_FOR_UNMOUNT = 6 * MINUTE;

/** A volume on a node that pods want there. */
export interface WantedVolume {
  readonly name: string;
  readonly node: string;
  readonly volume: AttachableVolume;
  /** By uid. */
  readonly pods: Map<string, Pod>;
  multiAttachReported: boolean;
}

/** A volume that is attached to a node, or may be. */
export interface AttachedVolume {
  readonly name: string;
  readonly node: string;
  readonly volume: AttachableVolume;
  /** false: an attempt was made and nobody knows how it ended. */
  certain: boolean;
  /** Whether the node's status names it in volumesAttached. */
  reported: boolean;
  /** Since when it should be detached; negative: it should not. */
  detachRequested: Time;
}

/** What the reconciler knows of a node. */
export interface NodeView {
  readonly healthy: boolean;
  readonly outOfService: boolean;
  /** status.volumesInUse. */
  readonly inUse: ReadonlySet<string>;
}

/** What one round of the reconciler does. */
export interface AttachmentPlan {
  readonly detach: readonly { readonly attached: AttachedVolume; readonly forced: boolean }[];
  readonly attach: readonly WantedVolume[];
  /** Volumes that cannot be attached yet, because another node has them, and that nobody has been told of. */
  readonly multiAttach: readonly { readonly wanted: WantedVolume; readonly others: readonly string[] }[];
}

function key(name: string, node: string): string {
  return `${node} ${name}`;
}

/** Desired and actual state of the world. */
export class Attachments {
  readonly wanted = new Map<string, WantedVolume>();
  readonly attached = new Map<string, AttachedVolume>();
  /** Keys of the wanted volumes of each pod. */
  private readonly byPod = new Map<string, readonly string[]>();

  /** A pod wants these volumes on its node; none: it has gone, or has ended. */
  setPod(pod: Pod, volumes: readonly AttachableVolume[]): void {
    const { uid } = pod.metadata;
    const node = pod.spec.nodeName ?? '';
    const keys = volumes.map((volume) => key(uniqueVolumeName(volume.spec.csi!), node));
    for (const old of this.byPod.get(uid) ?? []) {
      if (keys.includes(old)) continue;
      const wanted = this.wanted.get(old);
      wanted?.pods.delete(uid);
      if (wanted?.pods.size === 0) this.wanted.delete(old);
    }
    if (keys.length === 0) this.byPod.delete(uid);
    else this.byPod.set(uid, keys);
    volumes.forEach((volume, i) => {
      let wanted = this.wanted.get(keys[i]!);
      if (wanted === undefined) {
        wanted = { name: uniqueVolumeName(volume.spec.csi!), node, volume, pods: new Map(), multiAttachReported: false };
        this.wanted.set(keys[i]!, wanted);
      }
      wanted.pods.set(uid, pod);
    });
  }

  mark(volume: AttachableVolume, node: string, certain: boolean): AttachedVolume {
    const name = uniqueVolumeName(volume.spec.csi!);
    let attached = this.attached.get(key(name, node));
    if (attached === undefined) {
      attached = { name, node, volume, certain, reported: certain, detachRequested: -1 };
      this.attached.set(key(name, node), attached);
    }
    attached.certain = certain;
    attached.reported = certain;
    if (certain) attached.detachRequested = -1;
    return attached;
  }

  detached({ name, node }: AttachedVolume): void {
    this.attached.delete(key(name, node));
  }

  /** Volumes that a node's status should name. */
  reportedOn(node: string): readonly string[] {
    const names: string[] = [];
    for (const attached of this.attached.values()) if (attached.node === node && attached.reported) names.push(attached.name);
    return names;
  }

  /** Whether there is something that a round could change. */
  get unsettled(): boolean {
    for (const [id, { certain }] of this.attached) if (!certain || !this.wanted.has(id)) return true;
    for (const id of this.wanted.keys()) if (!this.attached.has(id)) return true;
    return false;
  }

  /** One round (reconciler.go reconcile): detaches first, so that what moves to another node can be attached there. */
  plan(nodeOf: (name: string) => NodeView | undefined, busy: (name: string, node: string) => boolean, now: Time): AttachmentPlan {
    const detach: { attached: AttachedVolume; forced: boolean }[] = [];
    for (const [id, attached] of this.attached) {
      if (this.wanted.has(id) || busy(attached.name, attached.node)) continue;
      if (attached.detachRequested < 0) attached.detachRequested = now;
      const node = nodeOf(attached.node);
      const expired = now - attached.detachRequested > MAX_WAIT_FOR_UNMOUNT;
      const forced = (expired && node?.healthy !== true) || node?.outOfService === true;
      if (node?.inUse.has(attached.name) === true && !forced) continue;
      detach.push({ attached, forced });
    }
    const attach: WantedVolume[] = [];
    const multiAttach: { wanted: WantedVolume; others: readonly string[] }[] = [];
    for (const [id, wanted] of this.wanted) {
      if (busy(wanted.name, wanted.node)) continue;
      const attached = this.attached.get(id);
      if (attached?.certain === true) {
        attached.detachRequested = -1;
        continue;
      }
      const others = allowsMultiAttach(wanted.volume) ? [] : this.nodesOf(wanted.name).filter((node) => node !== wanted.node);
      if (others.length === 0) attach.push(wanted);
      else if (!wanted.multiAttachReported) multiAttach.push({ wanted, others });
    }
    return { detach, attach, multiAttach };
  }

  private nodesOf(name: string): string[] {
    return [...this.attached.values()].filter((attached) => attached.name === name).map(({ node }) => node);
  }

  /** Pods that want a volume on some nodes. */
  podsOn(name: string, nodes: readonly string[]): readonly Pod[] {
    return nodes.flatMap((node) => [...(this.wanted.get(key(name, node))?.pods.values() ?? [])]);
  }
}

/** Why a pod's volume cannot be attached: others have it (reportMultiAttachError). */
export function multiAttachMessage(pod: Pod, volume: AttachableVolume, users: readonly Pod[]): string {
  const prefix = `Multi-Attach error for volume "${volume.metadata.name}"`;
  if (users.length === 0) return `${prefix} Volume is already exclusively attached to one node and can't be attached to another`;
  const local = users.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace).map(({ metadata }) => metadata.name);
  const others = users.length - local.length;
  if (local.length === 0) return `${prefix} Volume is already used by ${others} pod(s) in different namespaces`;
  const used = `${prefix} Volume is already used by pod(s) ${local.join(', ')}`;
  return others === 0 ? used : `${used} and ${others} pod(s) in different namespaces`;
}
