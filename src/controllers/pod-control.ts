import type { Pod, PodTemplateSpec } from '../api/core.js';
import type { KubernetesObject, Labels } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { EventRecorder } from '../client/types.js';
import { controllerReference } from './ownership.js';

/** How controllers create and delete pods, with the events that go with it (pkg/controller/controller_utils.go RealPodControl). */

/** What a pod made from a template has of its own. */
export interface PodIdentity {
  /** Full name; absent: the API server adds 5 characters to `<owner>-`. */
  readonly name?: string;
  readonly generateName?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly finalizers?: readonly string[];
}

/** A pod from a template, owned by `owner` (GetPodFromTemplate). It shares the template's spec. */
export function podFromTemplate(owner: KubernetesObject, template: PodTemplateSpec, identity: PodIdentity = {}): Pod {
  const { metadata } = template;
  const generateName = identity.generateName ?? (identity.name === undefined ? `${owner.metadata.name}-` : undefined);
  const finalizers = identity.finalizers ?? metadata.finalizers;
  const labels = identity.labels === undefined ? metadata.labels : { ...metadata.labels, ...identity.labels };
  const annotations = identity.annotations === undefined ? metadata.annotations : { ...metadata.annotations, ...identity.annotations };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: identity.name ?? '',
      namespace: owner.metadata.namespace,
      ...(generateName === undefined ? {} : { generateName }),
      uid: '',
      resourceVersion: 0,
      generation: 0,
      creationTimestamp: 0,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner)],
    },
    spec: template.spec,
    status: { phase: 'Pending' },
  };
}

/** The request that creates a pod. */
export function createPod(pod: Pod): ApiRequest {
  return { verb: 'create', resource: 'pods', namespace: pod.metadata.namespace, name: pod.metadata.name, body: pod };
}

/** Records what became of a creation; the error's text when it failed. */
export function podCreated(recorder: EventRecorder, owner: KubernetesObject, response: ApiResponse): string | undefined {
  if (succeeded(response)) {
    recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${response.object!.metadata.name}`);
    return undefined;
  }
  const message = response.message ?? 'request failed';
  if (!isNamespaceTerminating(response)) recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${message}`);
  return message;
}

/** Records what became of a deletion; the error's text when it failed, also for a pod that was gone. */
export function podDeleted(recorder: EventRecorder, owner: KubernetesObject, name: string, response: ApiResponse): string | undefined {
  if (succeeded(response)) {
    recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    return undefined;
  }
  const message = response.message ?? 'request failed';
  if (response.code !== 404) recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${message}`);
  return message;
}

/** Whether a create was refused because its namespace is being deleted (Status cause NamespaceTerminating). */
export function isNamespaceTerminating(response: ApiResponse): boolean {
  return response.code === 403 && (response.message ?? '').includes('because it is being terminated');
}
