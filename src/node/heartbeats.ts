import type { ContainerImage } from '../api/core.js';
import type { Lease } from '../api/workloads.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import { succeeded } from '../apiserver/request.js';
import type { ApiClient } from '../client/types.js';
import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { Fleet } from './fleet.js';
import { nodeKey, OP_LEASE, OP_NODE_STATUS } from './fleet.js';
import { NODE_STATUS_MAX_IMAGES } from './image-policy.js';
import { NodeStatusPatch } from './patches.js';
import type { NodeRecord } from './node-record.js';
import { nextTick } from './restart-policy.js';
import { EPOCHS, tagOf, TAG_LEASE, TAG_LEASE_GET, TAG_NODE_STATUS } from './status-manager.js';

/** nodeLeaseDurationSeconds; the lease is renewed every quarter of it (kubelet.go nodeLeaseRenewIntervalFraction). */
export const NODE_LEASE_DURATION_SECONDS = 40;
const RENEW_INTERVAL: Duration = (NODE_LEASE_DURATION_SECONDS / 4) * SECOND;
/** component-helpers lease/controller.go Run: each wait is longer by up to this share. */
const RENEW_JITTER = 0.04;
/** nodeStatusUpdateFrequency and nodeStatusReportFrequency. */
const UPDATE_FREQUENCY = 10 * SECOND;
const REPORT_FREQUENCY = 300 * SECOND;
/** component-helpers lease/controller.go maxUpdateRetries. */
const MAX_LEASE_RETRIES = 5;

/** Room for so many nodes at first. */
const FIRST_NODES = 64;

/** Namespace of the leases of nodes. */
export const NODE_LEASE_NAMESPACE = 'kube-node-lease';

/** The lease of a node as its kubelet writes it. */
export function nodeLease(node: string, renewTime: number, resourceVersion: number, uid: string): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: node,
      namespace: NODE_LEASE_NAMESPACE,
      uid,
      resourceVersion,
      generation: 0,
      creationTimestamp: 0,
    },
    spec: { holderIdentity: node, leaseDurationSeconds: NODE_LEASE_DURATION_SECONDS, renewTime },
  };
}

/** Node leases and node status (pkg/kubelet/kubelet_node_status.go, component-helpers/apimachinery/lease). */
export class Heartbeats {
  private readonly fleet: Fleet;
  private readonly receiver: ResponseReceiver;
  /**
   * By node, in columns: the next renewal of its lease; number of the node and epoch of its kubelet (−1: it does not run); name and client;
   * the lease as it was last written; when that was, tries since, and how often.
   */
  private events = new Float64Array(FIRST_NODES);
  private epochs = new Float64Array(FIRST_NODES);
  private readonly names: string[] = [];
  private readonly clients: (ApiClient | null)[] = [];
  /** Not doubles: they get into objects, all of which would keep their versions in boxes then. */
  private readonly versions: number[] = [];
  private readonly uids: string[] = [];
  private renewedAt = new Float64Array(FIRST_NODES);
  private tries = new Uint8Array(FIRST_NODES);
  private renewals = new Uint32Array(FIRST_NODES);

  constructor(fleet: Fleet, receiver: ResponseReceiver) {
    this.fleet = fleet;
    this.receiver = receiver;
  }

  /** Starts the heartbeats of a node that has been running: leases and reports are at random points of their periods. */
  startWarm(node: NodeRecord): void {
    const { fleet } = this;
    const now = fleet.simulation.now;
    const key = nodeKey(node.index);
    this.begin(node);
    this.renewedAt[node.index] = now;
    this.events[node.index] = fleet.after(Math.round(fleet.uniform(key, OP_LEASE) * RENEW_INTERVAL), OP_LEASE, node.index);
    node.lastReport = now - Math.round(fleet.uniform(key, OP_NODE_STATUS) * REPORT_FREQUENCY);
    this.scheduleReport(node);
  }

  /** Starts the heartbeats of a kubelet that has just come up: leases at once, status when its node is registered. */
  startCold(node: NodeRecord): void {
    this.begin(node);
    this.events[node.index] = this.fleet.after(0, OP_LEASE, node.index);
    this.renewedAt[node.index] = this.fleet.simulation.now;
    node.statusPhase = this.fleet.simulation.now;
    node.reportDelay = 0;
    this.fleet.registration.begin(node);
  }

  stop(node: NodeRecord): void {
    const { simulation } = this.fleet;
    simulation.cancel(node.statusEvent);
    node.statusEvent = 0;
    this.fleet.registration.stop(node);
    if (node.index >= this.uids.length) return;
    simulation.cancel(this.events[node.index]!);
    this.events[node.index] = 0;
    this.epochs[node.index] = -1;
  }

