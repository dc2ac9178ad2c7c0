import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ingress, type IngressPath, IngressTable } from '../../src/network/ingress-rules.js';

let created = 0;
function ingress(name: string, rules: readonly { host?: string; paths: readonly [string, IngressPath['pathType'], string][] }[], annotations: Record<string, string> = {}, fallback?: string): Ingress {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: 1, generation: 1, creationTimestamp: created++, annotations },
    spec: {
      ...(fallback === undefined ? {} : { defaultBackend: { service: { name: fallback } } }),
      rules: rules.map(({ host, paths }) => ({
        ...(host === undefined ? {} : { host }),
        http: { paths: paths.map(([path, pathType, service]) => ({ path, ...(pathType === undefined ? {} : { pathType }), backend: { service: { name: service } } })) },
      })),
    },
  };
}

/** The table of the Kubernetes documentation (concepts/services-networking/ingress, "Examples"). */
test('path types match as the documentation of Ingress lists them', () => {
  const cases: [IngressPath['pathType'], string[], string, string | undefined][] = [
    ['Prefix', ['/'], '/any', '/'],
    ['Exact', ['/foo'], '/foo', '/foo'],
    ['Exact', ['/foo'], '/bar', undefined],
    ['Exact', ['/foo'], '/foo/', undefined],
    ['Exact', ['/foo/'], '/foo', undefined],
    ['Prefix', ['/foo'], '/foo', '/foo'],
    ['Prefix', ['/foo'], '/foo/', '/foo'],
    ['Prefix', ['/foo/'], '/foo', '/foo/'],
    ['Prefix', ['/foo/'], '/foo/', '/foo/'],
    ['Prefix', ['/aaa/bb'], '/aaa/bbb', undefined],
    ['Prefix', ['/aaa/bbb'], '/aaa/bbb', '/aaa/bbb'],
    ['Prefix', ['/aaa/bbb/'], '/aaa/bbb', '/aaa/bbb/'],
    ['Prefix', ['/aaa/bbb'], '/aaa/bbb/', '/aaa/bbb'],
    ['Prefix', ['/aaa/bbb'], '/aaa/bbb/ccc', '/aaa/bbb'],
    ['Prefix', ['/aaa/bbb'], '/aaa/bbbxyz', undefined],
    ['Prefix', ['/', '/aaa'], '/aaa/ccc', '/aaa'],
    ['Prefix', ['/', '/aaa', '/aaa/bbb'], '/aaa/bbb', '/aaa/bbb'],
    ['Prefix', ['/', '/aaa', '/aaa/bbb'], '/ccc', '/'],
    ['Prefix', ['/aaa'], '/ccc', undefined],
  ];
  for (const [type, rules, path, expected] of cases) {
    const table = new IngressTable([ingress('i', [{ paths: rules.map((rule) => [rule, type, rule]) }])]);
    assert.equal(table.route('example.com', path)?.service, expected === undefined ? undefined : `default/${expected}`, `${type} ${rules.join()} ${path}`);
  }
});

test('an exact host before a wildcard before none; an exact path before a prefix; the default backend at last', () => {
  const table = new IngressTable([
    ingress('a', [{ host: '*.foo.com', paths: [['/', 'Prefix', 'wild']] }], {}, 'fallback'),
    ingress('b', [{ host: 'bar.foo.com', paths: [['/', 'Prefix', 'bar'], ['/x', 'Exact', 'exact'], ['/x', 'Prefix', 'prefix']] }]),
    ingress('c', [{ host: 'bar.foo.com', paths: [['/', 'Prefix', 'late']] }]),
  ]);
  assert.equal(table.route('bar.foo.com', '/')?.service, 'default/bar');
  assert.equal(table.route('bar.foo.com', '/x')?.service, 'default/exact');
  assert.equal(table.route('bar.foo.com', '/x/y')?.service, 'default/prefix');
  assert.equal(table.route('baz.foo.com', '/')?.service, 'default/wild');
  // A wildcard covers one label.
  assert.equal(table.route('a.baz.foo.com', '/')?.service, 'default/fallback');
  assert.equal(table.route('foo.com', '/')?.service, 'default/fallback');
  assert.equal(new IngressTable([]).route('foo.com', '/'), undefined);
});

test('a canary of ingress-nginx takes its weight of the same host and path, or the cohort of a header', () => {
  const prefix = 'nginx.ingress.kubernetes.io/';
  const main = ingress('main', [{ host: 'shop', paths: [['/', 'Prefix', 'web']] }]);
  const canary = (annotations: Record<string, string>) =>
    ingress('canary', [{ host: 'shop', paths: [['/', 'Prefix', 'web-new']] }], { [`${prefix}canary`]: 'true', ...annotations });
  const route = (annotations: Record<string, string>) => new IngressTable([canary(annotations), main]).route('shop', '/a');
  assert.deepEqual(route({ [`${prefix}canary-weight`]: '20' }), { service: 'default/web', canary: { service: 'default/web-new', share: 0.2, cohort: false } });
  assert.deepEqual(route({ [`${prefix}canary-weight`]: '20', [`${prefix}canary-weight-total`]: '1000' })?.canary?.share, 0.02);
  assert.deepEqual(route({ [`${prefix}canary-by-header`]: 'x-beta' })?.canary, { service: 'default/web-new', share: 0, cohort: true });
  // Alone it takes nothing.
  assert.equal(new IngressTable([canary({ [`${prefix}canary-weight`]: '100' })]).route('shop', '/'), undefined);
});
