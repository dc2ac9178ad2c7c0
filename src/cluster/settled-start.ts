import type { Pod, PodSpec } from '../api/core.js';
import { podRequests } from '../api/pod-resources.js';
import { firstUntoleratedTaint } from '../api/taints.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';
import type { RegistryContext } from '../apiserver/registry.js';
import { REVISION } from '../controllers/deployment-rollout.js';
import { newReplicaSet } from '../controllers/deployment-sets.js';
import { rolloutStatus } from '../controllers/deployment-status.js';
import { podFromTemplate } from '../controllers/pod-control.js';
import { replicaSetStatus } from '../controllers/replica-set-policy.js';
import { admissionFailure } from '../node/admission.js';
import type { Kubelets } from '../node/kubelets.js';
import { isKwokNode } from '../node/kwok/stage.js';
import { type StartObject, store } from './start-objects.js';

/**
 * Gives every Deployment of the start state its ReplicaSet and its pods, as if it had been rolled out long ago: the pods are bound to
 * nodes in turn, run and are Ready, the kubelets know them, and the statuses of Deployment and ReplicaSet say so. What only a scheduler can place (affinity, spreading, volumes, gates),
 * and what finds no room, is left to the controllers and the scheduler.
 */
export class SettledStart {
  private readonly objects: StartObject[];
  private readonly registry: RegistryContext;
  private readonly kubelets: Kubelets;
  /** Statuses of ReplicaSets count terminating pods. */
  private readonly countTerminating: boolean;
  /** Node that the next pod is offered first. */
  private cursor = 0;

  constructor(objects: StartObject[], registry: RegistryContext, kubelets: Kubelets, countTerminating: boolean) {
    this.objects = objects;
    this.registry = registry;
    this.kubelets = kubelets;
    this.countTerminating = countTerminating;
  }

  /** Adds ReplicaSets and pods to the objects. */
  settle(): void {
    const { length } = this.objects;
    for (let i = 0; i < length; i++) if (this.objects[i]!.object.kind === 'Deployment') this.deploy(i);
  }

  private deploy(place: number): void {
    const { objects } = this;
    const deployment = objects[place]!.object as Deployment;
    const set = store(objects, newReplicaSet(deployment, []), this.registry) as ReplicaSet | undefined;
    if (set === undefined || deployment.spec.paused === true || !placeable(set.spec.template.spec)) return;
    const setPlace = objects.length - 1;
    let placed = 0;
    while (placed < set.spec.replicas && this.place(podFromTemplate(set, set.spec.template))) placed++;
    if (placed < set.spec.replicas) return;
    // All is as it should be: the controllers find their own statuses, and nothing to write.
    const counts = { active: placed, fullyLabeled: placed, ready: placed, available: placed, terminating: 0 };
    const settled: ReplicaSet = { ...set, status: replicaSetStatus(set, counts, undefined, this.countTerminating, 0) };
    const annotations = { ...deployment.metadata.annotations, [REVISION]: set.metadata.annotations![REVISION]! };
    const revised: Deployment = { ...deployment, metadata: { ...deployment.metadata, annotations } };
    objects[setPlace] = { ...objects[setPlace]!, object: settled };
    objects[place] = { ...objects[place]!, object: { ...revised, status: rolloutStatus(revised, [settled], settled, 0) } as Deployment };
  }

  /** Binds a pod to the next node that has room; false: none has. */
  private place(pod: Pod): boolean {
    const { nodes } = this.kubelets.fleet;
    const requests = podRequests(pod.spec);
    for (let tries = 0; tries < nodes.length; tries++) {
      const record = nodes[this.cursor]!;
      this.cursor = (this.cursor + 1) % nodes.length;
      const { spec } = record.node;
      if (isKwokNode(record.node) || !record.up || spec.unschedulable === true) continue;
      if (firstUntoleratedTaint(spec.taints, pod.spec.tolerations, ['NoSchedule', 'NoExecute']) !== undefined) continue;
      if (admissionFailure(record.node, pod, requests, record) !== undefined) continue;
      const { index, name } = record;
      const stored = store(this.objects, pod, this.registry, (created) => this.bound(created as Pod, index, name)) as Pod | undefined;
      if (stored === undefined) return false;
      this.kubelets.warmStart(index, stored);
      return true;
    }
    return false;
  }

  private bound(pod: Pod, index: number, nodeName: string): Pod {
    return this.kubelets.warmPod(index, { ...pod, spec: { ...pod.spec, nodeName } }, 0);
  }
}

/** Whether a pod may run on any node with room that it tolerates and selects. */
function placeable(spec: PodSpec): boolean {
  return (
    spec.affinity === undefined &&
    (spec.topologySpreadConstraints?.length ?? 0) === 0 &&
    (spec.schedulingGates?.length ?? 0) === 0 &&
    (spec.resourceClaims?.length ?? 0) === 0 &&
    !(spec.volumes ?? []).some((volume) => 'persistentVolumeClaim' in volume || 'ephemeral' in volume)
  );
}
