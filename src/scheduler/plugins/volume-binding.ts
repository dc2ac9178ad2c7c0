import type { Node, Pod } from '../../api/core.js';
import { equal } from '../../api/equal.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { ApiRequest } from '../../apiserver/request.js';
import { type Duration, SECOND } from '../../kernel/time.js';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass, TopologySelectorTerm } from '../cache/cluster-objects.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { Code, Status, skip, unresolvable } from '../framework/status.js';
import { ClaimRefPatch, SelectedNodePatch } from '../volumes/patches.js';
import {
  ANNOTATION_SELECTED_NODE,
  bytesOf,
  claimEventHelps,
  claimNotFound,
  claimReferences,
  classOf,
  delaysBinding,
  findMatchingVolume,
  fullyBound,
  NO_PROVISIONER,
  notOwned,
  reachable,
} from './volume-common.js';

/** VolumeBindingArgs.bindTimeoutSeconds. */
const DEFAULT_BIND_TIMEOUT: Duration = 600 * SECOND;
const NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity";
const BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind";
const VOLUME_MISSING = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';

const NOT_ENOUGH_SPACE = 'node(s) did not have enough free storage';

/** A claim and the volume that it will be bound to. */
interface VolumeMatch {
  readonly claim: PersistentVolumeClaim;
  readonly volume: PersistentVolume;
}

/** Where the volumes of a pod come from on one node. */
interface VolumePlan {
  readonly matches: readonly VolumeMatch[];
  readonly provisions: readonly PersistentVolumeClaim[];
}

interface CsiDriver extends KubernetesObject {
  readonly spec?: { readonly storageCapacity?: boolean };
}

/** Bound volumes must be reachable from the node; unbound claims must find or get a volume there (plugins/volumebinding). */
export class VolumeBinding implements Plugin {
  readonly name = 'VolumeBinding';
  private readonly handle: Handle;
  private readonly skipped = skip(this.name);
  private readonly statuses = new Map<string, Status>();
  /** Plans of pods that are being bound, by pod. */
  private readonly reserved = new Map<string, { readonly before: VolumePlan; readonly assumed: VolumePlan }>();
  private bound: PersistentVolumeClaim[] = [];
  private delayed: PersistentVolumeClaim[] = [];

  readonly preBindTimeout: Duration;

  constructor(handle: Handle, bindTimeout: Duration = DEFAULT_BIND_TIMEOUT) {
    this.handle = handle;
    this.preBindTimeout = bindTimeout;
  }

  preFilter(cycle: Cycle): Status | null {
    const { pod, shape } = cycle.pod;
    if (shape.plainVolumes) return this.skipped;
    const references = claimReferences(pod);
    if (references.length === 0) return this.skipped;
    this.bound = [];
    this.delayed = [];
    let immediate = false;
    const { objects } = this.handle;
    for (const { claimName, ephemeral } of references) {
      const claim = objects.claims.get(pod.metadata.namespace, claimName);
      const problem = claimProblem(claim, claimName, ephemeral, pod);
      if (problem !== '') return unresolvable(this.name, problem);
      if (fullyBound(claim!)) {
        this.bound.push(claim!);
        continue;
      }
      const delays = delaysBinding(claim!, objects);
      if (delays === null)
        return new Status(Code.Error, this.name, [`VolumeBindingMode not set for StorageClass "${classOf(claim!)}"`]);
      if (delays && (claim!.spec.volumeName ?? '') === '') this.delayed.push(claim!);
      else immediate = true;
    }
    return immediate ? unresolvable(this.name, 'pod has unbound immediate PersistentVolumeClaims') : null;
  }

  filter(_: Cycle, slot: number): Status | null {
    const node = this.handle.nodes.nodes[slot]!;
    const found = this.find(node);
    const reasons: string[] = [];
    const bound = this.boundProblem(node);
    if (bound === NODE_CONFLICT) reasons.push(bound);
    if (found === 'none') reasons.push(BIND_CONFLICT);
    if (found === 'full') reasons.push(NOT_ENOUGH_SPACE);
    if (bound === VOLUME_MISSING) reasons.push(bound);
    return reasons.length === 0 ? null : this.rejection(reasons);
  }

  /** Scoring by free storage is off (StorageCapacityScoring is alpha). */
  preScore(): Status {
    return this.skipped;
  }

  scoreNodes(): void {}

