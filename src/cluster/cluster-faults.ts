import type { Pod } from '../api/core.js';
import { Serializer } from '../api/serialize.js';
import type { FaultDomain } from '../faults/faults.js';
import type { Duration } from '../kernel/time.js';
import { isKwokNode } from '../node/kwok/stage.js';
import type { MachineSwitch } from '../node/shutdown.js';
import type { SimulatedCluster } from './simulated-cluster.js';

/** What can break in a simulated cluster. */
export class ClusterFaults implements FaultDomain, MachineSwitch {
  private readonly cluster: SimulatedCluster;

  constructor(cluster: SimulatedCluster) {
    this.cluster = cluster;
    cluster.kubelets.useMachines(this);
  }

  get nodeCount(): number {
    return this.cluster.nodeNames.length;
  }

  nodeIndex(name: string): number | undefined {
    return this.cluster.nodeIndexes.get(name);
  }

  nodeZone(index: number): string {
    return this.cluster.nodeZones[index]!;
  }

  setNode(index: number, up: boolean): void {
    this.cluster.connections.hangOver(this.cluster.nodeHosts[index]!, false);
    if (up) this.cluster.cloudMachines.off.delete(this.cluster.nodeNames[index]!);
    this.cluster.network.setUp(this.cluster.nodeHosts[index]!, up);
    if (isKwokNode(this.cluster.scenario.cluster.nodes[index]!)) this.cluster.kwok!.setNode(this.cluster.nodeNames[index]!, up);
    else if (up) {
      this.cluster.nodeFleet.joined(index);
      this.cluster.kubelets.heal(index);
      this.cluster.connections.relistNode(index);
      this.cluster.proxies.runsByMode?.restarted(index);
    } else this.cluster.kubelets.fail(index);
    // A load balancer in front of the nodes notices by its health checks; the model lets it know at once.
    this.cluster.workload.setNodeReady(index, up);
  }

  setInstance(index: number, exists: boolean): void {
    const { cloudMachines, nodeNames } = this.cluster;
    if (exists) cloudMachines.gone.delete(nodeNames[index]!);
    else cloudMachines.gone.add(nodeNames[index]!);
    this.setNode(index, exists);
  }

  setNodeResponding(index: number, responding: boolean): void {
    const host = this.cluster.nodeHosts[index]!;
    this.cluster.network.setUp(host, responding);
    if (responding) {
      this.cluster.connections.hangOver(host, true);
      this.cluster.connections.relistNode(index);
    } else {
      this.cluster.connections.hang(host);
      this.cluster.workload.pods.hang(host);
      this.cluster.proxies.disconnected(index);
    }
    this.cluster.workload.setNodeReady(index, responding);
  }

  setNodeDisk(index: number, factor: number): void {
    this.cluster.kubelets.setDiskFactor(index, factor);
  }

  setProcess(name: 'kube-controller-manager' | 'kube-scheduler', replica: number, up: boolean): void {
    const process = this.cluster.controlPlane.find((each) => each.name === name)!;
    if (up) process.machineBack(replica);
    else process.machineLost(replica);
  }

  setPacketLoss(machine: string, share: number): void {
    this.cluster.network.setLoss(this.hostNamed(machine), share);
  }

  get etcdMembers(): number {
    return this.cluster.etcdClusters.members.length;
  }

  etcdName(index: number): string {
    return this.cluster.etcdClusters.members[index]!.name;
  }

  etcdZone(index: number): string {
    return this.cluster.network.zoneOf(this.cluster.etcdClusters.members[index]!.host);
  }

  setEtcdMember(index: number, up: boolean): void {
    const { cluster, member } = this.cluster.etcdClusters.locate(index);
    if (up) cluster.heal(member);
    else cluster.fail(member);
  }

  setEtcdDisk(index: number, factor: number): void {
    const { cluster, member } = this.cluster.etcdClusters.locate(index);
    cluster.setDiskFactor(member, factor);
  }

  defragmentEtcd(index: number, duration?: Duration): void {
    const { cluster, member } = this.cluster.etcdClusters.locate(index);
    cluster.defragment(member, duration);
  }

  moveEtcdLeader(index: number): void {
    const { cluster, member } = this.cluster.etcdClusters.locate(index);
    cluster.moveLeader(member);
  }

