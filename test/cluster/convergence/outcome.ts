import type { Job } from '../../../src/api/batch.js';
import type { DaemonSet, StatefulSet } from '../../../src/api/apps.js';
import { isPodReady, type Pod } from '../../../src/api/core.js';
import { controllerOf, type Condition, type KubernetesObject } from '../../../src/api/meta.js';
import { matchesSelector } from '../../../src/api/labels.js';
import type { Deployment, ReplicaSet } from '../../../src/api/workloads.js';
import { boundsOf } from './sync-watch.js';
import type { World } from './world.js';

/** What is wrong at the end of a run: feasible workloads that are not as declared, infeasible ones that do not say why. */
export function findings(world: World): string[] {
  const all = <T extends KubernetesObject>(resource: string): T[] => [...world.cluster.connections.current(resource)] as T[];
  const pods = all<Pod>('pods');
  const sets = all<ReplicaSet>('replicasets');
  const deployments = all<Deployment>('deployments');
  const found = [...world.watchman.violations];
  for (const deployment of deployments) {
    const own = sets.filter((set) => controllerOf(set)?.uid === deployment.metadata.uid);
    if (own.some((set) => world.watchman.pods.waitsForLostPod(set.metadata.uid))) continue;
    for (const problem of judged(deployment, own, pods, world.watchman.onceEmpty)) found.push(`deployment ${deployment.metadata.name}: ${problem}`);
  }
  const owners = new Set([...deployments, ...sets, ...all('statefulsets'), ...all('daemonsets'), ...all('jobs')].map(({ metadata }) => metadata.uid));
  for (const object of [...sets, ...pods]) {
    const owner = controllerOf(object);
    if (owner === undefined) {
      // Its Deployment went and left it behind, and no other has come.
      const left = object.kind === 'ReplicaSet' && !deployments.some(({ spec }) => matchesSelector(spec.selector, object.metadata.labels));
      if (left && !world.watchman.pods.waitsForLostPod(object.metadata.uid)) found.push(...counted(object as ReplicaSet, pods));
      if (!left) found.push(`${object.kind} ${object.metadata.name} has no controller`);
    }
    else if (!owners.has(owner.uid)) found.push(`${object.kind} ${object.metadata.name} outlives its ${owner.kind}`);
  }
  for (const pod of pods) if (pod.metadata.deletionTimestamp !== undefined) found.push(`pod ${pod.metadata.name} is still terminating`);
  const nodes = all('nodes').map(({ metadata }) => metadata.name);
  return [...found, ...statefulSet(all<StatefulSet>('statefulsets')[0]!, pods), ...daemonSet(all<DaemonSet>('daemonsets')[0]!, pods, nodes), ...jobs(all<Job>('jobs'), world.watchman.pods.behind)];
}

function judged(deployment: Deployment, own: readonly ReplicaSet[], pods: readonly Pod[], onceEmpty: ReadonlySet<string>): string[] {
  const { spec, status, metadata } = deployment;
  const problems: string[] = [];
  if (status.observedGeneration !== metadata.generation) return [`generation ${metadata.generation} was not observed`];
  for (const set of own) problems.push(...counted(set, pods));
  problems.push(...summed(deployment, own));
  const image = spec.template.spec.containers[0]!.image;
  if (spec.paused === true) return [...problems, ...paused(deployment, own)];
  if (metadata.name === 'huge') return [...problems, ...unschedulable(deployment, own, pods)];
  const newest = own.find((set) => set.spec.template.spec.containers[0]!.image === image);
  if (isStuckInRecreate(deployment, own, newest)) return problems;
  if (image === 'app:bad' && spec.replicas > 0) {
    const reason = condition(status.conditions, 'Progressing');
    // Without old pods beside the new ones, a change of size or a return to a ReplicaSet that exists starts no deadline
    // (syncRolloutStatus, isCompleteDeployment).
    const reused = newest?.metadata.annotations?.['deployment.kubernetes.io/revision-history'] !== undefined && boundsOf(deployment).floor === 0;
    const quiet = reason === 'True/NewReplicaSetAvailable' && status.replicas === status.updatedReplicas && (onceEmpty.has(`${metadata.uid}/${image}`) || reused);
    const accepted = reason === 'False/ProgressDeadlineExceeded' || quiet;
    return accepted ? problems : [...problems, `a version that never is ready: Progressing=${reason}`];
  }
  const { replicas } = spec;
  const counts = [status.replicas, status.updatedReplicas, status.readyReplicas, status.availableReplicas].map((count) => count ?? 0);
  if (counts.some((count) => count !== replicas)) problems.push(`wants ${replicas} pods, has ${counts.join('/')} (all/updated/ready/available)`);
  const total = own.reduce((sum, set) => sum + set.spec.replicas, 0);
  const current = own.filter((set) => set.spec.template.spec.containers[0]!.image === image).reduce((sum, set) => sum + set.spec.replicas, 0);
  if (total !== replicas || current !== replicas) problems.push(`its ReplicaSets want ${total} pods, ${current} of them of the version ${image}`);
  if (condition(status.conditions, 'Progressing') !== 'True/NewReplicaSetAvailable') problems.push(`Progressing=${condition(status.conditions, 'Progressing')}`);
  if (condition(status.conditions, 'Available') !== 'True/MinimumReplicasAvailable') problems.push(`Available=${condition(status.conditions, 'Available')}`);
  return problems;
}