  eventsToRegister(): readonly EventInterest[] {
    const kinds =
      EventKind.StorageClassAdd |
      EventKind.StorageClassUpdate |
      EventKind.ClaimAdd |
      EventKind.ClaimUpdate |
      EventKind.VolumeAdd |
      EventKind.VolumeUpdate |
      EventKind.NodeAdd |
      EventKind.NodeLabel |
      EventKind.CsiNodeAdd |
      EventKind.CsiNodeUpdate |
      EventKind.CsiDriverUpdate;
    return [{ kinds }];
  }

  hint(pod: PodInfo, event: ClusterEvent): boolean {
    const { kinds, object, old } = event;
    if ((kinds & EventKind.StorageClassUpdate) !== 0)
      return !equal((object as StorageClass).allowedTopologies, (old as StorageClass).allowedTopologies);
    if ((kinds & EventKind.CsiNodeUpdate) !== 0) return migratedPlugins(object) !== migratedPlugins(old);
    if ((kinds & EventKind.CsiDriverUpdate) !== 0) return stopsPublishing(pod, object as CsiDriver, old as CsiDriver);
    return claimEventHelps(pod, event);
  }

  /** Claims and volumes of the plan count as taken at once (AssumePodVolumes). */
  reserve(cycle: Cycle, slot: number): Status | null {
    if (cycle.skippedFilters.includes(this.name) || this.delayed.length === 0) return null;
    const { objects, nodes } = this.handle;
    const plan = this.find(nodes.nodes[slot]!);
    if (plan === 'none' || plan === 'full') return this.rejection([BIND_CONFLICT]);
    const node = nodes.names[slot]!;
    const matches = plan.matches.map(({ claim, volume }) => ({
      claim,
      volume: new ClaimRefPatch(claim).apply(volume) as PersistentVolume,
    }));
    const provisions = plan.provisions.map(
      (claim) => new SelectedNodePatch(node).apply(claim) as PersistentVolumeClaim,
    );
    for (const { volume } of matches) objects.volumes.set(volume);
    for (const claim of provisions) objects.claims.set(claim);
    this.reserved.set(cycle.pod.key, { before: plan, assumed: { matches, provisions } });
    return null;
  }

  unreserve(pod: PodInfo): void {
    const reservation = this.reserved.get(pod.key);
    if (reservation === undefined) return;
    this.reserved.delete(pod.key);
    const { claims, volumes } = this.handle.objects;
    const { before, assumed } = reservation;
    // What an informer has replaced meanwhile stays as it is.
    assumed.matches.forEach(({ volume }, i) => {
      if (volumes.get('', volume.metadata.name) === volume) volumes.set(before.matches[i]!.volume);
    });
    assumed.provisions.forEach((claim, i) => {
      if (claims.get(claim.metadata.namespace, claim.metadata.name) === claim) claims.set(before.provisions[i]!);
    });
  }

  /** Tells the volume controller which volume a claim gets, and the provisioner where to make one (bindAPIUpdate). */
  preBind(pod: PodInfo, node: string): readonly ApiRequest[] {
    const reservation = this.reserved.get(pod.key);
    if (reservation === undefined) return [];
    const { matches, provisions } = reservation.before;
    return [
      ...matches.map(({ claim, volume }): ApiRequest => {
        const patch = new ClaimRefPatch(claim);
        return { verb: 'patch', resource: 'persistentvolumes', namespace: '', name: volume.metadata.name, patch };
      }),
      ...provisions.map((claim): ApiRequest => {
        const { namespace, name } = claim.metadata;
        return {
          verb: 'patch',
          resource: 'persistentvolumeclaims',
          namespace,
          name,
          patch: new SelectedNodePatch(node),
        };
      }),
    ];
  }

  preBindDone(pod: PodInfo): boolean {
    const reservation = this.reserved.get(pod.key);
    if (reservation === undefined) return true;
    const { claims } = this.handle.objects;
    const { matches, provisions } = reservation.before;
    const waiting = [...matches.map(({ claim }) => claim), ...provisions];
    const bound = waiting.every(({ metadata }) => {
      const claim = claims.get(metadata.namespace, metadata.name);
      return claim !== undefined && fullyBound(claim);
    });
    if (bound) this.reserved.delete(pod.key);
    return bound;
  }