  disarmEtcdAlarms(index: number): void {
    this.cluster.etcdClusters.locate(index).cluster.disarmAlarms();
  }

  corruptEtcd(index: number): void {
    const { cluster, member } = this.cluster.etcdClusters.locate(index);
    cluster.corrupt(member);
  }

  get apiServers(): number {
    return this.cluster.servers.length;
  }

  get machines(): number {
    return this.cluster.controlPlaneHosts.length;
  }

  machineZone(index: number): string {
    return this.cluster.network.zoneOf(this.cluster.controlPlaneHosts[index]!);
  }

  setApiServer(index: number, up: boolean): void {
    if (up) this.cluster.servers[index]!.heal();
    else this.cluster.servers[index]!.fail();
  }

  restartApiServer(index: number, shutdownDelay: Duration, startAfter: Duration): void {
    this.cluster.servers[index]!.restart(shutdownDelay, startAfter);
  }

  setMachine(index: number, up: boolean): void {
    const { network, controlPlaneHosts, servers, etcdClusters, controlPlane } = this.cluster;
    const host = controlPlaneHosts[index]!;
    network.setUp(host, up);
    etcdClusters.members.forEach((member, i) => {
      if (member.host === host) this.setEtcdMember(i, up);
    });
    if (index < servers.length) this.setApiServer(index, up);
    for (const replicas of controlPlane) {
      if (up) replicas.machineBack(index);
      else replicas.machineLost(index);
    }
  }

  setZoneLink(from: string, to: string, connected: boolean): void {
    this.cluster.network.setZoneLink(from, to, connected);
  }

  setDns(up: boolean): void {
    const { dns } = this.cluster.workload;
    if (dns !== null) dns.down = !up;
  }

  setRegistry(host: string, up: boolean): void {
    this.cluster.kubelets.setRegistry(host, up);
  }

  shutDown(index: number): void {
    if (isKwokNode(this.cluster.scenario.cluster.nodes[index]!)) this.setNode(index, false);
    else this.cluster.kubelets.shutDown(index);
  }

  switchOff(index: number): void {
    this.setNode(index, false);
    this.cluster.cloudMachines.off.add(this.cluster.nodeNames[index]!);
  }

  setCsiDrivers(index: number, up: boolean): void {
    this.cluster.kubelets.setCsiDrivers(index, up);
  }

  inspectKubelet(index: number): object {
    return this.cluster.kubelets.endpoints(index, new Serializer(this.cluster.scenario.startTime));
  }

  writeStaticPod(index: number, pod: Pod): void {
    this.cluster.kubelets.writeStaticPod(index, pod);
  }

  removeStaticPod(index: number, key: string): boolean {
    return this.cluster.kubelets.removeStaticPod(index, key);
  }

  setNodeProcess(index: number, what: 'kubelet' | 'runtime', up: boolean): void {
    if (isKwokNode(this.cluster.scenario.cluster.nodes[index]!)) return;
    if (up) this.cluster.kubelets.startAgain(index, what);
    else this.cluster.kubelets.kill(index, what);
  }

  restartNode(index: number, what: 'kubelet' | 'runtime', delay: Duration, start: Duration): void {
    if (isKwokNode(this.cluster.scenario.cluster.nodes[index]!)) return;
    if (what === 'kubelet') this.cluster.kubelets.restartKubelet(index, delay, start);
    else this.cluster.kubelets.restartRuntime(index, delay, start);
  }

  setLink(from: string, to: string, connected: boolean, oneWay = false): void {
    const a = this.hostNamed(from);
    const b = this.hostNamed(to);
    this.cluster.network.setLink(a, b, connected);
    if (!oneWay) this.cluster.network.setLink(b, a, connected);
  }

  private hostNamed(name: string): number {
    const match = /^kube-apiserver-(\d+)$/.exec(name);
    const member = this.cluster.etcdClusters.members.find((each) => each.name === name);
    const host = member?.host ?? (match === null ? this.cluster.network.hostNamed(name) : this.cluster.controlPlaneHosts[Number(match[1])]);
    if (host === undefined) throw new Error(`fault: there is no host ${name}`);
    return host;
  }
}
