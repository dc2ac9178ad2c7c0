import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Service } from '../../src/api/core.js';
import { fieldErrorText } from '../../src/api/fields.js';
import { readManifest } from '../../src/api/manifest.js';
import type { RawMap } from '../../src/api/reader.js';
import { validateUpdate } from '../../src/api/validation-update.js';
import type { Deployment } from '../../src/api/workloads.js';

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } };

function read<T>(kind: string, apiVersion: string, spec: RawMap): T {
  const { object, errors } = readManifest({ apiVersion, kind, metadata: { name: 'x' }, spec });
  assert.deepEqual(errors, []);
  return object as T;
}

function texts(...[current, wanted]: Parameters<typeof validateUpdate>): string[] {
  return validateUpdate(current, wanted).map(fieldErrorText);
}

describe('validateUpdate', () => {
  const deployment = read<Deployment>('Deployment', 'apps/v1', { selector: { matchLabels: { app: 'web' } }, template });

  it('lets a Deployment change everything but its selector', () => {
    assert.deepEqual(texts(deployment, { ...deployment, spec: { ...deployment.spec, replicas: 9 } } as Deployment), []);
    const moved = {
      ...deployment,
      spec: { ...deployment.spec, selector: { matchLabels: { app: 'api' } } },
    } as Deployment;
    assert.deepEqual(texts(deployment, moved), [
      'spec.selector: Invalid value: {"matchLabels":{"app":"api"}}: field is immutable',
    ]);
  });

  it('lets a StatefulSet change only what may be', () => {
    const spec = { serviceName: 'db', selector: { matchLabels: { app: 'web' } }, template };
    const set = read<Deployment>('StatefulSet', 'apps/v1', spec);
    assert.deepEqual(texts(set, read('StatefulSet', 'apps/v1', { ...spec, replicas: 3, minReadySeconds: 5 })), []);
    const [text] = texts(set, read('StatefulSet', 'apps/v1', { ...spec, serviceName: 'other' }));
    assert.match(
      text!,
      /^spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template'/,
    );
  });

  it('lets a pod change its images and gain tolerations, nothing else', () => {
    const pod = read<Pod>('Pod', 'v1', { ...template.spec, tolerations: [{ key: 'a', operator: 'Exists' }] });
    const change = (more: Partial<Pod['spec']>): Pod => ({ ...pod, spec: { ...pod.spec, ...more } });
    assert.deepEqual(texts(pod, change({ containers: [{ ...pod.spec.containers[0]!, image: 'nginx:2' }] })), []);
    assert.deepEqual(texts(pod, change({ activeDeadlineSeconds: 5 })), []);
    assert.deepEqual(
      texts(pod, change({ tolerations: [...pod.spec.tolerations!, { key: 'b', operator: 'Exists' }] })),
      [],
    );
    for (const more of [
      { tolerations: [] },
      { priority: 5 },
      { nodeSelector: { a: 'b' } },
      { containers: [{ ...pod.spec.containers[0]!, name: 'd' }] },
    ]) {
      assert.match(
        texts(pod, change(more))[0] ?? '',
        /^spec: Forbidden: pod updates may not change fields other than `spec\.containers/,
      );
    }
  });

  it('keeps the address of a Service', () => {
    const service = read<Service>('Service', 'v1', { ports: [{ port: 80 }], clusterIP: '10.96.0.1' });
    const { clusterIP: _, ...spec } = service.spec;
    assert.deepEqual(texts(service, { ...service, spec } as Service), []);
    assert.deepEqual(texts(service, { ...service, spec: { ...spec, clusterIP: '10.96.0.2' } } as Service), [
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.2"]: may not change once set',
    ]);
  });

  it('keeps the template of a Job', () => {
    const spec = { template: { spec: { ...template.spec, restartPolicy: 'Never' } } };
    const job = read<Deployment>('Job', 'batch/v1', spec);
    assert.deepEqual(texts(job, read('Job', 'batch/v1', { ...spec, parallelism: 4 })), []);
    const other = { template: { spec: { ...template.spec, restartPolicy: 'OnFailure' } } };
    assert.match(
      texts(job, read('Job', 'batch/v1', other))[0]!,
      /^spec\.template: Invalid value: \{.*\}: field is immutable$/,
    );
  });
});