  private rejection(reasons: readonly string[]): Status {
    const key = reasons.join();
    let status = this.statuses.get(key);
    if (status === undefined) {
      status = new Status(Code.UnschedulableAndUnresolvable, this.name, reasons);
      this.statuses.set(key, status);
    }
    return status;
  }

  /** The first bound claim whose volume is missing or out of the node's reach (checkBoundClaims); empty: none. */
  private boundProblem(node: Node): string {
    for (const claim of this.bound) {
      const volume = this.handle.objects.volumes.get('', claim.spec.volumeName!);
      if (volume === undefined) return VOLUME_MISSING;
      if (!reachable(volume, node)) return NODE_CONFLICT;
    }
    return '';
  }

  /** How every delayed claim would get its volume on a node; `none`: not at all, `full`: no room to provision. */
  private find(node: Node): VolumePlan | 'none' | 'full' {
    const toProvision: PersistentVolumeClaim[] = [];
    const toMatch: PersistentVolumeClaim[] = [];
    for (const claim of this.delayed) {
      const selected = claim.metadata.annotations?.[ANNOTATION_SELECTED_NODE];
      if (selected === undefined) toMatch.push(claim);
      else if (selected !== node.metadata.name) return 'none';
      else toProvision.push(claim);
    }
    const chosen = new Set<string>();
    const matches: VolumeMatch[] = [];
    const request = (claim: PersistentVolumeClaim) => bytesOf(claim.spec.resources?.requests?.storage);
    for (const claim of [...toMatch].sort((a, b) => request(a) - request(b))) {
      const volume = findMatchingVolume(claim, this.handle.objects.volumes.values(), node, chosen);
      if (volume === undefined) toProvision.push(claim);
      else {
        chosen.add(volume.metadata.name);
        matches.push({ claim, volume });
      }
    }
    for (const claim of toProvision) {
      if (!this.canProvision(claim, node)) return 'none';
      // Capacities of drivers that publish them are not modelled: such a driver has published none.
      if (this.publishesCapacity(claim)) return 'full';
    }
    return { matches, provisions: toProvision };
  }

  private publishesCapacity(claim: PersistentVolumeClaim): boolean {
    const { csiDrivers, storageClasses } = this.handle.objects;
    const driver = csiDrivers.get('', storageClasses.get('', classOf(claim))?.provisioner ?? '');
    return (driver as CsiDriver | undefined)?.spec?.storageCapacity === true;
  }

  private canProvision(claim: PersistentVolumeClaim, node: Node): boolean {
    const storageClass = this.handle.objects.storageClasses.get('', classOf(claim));
    if (storageClass === undefined) return false;
    const provisioner = storageClass.provisioner ?? '';
    if (provisioner === '' || provisioner === NO_PROVISIONER) return false;
    return matchesTopology(storageClass.allowedTopologies ?? [], node);
  }
}

/** Why a pod cannot be scheduled for the sake of one of its claims; empty: it can (podHasPVCs). */
function claimProblem(
  claim: PersistentVolumeClaim | undefined,
  name: string,
  ephemeral: boolean,
  pod: Pod,
): string {
  if (claim === undefined) {
    return ephemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : claimNotFound(name);
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ''}"`;
  }
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  return ephemeral ? notOwned(claim, pod) : '';
}

function migratedPlugins(node: KubernetesObject | undefined): string | undefined {
  return node?.metadata.annotations?.['storage.alpha.kubernetes.io/migrated-plugins'];
}

/** A driver that one of the pod's inline volumes needs no longer publishes its capacity. */
function stopsPublishing(pod: PodInfo, driver: CsiDriver, old: CsiDriver): boolean {
  const { volumes = [] } = pod.pod.spec;
  const uses = volumes.some(({ csi }) => (csi as { readonly driver?: string } | undefined)?.driver === driver.metadata.name);
  return uses && old.spec?.storageCapacity === true && driver.spec?.storageCapacity !== true;
}

/** Whether a node is among the topologies that a class allows; none named: all are (MatchTopologySelectorTerms). */
function matchesTopology(terms: readonly TopologySelectorTerm[], node: Node): boolean {
  if (terms.length === 0) return true;
  const labels = node.metadata.labels ?? {};
  return terms.some(({ matchLabelExpressions }) => {
    if (matchLabelExpressions === undefined || matchLabelExpressions.length === 0) return false;
    return matchLabelExpressions.every(({ key, values }) => labels[key] !== undefined && values.includes(labels[key]));
  });
}
