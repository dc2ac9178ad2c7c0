import type { Job } from '../../../src/api/batch.js';
import type { DaemonSet, StatefulSet } from '../../../src/api/apps.js';
import { isPodReady, type Pod } from '../../../src/api/core.js';
import { controllerOf, type Condition, type KubernetesObject } from '../../../src/api/meta.js';
import type { Deployment, ReplicaSet } from '../../../src/api/workloads.js';
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
    for (const problem of judged(deployment, own, pods, world.watchman.onceEmpty.has(deployment.metadata.uid))) found.push(`deployment ${deployment.metadata.name}: ${problem}`);
  }
  const owners = new Set([...deployments, ...sets, ...all('statefulsets'), ...all('daemonsets'), ...all('jobs')].map(({ metadata }) => metadata.uid));
  for (const object of [...sets, ...pods]) {
    const owner = controllerOf(object);
    if (owner === undefined) found.push(`${object.kind} ${object.metadata.name} has no controller`);
    else if (!owners.has(owner.uid)) found.push(`${object.kind} ${object.metadata.name} outlives its ${owner.kind}`);
  }
  for (const pod of pods) if (pod.metadata.deletionTimestamp !== undefined) found.push(`pod ${pod.metadata.name} is still terminating`);
  const nodes = all('nodes').map(({ metadata }) => metadata.name);
  return [...found, ...statefulSet(all<StatefulSet>('statefulsets')[0]!, pods), ...daemonSet(all<DaemonSet>('daemonsets')[0]!, pods, nodes), ...jobs(all<Job>('jobs'), world.watchman.pods.behind)];
}

function judged(deployment: Deployment, own: readonly ReplicaSet[], pods: readonly Pod[], onceEmpty: boolean): string[] {
  const { spec, status, metadata } = deployment;
  const problems: string[] = [];
  if (status.observedGeneration !== metadata.generation) return [`generation ${metadata.generation} was not observed`];
  for (const set of own) {
    const live = pods.filter((pod) => controllerOf(pod)?.uid === set.metadata.uid);
    if (live.length !== set.spec.replicas || set.status.replicas !== set.spec.replicas) {
      problems.push(`${set.metadata.name} wants ${set.spec.replicas} pods, counts ${set.status.replicas}, has ${live.length}`);
    }
  }
  const image = spec.template.spec.containers[0]!.image;
  if (spec.paused === true) return [...problems, ...paused(deployment, own)];
  if (metadata.name === 'huge') return [...problems, ...unschedulable(deployment, own, pods)];
  if (isStuckInRecreate(deployment, own)) return problems;
  if (image === 'app:bad' && spec.replicas > 0) {
    const reason = condition(status.conditions, 'Progressing');
    // Without old pods, a change of size or a return to a ReplicaSet that exists starts no deadline (syncRolloutStatus, isCompleteDeployment).
    const reused = own.some(({ metadata: { annotations } }) => annotations?.['deployment.kubernetes.io/revision-history'] !== undefined);
    const quiet = reason === 'True/NewReplicaSetAvailable' && status.replicas === status.updatedReplicas && (onceEmpty || reused);
    const accepted = reason === 'False/ProgressDeadlineExceeded' || quiet;
    return accepted ? problems : [...problems, `a version that never is ready: Progressing=${reason}`];
  }
  const { replicas } = spec;
  const counts = [status.replicas, status.updatedReplicas, status.readyReplicas, status.availableReplicas].map((count) => count ?? 0);
  if (counts.some((count) => count !== replicas)) problems.push(`wants ${replicas} pods, has ${counts.join('/')} (all/updated/ready/available)`);
  const total = own.reduce((sum, set) => sum + set.spec.replicas, 0);
  const current = own.filter((set) => set.spec.template.spec.containers[0]!.image === image).reduce((sum, set) => sum + set.spec.replicas, 0);
  if (total !== replicas || current !== replicas) problems.push(`its ReplicaSets want ${total} pods, ${current} of them of the version ${image}`);
  if (condition(status.conditions, 'Available') !== 'True/MinimumReplicasAvailable') problems.push(`Available=${condition(status.conditions, 'Available')}`);
  return problems;
}

/**
 * Kubernetes leaves this as it is: a Deployment that was rolling, then got the strategy Recreate and another size before the
 * rollout was over. Its ReplicaSets still name the old size, so every sync is one for scaling (isScalingEvent), and scaling
 * knows no case for several active ReplicaSets without a rolling update (pkg/controller/deployment/sync.go, scale).
 */
function isStuckInRecreate({ spec }: Deployment, own: readonly ReplicaSet[]): boolean {
  const active = own.filter((set) => set.spec.replicas > 0);
  const old = active.some(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/desired-replicas'] !== String(spec.replicas));
  return spec.strategy.type === 'Recreate' && active.length > 1 && old;
}

/** A paused Deployment keeps its mix of versions, within the bounds of its strategy. */
function paused({ spec, status }: Deployment, own: readonly ReplicaSet[]): string[] {
  const problems: string[] = [];
  const reason = condition(status.conditions, 'Progressing');
  if (reason !== 'Unknown/DeploymentPaused' && reason !== 'False/ProgressDeadlineExceeded') problems.push(`paused: Progressing=${reason}`);
  const active = own.filter(({ spec: { replicas } }) => replicas > 0);
  if (active.length === 1 && active[0]!.spec.replicas > spec.replicas + 3) problems.push(`paused: one ReplicaSet of ${active[0]!.spec.replicas} pods for ${spec.replicas}`);
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
