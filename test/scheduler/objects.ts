import type { Node, Pod, PodSpec } from '../../src/api/core.js';

/** Objects for tests, with the fields that scheduling reads. */

let serial = 0;

export function node(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  rest: Partial<Node['spec']> & { readonly allocatable?: Record<string, number> } = {},
): Node {
  const { allocatable = { cpu: 4000, memory: 8 * 2 ** 30, pods: 110 }, ...spec } = rest;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      namespace: '',
      uid: `node-${name}`,
      resourceVersion: 1,
      generation: 1,
      creationTimestamp: 0,
      labels: { 'kubernetes.io/hostname': name, ...labels },
    },
    spec,
    status: { capacity: allocatable, allocatable },
  };
}

export function pod(
  name: string,
  spec: Partial<PodSpec> & { readonly requests?: Record<string, number> } = {},
  labels: Readonly<Record<string, string>> = {},
): Pod {
  const { requests = { cpu: 100, memory: 2 ** 20 }, ...rest } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${++serial}`,
      resourceVersion: serial,
      generation: 1,
      creationTimestamp: 0,
      labels,
    },
    spec: {
      containers: [{ name: 'c', image: 'app:v1', imagePullPolicy: 'IfNotPresent', resources: { requests } }],
      schedulerName: 'default-scheduler',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      priority: 0,
      ...rest,
    },
    status: { phase: 'Pending' },
  };
}

/** A bound version of a pod. */
export function bound(object: Pod, nodeName: string): Pod {
  return { ...object, spec: { ...object.spec, nodeName } };
}
