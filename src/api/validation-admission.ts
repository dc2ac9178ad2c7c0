import type { PriorityClass, RoleBinding, RuntimeClass, Webhook, WebhookConfiguration } from './admission-kinds.js';
import { type FieldError, forbidden, invalid, required, unsupported } from './fields.js';
import type { KubernetesObject } from './meta.js';
import { dns1123Label, dns1123Subdomain } from './names.js';
import { validateSelector } from './validation-pod.js';

/** What the API server refuses in kinds of admission and authorization (pkg/apis/{scheduling,admissionregistration,node,rbac}/validation). */

const HIGHEST_USER_PRIORITY = 1_000_000_000;
const SYSTEM_CLASSES: Readonly<Record<string, number>> = { 'system-cluster-critical': 2000000000, 'system-node-critical': 2000001000 };
const PLURALS = { operations: 'operations', apiGroups: 'API groups', apiVersions: 'API versions', resources: 'resources' } as const;
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

const NONE: readonly FieldError[] = [];

/** Problems of an object; none for other kinds. */
export function validateAdmissionObject(object: KubernetesObject): readonly FieldError[] {
  switch (object.kind) {
    case 'PriorityClass':
      return validatePriorityClass(object as PriorityClass);
    case 'RuntimeClass':
      return dns1123Label((object as RuntimeClass).handler).map((problem) => invalid('handler', (object as RuntimeClass).handler, problem));
    case 'MutatingWebhookConfiguration':
    case 'ValidatingWebhookConfiguration':
      return (object as WebhookConfiguration).webhooks.flatMap((webhook, i) => validateWebhook(webhook, `webhooks[${i}]`));
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return validateBinding(object as RoleBinding);
    default:
      return NONE;
  }
}

function validatePriorityClass({ metadata, value }: PriorityClass): FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.name.startsWith('system-')) {
    if (SYSTEM_CLASSES[metadata.name] !== value) {
      const known = SYSTEM_CLASSES[metadata.name];
      const why = known === undefined ? `${metadata.name} is not a known system priority class` : `value of ${metadata.name} PriorityClass must be ${known}`;
      errors.push(forbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only. error: ${why}`));
    }
  } else if (value > HIGHEST_USER_PRIORITY) {
    errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`));
  }
  return errors;
}

function validateWebhook(webhook: Webhook, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const { name, rules, timeoutSeconds, sideEffects, admissionReviewVersions, clientConfig } = webhook;
  // IsFullyQualifiedName: a subdomain of at least three parts.
  if (name === '') errors.push(required(`${at}.name`));
  else {
    const problems = dns1123Subdomain(name);
    for (const problem of problems) errors.push(invalid(`${at}.name`, name, problem));
    if (problems.length === 0 && name.split('.').length < 3) errors.push(invalid(`${at}.name`, name, 'should be a domain with at least three segments separated by dots'));
  }
  if (admissionReviewVersions === undefined || admissionReviewVersions.length === 0) {
    errors.push(required(`${at}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
  } else if (!admissionReviewVersions.some((version) => version === 'v1' || version === 'v1beta1')) {
    errors.push(invalid(`${at}.admissionReviewVersions`, admissionReviewVersions, 'must include at least one of v1, v1beta1'));
  }
  rules.forEach((rule, i) => {
    for (const key of ['operations', 'apiGroups', 'apiVersions', 'resources'] as const) {
      if (rule[key].length === 0) errors.push(required(`${at}.rules[${i}].${key}`));
      else if (rule[key].length > 1 && rule[key].includes('*')) {
        errors.push(invalid(`${at}.rules[${i}].${key}`, rule[key], `if '*' is present, must not specify other ${PLURALS[key]}`));
      }
    }
    rule.operations.forEach((operation, j) => {
      if (!OPERATIONS.includes(operation)) errors.push(unsupported(`${at}.rules[${i}].operations[${j}]`, operation, OPERATIONS));
    });
  });
  if (sideEffects === undefined) errors.push(required(`${at}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  else if (sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') errors.push(unsupported(`${at}.sideEffects`, sideEffects, ['None', 'NoneOnDryRun']));
  if (timeoutSeconds > 30 || timeoutSeconds < 1) errors.push(invalid(`${at}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds'));
  errors.push(...validateSelector(webhook.namespaceSelector, `${at}.namespaceSelector`));
  errors.push(...validateSelector(webhook.objectSelector, `${at}.objectSelector`));
  if ((clientConfig.url === undefined) === (clientConfig.service === undefined)) {
    errors.push(required(`${at}.clientConfig`, 'exactly one of url or service is required'));
  }
  return errors;
}

function validateBinding({ kind, roleRef, subjects }: RoleBinding): FieldError[] {
  const errors: FieldError[] = [];
  const kinds = kind === 'ClusterRoleBinding' ? ['ClusterRole'] : ['Role', 'ClusterRole'];
  if (!kinds.includes(roleRef.kind)) errors.push(unsupported('roleRef.kind', roleRef.kind, kinds));
  if (roleRef.name === '') errors.push(required('roleRef.name'));
  subjects?.forEach((subject, i) => {
    if (subject.name === '') errors.push(required(`subjects[${i}].name`));
    if (subject.kind === 'ServiceAccount' && (subject.namespace ?? '') === '') errors.push(required(`subjects[${i}].namespace`));
  });
  return errors;
}
