import type { Namespace } from '../../api/cluster-kinds.js';
import { MILLISECOND } from '../../kernel/time.js';
import type { KubernetesObject } from '../../api/meta.js';
import { failure } from '../call.js';
import { type AdmissionView, type Attributes, forbiddenBy, refuse, type Verdict } from './attributes.js';

/** Plugin NamespaceLifecycle (k8s.io/apiserver pkg/admission/plugin/namespace/lifecycle/admission.go). */

const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);
/** missingNamespaceWait: how long a create waits for a namespace that the cache does not have. */
const MISSING_NAMESPACE_WAIT = 50 * MILLISECOND;

/** Whether a namespace is there (undefined: it is not) and stays, so that the plugin lets all that goes into it pass. */
export function isActive(namespace: KubernetesObject | undefined): boolean {
  return namespace !== undefined && (namespace as Namespace).status?.phase !== 'Terminating';
}

/** Refuses content in namespaces that are missing or going, and the deletion of the three that must stay. `attempt` counts from 0. */
export function namespaceLifecycle(attributes: Attributes, view: AdmissionView, attempt: number): Verdict {
  const { request, operation, object } = attributes;
  if (request.resource === 'namespaces') {
    if (operation === 'DELETE' && IMMORTAL.has(request.name)) return refuse(forbiddenBy(attributes, 'this namespace may not be deleted'));
    return { kind: 'allow', object };
  }
  const { namespace } = request;
  if (namespace === '' || operation === 'DELETE') return { kind: 'allow', object };
  const found = view.get('namespaces', namespace) as Namespace | undefined;
  if (found === undefined) {
    if (attempt === 0) return { kind: 'wait', delay: MISSING_NAMESPACE_WAIT };
    return refuse(failure(404, `namespaces "${namespace}" not found`));
  }
  if (operation === 'CREATE' && found.status?.phase === 'Terminating') {
    return refuse({
      ...forbiddenBy(attributes, `unable to create new content in namespace ${namespace} because it is being terminated`),
      cause: `namespace ${namespace} is being terminated`,
    });
  }
  return { kind: 'allow', object };
}
