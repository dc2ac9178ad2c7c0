import type { Pod } from '../api/core.js';
import type { Duration } from '../kernel/time.js';
import type { FaultTarget } from '../scenario/types.js';

/** The parts of a cluster that can break, as far as faults need them. */
export interface FaultDomain {
  /** Nodes by index, with their zones; `setNode` crashes a machine (false) or brings it back (true). */
  readonly nodeCount: number;
  nodeIndex(name: string): number | undefined;
  nodeZone(index: number): string;
  setNode(index: number, up: boolean): void;
  /** The cloud takes a machine away (false), or gives one of the same name. */
  setInstance(index: number, exists: boolean): void;
  /** A machine hangs (false): it answers nobody, and what it holds gets no answer; or goes on (true). */
  setNodeResponding(index: number, responding: boolean): void;
  /** Makes sandboxes, containers and images of a node take `factor` times as long (1: as usual). */
  setNodeDisk(index: number, factor: number): void;
  readonly etcdMembers: number;
  /** Members of all etcd clusters are numbered through, the main cluster's first. */
  etcdName(index: number): string;
  etcdZone(index: number): string;
  setEtcdMember(index: number, up: boolean): void;
  /** Makes every operation of a member's disk take `factor` times as long (1: as usual). */
  setEtcdDisk(index: number, factor: number): void;
  /** Defragments a member's database, which blocks it; absent `duration`: by the size of its data. */
  defragmentEtcd(index: number, duration?: Duration): void;
  /** Asks the leader to hand over to a member. */
  moveEtcdLeader(index: number): void;
  /** Lifts the alarms of the etcd cluster that a member is of. */
  disarmEtcdAlarms(index: number): void;
  /** Changes a key in the file of a member's database, unnoticed. */
  corruptEtcd(index: number): void;
  readonly apiServers: number;
  setApiServer(index: number, up: boolean): void;
  /** A machine of the control plane is lost (false) with all that runs on it, or starts again (true). */
  setMachine(index: number, up: boolean): void;
  /** Machines of the control plane, and their zones. */
  readonly machines: number;
  machineZone(index: number): string;
  /** A process of kube-controller-manager or kube-scheduler dies (false), or starts again (true). */
  setProcess(name: 'kube-controller-manager' | 'kube-scheduler', replica: number, up: boolean): void;
  /** This share of the packets from and to a machine is lost; 0: none. */
  setPacketLoss(machine: string, share: number): void;
  /** A graceful restart: serves on for `shutdownDelay`, finishes what is in flight, starts again `startAfter` after its end. */
  restartApiServer(index: number, shutdownDelay: Duration, startAfter: Duration): void;
  /** An image registry cannot be reached (false), or can again. */
  setRegistry(host: string, up: boolean): void;
  /** A file is written into, or removed from, the static pod directory of a machine; false: there is none. */
  writeStaticPod(index: number, pod: Pod): void;
  removeStaticPod(index: number, key: string): boolean;
  /** What a kubelet serves at its endpoints, as JSON data. */
  inspectKubelet(index: number): object;
  /** The plugins of a node's CSI drivers are gone (false), or there again. */
  setCsiDrivers(index: number, up: boolean): void;
  /** A machine shuts down. */
  shutDown(index: number): void;
  /** The process of a node's kubelet or container runtime dies, and is started again by its supervisor (false), or by somebody (true). */
  setNodeProcess(index: number, what: 'kubelet' | 'runtime', up: boolean): void;
  /** A node's kubelet or container runtime ends after `delay` and starts again `start` later. */
  restartNode(index: number, what: 'kubelet' | 'runtime', delay: Duration, start: Duration): void;
  /** Cuts (false) or heals (true) the link between two hosts, both ways unless told. */
  setLink(from: string, to: string, connected: boolean, oneWay?: boolean): void;
  /** Cuts (false) or heals (true) all links from the machines of a zone to those of another. */
  setZoneLink(from: string, to: string, connected: boolean): void;
  /** All queries to the cluster's name servers are lost (false), or not. */
  setDns(up: boolean): void;
}

