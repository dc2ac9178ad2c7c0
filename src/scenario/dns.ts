import type { ConfigMap } from '../api/cluster-kinds.js';
import { SECOND } from '../kernel/time.js';
import type { LoadedObject } from './manifests.js';
import type { DnsSpec } from './types.js';

/** The cluster's DNS as kubeadm installs it: CoreDNS behind the Service kube-dns, its Corefile in the ConfigMap coredns. */

const NAMESPACE = 'kube-system';
const SERVICE = 'kube-dns';
const DOMAIN = 'cluster.local';
/** Plugin kubernetes: ttl 5; plugin cache: at most 3,600 s of what was found, 1,800 s of what was not. */
const DEFAULT_TTL = 5;
const CACHE_SUCCESS = 3600;
const CACHE_DENIAL = 1800;

/** Undefined: the manifests hold no Service kube-system/kube-dns. */
export function findDns(loaded: readonly LoadedObject[]): DnsSpec | undefined {
  const find = (kind: string, name: string) =>
    loaded.find(({ object }) => object.kind === kind && object.metadata.namespace === NAMESPACE && object.metadata.name === name)?.object;
  if (find('Service', SERVICE) === undefined) return undefined;
  const text = (find('ConfigMap', 'coredns') as ConfigMap | undefined)?.data?.['Corefile'];
  return {
    service: { namespace: NAMESPACE, name: SERVICE },
    ...readCorefile(text ?? ''),
    nodeLocal: find('ConfigMap', 'node-local-dns') !== undefined,
  };
}

/** What a Corefile says of the plugins kubernetes, cache and autopath. */
export function readCorefile(text: string): Pick<DnsSpec, 'domain' | 'ttl' | 'success' | 'denial' | 'clusterCached' | 'autopath'> {
  let domain = DOMAIN;
  let ttl = DEFAULT_TTL;
  let success = 0;
  let denial = 0;
  let autopath = false;
  let cached = false;
  let disabled = '';
  let block = '';
  for (const line of text.split('\n')) {
    const words = line.replace(/#.*/, '').trim().split(/\s+/);
    const [first = '', second = ''] = words;
    if (first === 'kubernetes') {
      if (second !== '' && second !== '{') domain = second.replace(/\.$/, '');
    } else if (first === 'cache') {
      const most = /^\d+$/.test(second) ? Number(second) : undefined;
      cached = true;
      success = most ?? CACHE_SUCCESS;
      denial = Math.min(CACHE_DENIAL, most ?? CACHE_DENIAL);
    } else if (block === 'cache' && first === 'disable' && second === 'success') {
      // disable success ZONE…: of all zones without one
      disabled = words.slice(2).join(' ') || domain;
    } else if (first === 'autopath') autopath = true;
    else if (block === 'kubernetes' && first === 'ttl') ttl = Number(second);
    else if (block === 'cache' && (first === 'success' || first === 'denial')) {
      // success CAPACITY [TTL]
      const most = Number(words[2] ?? Number.NaN);
      if (Number.isFinite(most)) {
        if (first === 'success') success = most;
        else denial = most;
      }
    }
    if (line.trimEnd().endsWith('{')) block = first;
    else if (first === '}') block = '';
  }
  const clusterCached = cached && !disabled.split(' ').includes(domain);
  return { ...(clusterCached ? { clusterCached } : {}), domain, ttl: ttl * SECOND, success: success * SECOND, denial: denial * SECOND, autopath };
}
