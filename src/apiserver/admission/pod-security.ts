import type { Container, PodSpec } from '../../api/core.js';
import type { Labels } from '../../api/meta.js';

/** Plugin PodSecurity with the default configuration: label `enforce` of the namespace (k8s.io/pod-security-admission policy/check_*.go). */

const ENFORCE = 'pod-security.kubernetes.io/enforce';
const ENFORCE_VERSION = 'pod-security.kubernetes.io/enforce-version';

type Fields = Readonly<Record<string, unknown>>;

interface SecurityContext {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly procMount?: string;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type?: string };
  readonly sysctls?: readonly { readonly name: string }[];
}

/** Capabilities that baseline lets a container add (check_capabilities_baseline.go). */
const BASELINE_CAPABILITIES: ReadonlySet<string> = new Set([
  'AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT',
]);
/** Volume types that restricted allows (check_restrictedVolumes.go). */
const RESTRICTED_VOLUMES: ReadonlySet<string> = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret', 'image']);
/** Kernel parameters that baseline allows (check_sysctls.go, 1.32 on). */
const SAFE_SYSCTLS: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem',
]);

/** Why a pod of a namespace with these labels is refused (after `is forbidden: `); undefined: it is not. */
export function podSecurityProblem(spec: PodSpec, labels: Labels | undefined): string | undefined {
  const level = labels?.[ENFORCE];
  // A level that is no level counts as restricted (policy evaluation fails closed).
  if (level === undefined || level === 'privileged') return undefined;
  const problems = level === 'baseline' ? baseline(spec) : [...baseline(spec, true), ...restricted(spec)];
  if (problems.length === 0) return undefined;
  return `violates PodSecurity "${level}:${labels?.[ENFORCE_VERSION] ?? 'latest'}": ${problems.join(', ')}`;
}

function contextOf(fields: Fields | undefined): SecurityContext {
  return (fields?.['securityContext'] as SecurityContext | undefined) ?? {};
}

function allContainers(spec: PodSpec): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** `container "a"`, `containers "a", "b"`. */
function named(kind: string, names: readonly string[]): string {
  return `${kind}${names.length === 1 ? '' : 's'} ${names.map((name) => `"${name}"`).join(', ')}`;
}

function offenders(spec: PodSpec, offends: (context: SecurityContext, container: Container) => boolean): string[] {
  return allContainers(spec)
    .filter((container) => offends(contextOf(container.extra), container))
    .map(({ name }) => name);
}

function baseline(spec: PodSpec, underRestricted = false): string[] {
  const problems: string[] = [];
  const capabilities = offenders(spec, ({ capabilities }) => (capabilities?.add ?? []).some((each) => !BASELINE_CAPABILITIES.has(each)));
  if (capabilities.length > 0 && !underRestricted) {
    const bad = new Set(allContainers(spec).flatMap(({ extra }) => (contextOf(extra).capabilities?.add ?? []).filter((each) => !BASELINE_CAPABILITIES.has(each))));
    const list = [...bad].sort().map((each) => `"${each}"`).join(', ');
    problems.push(`non-default capabilities (${named('container', capabilities)} must not include ${list} in securityContext.capabilities.add)`);
  }
  const spaces = [
    ...(spec.hostNetwork === true ? ['hostNetwork=true'] : []),
    ...(spec.extra?.['hostPID'] === true ? ['hostPID=true'] : []),
    ...(spec.extra?.['hostIPC'] === true ? ['hostIPC=true'] : []),
  ];
  if (spaces.length > 0) problems.push(`host namespaces (${spaces.join(', ')})`);
  const hostPaths = (spec.volumes ?? []).filter((volume) => volume['hostPath'] !== undefined).map(({ name }) => name);
  if (hostPaths.length > 0 && !underRestricted) problems.push(`hostPath volumes (${named('volume', hostPaths)})`);
  const ports = allContainers(spec).flatMap((container) => (container.ports ?? []).filter(({ hostPort = 0 }) => hostPort !== 0).map(({ hostPort }) => ({ name: container.name, hostPort: hostPort! })));
  if (ports.length > 0) {
    const names = [...new Set(ports.map(({ name }) => name))];
    const numbers = [...new Set(ports.map(({ hostPort }) => hostPort))].sort((a, b) => a - b);
    problems.push(`hostPort (${named('container', names)} use${names.length === 1 ? 's' : ''} hostPort${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')})`);
  }
  const privileged = offenders(spec, (context) => context.privileged === true);
  if (privileged.length > 0) problems.push(`privileged (${named('container', privileged)} must not set securityContext.privileged=true)`);
  const sysctls = (contextOf(spec.extra).sysctls ?? []).filter(({ name }) => !SAFE_SYSCTLS.has(name)).map(({ name }) => name);
  if (sysctls.length > 0) problems.push(`forbidden sysctls (${sysctls.join(', ')})`);
  return problems;
}

