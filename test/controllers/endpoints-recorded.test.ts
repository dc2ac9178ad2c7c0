import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { EndpointAddress, Endpoints, EndpointSubset } from '../../src/api/cluster-kinds.js';
import { readManifest } from '../../src/api/manifest.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { portsKey } from '../../src/controllers/endpoint-slice-policy.js';
import { EndpointsController } from '../../src/controllers/endpoints.js';
import { FakeCluster } from './fake-cluster.js';

/** One sync of the real Endpoints controller of v1.34.4 on a random state (test/data/controllers/PROVENANCE.md). */

type Json = Readonly<Record<string, unknown>> & { readonly metadata: { readonly name: string; readonly deletionTimestamp?: string; readonly resourceVersion?: string } };

interface Written {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly subsets: readonly EndpointSubset[];
}

interface Recorded {
  readonly service: Json | null;
  readonly pods: readonly Json[];
  readonly current: Json | null;
  readonly actions: readonly { readonly verb: string; readonly object?: Written }[];
}

const lines = gunzipSync(readFileSync('test/data/controllers/endpoints.jsonl.gz')).toString().split('\n');
const cases = lines.map((line) => JSON.parse(line) as Recorded);

/** As a manifest is read, with the status that it has. */
function object(apiVersion: string, kind: string, json: Json): KubernetesObject {
  const read = readManifest({ apiVersion, kind, ...json }).object;
  const { deletionTimestamp, resourceVersion = '1' } = json.metadata;
  const status = kind === 'Pod' ? { status: json['status'] } : {};
  return { ...read, ...status, metadata: { ...read.metadata, resourceVersion: Number(resourceVersion), ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: 1 }) } } as KubernetesObject;
}

/** Subsets and their addresses in one order: the real ones are by a hash. */
function ordered(subsets: readonly EndpointSubset[] | undefined): readonly unknown[] {
  const plain = (addresses: readonly EndpointAddress[] | undefined) =>
    (addresses ?? []).map(({ ip, hostname, nodeName, targetRef }) => `${ip} ${hostname ?? ''} ${nodeName ?? ''} ${targetRef?.name} ${targetRef?.uid}`);
  const port = ({ name = '', port, protocol }: { readonly name?: string; readonly port: number; readonly protocol: string }) => `${name} ${port}/${protocol}`;
  return (subsets ?? []).map(({ addresses, notReadyAddresses, ports }) => ({ ports: (ports ?? []).map(port).sort().join(), ready: plain(addresses), notReady: plain(notReadyAddresses) })).sort((a, b) => (a.ports < b.ports ? -1 : 1));
}

/** Subsets as this controller would have written them: in its order, and a pod without a node has none. */
function asWritten(subsets: readonly EndpointSubset[] = []): readonly EndpointSubset[] {
  const named = (addresses: readonly EndpointAddress[]) => addresses.map(({ nodeName, ...rest }) => ({ ...rest, ...(nodeName === '' || nodeName === undefined ? {} : { nodeName }) }));
  return subsets
    .map(({ addresses, notReadyAddresses, ports }) => ({
      ...(addresses === undefined ? {} : { addresses: named(addresses) }),
      ...(notReadyAddresses === undefined ? {} : { notReadyAddresses: named(notReadyAddresses) }),
      ports: [...(ports ?? [])].sort((a, b) => (portsKey([a]) < portsKey([b]) ? -1 : 1)),
    }))
    .sort((a, b) => (portsKey(a.ports) < portsKey(b.ports) ? -1 : 1));
}

function replay(recorded: Recorded): readonly unknown[] {
  const cluster = new FakeCluster({ nodes: 0 });
  const show = (resource: string, shown: KubernetesObject) =>
    (cluster.informer(resource) as unknown as { change(object: KubernetesObject, deleted: boolean): void }).change(shown, false);
  const controller = new EndpointsController(cluster, cluster.client('endpoints'));
  for (const pod of recorded.pods) show('pods', object('v1', 'Pod', pod));
  if (recorded.service !== null) show('services', object('v1', 'Service', recorded.service));
  if (recorded.current !== null) show('endpoints', { ...object('v1', 'Endpoints', recorded.current), subsets: asWritten(recorded.current['subsets'] as readonly EndpointSubset[] | undefined) } as KubernetesObject);
  const sync = controller.reconcile('default/web');
  return (sync?.next([]) ?? []).map(({ verb, body }) => {
    if (verb === 'delete') return { verb };
    const { metadata, subsets } = body as Endpoints;
    return { verb, labels: metadata.labels, annotations: metadata.annotations ?? {}, subsets: ordered(subsets) };
  });
}

test('1,500 syncs of Endpoints: what the real controller writes', () => {
  assert.equal(cases.length, 1500);
  cases.forEach((recorded, i) => {
    const real = recorded.actions.map(({ verb, object: written }) =>
      written === undefined ? { verb } : { verb, labels: written.labels, annotations: written.annotations, subsets: ordered(written.subsets) },
    );
    assert.deepEqual({ case: i, actions: replay(recorded) }, { case: i, actions: real }, JSON.stringify(recorded).slice(0, 3000));
  });
});
