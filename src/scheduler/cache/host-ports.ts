import type { PodSpec } from '../../api/core.js';

/** A port of the node that a pod takes for itself. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const ANY_ADDRESS = '0.0.0.0';

/** Host ports of the containers and of the sidecars (pkg/scheduler/util GetHostPorts). */
export function hostPortsOf(spec: PodSpec): readonly HostPort[] {
  const ports: HostPort[] = [];
  const containers = [
    ...(spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always'),
    ...spec.containers,
  ];
  for (const container of containers) {
    for (const port of container.ports ?? []) {
      if (port.hostPort === undefined || port.hostPort <= 0) continue;
      const ip = port.hostIP === undefined || port.hostIP === '' ? ANY_ADDRESS : port.hostIP;
      ports.push({ ip, protocol: port.protocol ?? 'TCP', port: port.hostPort });
    }
  }
  return ports;
}

/** Whether two host ports exclude each other: same protocol and port, equal or wildcard address. */
function conflicts(a: HostPort, b: HostPort): boolean {
  return (
    a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === ANY_ADDRESS || b.ip === ANY_ADDRESS)
  );
}

/** Whether one of the wanted ports excludes one of the used ones (HostPortInfo.CheckConflict). */
export function portsConflict(wanted: readonly HostPort[], used: readonly HostPort[]): boolean {
  for (const want of wanted) for (const use of used) if (conflicts(want, use)) return true;
  return false;
}

/**
 * Used ports with some more (1) or fewer (−1). They are a set, as HostPortInfo is: when one of two pods that hold the same port
 * goes, the port counts as free.
 */
export function changedPorts(used: readonly HostPort[], ports: readonly HostPort[], sign: 1 | -1): HostPort[] {
  const same = (a: HostPort) => (b: HostPort) => a.port === b.port && a.protocol === b.protocol && a.ip === b.ip;
  const rest = used.filter((use) => !ports.some(same(use)));
  return sign > 0 ? [...rest, ...ports] : rest;
}
