import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Taint, Toleration } from '../../src/api/core.js';
import { firstUntoleratedTaint, tolerates, tolerationSeconds } from '../../src/api/taints.js';

const taint: Taint = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };

describe('tolerations', () => {
  const cases: readonly (readonly [string, Toleration, boolean])[] = [
    ['same key, value and effect', { key: 'dedicated', operator: 'Equal', value: 'gpu', effect: 'NoSchedule' }, true],
    ['Equal is the default operator', { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' }, true],
    ['another value', { key: 'dedicated', value: 'web' }, false],
    ['another effect', { key: 'dedicated', value: 'gpu', effect: 'NoExecute' }, false],
    ['no effect covers all', { key: 'dedicated', value: 'gpu' }, true],
    ['Exists ignores the value', { key: 'dedicated', operator: 'Exists' }, true],
    ['Exists without key covers everything', { operator: 'Exists' }, true],
    ['another key', { key: 'other', operator: 'Exists' }, false],
  ];
  for (const [name, toleration, expected] of cases) {
    it(name, () => {
      assert.equal(tolerates([toleration], taint), expected);
    });
  }

  it('finds the first untolerated taint of the effects asked for', () => {
    const preferred: Taint = { key: 'p', effect: 'PreferNoSchedule' };
    const hard: Taint = { key: 'h', effect: 'NoSchedule' };
    assert.equal(firstUntoleratedTaint([preferred, hard], [], ['NoSchedule', 'NoExecute']), hard);
    assert.equal(firstUntoleratedTaint([preferred, hard], [{ operator: 'Exists' }], ['NoSchedule']), undefined);
  });

  it('gives the time that a pod may stay: none, for ever, or the least of those given', () => {
    const dead: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };
    const five: Toleration = { key: dead.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
    assert.equal(tolerationSeconds([dead], []), 0);
    assert.equal(tolerationSeconds([dead], [five]), 300);
    assert.equal(
      tolerationSeconds([dead], [five, { operator: 'Exists', tolerationSeconds: 10, effect: 'NoExecute' }]),
      10,
    );
    assert.equal(tolerationSeconds([dead], [{ operator: 'Exists' }]), undefined);
    assert.equal(tolerationSeconds([dead], [{ ...five, tolerationSeconds: -1 }]), 0);
    assert.equal(tolerationSeconds([{ ...dead, effect: 'NoSchedule' }], []), undefined);
  });
});
