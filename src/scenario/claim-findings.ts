import type { PersistentVolumeClaim } from '../api/apps.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import { nearestName } from '../api/nearest.js';
import type { Place } from './findings.js';
import type { LoadedObject } from './manifests.js';
import type { Path } from './source.js';
import type { Finding } from './types.js';

/** Claims of a scenario that no volume can be made for. */

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const CLASS = 'volume.beta.kubernetes.io/storage-class';

interface Claims {
  readonly claim: PersistentVolumeClaim;
  readonly path: Path;
}

/** A claim of its own, or the templates of a StatefulSet. */
function claimsOf(object: KubernetesObject): readonly Claims[] {
  if (object.kind === 'PersistentVolumeClaim') return [{ claim: object as PersistentVolumeClaim, path: ['spec'] }];
  if (object.kind !== 'StatefulSet') return [];
  const { volumeClaimTemplates = [] } = (object as KubernetesObject & { readonly spec: { readonly volumeClaimTemplates?: readonly PersistentVolumeClaim[] } }).spec;
  return volumeClaimTemplates.map((claim, i) => ({ claim, path: ['spec', 'volumeClaimTemplates', i, 'spec'] }));
}

/** Claims of a class that is not there, or of none where there is no default one; those are told of unless volumes are made by hand. */
export function claimFindings(loaded: readonly LoadedObject[], place: Place): Finding[] {
  const classes = new Map(loaded.filter(({ object }) => object.kind === 'StorageClass').map(({ object }) => [object.metadata.name, object]));
  const byHand = new Set(loaded.filter(({ object }) => object.kind === 'PersistentVolume').map(({ object }) => classOf(object)));
  const hasDefault = [...classes.values()].some(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === 'true');
  const findings: Finding[] = [];
  for (const { object, item } of loaded) {
    for (const { claim, path } of claimsOf(object)) {
      if ((claim.spec.volumeName ?? '') !== '') continue;
      const name = classOf(claim);
      if (byHand.has(name) || (name === undefined ? hasDefault : classes.has(name))) continue;
      const whose = object === claim ? `PersistentVolumeClaim "${keyOf(claim)}"` : `the claims "${claim.metadata.name}" of StatefulSet "${keyOf(object)}"`;
      findings.push({ severity: 'warning', message: `${whose} ${why(name, [...classes.keys()])}`, position: place(item, path) });
    }
  }
  return findings;
}

function why(name: string | undefined, classes: readonly string[]): string {
  if (name === undefined || name === '') return 'will wait: no PersistentVolume suits, and there is no StorageClass marked as the default one among the manifests';
  const nearest = nearestName(name, classes);
  return `will wait: StorageClass "${name}" is not among the manifests${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`;
}

function classOf(object: KubernetesObject): string | undefined {
  return object.metadata.annotations?.[CLASS] ?? (object as { readonly spec?: { readonly storageClassName?: string } }).spec?.storageClassName;
}
