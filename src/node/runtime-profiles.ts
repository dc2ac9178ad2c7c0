import type { Node } from '../api/core.js';
import { type RuntimeName, runtimeOf } from '../api/container-runtimes.js';
import type { CostProfile, RuntimeFactors } from '../scenario/types.js';

/** What a node's runtime takes by the costs of the profile, which are those of containerd. */
export interface RuntimeProfile {
  readonly name: RuntimeName;
  readonly sandbox: number;
  readonly createContainer: number;
  readonly startContainer: number;
  readonly stopContainer: number;
  readonly stopSandbox: number;
}

/** The runtime of a node; containerd where its manifest names none, or none that is known. */
export function runtimeProfile(node: Node, costs: CostProfile['kubelet']): RuntimeProfile {
  const name = runtimeOf(node.status.nodeInfo?.['containerRuntimeVersion'] ?? '') ?? 'containerd';
  const { sandbox = 1, createContainer = 1, startContainer = 1, stopContainer = 1, stopSandbox = 1 }: RuntimeFactors = costs.runtimes?.[name] ?? {};
  return { name, sandbox, createContainer, startContainer, stopContainer, stopSandbox };
}
