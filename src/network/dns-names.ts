/** Which names a stub resolver asks for, one after the other: resolv.conf's search list and ndots (glibc res_search). Pure. */

/** What resolv.conf of a pod says (pkg/kubelet/network/dns): dnsPolicy ClusterFirst. */
export interface ResolverConfiguration {
  /** Names with fewer dots go through the search list first. */
  readonly ndots: number;
  readonly search: readonly string[];
}

/** A pod's ndots under dnsPolicy ClusterFirst (pkg/kubelet/network/dns defaultDNSOptions). */
export const CLUSTER_NDOTS = 5;
/** glibc's ndots without any option (RES_DFLNDOTS), in force under dnsPolicy Default. */
export const DEFAULT_NDOTS = 1;

/** The search list of a pod: its namespace, all Services, the cluster's domain. */
export function clusterSearch(namespace: string, domain: string): readonly string[] {
  return [`${namespace}.svc.${domain}`, `svc.${domain}`, domain];
}

/** Absolute names (without the final dot) in the order in which they are tried until one exists. */
export function searchNames(name: string, { ndots, search }: ResolverConfiguration): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  let dots = 0;
  for (const char of name) if (char === '.') dots++;
  const searched = search.map((domain) => `${name}.${domain}`);
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}

/** What a name stands for in a cluster's DNS (github.com/kubernetes/dns specification). */
export type NameKind =
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  /** In the cluster's domain, but no Service's: NXDOMAIN. */
  | { readonly kind: 'absent' }
  /** Of the world outside: forwarded. */
  | { readonly kind: 'external' };

/** Reads an absolute name. Whether the Service exists is the server's business. */
export function nameKind(name: string, domain: string): NameKind {
  if (name !== domain && !name.endsWith(`.${domain}`)) return { kind: 'external' };
  const labels = name.slice(0, Math.max(0, name.length - domain.length - 1)).split('.');
  if (labels.length < 3 || labels[labels.length - 1] !== 'svc') return { kind: 'absent' };
  // A host name before the Service's (pods of a headless Service) belongs to the Service, too; more labels are no record.
  if (labels.length > 4) return { kind: 'absent' };
  return { kind: 'service', name: labels[labels.length - 3]!, namespace: labels[labels.length - 2]! };
}
