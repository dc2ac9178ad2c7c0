import type { Pod, PodSpec } from '../api/core.js';
import { podRequests } from '../api/pod-resources.js';
import { firstUntoleratedTaint } from '../api/taints.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';
import type { RegistryContext } from '../apiserver/registry.js';
import { newReplicaSet } from '../controllers/deployment-sets.js';
import { podFromTemplate } from '../controllers/pod-control.js';
import { admissionFailure } from '../node/admission.js';
import type { Kubelets } from '../node/kubelets.js';
import { isKwokNode } from '../node/kwok/stage.js';
import type { Fleet } from './node-fleet.js';
import { type StartObject, store } from './start-objects.js';

/**
 * Gives every Deployment of the start state its ReplicaSet and its pods, as if it had been rolled out long ago: the pods are bound to
 * nodes in turn, run and are Ready, and the kubelets know them. What only a scheduler can place (affinity, spreading, volumes, gates),
 * and what finds no room, is left to the controllers and the scheduler.
 */
export class SettledStart {
  private readonly objects: StartObject[];
  private readonly registry: RegistryContext;
  private readonly kubelets: Kubelets;
  private readonly fleet: Fleet;
  /** Node that the next pod is offered first. */
  private cursor = 0;

  constructor(objects: StartObject[], registry: RegistryContext, kubelets: Kubelets, fleet: Fleet) {
    this.objects = objects;
    this.registry = registry;
    this.kubelets = kubelets;
    this.fleet = fleet;
  }

  /** Adds ReplicaSets and pods to the objects. */
  settle(): void {
    const deployments = this.objects.filter(({ object }) => object.kind === 'Deployment');
    for (const { object } of deployments) this.deploy(object as Deployment);
  }

  private deploy(deployment: Deployment): void {
    const set = store(this.objects, newReplicaSet(deployment, []), this.registry) as ReplicaSet | undefined;
    if (set === undefined || deployment.spec.paused === true || !placeable(set.spec.template.spec)) return;
    for (let i = 0; i < set.spec.replicas; i++) if (!this.place(podFromTemplate(set, set.spec.template))) return;
  }

  /** Binds a pod to the next node that has room; false: none has. */
  private place(pod: Pod): boolean {
    const { nodes } = this.kubelets.fleet;
    const requests = podRequests(pod.spec);
    for (let tries = 0; tries < nodes.length; tries++) {
      const record = nodes[this.cursor]!;
      this.cursor = (this.cursor + 1) % nodes.length;
      const { spec } = record.node;
      if (isKwokNode(record.node) || spec.unschedulable === true) continue;
      if (firstUntoleratedTaint(spec.taints, pod.spec.tolerations, ['NoSchedule', 'NoExecute']) !== undefined) continue;
      if (admissionFailure(record.node, pod, requests, record) !== undefined) continue;
      const { index, name } = record;
      const stored = store(this.objects, pod, this.registry, (created) => this.bound(created as Pod, index, name)) as Pod | undefined;
      if (stored === undefined) return false;
      this.kubelets.warmStart(index, stored);
      this.fleet.podAdopted(index, stored);
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
