import type { Deployment } from '../../src/api/workloads.js';
import { type FakeCluster, meta, template } from './fake-cluster.js';

/** `reason: message` of the events about objects of a kind. */
export function messages(cluster: FakeCluster, kind: string): string[] {
  return cluster.events.filter((event) => event.object.startsWith(`${kind}/`)).map((event) => `${event.reason}: ${event.message}`);
}

/** A Deployment `web` with the default rolling update. */
export function deployment(replicas: number): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('web'),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'a' } },
      template: template('app:v1'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    },
    status: {},
  };
}
