import type { Service } from '../api/core.js';
import type { KubernetesObject, Labels } from '../api/meta.js';
import type { Deployment, DeploymentStrategy } from '../api/workloads.js';
import type { Patch } from '../apiserver/request.js';

/** Bytes of a small strategic merge patch. */
const PATCH_BYTES = 250;

/** `kubectl set image`, optionally with a change of the Deployment's strategy in the same patch. */
export class SetImagePatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly container: string;
  private readonly image: string;
  private readonly strategy: DeploymentStrategy | undefined;

  /** @param container name of the container; empty: the first one */
  constructor(container: string, image: string, strategy?: DeploymentStrategy) {
    this.container = container;
    this.image = image;
    this.strategy = strategy;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const deployment = current as Deployment;
    const { template } = deployment.spec;
    const containers = template.spec.containers.map((container, i) =>
      (this.container === '' ? i === 0 : container.name === this.container) ? { ...container, image: this.image } : container,
    );
    const spec = {
      ...deployment.spec,
      template: { ...template, spec: { ...template.spec, containers } },
      ...(this.strategy === undefined ? {} : { strategy: this.strategy }),
    };
    return { ...deployment, spec } as Deployment;
  }
}

/** Replaces a Service's selector: the switch of blue/green. */
export class SelectorPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly selector: Labels;

  constructor(selector: Labels) {
    this.selector = selector;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const service = current as Service;
    return { ...service, spec: { ...service.spec, selector: this.selector } } as Service;
  }
}

/** What `kubectl apply` does to an existing object when its manifest changed: spec and labels of the manifest win. */
export class ApplyPatch implements Patch {
  readonly bytes: number;
  private readonly wanted: KubernetesObject;

  constructor(wanted: KubernetesObject, bytes: number) {
    this.wanted = wanted;
    this.bytes = bytes;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { labels, annotations } = this.wanted.metadata;
    const metadata = {
      ...current.metadata,
      ...(labels === undefined ? {} : { labels: { ...current.metadata.labels, ...labels } }),
      ...(annotations === undefined ? {} : { annotations: { ...current.metadata.annotations, ...annotations } }),
    };
    return { ...current, ...withoutStatus(this.wanted), metadata } as KubernetesObject;
  }
}

function withoutStatus(object: KubernetesObject): object {
  const { status: _status, ...rest } = object as KubernetesObject & { readonly status?: unknown };
  return rest;
}
