import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { loadManifests, validateFile } from '../../src/scenario/index.js';

const data = fileURLToPath(new URL('../../../test/data/scenario/', import.meta.url));

/** Findings of each file, without positions; and how many objects of which kinds it gives. */
const expected: Readonly<
  Record<string, { readonly kinds: Readonly<Record<string, number>>; readonly findings: readonly string[] }>
> = {
  'bookinfo_samples_bookinfo_networking_virtual-service-reviews-90-10.yaml': {
    kinds: { VirtualService: 1 },
    findings: [0, 1].map(
      (i) =>
        `VirtualService "reviews": http[0].route[${i}].destination.subset is not modelled: requests go to all endpoints of the host: give a Service for each version`,
    ),
  },
  'bookinfo_samples_bookinfo_platform_kube_bookinfo.yaml': {
    kinds: { Service: 4, ServiceAccount: 4, Deployment: 6 },
    findings: [],
  },
  'k8s-examples_web_guestbook_all-in-one_guestbook-all-in-one.yaml': {
    kinds: { Service: 3, Deployment: 3 },
    findings: [],
  },
  'k8s-examples_web_guestbook_legacy_frontend-controller.yaml': {
    kinds: { ReplicationController: 1 },
    findings: [],
  },
  'online-boutique_kubernetes-manifests_kustomization.yaml': {
    kinds: {},
    findings: ['kind Kustomization (kustomize.config.k8s.io/v1beta1) is not modelled: 1 object left out (no name)'],
  },
  'online-boutique_release_istio-manifests.yaml': {
    kinds: { VirtualService: 1, HTTPRoute: 1 },
    findings: [
      'kind Gateway (gateway.networking.k8s.io/v1beta1) is not modelled: 1 object left out (istio-gateway)',
      'kind ServiceEntry (networking.istio.io/v1alpha3) is not modelled: 2 objects left out (allow-egress-googleapis, allow-egress-google-metadata)',
      'HTTPRoute "frontend-route": rules[0].matches is not modelled: where headers are matched the cohort of the traffic matches; everything else matches all requests',
    ],
  },
  'sock-shop_deploy_kubernetes_complete-demo.yaml': {
    kinds: { Namespace: 1, Deployment: 14, Service: 14 },
    findings: [],
  },
  'sock-shop_deploy_kubernetes_manifests_00-sock-shop-ns.yaml': { kinds: { Namespace: 1 }, findings: [] },
  'sock-shop_deploy_kubernetes_manifests_09-front-end-dep.yaml': { kinds: { Deployment: 1 }, findings: [] },
  'sock-shop_deploy_kubernetes_manifests_20-rabbitmq-svc.yaml': {
    kinds: { Service: 1 },
    findings: [
      'Service "rabbitmq" selects nothing: no pod template in namespace sock-shop has the labels name=rabbitmq',
    ],
  },
};

describe('manifests of real applications', () => {
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-'));
    for (const file of readdirSync(data)) {
      if (file.endsWith('.gz'))
        writeFileSync(join(folder, file.slice(0, -3)), gunzipSync(readFileSync(join(data, file))));
    }
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('are all listed here', () => {
    assert.deepEqual(readdirSync(folder).sort(), Object.keys(expected).sort());
  });

  for (const [file, { kinds, findings }] of Object.entries(expected)) {
    it(file, () => {
      const path = join(folder, file);
      const { objects } = loadManifests(path);
      const counts: Record<string, number> = {};
      for (const { kind } of objects) counts[kind] = (counts[kind] ?? 0) + 1;
      assert.deepEqual(counts, kinds);
      assert.deepEqual(
        validateFile(path).map((finding) => finding.message),
        findings,
      );
    });
  }

  it('load as one folder, with a line for each kind that is left out', () => {
    const kinds = validateFile(folder)
      .map((finding) => /^kind (\w+)/.exec(finding.message)?.[1])
      .filter((kind) => kind !== undefined);
    assert.deepEqual(kinds.sort(), [
      'Gateway',
      'Kustomization',
      'ServiceEntry',
    ]);
  });
});
