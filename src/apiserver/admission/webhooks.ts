import type { Webhook, WebhookConfiguration, WebhookRule } from '../../api/admission-kinds.js';
import { isEmptySelector, matchesSelector } from '../../api/labels.js';
import type { KubernetesObject, Labels } from '../../api/meta.js';
import { resourceInfo } from '../../api/resources.js';
import { failure } from '../call.js';
import type { ApiResponse } from '../request.js';
import type { AdmissionView, Attributes } from './attributes.js';

/** Which webhooks a request goes to, and what comes of their answers (k8s.io/apiserver pkg/admission/plugin/webhook). Pure. */

/** Resources whose requests no webhook sees (rules.IsExemptAdmissionConfigurationResource). */
const EXEMPT: ReadonlySet<string> = new Set(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']);

/** Webhooks of a kind in calling order: configurations by name, in each as listed. */
export function webhooksInOrder(configurations: Iterable<WebhookConfiguration>): readonly Webhook[] {
  const sorted = [...configurations].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : a.metadata.name > b.metadata.name ? 1 : 0));
  return sorted.flatMap(({ webhooks }) => webhooks);
}

/** Whether a webhook is to be asked about a request. */
export function webhookMatches(webhook: Webhook, attributes: Attributes, view: AdmissionView): boolean {
  if (EXEMPT.has(attributes.request.resource)) return false;
  const { rules, matchPolicy, namespaceSelector, objectSelector } = webhook;
  if (!rules.some((rule) => ruleMatches(rule, attributes, matchPolicy === 'Equivalent'))) return false;
  if (!isEmptySelector(namespaceSelector) && !namespaceMatches(webhook, attributes, view)) return false;
  if (isEmptySelector(objectSelector)) return true;
  const { object, old } = attributes;
  // The old object or the new one: what must not be hidden by a change of labels.
  return selects(webhook, object) || selects(webhook, old);
}

function selects({ objectSelector }: Webhook, object: KubernetesObject | undefined): boolean {
  return object !== undefined && matchesSelector(objectSelector, object.metadata.labels);
}

function namespaceMatches({ namespaceSelector }: Webhook, { request, object, old }: Attributes, view: AdmissionView): boolean {
  let labels: Labels | undefined;
  if (request.resource === 'namespaces') labels = (object ?? old)?.metadata.labels;
  else if (request.namespace === '') return true;
  else labels = view.get('namespaces', request.namespace)?.metadata.labels;
  return matchesSelector(namespaceSelector, labels);
}

/** One rule (rules.Matcher). With matchPolicy Equivalent other versions of the resource are as good. */
function ruleMatches(rule: WebhookRule, { request, operation }: Attributes, equivalent: boolean): boolean {
  const { group, version, namespaced } = resourceInfo(request.resource);
  if (rule.scope === 'Namespaced' && !namespaced) return false;
  if (rule.scope === 'Cluster' && namespaced) return false;
  if (!rule.operations.includes('*') && !rule.operations.includes(operation)) return false;
  if (!rule.apiGroups.includes('*') && !rule.apiGroups.includes(group)) return false;
  if (!equivalent && !rule.apiVersions.includes('*') && !rule.apiVersions.includes(version)) return false;
  return rule.resources.some((pattern) => {
    const slash = pattern.indexOf('/');
    const resource = slash < 0 ? pattern : pattern.slice(0, slash);
    const subresource = slash < 0 ? '' : pattern.slice(slash + 1);
    return (resource === '*' || resource === request.resource) && (subresource === '*' || subresource === (request.subresource ?? ''));
  });
}

/** What a webhook answers, or that it does not. */
export type WebhookAnswer =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied'; readonly message: string; readonly code: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'refused' };

/** `https://web.hooks.svc:443/mutate?timeout=10s`: where a webhook is called. */
export function webhookUrl({ clientConfig, timeoutSeconds }: Webhook): string {
  const { url, service } = clientConfig;
  const base = url ?? `https://${service!.name}.${service!.namespace}.svc:${service!.port ?? 443}${service!.path ?? ''}`;
  return `${base}${base.includes('?') ? '&' : '?'}timeout=${timeoutSeconds}s`;
}

/** The refusal that follows from an answer; undefined: the request goes on (failurePolicy Ignore lets it, too). */
export function refusalOf(webhook: Webhook, answer: WebhookAnswer): ApiResponse | undefined {
  switch (answer.kind) {
    case 'allowed':
      return undefined;
    case 'denied': {
      const explanation = answer.message === '' ? ' without explanation' : `: ${answer.message}`;
      return failure(answer.code, `admission webhook "${webhook.name}" denied the request${explanation}`);
    }
    default: {
      if (webhook.failurePolicy === 'Ignore') return undefined;
      const why = answer.kind === 'timeout' ? 'context deadline exceeded' : 'dial tcp: connect: connection refused';
      const call = `failed to call webhook: Post "${webhookUrl(webhook)}": ${why}`;
      return failure(500, `Internal error occurred: failed calling webhook "${webhook.name}": ${call}`);
    }
  }
}
