import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesObject, OwnerReference } from '../../src/api/meta.js';
import { Audience } from '../../src/client/audience.js';
import { Changes, changesOf, isReadyPod } from '../../src/client/changes.js';
import { IndexedStore } from '../../src/client/store.js';

interface Version {
  readonly uid: number;
  readonly labels: number;
  readonly owner: number;
  readonly spec: number;
  readonly ready: boolean;
  readonly phase: 'Pending' | 'Running' | 'Succeeded';
}

const KINDS = ['ReplicaSet', 'Job', 'DaemonSet'];
const LABELS = [0, 1].map((i) => ({ app: String(i) }));
const SPECS = [0, 1].map((i) => ({ containers: [], nodeName: i === 0 ? '' : 'n1' }));
const OWNERS: readonly (readonly OwnerReference[])[] = [[], ...KINDS.map((kind) => [{ apiVersion: 'v1', kind, name: kind, uid: kind, controller: true }])];
const CONDITIONS = ['False', 'True'].map((status) => [{ type: 'Ready', status }]);

function podOf({ uid, labels, owner, spec, ready, phase }: Version): KubernetesObject {
  const metadata = { name: 'p', namespace: 'n', uid: String(uid), resourceVersion: 1, generation: 1, creationTimestamp: 0, labels: LABELS[labels]!, ownerReferences: OWNERS[owner]! };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: SPECS[spec]!, status: { phase, conditions: CONDITIONS[Number(ready)]! } } as KubernetesObject;
}

const version = fc.record({
  uid: fc.constantFrom(1, 1, 1, 2),
  labels: fc.integer({ min: 0, max: 1 }),
  owner: fc.integer({ min: 0, max: KINDS.length }),
  spec: fc.integer({ min: 0, max: 1 }),
  ready: fc.boolean(),
  phase: fc.constantFrom('Pending' as const, 'Running' as const, 'Succeeded' as const),
});

function changesBetween(old: KubernetesObject, object: KubernetesObject): number {
  return changesOf(old, object, isReadyPod(old), isReadyPod(object));
}

/** The bits by what the versions were drawn as, not by what they refer to. */
function expected(a: Version, b: Version): number {
  if (a.uid !== b.uid) return Changes.All;
  const ended = (a.phase === 'Succeeded') !== (b.phase === 'Succeeded');
  return (
    (a.labels === b.labels ? 0 : Changes.Labels) |
    (a.owner === b.owner ? 0 : Changes.Owners) |
    (a.spec === b.spec ? 0 : Changes.Spec) |
    (a.ready === b.ready ? 0 : Changes.Readiness) |
    (a.phase === b.phase ? 0 : Changes.Phase) |
    (ended ? Changes.Ended : 0)
  );
}

class Noting {
  readonly updates?: number;
  readonly controllerKind?: string;
  private readonly name: number;
  private readonly told: string[];

  constructor(name: number, updates: number | undefined, kind: string | undefined, told: string[]) {
    this.name = name;
    this.told = told;
    if (updates !== undefined) this.updates = updates;
    if (kind !== undefined) this.controllerKind = kind;
  }

  onAdd(_object: KubernetesObject, key: string): void {
    this.told.push(`${this.name} add ${key}`);
  }

  onUpdate(_old: KubernetesObject, _object: KubernetesObject, key: string): void {
    this.told.push(`${this.name} update ${key}`);
  }

  onDelete(_object: KubernetesObject, _unknown: boolean, key: string): void {
    this.told.push(`${this.name} delete ${key}`);
  }
}

const handler = fc.record({
  updates: fc.option(fc.integer({ min: 0, max: Changes.All }), { nil: undefined }),
  kind: fc.option(fc.constantFrom(...KINDS), { nil: undefined }),
});

test('of each change are told, in order, the handlers that want to hear of what it changes and of such objects', () => {
  fc.assert(
    fc.property(fc.array(handler, { maxLength: 6 }), fc.array(version, { minLength: 1, maxLength: 8 }), (wanted, versions) => {
      const told: string[] = [];
      const audience = new Audience<KubernetesObject>();
      wanted.forEach(({ updates, kind }, i) => {
        audience.add(new Noting(i, updates, kind, told), []);
      });
      const about = (kind: string | undefined, { owner }: Version): boolean => kind === undefined || owner === 0 || KINDS[owner - 1] === kind;
      const check = (what: string, who: (handler: (typeof wanted)[number]) => boolean): void => {
        const all = wanted.flatMap((entry, i) => (who(entry) ? [`${i} ${what} n/p`] : []));
        assert.deepEqual(told.splice(0), all);
      };
      let last = versions[0]!;
      audience.added(podOf(last), 'n/p');
      check('add', ({ kind }) => about(kind, last));
      for (const next of versions) {
        const changes = changesBetween(podOf(last), podOf(next));
        assert.equal(changes, expected(last, next));
        audience.updated(podOf(last), podOf(next), 'n/p', changes);
        const before = last;
        check('update', ({ updates, kind }) => (updates === undefined || (updates & changes) !== 0) && (about(kind, before) || about(kind, next)));
        last = next;
      }
      audience.deleted(podOf(last), false, 'n/p');
      check('delete', ({ kind }) => about(kind, last));
    }),
    { numRuns: 300 },
  );
});

class ByLabel {
  readonly name = 'label';
  readonly dependsOn = Changes.Labels;
  valueOf({ metadata }: KubernetesObject): string | undefined {
    return metadata.labels?.['app'] === '0' ? undefined : metadata.labels?.['app'];
  }
}

class ByNamespace {
  readonly name = 'namespace';
  readonly dependsOn = 0;
  valueOf({ metadata }: KubernetesObject): string {
    return metadata.namespace;
  }
}

test('indexes hold what a search finds, in order of arrival, whenever they are first asked for', () => {
  const change = fc.record({ key: fc.integer({ min: 0, max: 5 }), gone: fc.boolean(), labels: fc.integer({ min: 0, max: 1 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.nat(40), (changes, asked) => {
      const store = new IndexedStore<KubernetesObject>();
      store.addIndexer(new ByLabel());
      store.addIndexer(new ByNamespace());
      const all = new Map<string, KubernetesObject>();
      const labelled = new Map<string, KubernetesObject>();
      changes.forEach(({ key, gone, labels }, i) => {
        const name = `n${key % 2}/p${key}`;
        const entry = store.objects.find(name);
        if (!gone) {
          const pod = podOf({ uid: key, labels, owner: 0, spec: 0, ready: false, phase: 'Running' });
          const object = { ...pod, metadata: { ...pod.metadata, namespace: `n${key % 2}` } };
          const place = entry ?? store.objects.entry(name);
          store.set(place, object, place.object === undefined ? 0 : changesBetween(place.object, object));
          all.set(name, object);
          if (labels === 0) labelled.delete(name);
          else labelled.set(name, object);
        } else if (entry !== undefined) {
          store.delete(entry);
          all.delete(name);
          labelled.delete(name);
        }
        assert.deepEqual([...store.byIndex('label', '1')!], [...labelled.values()]);
        if (i < asked) return;
        for (const namespace of ['n0', 'n1']) {
          const wanted = [...all.values()].filter(({ metadata }) => metadata.namespace === namespace);
          assert.deepEqual([...store.byIndex('namespace', namespace)!], wanted);
        }
      });
    }),
  );
});
