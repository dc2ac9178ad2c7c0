import type { PolicyRule, Role, RoleBinding, Subject } from '../../api/admission-kinds.js';
import { matchesSelector } from '../../api/labels.js';
import { resourceInfo } from '../../api/resources.js';
import type { AdmissionView } from '../admission/attributes.js';
import { failure } from '../call.js';
import type { ApiRequest, ApiResponse } from '../request.js';
import { BUILTIN_CLUSTER_ROLES } from './builtin-roles.js';

/** Authorization by roles (plugin/pkg/auth/authorizer/rbac/rbac.go). Pure. */

/** Resources that decisions are made from. */
export const RBAC_RESOURCES = ['clusterrolebindings', 'rolebindings', 'clusterroles'] as const;

/** Who asks. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

/** A decision, and what it took: bindings looked at and rules compared. */
export interface Authorization {
  readonly allowed: boolean;
  /** Why nothing could be decided by some binding (its role is missing); empty: no such thing. */
  readonly reason: string;
  readonly bindings: number;
  readonly rules: number;
}

const ACCOUNT = 'system:serviceaccount:';

/** A user with the groups that its name brings: nodes, service accounts, everybody who is authenticated. */
export function userOf(name: string, groups: readonly string[] = []): User {
  if (name.startsWith(ACCOUNT)) {
    const namespace = name.slice(ACCOUNT.length, name.indexOf(':', ACCOUNT.length));
    return { name, groups: [...groups, 'system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'] };
  }
  if (name === 'system:anonymous') return { name, groups: ['system:unauthenticated'] };
  return { name, groups: [...groups, ...(name.startsWith('system:node:') ? ['system:nodes'] : []), 'system:authenticated'] };
}

/**
 * Whether the bootstrap policy is known to allow a user all that it asks for in this model: components of the control plane,
 * nodes, and the administrator. Their decision costs but is not looked up.
 */
export function isTrusted(user: string): boolean {
  if (user.startsWith(ACCOUNT)) return user.startsWith(`${ACCOUNT}kube-system:`);
  return (user.startsWith('system:') && user !== 'system:anonymous') || user === 'kubernetes-admin';
}

function appliesTo({ kind, name, namespace }: Subject, user: User): boolean {
  if (kind === 'User') return user.name === name;
  if (kind === 'Group') return user.groups.includes(name);
  return user.name === `${ACCOUNT}${namespace ?? ''}:${name}`;
}

/** Whether a rule allows a request (RuleAllows). */
export function ruleAllows(rule: PolicyRule, request: ApiRequest): boolean {
  const { verbs, apiGroups = [], resources = [], resourceNames = [] } = rule;
  if (!verbs.includes('*') && !verbs.includes(request.verb)) return false;
  if (!apiGroups.includes('*') && !apiGroups.includes(resourceInfo(request.resource).group)) return false;
  const { subresource } = request;
  const combined = subresource === undefined ? request.resource : `${request.resource}/${subresource}`;
  if (!resources.some((each) => each === '*' || each === combined || (subresource !== undefined && each === `*/${subresource}`))) return false;
  return resourceNames.length === 0 || resourceNames.includes(request.name);
}

/** Rules of a ClusterRole: its own, those of the roles that it aggregates, or the built-in ones; undefined: there is none. */
function clusterRules(view: AdmissionView, name: string): readonly PolicyRule[] | undefined {
  const role = view.get('clusterroles', name) as Role | undefined;
  if (role === undefined) return Object.hasOwn(BUILTIN_CLUSTER_ROLES, name) ? BUILTIN_CLUSTER_ROLES[name] : undefined;
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
  if (selectors.length === 0) return role.rules ?? [];
  const rules: PolicyRule[] = [];
  for (const each of view.in('clusterroles', '')) {
    if (selectors.some((selector) => matchesSelector(selector, each.metadata.labels))) rules.push(...((each as Role).rules ?? []));
  }
  return rules;
}

/** Decides a request of a user by the bindings of the cluster, then by those of the request's namespace. */
export function authorize(request: ApiRequest, user: User, view: AdmissionView): Authorization {
  const errors: string[] = [];
  let bindings = 0;
  let rules = 0;
  for (const [resource, namespace] of [['clusterrolebindings', ''], ['rolebindings', request.namespace]] as const) {
    if (resource === 'rolebindings' && namespace === '') continue;
    for (const object of view.in(resource, namespace)) {
      const { subjects = [], roleRef } = object as RoleBinding;
      bindings++;
      if (!subjects.some((subject) => appliesTo(subject, user))) continue;
      const found = roleRef.kind === 'ClusterRole' ? clusterRules(view, roleRef.name) : (view.get('roles', `${namespace}/${roleRef.name}`) as Role | undefined)?.rules;
      if (found === undefined || found === null) {
        errors.push(`${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io "${roleRef.name}" not found`);
        continue;
      }
      for (const rule of found) {
        rules++;
        if (ruleAllows(rule, request)) return { allowed: true, reason: '', bindings, rules };
      }
    }
  }
  const distinct = [...new Set(errors)];
  const reason = distinct.length === 0 ? '' : `RBAC: ${distinct.length === 1 ? distinct[0] : `[${distinct.join(', ')}]`}`;
  return { allowed: false, reason, bindings, rules };
}

/** 403 in the server's words (endpoints/handlers/responsewriters errors.go). */
export function forbidden(request: ApiRequest, user: string, reason: string): ApiResponse {
  const { group } = resourceInfo(request.resource);
  const qualified = group === '' ? request.resource : `${request.resource}.${group}`;
  const combined = request.subresource === undefined ? request.resource : `${request.resource}/${request.subresource}`;
  const where = request.namespace === '' ? 'at the cluster scope' : `in the namespace "${request.namespace}"`;
  // The name of an object to be created is in its body, which is not read yet.
  const name = request.name === '' || (request.verb === 'create' && request.subresource === undefined) ? '' : ` "${request.name}"`;
  const message = `${qualified}${name} is forbidden: User "${user}" cannot ${request.verb} resource "${combined}" in API group "${group}" ${where}`;
  return failure(403, reason === '' ? message : `${message}: ${reason}`);
}
