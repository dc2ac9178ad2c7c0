import type { Node } from '../api/core.js';
import type { Condition } from '../api/meta.js';
import { type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import { type Duration, MILLISECOND, SECOND } from '../kernel/time.js';
import { type Fleet, OP_REGISTER } from './fleet.js';
import type { NodeRecord } from './node-record.js';

/** kubelet_node_status.go registerWithAPIServer: waits of 100 ms, doubling to 7 s, the first before the first try. */
const FIRST_WAIT: Duration = 100 * MILLISECOND;
const LONGEST_WAIT: Duration = 7 * SECOND;

/** What a node says of itself before its CSINode and its runtime have been looked at (nodestatus setters). */
const CONDITIONS: readonly (readonly [type: string, reason: string, message: string])[] = [
  ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'KubeletNotReady', 'CSINode is not yet initialized'],
];
/** Events of a kubelet about its node when it has registered it. */
const EVENTS = ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID'] as const;

/** The Node that a kubelet registers (initialNode): not ready yet. */
export function initialNode(node: Node, now: number): Node {
  const own = new Set(CONDITIONS.map(([type]) => type));
  const conditions: Condition[] = (node.status.conditions ?? []).filter(({ type }) => !own.has(type));
  for (const [type, reason, message] of CONDITIONS) conditions.push({ type, status: 'False', reason, message, lastHeartbeatTime: now, lastTransitionTime: now });
  return { ...node, metadata: { ...node.metadata, uid: '', resourceVersion: 0 }, status: Object.assign({}, node.status, { conditions }) };
}

/**
 * Registration of nodes: a kubelet that starts posts its Node; one that is there already (409) it reads and keeps. Until either has
 * succeeded it reports no status (kubelet_node_status.go syncNodeStatus).
 */
export class Registration implements ResponseReceiver {
  private readonly fleet: Fleet;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** A kubelet starts. */
  begin(node: NodeRecord): void {
    this.later(node, FIRST_WAIT);
  }

  /** The kubelet ends. */
  stop(node: NodeRecord): void {
    this.fleet.simulation.cancel(node.registerEvent);
    node.registerEvent = 0;
  }

  private later(node: NodeRecord, wait: Duration): void {
    node.registerWait = wait;
    node.registerEvent = this.fleet.after(wait, OP_REGISTER, node.index);
  }

  /** Tries to register. */
  attempt(node: NodeRecord): void {
    node.registerEvent = 0;
    const body = initialNode(node.node, this.fleet.simulation.now);
    node.client!.request({ verb: 'create', resource: 'nodes', namespace: '', name: node.name, body }, this, tagOf(node));
  }

  receive(tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    const node = this.fleet.nodes[Math.floor(tag / 65536)]!;
    if (!node.up || (node.epoch & 0xffff) !== tag % 65536) return;
    if (request.verb === 'create' && response.code === 409) {
      node.client!.request({ verb: 'get', resource: 'nodes', namespace: '', name: node.name }, this, tag);
      return;
    }
    if (!succeeded(response)) {
      this.later(node, Math.min(2 * node.registerWait, LONGEST_WAIT));
      return;
    }
    const { fleet } = this;
    if (request.verb === 'create') {
      for (const reason of EVENTS) fleet.nodeEvent(node, 'Normal', reason, `Node ${node.name} status is now: ${reason}`);
      fleet.nodeEvent(node, 'Normal', 'NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods');
      fleet.nodeEvent(node, 'Normal', 'NodeReady', `Node ${node.name} status is now: NodeReady`);
    }
    fleet.heartbeats.report(node);
  }
}

function tagOf(node: NodeRecord): number {
  return node.index * 65536 + (node.epoch & 0xffff);
}
