import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Container, PodSpec, ResourceList } from '../../src/api/core.js';
import { podLimits, podRequests } from '../../src/api/pod-resources.js';
import { qosClass } from '../../src/api/qos.js';

function container(requests: ResourceList, limits?: ResourceList, sidecar = false): Container {
  return {
    name: 'c',
    image: 'i',
    imagePullPolicy: 'IfNotPresent',
    resources: { requests, ...(limits === undefined ? {} : { limits }) },
    ...(sidecar ? { restartPolicy: 'Always' as const } : {}),
  };
}

function pod(containers: Container[], initContainers: Container[] = [], more: Partial<PodSpec> = {}): PodSpec {
  return {
    containers,
    initContainers,
    schedulerName: 's',
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    ...more,
  };
}

describe('podRequests', () => {
  it('sums containers', () => {
    assert.deepEqual(podRequests(pod([container({ cpu: 100, memory: 10 }), container({ cpu: 200 })])), {
      cpu: 300,
      memory: 10,
    });
  });

  it('takes the largest init container when it is above the sum (Kubernetes documentation, init containers)', () => {
    assert.deepEqual(podRequests(pod([container({ cpu: 100 })], [container({ cpu: 500 }), container({ cpu: 300 })])), {
      cpu: 500,
    });
  });

  it('adds sidecars to the containers, and to the init containers after them', () => {
    // Sidecar 100 before an init of 300 and after an init of 250: max(250, 100 + 300, 100 + 200) = 400.
    const spec = pod(
      [container({ cpu: 200 })],
      [container({ cpu: 250 }), container({ cpu: 100 }, undefined, true), container({ cpu: 300 })],
    );
    assert.deepEqual(podRequests(spec), { cpu: 400 });
  });

  it('lets pod-level resources take precedence and adds overhead', () => {
    const spec = pod([container({ cpu: 200, memory: 5 })], [], {
      resources: { requests: { cpu: 1000 } },
      overhead: { cpu: 50, memory: 1 },
    });
    assert.deepEqual(podRequests(spec), { cpu: 1050, memory: 6 });
  });

  it('takes a limit for a request that is not given', () => {
    assert.deepEqual(podRequests(pod([container({}, { cpu: 700 })])), { cpu: 700 });
  });

  it('remembers the result for a spec', () => {
    const spec = pod([container({ cpu: 1 })]);
    assert.equal(podRequests(spec), podRequests(spec));
  });

  it('is the peak over the life of the pod', () => {
    const amounts = fc.integer({ min: 0, max: 1000 });
    fc.assert(
      fc.property(
        fc.array(amounts, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(amounts, fc.boolean()), { maxLength: 5 }),
        (main, init) => {
          let running = 0;
          let peak = 0;
          for (const [cpu, sidecar] of init) {
            peak = Math.max(peak, running + cpu);
            if (sidecar) running += cpu;
          }
          peak = Math.max(peak, running + main.reduce((a, b) => a + b, 0));
          const spec = pod(
            main.map((cpu) => container({ cpu })),
            init.map(([cpu, sidecar]) => container({ cpu }, undefined, sidecar)),
          );
          assert.equal(podRequests(spec).cpu, peak);
        },
      ),
    );
  });
});

describe('podLimits', () => {
  it('adds overhead only to what is limited', () => {
    const spec = pod([container({}, { cpu: 100 })], [], { overhead: { cpu: 10, memory: 5 } });
    assert.deepEqual(podLimits(spec), { cpu: 110 });
  });
});

describe('qosClass', () => {
  const same = { cpu: 100, memory: 10 };
  const cases: readonly (readonly [string, PodSpec, string])[] = [
    ['nothing asked', pod([container({})]), 'BestEffort'],
    ['limits equal requests', pod([container(same, same)]), 'Guaranteed'],
    ['limits alone', pod([container({}, same)]), 'Guaranteed'],
    ['only cpu limited', pod([container({ cpu: 100 }, { cpu: 100 })]), 'Burstable'],
    ['one container without', pod([container(same, same), container({})]), 'Burstable'],
    ['init container without', pod([container(same, same)], [container({})]), 'Burstable'],
    [
      'extended resources do not count',
      pod([container({ 'nvidia.com/gpu': 1 }, { 'nvidia.com/gpu': 1 })]),
      'BestEffort',
    ],
    ['requests below limits', pod([container({ cpu: 50, memory: 10 }, same)]), 'Burstable'],
  ];
  for (const [name, spec, expected] of cases) {
    it(`${name}: ${expected}`, () => {
      assert.equal(qosClass(spec), expected);
    });
  }
});