/** Breaks (`up` false) or heals (`up` true) a target; returns what happened, for the log. */
export function setFault(domain: FaultDomain, target: FaultTarget, up: boolean): string {
  const verb = up ? 'back' : 'down';
  switch (target.kind) {
    case 'node': {
      domain.setNode(nodeIndex(domain, target.name), up);
      return `node ${target.name} is ${verb}`;
    }
    case 'instance':
      domain.setInstance(nodeIndex(domain, target.name), up);
      return `the machine of ${target.name} is ${up ? 'there again' : 'taken away by the cloud'}`;
    case 'hang':
      domain.setNodeResponding(nodeIndex(domain, target.name), up);
      return `node ${target.name} ${up ? 'goes on' : 'hangs'}`;
    case 'csiDriver':
      domain.setCsiDrivers(nodeIndex(domain, target.name), up);
      return `the CSI drivers of ${target.name} are ${up ? 'there again' : 'gone'}`;
    case 'kubelet':
    case 'runtime':
      domain.setNodeProcess(nodeIndex(domain, target.name), target.kind, up);
      return `the ${target.kind === 'kubelet' ? 'kubelet' : 'container runtime'} of ${target.name} ${up ? 'is started' : 'dies'}`;
    case 'nodes':
      throw new Error('fault: nodes are to be drawn first');
    case 'nodeDisk':
      domain.setNodeDisk(nodeIndex(domain, target.name), up ? 1 : target.factor);
      return up ? `the disk of ${target.name} is as fast as before` : `the disk of ${target.name} is ${target.factor} times slower`;
    case 'controllerManager':
      domain.setProcess('kube-controller-manager', target.index, up);
      return `kube-controller-manager-${target.index} is ${verb}`;
    case 'scheduler':
      domain.setProcess('kube-scheduler', target.index, up);
      return `kube-scheduler-${target.index} is ${verb}`;
    case 'packetLoss':
      domain.setPacketLoss(target.name, up ? 0 : target.share);
      return up ? `packets of ${target.name} arrive again` : `${target.share * 100}% of the packets from and to ${target.name} are lost`;
    case 'zone':
      return setZone(domain, target.name, up);
    case 'link':
      domain.setLink(target.from, target.to, up, target.oneWay);
      return target.oneWay === true ? `link ${target.from} → ${target.to} is ${verb}` : `link ${target.from} – ${target.to} is ${verb}`;
    case 'partition': {
      domain.setZoneLink(target.from, target.to, up);
      if (!target.oneWay) domain.setZoneLink(target.to, target.from, up);
      return `zones ${target.from} ${target.oneWay ? '→' : '–'} ${target.to}: the links between them are ${verb}`;
    }
    case 'dns':
      domain.setDns(up);
      return `the DNS of the cluster is ${verb}`;
    case 'apiServer':
      domain.setApiServer(target.index, up);
      return `kube-apiserver-${target.index} is ${verb}`;
    case 'machine':
      domain.setMachine(target.index, up);
      return `control-plane-${target.index} is ${verb} with all that runs on it`;
    case 'etcd':
      domain.setEtcdMember(target.index, up);
      return `${domain.etcdName(target.index)} is ${verb}`;
    case 'registry':
      domain.setRegistry(target.host, up);
      return `registry ${target.host} is ${verb}`;
    case 'disk':
      domain.setEtcdDisk(target.index, up ? 1 : target.factor);
      return up
        ? `the disk of ${domain.etcdName(target.index)} is as fast as before`
        : `the disk of ${domain.etcdName(target.index)} is ${target.factor} times slower`;
  }
}

function nodeIndex(domain: FaultDomain, name: string): number {
  const index = domain.nodeIndex(name);
  if (index === undefined) throw new Error(`fault: there is no node ${name}`);
  return index;
}

/** A zone fails with all that is in it: nodes, etcd members, and machines of the control plane with what runs on them. */
function setZone(domain: FaultDomain, zone: string, up: boolean): string {
  let nodes = 0;
  for (let i = 0; i < domain.etcdMembers; i++) if (domain.etcdZone(i) === zone) domain.setEtcdMember(i, up);
  for (let i = 0; i < domain.machines; i++) if (domain.machineZone(i) === zone) domain.setMachine(i, up);
  for (let i = 0; i < domain.nodeCount; i++) {
    if (domain.nodeZone(i) !== zone) continue;
    domain.setNode(i, up);
    nodes++;
  }
  return `zone ${zone} is ${up ? 'back' : 'down'} with its ${nodes} nodes`;
}
