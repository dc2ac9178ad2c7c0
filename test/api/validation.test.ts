import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldErrorText, invalidMessage } from '../../src/api/fields.js';
import { readManifest } from '../../src/api/manifest.js';
import type { RawMap } from '../../src/api/reader.js';
import { validateObject } from '../../src/api/validation.js';

// biome-ignore lint/suspicious/noExplicitAny: each case breaks the object in its own way
type Change = (draft: any) => void;

function deployment(change: Change): RawMap {
  const draft = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } },
    },
  };
  change(draft);
  return draft;
}

function service(change: Change): RawMap {
  const draft = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  };
  change(draft);
  return draft;
}

function template() {
  return { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } };
}

function daemonSet(rollingUpdate: RawMap): RawMap {
  const spec = { selector: { matchLabels: { app: 'web' } }, template: template(), updateStrategy: { rollingUpdate } };
  return { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' }, spec };
}

function problems(raw: RawMap): string[] {
  const { object, errors } = readManifest(raw);
  return [...errors, ...(errors.length > 0 ? [] : validateObject(object))].map(fieldErrorText);
}

const LABEL_REGEX =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/** What `kubectl apply` of each says after `is invalid: `. */
const cases: readonly (readonly [string, RawMap, readonly string[]])[] = [
  ['a good Deployment', deployment(() => {}), []],
  ['a good Service', service(() => {}), []],
  [
    'negative replicas',
    deployment((d) => (d.spec.replicas = -1)),
    ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'no image',
    deployment((d) => delete d.spec.template.spec.containers[0].image),
    ['spec.template.spec.containers[0].image: Required value'],
  ],
  [
    'no container',
    deployment((d) => (d.spec.template.spec.containers = [])),
    ['spec.template.spec.containers: Required value'],
  ],
  [
    'selector that does not match',
    deployment((d) => (d.spec.template.metadata.labels.app = 'api')),
    ['spec.template.metadata.labels: Invalid value: {"app":"api"}: `selector` does not match template `labels`'],
  ],
  [
    'no selector',
    deployment((d) => delete d.spec.selector),
    [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'both zero',
    deployment((d) => (d.spec.strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } })),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
  ],
  [
    'rollingUpdate with Recreate',
    deployment((d) => (d.spec.strategy = { type: 'Recreate', rollingUpdate: { maxSurge: 1 } })),
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  ],
  [
    'unknown strategy',
    deployment((d) => (d.spec.strategy = { type: 'BlueGreen' })),
    ['spec.strategy.type: Unsupported value: "BlueGreen": supported values: "RollingUpdate", "Recreate"'],
  ],
  [
    'name with capitals',
    deployment((d) => (d.spec.template.spec.containers[0].name = 'Web')),
    [`spec.template.spec.containers[0].name: Invalid value: "Web": ${LABEL_REGEX}`],
  ],
  [
    'two containers of one name',
    deployment((d) => d.spec.template.spec.containers.push({ name: 'c', image: 'x:1' })),
    ['spec.template.spec.containers[1].name: Duplicate value: "c"'],
  ],
  [
    'restartPolicy of a Deployment',
    deployment((d) => (d.spec.template.spec.restartPolicy = 'Never')),
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'request above limit',
    deployment(
      (d) => (d.spec.template.spec.containers[0].resources = { requests: { cpu: 2 }, limits: { cpu: '1500m' } }),
    ),
    [
      'spec.template.spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1500m',
    ],
  ],
  [
    'mount without volume',
    deployment((d) => (d.spec.template.spec.containers[0].volumeMounts = [{ name: 'data', mountPath: '/data' }])),
    ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
  ],
  [
    'port out of range',
    deployment((d) => (d.spec.template.spec.containers[0].ports = [{ containerPort: 70000 }])),
    [
      'spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'liveness probe that needs two successes',
    deployment(
      (d) => (d.spec.template.spec.containers[0].livenessProbe = { httpGet: { port: 80 }, successThreshold: 2 }),
    ),
    ['spec.template.spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
  ],
  [
    'deadline not above minReadySeconds',
    deployment((d) => Object.assign(d.spec, { minReadySeconds: 600 })),
    ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
  ],
  [
    'toleration without key',
    deployment((d) => (d.spec.template.spec.tolerations = [{ operator: 'Equal', value: 'x' }])),
    [
      'spec.template.spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ],
  [
    'spread without skew',
    deployment(
      (d) =>
        (d.spec.template.spec.topologySpreadConstraints = [
          { topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
        ]),
    ),
    ['spec.template.spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero'],
  ],
  [
    'no name',
    deployment((d) => delete d.metadata.name),
    ['metadata.name: Required value: name or generateName is required'],
  ],
  [
    'StatefulSet without selector',
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: { serviceName: 'db', template: template() },
    },
    [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'StatefulSet that mounts its claims',
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: {
        serviceName: 'db',
        selector: { matchLabels: { app: 'web' } },
        template: {
          ...template(),
          spec: {
            containers: [
              {
                name: 'c',
                image: 'x:1',
                volumeMounts: [
                  { name: 'data', mountPath: '/' },
                  { name: 'date', mountPath: '/d' },
                ],
              },
            ],
          },
        },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }],
      },
    },
    ['spec.template.spec.containers[0].volumeMounts[1].name: Not found: "date"'],
  ],
  [
    'DaemonSet that may neither surge nor be unavailable',
    daemonSet({ maxSurge: 0, maxUnavailable: 0 }),
    ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
  ],
  [
    'DaemonSet that may do both',
    daemonSet({ maxSurge: '10%', maxUnavailable: 1 }),
    [
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero',
    ],
  ],
  [
    'ReplicationController that does not match',
    {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'rc' },
      spec: { selector: { app: 'x' }, template: template() },
    },
    ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
  ],
  [
    'Job whose pods restart for ever',
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j' },
      spec: { completions: -1, completionMode: 'Indexed', template: template() },
    },
    [
      'spec.completions: Invalid value: -1: must be greater than or equal to 0',
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
  ],
  [
    'Indexed Job without completions',
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j' },
      spec: {
        parallelism: 2,
        completionMode: 'Indexed',
        template: { spec: { ...template().spec, restartPolicy: 'Never' } },
      },
    },
    ['spec.completions: Required value: when completion mode is Indexed'],
  ],
  [
    'CronJob with a long name and no schedule',
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'a'.repeat(53) },
      spec: { jobTemplate: { spec: { template: { spec: { ...template().spec, restartPolicy: 'Never' } } } } },
    },
    [
      'spec.schedule: Required value',
      `metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`,
    ],
  ],
  [
    'budget that says both',
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b' },
      spec: { minAvailable: 1, maxUnavailable: 1 },
    },
    ['spec: Invalid value: {"maxUnavailable":1,"minAvailable":1}: minAvailable and maxUnavailable cannot be both set'],
  ],
  [
    'autoscaler upside down',
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, minReplicas: 5, maxReplicas: 2 },
    },
    ['spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`'],
  ],
  [
    'autoscaler with metrics and rules that cannot be',
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'web' },
        maxReplicas: 2,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Value', value: '1' } } },
          { type: 'ContainerResource', containerResource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 0 } } },
          { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '1', averageValue: '1' } } },
          { type: 'Object', object: { metric: { name: 'rate' }, target: { type: 'Value', value: '1' } } },
        ],
        behavior: { scaleUp: { stabilizationWindowSeconds: 3601, policies: [{ type: 'Pods', value: 0, periodSeconds: 1801 }] } },
      },
    },
    [
      'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
      'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
      'spec.metrics[1].containerResource.container: Required value: must specify a container',
      'spec.metrics[1].containerResource.target.averageUtilization: Invalid value: 0: must be greater than 0',
      'spec.metrics[2].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target',
      'spec.metrics[3].object.describedObject.kind: Required value',
      'spec.metrics[3].object.describedObject.name: Required value',
      'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
      'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
      'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
    ],
  ],
  ['Service without ports', service((d) => delete d.spec.ports), ['spec.ports: Required value']],
  [
    'Service ports without names',
    service((d) => d.spec.ports.push({ port: 81 })),
    ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
  ],
  [
    'Service name that begins with a digit',
    service((d) => (d.metadata.name = '1web')),
    [
      "metadata.name: Invalid value: \"1web\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ],
  ],
  [
    'label value with a space',
    service((d) => (d.metadata.labels = { app: 'my web' })),
    [
      "metadata.labels: Invalid value: \"my web\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
  ],
];

describe('validateObject', () => {
  for (const [name, raw, expected] of cases) {
    it(name, () => {
      assert.deepEqual(problems(raw), expected);
    });
  }

  it('is told to users as one message', () => {
    const raw = deployment((d) => {
      d.spec.replicas = -1;
      d.spec.template.spec.containers[0].image = '';
    });
    const { object } = readManifest(raw);
    assert.equal(
      invalidMessage(object.apiVersion, object.kind, object.metadata.name, validateObject(object)),
      'Deployment.apps "web" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.template.spec.containers[0].image: Required value]',
    );
    const bad = readManifest(service((d) => delete d.spec.ports)).object;
    assert.equal(
      invalidMessage('v1', 'Service', 'web', validateObject(bad)),
      'Service "web" is invalid: spec.ports: Required value',
    );
  });

  it('sorts keys of maps as the server does', () => {
    assert.equal(
      fieldErrorText({ field: 'f', type: 'Invalid value', value: { b: '<1', a: 2 }, detail: 'no' }),
      'f: Invalid value: {"a":2,"b":"\\u003c1"}: no',
    );
  });
});
