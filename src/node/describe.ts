import type { Fleet } from './fleet.js';
import * as op from './fleet.js';

type Subject = 'pod' | 'container' | 'probe' | 'node' | 'pull' | 'registry';

/** Steps of the fleet by opcode: what happens, and what the argument is. */
const STEPS: Readonly<Record<number, readonly [string, Subject]>> = {
  [op.OP_PREPARED]: ['cgroup and volumes are ready', 'pod'],
  [op.OP_SANDBOX]: ['the sandbox is up', 'pod'],
  [op.OP_PULLED]: ['an image pull ends', 'pull'],
  [op.OP_PULL_BEGIN]: ['a registry answers', 'pull'],
  [op.OP_REGISTRY]: ['a transfer of a registry ends', 'registry'],
  [op.OP_KUBELET_STOP]: ['the kubelet ends', 'node'],
  [op.OP_REGISTER]: ['the kubelet registers', 'node'],
  [op.OP_KUBELET_START]: ['the kubelet starts', 'node'],
  [op.OP_RUNTIME_STOP]: ['the container runtime ends', 'node'],
  [op.OP_RUNTIME_START]: ['the container runtime starts', 'node'],
  [op.OP_RUNTIME_NOT_READY]: ['the container runtime is missed', 'node'],
  [op.OP_IMAGE_GC]: ['unused images are removed', 'node'],
  [op.OP_EVICTION]: ['the eviction manager looks', 'node'],
  [op.OP_SHUTDOWN]: ['pods had their time before the shutdown', 'node'],
  [op.OP_SYSTEM_OOM]: ['the memory is used up', 'node'],
  [op.OP_CREATED]: ['the container is created', 'container'],
  [op.OP_STARTED]: ['the container runs', 'container'],
  [op.OP_LISTENING]: ['the application listens', 'container'],
  [op.OP_EXIT]: ['the process exits', 'container'],
  [op.OP_RELIST]: ['a PLEG relist ends', 'node'],
  [op.OP_RELIST_POD]: ['a relist on demand ends', 'pod'],
  [op.OP_DEADLINE]: ['the active deadline is over', 'pod'],
  [op.OP_TURN]: ['the wait for its turn to stop ends', 'container'],
  [op.OP_SYNC]: ['the pod worker syncs', 'pod'],
  [op.OP_RESYNC]: ['a re-sync is due', 'pod'],
  [op.OP_PROBE]: ['a probe ends', 'probe'],
  [op.OP_STATUS]: ['the status manager sends', 'node'],
  [op.OP_BATCH]: ['the status batch is due', 'node'],
  [op.OP_HOOK_DONE]: ['the preStop hook ends', 'container'],
  [op.OP_POST_STARTED]: ['the postStart hook ends', 'container'],
  [op.OP_DEAF]: ['the application closes its listener', 'container'],
  [op.OP_STOPPED]: ['the process ends after SIGTERM', 'container'],
  [op.OP_SANDBOX_STOPPED]: ['the sandbox is stopped', 'pod'],
  [op.OP_TERMINATED]: ['the termination is complete', 'pod'],
  [op.OP_LEASE]: ['the lease is renewed', 'node'],
  [op.OP_NODE_STATUS]: ['the node status is reported', 'node'],
};

/** An event of the fleet in words. */
export function describeEvent(fleet: Fleet, opcode: number, argument: number): string {
  const [what, kind] = STEPS[opcode] ?? [`opcode ${opcode}`, 'node'];
  return `${what}: ${subject(fleet, kind, argument)}`;
}

function subject(fleet: Fleet, kind: Subject, argument: number): string {
  if (kind === 'node') return `node ${fleet.nodes[argument]?.name ?? argument}`;
  if (kind === 'registry') return `registry ${argument}`;
  if (kind === 'pull') {
    // A pull that has ended is forgotten.
    const pull = fleet.pulls.find(argument);
    return pull === undefined ? `image pull ${argument}` : `image ${pull.container.spec.image} of node ${pull.node.name}`;
  }
  if (kind === 'pod') {
    const { namespace, name } = fleet.pods.get(argument).pod.metadata;
    return `pod ${namespace}/${name}`;
  }
  const container = kind === 'probe' ? fleet.probes.get(argument).container : fleet.containers.get(argument);
  const { namespace, name } = container.pod.pod.metadata;
  return `container ${container.spec.name} of pod ${namespace}/${name}`;
}
