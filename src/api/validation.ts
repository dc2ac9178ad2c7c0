import type { ConfigMap } from './cluster-kinds.js';
import type { Node, Pod, PodSpec, Service } from './core.js';
import type { FieldError } from './fields.js';
import { duplicate, invalid, required, tooLong } from './fields.js';
import type { KubernetesObject, Labels } from './meta.js';
import { dns1035Label, dns1123Label, dns1123Subdomain, portName, qualifiedName } from './names.js';
import { infoOfKind } from './resources.js';
import { validateAdmissionObject } from './validation-admission.js';
import { validateLabels, validatePodSpec } from './validation-pod.js';
import { validateWorkloadObject } from './validation-workloads.js';

/**
 * What the API server refuses with 422 Invalid, in its own words (kubernetes pkg/apis/<group>/validation). Works on defaulted
 * objects; an empty list means that the object is accepted.
 */
export function validateObject(object: KubernetesObject): readonly FieldError[] {
  const errors = validateMeta(object);
  const others = validateKind(object);
  return others.length === 0 ? errors : errors.length === 0 ? others : [...errors, ...others];
}

/** Problems of an object beside those of its metadata. */
export function validateKind(object: KubernetesObject): readonly FieldError[] {
  if (object.apiVersion === 'v1') {
    switch (object.kind) {
      case 'Event':
        return NONE;
      case 'Pod':
        return validateSharedSpec((object as Pod).spec);
      case 'ConfigMap':
      case 'Secret':
        return textBytes((object as ConfigMap).data) > MAXIMUM_DATA ? [tooLong(object.kind === 'Secret' ? 'data' : '[]', MAXIMUM_DATA)] : [];
      case 'Service':
        return validateService(object as Service);
      case 'Node':
        return validateNode(object as Node);
    }
  }
  const errors = validateWorkloadObject(object);
  return errors.length > 0 ? errors : validateAdmissionObject(object);
}

const NONE: readonly FieldError[] = [];

/** Largest annotations of an object, and largest data of a ConfigMap or Secret (TotalAnnotationSizeLimitB, MaxSecretSize). */
const MAXIMUM_ANNOTATIONS = 256 * 1024;
const MAXIMUM_DATA = 1024 * 1024;

function textBytes(texts: Readonly<Record<string, string>> | undefined): number {
  let bytes = 0;
  for (const key in texts) bytes += key.length + (typeof texts[key] === 'string' ? texts[key].length : 0);
  return bytes;
}

/** Specs found good before: pods of one template share theirs. */
const goodSpecs = new WeakSet<PodSpec>();

function validateSharedSpec(spec: PodSpec): readonly FieldError[] {
  if (goodSpecs.has(spec)) return NONE;
  const errors = validatePodSpec(spec, 'spec');
  if (errors.length === 0) goodSpecs.add(spec);
  return errors;
}

/** The namespace and the labels that were found good last: those of many objects in a row are the same. */
let goodNamespace = '';
let goodLabels: Labels | undefined;

function validateMeta(object: KubernetesObject): readonly FieldError[] {
  const { name, namespace, generateName, labels, annotations } = object.metadata;
  const info = infoOfKind(object.apiVersion, object.kind);
  const errors: FieldError[] = [];
  if (name === '' && (generateName ?? '') === '') {
    errors.push(required('metadata.name', 'name or generateName is required'));
  } else if (name !== '') {
    const problems =
      object.kind === 'Service'
        ? dns1035Label(name)
        : object.kind === 'Namespace'
          ? dns1123Label(name)
          : nameProblems(object.apiVersion, info !== undefined, name);
    for (let i = 0; i < problems.length; i++) errors.push(invalid('metadata.name', name, problems[i]!));
  }
  if (info?.namespaced === true && namespace !== goodNamespace) {
    const problems = dns1123Label(namespace);
    if (problems.length === 0) goodNamespace = namespace;
    for (const problem of problems) errors.push(invalid('metadata.namespace', namespace, problem));
  }
  if (labels !== undefined && labels !== goodLabels) {
    const problems = validateLabels(labels, 'metadata.labels');
    if (problems.length === 0) goodLabels = labels;
    errors.push(...problems);
  }
  if (annotations === undefined) return errors;
  for (const key in annotations) {
    for (const problem of qualifiedName(key.toLowerCase())) errors.push(invalid('metadata.annotations', key, problem));
  }
  if (textBytes(annotations) > MAXIMUM_ANNOTATIONS) errors.push(tooLong('metadata.annotations', MAXIMUM_ANNOTATIONS));
  return errors;
}

/** Kinds of other API groups may allow any path segment (RBAC names such as `system:node`). */
function nameProblems(apiVersion: string, served: boolean, name: string): readonly string[] {
  if (served && !apiVersion.startsWith('rbac.')) return dns1123Subdomain(name);
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  const bad = ['/', '%'].find((character) => name.includes(character));
  return bad === undefined ? [] : [`may not contain '${bad}'`];
}

function validateService(object: Service): FieldError[] {
  const { spec } = object;
  const errors: FieldError[] = [];
  if (spec.type === 'ExternalName') {
    if (spec.externalName === undefined) errors.push(required('spec.externalName'));
  } else if (spec.ports.length === 0 && spec.clusterIP !== 'None') errors.push(required('spec.ports'));
  const names = new Set<string>();
  const pairs = new Set<string>();
  spec.ports.forEach((port, i) => {
    const at = `spec.ports[${i}]`;
    if (spec.ports.length > 1 && (port.name ?? '') === '') errors.push(required(`${at}.name`));
    if ((port.name ?? '') !== '') {
      for (const problem of dns1123Label(port.name as string)) errors.push(invalid(`${at}.name`, port.name, problem));
      if (names.has(port.name as string)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name as string);
    }
    if (port.port < 1 || port.port > 65535)
      errors.push(invalid(`${at}.port`, port.port, 'must be between 1 and 65535, inclusive'));
    if (typeof port.targetPort === 'number') {
      if (port.targetPort < 1 || port.targetPort > 65535) {
        errors.push(invalid(`${at}.targetPort`, port.targetPort, 'must be between 1 and 65535, inclusive'));
      }
    } else
      for (const problem of portName(port.targetPort))
        errors.push(invalid(`${at}.targetPort`, port.targetPort, problem));
    const pair = `${port.protocol}/${port.port}`;
    if (pairs.has(pair)) errors.push(duplicate(at, { port: port.port, protocol: port.protocol }));
    pairs.add(pair);
    if (port.nodePort !== undefined && (port.nodePort < 30000 || port.nodePort > 32767)) {
      errors.push(
        invalid(
          `${at}.nodePort`,
          port.nodePort,
          'provided port is not in the valid range. The range of valid ports is 30000-32767',
        ),
      );
    }
  });
  errors.push(...validateLabels(spec.selector, 'spec.selector'));
  return errors;
}

function validateNode(object: Node): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  object.spec.taints?.forEach((taint, i) => {
    const at = `spec.taints[${i}]`;
    for (const problem of qualifiedName(taint.key)) errors.push(invalid(`${at}.key`, taint.key, problem));
    const pair = `${taint.key}:${taint.effect}`;
    if (seen.has(pair))
      errors.push({
        field: at,
        type: 'Duplicate value',
        value: taint,
        detail: 'taints must be unique by key and effect pair',
      });
    seen.add(pair);
  });
  for (const name in object.status.allocatable) {
    if (object.status.allocatable[name]! < 0)
      errors.push(
        invalid(`status.allocatable.${name}`, object.status.allocatable[name], 'must be greater than or equal to 0'),
      );
  }
  return errors;
}
