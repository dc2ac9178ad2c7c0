import type { PodTemplateSpec } from '../../api/core.js';
import type { KubernetesObject, Labels } from '../../api/meta.js';
import type { Patch } from '../../apiserver/request.js';
import { lastApplied, mergeThreeWay } from './three-way.js';

/** The patches that kubectl sends. */

/** Bytes of a small patch with its headers. */
const PATCH_BYTES = 250;

/** An object with a pod template (Deployment, StatefulSet, DaemonSet). */
export interface Templated extends KubernetesObject {
  readonly spec: { readonly template: PodTemplateSpec; readonly replicas?: number; readonly paused?: boolean };
}

/** `kubectl set image`: container names to images; `*` stands for all. */
export class ContainerImagesPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly images: Readonly<Record<string, string>>;

  constructor(images: Readonly<Record<string, string>>) {
    this.images = images;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { spec } = current as Templated;
    const all = [...(spec.template.spec.initContainers ?? []), ...spec.template.spec.containers];
    const wanted = (name: string) => this.images[name] ?? this.images['*'];
    if (all.every(({ name, image }) => (wanted(name) ?? image) === image)) return current;
    const change = <C extends { readonly name: string; readonly image: string }>(container: C): C => {
      const image = wanted(container.name);
      return image === undefined ? container : { ...container, image };
    };
    const { initContainers } = spec.template.spec;
    const podSpec = {
      ...spec.template.spec,
      containers: spec.template.spec.containers.map(change),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(change) }),
    };
    return { ...current, spec: { ...spec, template: { ...spec.template, spec: podSpec } } } as KubernetesObject;
  }

  /** A container that the object does not have. */
  unknown(current: KubernetesObject): string | undefined {
    const { template } = (current as Templated).spec;
    const names = new Set([...(template.spec.initContainers ?? []), ...template.spec.containers].map(({ name }) => name));
    return Object.keys(this.images).find((name) => name !== '*' && !names.has(name));
  }
}

/** `kubectl scale`: a merge patch of the scale subresource. */
export class ReplicasPatch implements Patch {
  readonly bytes = 30;
  private readonly replicas: number;

  constructor(replicas: number) {
    this.replicas = replicas;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { spec } = current as Templated;
    return spec.replicas === this.replicas ? current : ({ ...current, spec: { ...spec, replicas: this.replicas } } as KubernetesObject);
  }
}

/** `kubectl cordon` and `uncordon`. */
export class UnschedulablePatch implements Patch {
  readonly bytes = 35;
  private readonly unschedulable: boolean;

  constructor(unschedulable: boolean) {
    this.unschedulable = unschedulable;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { spec } = current as KubernetesObject & { readonly spec?: { readonly unschedulable?: boolean } };
    if ((spec?.unschedulable ?? false) === this.unschedulable) return current;
    const { unschedulable: _old, ...rest } = spec ?? {};
    return { ...current, spec: this.unschedulable ? { ...rest, unschedulable: true } : rest } as KubernetesObject;
  }
}

/** `kubectl rollout undo`: the template of an older revision, and for Deployments that revision's annotations. */
export class RollbackPatch implements Patch {
  readonly bytes: number;
  private readonly template: PodTemplateSpec;
  private readonly annotations: Labels | undefined;

  constructor(template: PodTemplateSpec, annotations: Labels | undefined, bytes: number) {
    this.template = template;
    this.annotations = annotations;
    this.bytes = bytes;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { spec } = current as Templated;
    const metadata = this.annotations === undefined ? current.metadata : { ...current.metadata, annotations: this.annotations };
    return { ...current, metadata, spec: { ...spec, template: this.template } } as KubernetesObject;
  }
}

/** `kubectl apply`: what changed between the last applied manifest, the new one and the object as it is. */
export class ApplyManifestPatch implements Patch {
  readonly bytes: number;
  private readonly manifest: KubernetesObject;

  constructor(manifest: KubernetesObject) {
    this.manifest = manifest;
    this.bytes = PATCH_BYTES + lastApplied(manifest).length;
  }

  apply(current: KubernetesObject): KubernetesObject {
    return mergeThreeWay(this.manifest, current);
  }
}