function restricted(spec: PodSpec): string[] {
  const problems: string[] = [];
  const pod = contextOf(spec.extra);
  const escalating = offenders(spec, (context) => context.allowPrivilegeEscalation !== false);
  if (escalating.length > 0) problems.push(`allowPrivilegeEscalation != false (${named('container', escalating)} must set securityContext.allowPrivilegeEscalation=false)`);
  const undropped = offenders(spec, ({ capabilities }) => !(capabilities?.drop ?? []).includes('ALL'));
  const adding = offenders(spec, ({ capabilities }) => (capabilities?.add ?? []).some((each) => each !== 'NET_BIND_SERVICE'));
  const parts: string[] = [];
  if (undropped.length > 0) parts.push(`${named('container', undropped)} must set securityContext.capabilities.drop=["ALL"]`);
  if (adding.length > 0) {
    const bad = new Set(allContainers(spec).flatMap(({ extra }) => (contextOf(extra).capabilities?.add ?? []).filter((each) => each !== 'NET_BIND_SERVICE')));
    parts.push(`${named('container', adding)} must not include ${[...bad].sort().map((each) => `"${each}"`).join(', ')} in securityContext.capabilities.add`);
  }
  if (parts.length > 0) problems.push(`unrestricted capabilities (${parts.join('; ')})`);
  const volumes = (spec.volumes ?? []).filter((volume) => Object.keys(volume).some((key) => key !== 'name' && volume[key] !== undefined && !RESTRICTED_VOLUMES.has(key)));
  if (volumes.length > 0) {
    const types = [...new Set(volumes.flatMap((volume) => Object.keys(volume).filter((key) => key !== 'name' && !RESTRICTED_VOLUMES.has(key))))].sort();
    const names = volumes.map(({ name }) => name);
    problems.push(`restricted volume types (${named('volume', names)} use${names.length === 1 ? 's' : ''} restricted volume type${types.length === 1 ? '' : 's'} ${types.map((each) => `"${each}"`).join(', ')})`);
  }
  const rootful = offenders(spec, (context) => (context.runAsNonRoot ?? pod.runAsNonRoot) !== true);
  if (rootful.length > 0) problems.push(`runAsNonRoot != true (pod or ${named('container', rootful)} must set securityContext.runAsNonRoot=true)`);
  const zero = offenders(spec, (context) => context.runAsUser === 0);
  if (pod.runAsUser === 0 || zero.length > 0) {
    const who = [...(pod.runAsUser === 0 ? ['pod'] : []), ...(zero.length > 0 ? [named('container', zero)] : [])].join(' and ');
    problems.push(`runAsUser=0 (${who} must not set runAsUser=0)`);
  }
  const good = (type: string | undefined) => type === 'RuntimeDefault' || type === 'Localhost';
  const profiles = offenders(spec, (context) => !good(context.seccompProfile?.type ?? pod.seccompProfile?.type));
  if (profiles.length > 0) {
    problems.push(`seccompProfile (pod or ${named('container', profiles)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`);
  }
  return problems;
}