  /** Renews the lease of a node: one PUT. Only the columns are touched. */
  renew(index: number): void {
    this.events[index] = 0;
    this.tries[index] = 0;
    this.put(index);
  }

  private put(index: number): void {
    const name = this.names[index]!;
    const body = nodeLease(name, this.fleet.simulation.now, this.versions[index]!, this.uids[index]!);
    const request: ApiRequest = { verb: 'update', resource: 'leases', namespace: NODE_LEASE_NAMESPACE, name, body, fresh: true };
    this.clients[index]!.request(request, this.receiver, this.epochs[index]! * 8 + TAG_LEASE);
  }

  /**
   * The answer to a PUT or GET of the lease; `epoch`: the node and its epoch, of the tag. A conflict is answered by reading it, other
   * failures by trying again at once.
   */
  leaseAnswered(epoch: number, kind: number, response: ApiResponse): void {
    const index = Math.floor(epoch / EPOCHS);
    if (this.epochs[index] !== epoch) return;
    const { fleet } = this;
    if (succeeded(response)) {
      const { object } = response;
      this.versions[index] = object?.metadata.resourceVersion ?? 0;
      if (object !== undefined) this.uids[index] = object.metadata.uid;
      if (kind === TAG_LEASE_GET) {
        this.put(index);
        return;
      }
      this.renewed(index);
    } else if (response.code === 404 && this.tries[index]!++ < MAX_LEASE_RETRIES) {
      this.versions[index] = 0;
      const name = this.names[index]!;
      const body = nodeLease(name, fleet.simulation.now, 0, '');
      this.clients[index]!.request({ verb: 'create', resource: 'leases', namespace: NODE_LEASE_NAMESPACE, name, body }, this.receiver, epoch * 8 + TAG_LEASE);
      return;
    } else if (this.tries[index]!++ < MAX_LEASE_RETRIES) {
      const name = this.names[index]!;
      if (response.code !== 409) this.put(index);
      else this.clients[index]!.request({ verb: 'get', resource: 'leases', namespace: NODE_LEASE_NAMESPACE, name }, this.receiver, epoch * 8 + TAG_LEASE_GET);
      return;
    }
    if (this.events[index] !== 0) return;
    const u = fleet.uniform(nodeKey(index), OP_LEASE, ++this.renewals[index]!);
    this.events[index] = fleet.after(RENEW_INTERVAL * (1 + RENEW_JITTER * u), OP_LEASE, index);
  }

  /** The kubelet of a node runs from now on: notes what its renewals need, and makes room in the columns. */
  private begin(node: NodeRecord): void {
    const { index } = node;
    if (index >= this.events.length) this.grow(Math.max(index + 1, 2 * this.events.length));
    while (this.uids.length <= index) {
      this.uids.push('');
      this.names.push('');
      this.versions.push(0);
      this.clients.push(null);
    }
    this.names[index] = node.name;
    this.clients[index] = node.heartbeatClient;
    this.epochs[index] = index * EPOCHS + (node.epoch % EPOCHS);
  }

  private grow(size: number): void {
    const { events, epochs, renewedAt, tries, renewals } = this;
    this.events = new Float64Array(size);
    this.events.set(events);
    this.epochs = new Float64Array(size);
    this.epochs.set(epochs);
    this.renewedAt = new Float64Array(size);
    this.renewedAt.set(renewedAt);
    this.tries = new Uint8Array(size);
    this.tries.set(tries);
    this.renewals = new Uint32Array(size);
    this.renewals.set(renewals);
  }

  /**
   * The lease is renewed. When it had run out the node counts as Unknown meanwhile: the kubelet sees that in its Node at the next look,
   * every 10 s, and reports.
   */
  private renewed(index: number): void {
    const { renewedAt, fleet } = this;
    const { now } = fleet.simulation;
    if (now - renewedAt[index]! > NODE_LEASE_DURATION_SECONDS * SECOND) this.statusChanged(fleet.nodes[index]!);
    renewedAt[index] = now;
  }

  /** The status is reported at once (syncNodeStatus out of turn). */
  reportSoon(node: NodeRecord): void {
    this.fleet.simulation.cancel(node.statusEvent);
    node.statusEvent = this.fleet.after(0, OP_NODE_STATUS, node.index);
  }