/** A ReplicaSet has the pods that it wants, and counts them. */
function counted({ metadata, spec, status }: ReplicaSet, pods: readonly Pod[]): string[] {
  const live = pods.filter((pod) => controllerOf(pod)?.uid === metadata.uid);
  const ready = live.filter(isPodReady).length;
  const counts = [status.replicas, status.fullyLabeledReplicas ?? 0, status.readyReplicas ?? 0, status.availableReplicas ?? 0];
  if (live.length === spec.replicas && counts.join() === [spec.replicas, spec.replicas, ready, ready].join()) return [];
  return [`${metadata.name} wants ${spec.replicas} pods, counts ${counts.join('/')} (all/labelled/ready/available), has ${live.length}, ${ready} of them ready`];
}

/** A Deployment counts what its ReplicaSets count. */
function summed({ metadata, status }: Deployment, own: readonly ReplicaSet[]): string[] {
  const sum = (of: (set: ReplicaSet) => number | undefined): number => own.reduce((total, set) => total + (of(set) ?? 0), 0);
  const sums = [sum((set) => set.status.replicas), sum((set) => set.status.readyReplicas), sum((set) => set.status.availableReplicas)].join('/');
  const counts = [status.replicas ?? 0, status.readyReplicas ?? 0, status.availableReplicas ?? 0].join('/');
  return counts === sums ? [] : [`deployment ${metadata.name} counts ${counts} (all/ready/available), its ReplicaSets ${sums}`];
}

const DESIRED = 'deployment.kubernetes.io/desired-replicas';

/**
 * Kubernetes leaves this as it is: a Deployment that was rolling, then got the strategy Recreate and another size before the
 * rollout was over. Its ReplicaSets still name the old size, so every sync is one for scaling (isScalingEvent), and scaling
 * knows no case for several active ReplicaSets without a rolling update, but that the newest has all pods and they are available
 * (pkg/controller/deployment/sync.go, scale; util.IsSaturated).
 */
function isStuckInRecreate({ spec }: Deployment, own: readonly ReplicaSet[], newest: ReplicaSet | undefined): boolean {
  const active = own.filter((set) => set.spec.replicas > 0);
  const desired = (set: ReplicaSet): string | undefined => set.metadata.annotations?.[DESIRED];
  const scaling = active.some((set) => desired(set) !== undefined && desired(set) !== String(spec.replicas));
  const saturated = newest !== undefined && newest.spec.replicas === spec.replicas && desired(newest) === String(spec.replicas) && newest.status.availableReplicas === spec.replicas;
  return spec.strategy.type === 'Recreate' && active.length > 1 && scaling && !saturated;
}

/**
 * A paused Deployment keeps its mix of versions: a single ReplicaSet has the size that is wanted, several of a rolling update share that
 * and the surge, unless the newest is complete (sync.go, scale).
 */
