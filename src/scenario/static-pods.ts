import type { Pod } from '../api/core.js';
import { staticPodReference } from '../api/pod-references.js';
import type { InputError } from './input-error.js';
import { ManifestSet } from './manifests.js';
import { fileFrom } from './source.js';

/** Manifests of static pods: Pods only, none of which refers to other objects of the API. Errors are in the set. */
export function readStaticPods(files: readonly string[], folder: string, complain: (message: string) => InputError): ManifestSet {
  const set = new ManifestSet();
  for (const file of files) set.read(fileFrom(folder, file), complain);
  for (const { object, item } of set.loaded) {
    if (object.kind !== 'Pod') {
      set.errors.push(item.error(['kind'], { message: `expected a Pod, found a ${object.kind}: kubelets run nothing else from files` }));
      continue;
    }
    const reference = staticPodReference(object as Pod);
    // pkg/kubelet/config/common.go
    if (reference !== undefined) set.errors.push(item.error(['spec'], { message: `static pods may not reference ${reference}` }));
  }
  return set;
}
