import type { Pod, Service } from '../api/core.js';
import { matchesMap } from '../api/labels.js';
import type { Labels } from '../api/meta.js';
import { Changes } from '../client/changes.js';
import type { Indexer, Informer, ResourceEventHandler } from '../client/types.js';

/** Which Services select a pod, and which pods a Service selects, without looking at all of a namespace. */

const BY_SELECTOR = 'selectorPair';

/** Groups Services by namespace and the first pair of their selector: a pod is selected by those of its own pairs only. */
class SelectorIndexer implements Indexer<Service> {
  readonly name = BY_SELECTOR;
  readonly dependsOn = Changes.Spec;
  valueOf(service: Service): string | undefined {
    const { selector } = service.spec;
    if (selector === undefined) return undefined;
    const { namespace } = service.metadata;
    for (const key in selector) return pairOf(namespace, key, selector[key]!);
    return pairOf(namespace, '', '');
  }
}

function pairOf(namespace: string, key: string, value: string): string {
  return `${namespace}/${key}=${value}`;
}

/** The Services and pods that a controller of endpoints matches with each other. */
export class ServiceSelection {
  private readonly services: Informer<Service>;
  private readonly pods: Informer<Pod>;
  /** Pods of the first list that handlers have been told of so far. */
  private handedOn = 0;

  constructor(services: Informer<Service>, pods: Informer<Pod>) {
    this.services = services;
    this.pods = pods;
    services.addIndexer(new SelectorIndexer());
  }

  /** To be called for every pod that is added. */
  podAdded(): void {
    if (!this.pods.synced) this.handedOn++;
  }

  /** Services of a namespace that may select one of these sets of labels; they are still to be matched. */
  candidates(namespace: string, labels: Labels | undefined, formerLabels: Labels | undefined): Service[] {
    const found: Service[] = [];
    if (this.services.size === 0) return found;
    this.collect(found, namespace, '', '');
    for (const key in labels) this.collect(found, namespace, key, labels[key]!);
    if (formerLabels === labels) return found;
    for (const key in formerLabels) if (labels?.[key] !== formerLabels[key]) this.collect(found, namespace, key, formerLabels[key]!);
    return found;
  }

  private collect(found: Service[], namespace: string, key: string, value: string): void {
    for (const service of this.services.byIndex(BY_SELECTOR, pairOf(namespace, key, value))) found.push(service);
  }

  /** Pods of a namespace that a selector selects. Of a first list that is still being handed on, those that come later come by themselves. */
  selected(namespace: string, selector: Labels): Pod[] {
    const found: Pod[] = [];
    const { synced } = this.pods;
    let left = synced ? Number.POSITIVE_INFINITY : this.handedOn;
    for (const pod of synced ? this.pods.byIndex('namespace', namespace) : this.pods.list()) {
      if (left-- <= 0) break;
      if (pod.metadata.namespace === namespace && matchesMap(selector, pod.metadata.labels)) found.push(pod);
    }
    return found;
  }
}

/** Who makes endpoints of pods; `undefined`: there was no such pod before, or there is none any more. */
interface PodFollower {
  podChanged(old: Pod | undefined, pod: Pod | undefined): void;
}

/** Tells a controller of endpoints of the changes of pods that can be seen in an endpoint. */
export class EndpointPodHandler implements ResourceEventHandler<Pod> {
  readonly updates = Changes.Labels | Changes.Deletion | Changes.Spec | Changes.Readiness | Changes.Phase | Changes.Address;
  private readonly controller: PodFollower;

  constructor(controller: PodFollower) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.podChanged(undefined, pod);
  }

  onUpdate(old: Pod, pod: Pod): void {
    this.controller.podChanged(old, pod);
  }

  onDelete(pod: Pod): void {
    this.controller.podChanged(pod, undefined);
  }
}