  /** Something in the node's status changed: it is patched at the next 10 s update. */
  statusChanged(node: NodeRecord): void {
    const { fleet } = this;
    if (!node.up || node.registerEvent !== 0) return;
    fleet.simulation.cancel(node.statusEvent);
    const at = nextTick(node.statusPhase, UPDATE_FREQUENCY, fleet.simulation.now);
    node.statusEvent = fleet.at(at, OP_NODE_STATUS, node.index);
  }

  /** Next report of an unchanged status: the first 10 s update after the report frequency with its delay. */
  private scheduleReport(node: NodeRecord): void {
    const { fleet } = this;
    const due = Math.max(fleet.simulation.now, node.lastReport + REPORT_FREQUENCY + node.reportDelay);
    node.statusEvent = fleet.at(nextTick(node.statusPhase, UPDATE_FREQUENCY, due), OP_NODE_STATUS, node.index);
  }

  /** PATCH of nodes/status. */
  report(node: NodeRecord): void {
    const { fleet } = this;
    node.statusEvent = 0;
    const now = fleet.simulation.now;
    fleet.evictions.announce(node);
    node.reports++;
    // After a change the next periodic report is moved by up to half a period either way, which spreads the load.
    const changed = node.imagesChanged;
    node.reportDelay = changed
      ? Math.round((fleet.uniform(nodeKey(node.index), OP_NODE_STATUS, node.reports) - 0.5) * REPORT_FREQUENCY)
      : 0;
    const images = changed ? this.images(node) : undefined;
    node.imagesChanged = false;
    node.volumesSent = node.volumesChanged ? [...node.volumesInUse.keys()] : null;
    node.volumesChanged = false;
    node.heartbeatClient!.request(
      {
        verb: 'patch',
        resource: 'nodes',
        subresource: 'status',
        namespace: '',
        name: node.name,
        patch: new NodeStatusPatch(now, images, node.volumesSent ?? undefined, unusualConditions(node), this.whyNotReady(node)),
      },
      this.receiver,
      tagOf(node, TAG_NODE_STATUS),
    );
  }

  /** The answer to the PATCH: a failure is repeated at the next update. */
  statusAnswered(node: NodeRecord, response: ApiResponse): void {
    if (node.volumesSent !== null) {
      if (succeeded(response)) this.fleet.volumes?.reported(node, node.volumesSent);
      else node.volumesChanged = true;
      node.volumesSent = null;
    }
    if (node.statusEvent !== 0) return;
    if (succeeded(response)) {
      node.lastReport = this.fleet.simulation.now;
      this.scheduleReport(node);
      // The message tells how long ago: it is another one at each update (nodeStatusHasChanged).
      if (!node.ready && this.fleet.pleg.unhealthy(node) !== '') this.statusChanged(node);
    } else this.statusChanged(node);
  }

  /** Message of condition Ready while it is False (nodestatus ReadyCondition, which joins what is wrong: runtime.go runtimeErrors). */
  private whyNotReady(node: NodeRecord): string {
    if (node.ready) return '';
    const reasons: string[] = [];
    if (this.fleet.simulation.now < node.runtimeBackAt && this.fleet.restarts.isSilent(node)) {
      reasons.push('container runtime is down');
      const pleg = this.fleet.pleg.unhealthy(node);
      if (pleg !== '') reasons.push(pleg);
    }
    if (node.shutdown !== null) reasons.push('node is shutting down');
    return reasons.length === 1 ? reasons[0]! : reasons.length === 0 ? '' : `[${reasons.join(', ')}]`;
  }

  /** status.images: the images of the warm start and those pulled since, at most 50. */
  private images(node: NodeRecord): readonly ContainerImage[] {
    const list: ContainerImage[] = [];
    for (const source of [node.images.keys(), this.fleet.commonImages]) {
      for (const name of source) {
        if (list.length === NODE_STATUS_MAX_IMAGES) return list;
        list.push({ names: [name], sizeBytes: this.fleet.behaviour.image(name).bytes });
      }
    }
    return list;
  }
}

/** Conditions of a node that are not as usual, with their reasons; undefined: all are. */
function unusualConditions(node: NodeRecord): Readonly<Record<string, string>> | undefined {
  const pressure = node.pressure?.state.conditions ?? [];
  if (node.ready && pressure.length === 0) return undefined;
  return {
    ...(node.ready ? {} : { Ready: 'KubeletNotReady' }),
    ...(pressure.includes('MemoryPressure') ? { MemoryPressure: 'KubeletHasInsufficientMemory' } : {}),
    ...(pressure.includes('DiskPressure') ? { DiskPressure: 'KubeletHasDiskPressure' } : {}),
    ...(pressure.includes('PIDPressure') ? { PIDPressure: 'KubeletHasInsufficientPID' } : {}),
  };
}