function paused(deployment: Deployment, own: readonly ReplicaSet[]): string[] {
  const { spec, status } = deployment;
  const problems: string[] = [];
  const reason = condition(status.conditions, 'Progressing');
  if (reason !== 'Unknown/DeploymentPaused' && reason !== 'False/ProgressDeadlineExceeded') problems.push(`paused: Progressing=${reason}`);
  const active = own.filter(({ spec: { replicas } }) => replicas > 0);
  const total = active.reduce((sum, set) => sum + set.spec.replicas, 0);
  if (active.length === 1 && total !== spec.replicas) problems.push(`paused: one ReplicaSet of ${total} pods for ${spec.replicas}`);
  if (active.length === 0 && own.length > 0 && spec.replicas > 0) problems.push(`paused: ${own.length} ReplicaSets without pods for ${spec.replicas}`);
  if (active.length > 1 && spec.strategy.type === 'RollingUpdate') {
    const { most } = boundsOf(deployment);
    if (total !== most) problems.push(`paused: ${active.length} ReplicaSets of ${total} pods for ${most}`);
  }
  return problems;
}

function unschedulable({ status, metadata }: Deployment, own: readonly ReplicaSet[], pods: readonly Pod[]): string[] {
  const problems: string[] = [];
  const reason = condition(status.conditions, 'Progressing');
  if (reason !== 'False/ProgressDeadlineExceeded') problems.push(`fits no node: Progressing=${reason}`);
  for (const pod of pods.filter((each) => own.some((set) => set.metadata.uid === controllerOf(each)?.uid))) {
    const scheduled = condition(pod.status.conditions, 'PodScheduled');
    if (scheduled !== 'False/Unschedulable') problems.push(`${metadata.name}: PodScheduled=${scheduled}`);
  }
  return problems;
}

function statefulSet({ metadata, spec, status }: StatefulSet, pods: readonly Pod[]): string[] {
  const own = pods.filter((pod) => controllerOf(pod)?.uid === metadata.uid);
  const names = own.map((pod) => pod.metadata.name).sort();
  const wanted = Array.from({ length: spec.replicas }, (_, ordinal) => `${metadata.name}-${ordinal}`).sort();
  const problems: string[] = [];
  if (names.join() !== wanted.join()) problems.push(`statefulset wants ${wanted.join()}, has ${names.join()}`);
  const image = spec.template.spec.containers[0]!.image;
  for (const pod of own) {
    if (!isPodReady(pod) || pod.spec.containers[0]!.image !== image) problems.push(`pod ${pod.metadata.name} is not ready in the version ${image}`);
  }
  if ((status.readyReplicas ?? 0) !== spec.replicas) problems.push(`statefulset counts ${status.readyReplicas} ready pods of ${spec.replicas}`);
  return problems;
}

function daemonSet({ metadata, spec, status }: DaemonSet, pods: readonly Pod[], nodes: readonly string[]): string[] {
  const own = pods.filter((pod) => controllerOf(pod)?.uid === metadata.uid);
  const problems: string[] = [];
  const places = own.map((pod) => pod.spec.nodeName ?? '').sort();
  if (places.join() !== [...nodes].sort().join()) problems.push(`daemonset is on ${places.join()}`);
  const image = spec.template.spec.containers[0]!.image;
  for (const pod of own) {
    if (!isPodReady(pod) || pod.spec.containers[0]!.image !== image) problems.push(`pod ${pod.metadata.name} is not ready in the version ${image}`);
  }
  const counts = [status.desiredNumberScheduled, status.currentNumberScheduled, status.numberReady, status.numberAvailable, status.updatedNumberScheduled];
  if (counts.some((count) => count !== nodes.length)) problems.push(`daemonset counts ${counts.join('/')} of ${nodes.length} nodes`);
  return problems;
}

function jobs(all: readonly Job[], behind: ReadonlySet<string>): string[] {
  return all.flatMap(({ metadata, spec, status }) => {
    if (metadata.name === 'failing') {
      const failed = condition(status.conditions, 'Failed');
      return failed === 'True/BackoffLimitExceeded' ? [] : [`job failing: Failed=${failed}`];
    }
    const complete = condition(status.conditions, 'Complete');
    return complete === 'True/CompletionsReached' && (status.succeeded === spec.completions || (behind.has(metadata.name) && (status.succeeded ?? 0) > (spec.completions ?? 0))) ? [] : [`job ${metadata.name}: Complete=${complete}, ${status.succeeded} of ${spec.completions}`];
  });
}

function condition(conditions: readonly Condition[] | undefined, wanted: string): string {
  const found = conditions?.find(({ type }) => type === wanted);
  return found === undefined ? 'none' : `${found.status}/${found.reason ?? ''}`;
}
