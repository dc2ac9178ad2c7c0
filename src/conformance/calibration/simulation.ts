import { fileURLToPath } from 'node:url';
import type { Node } from '../../api/core.js';
import type { Deployment } from '../../api/workloads.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../../apiserver/request.js';
import type { ApiClient } from '../../client/types.js';
import { SimulatedCluster } from '../../cluster/simulated-cluster.js';
import type { Component } from '../../kernel/component.js';
import { MILLISECOND, SECOND, seconds, type Time } from '../../kernel/time.js';
import { loadScenario } from '../../scenario/index.js';
import type { CostProfile, Scenario } from '../../scenario/types.js';
import { SetImagePatch } from '../../strategies/patches.js';
import type { Phase, PhaseFigures } from './figures.js';
import type { RecordedCalibration, RecordedPhase } from './recording.js';
import { Snapshot } from './snapshot.js';

const PATTERN = fileURLToPath(new URL('../../../../scenarios/kwok/kwok.yaml', import.meta.url));
/** How long the control plane is up before the first phase. */
const SETTLE = 20 * SECOND;
/** The recorded runs looked this often whether a phase is over: at all nodes, or at the Deployment. */
const NODES_POLL = 500 * MILLISECOND;
const DEPLOYMENT_POLL = 250 * MILLISECOND;
/** Nodes that they registered at once: one after the other. */
const REGISTRARS = 1;
/** A phase that takes this many times as long as the recorded one is given up. */
const PATIENCE = 3;
/** From the end of a phase until the metrics are read. */
const SCRAPE = 300 * MILLISECOND;
const IMAGE = 'web:2';
/** The Deployment of a run that begins with its rollout has this long to come up, without limits. */
const PREPARATION = 1800 * SECOND;

const OP_START = 1;
const OP_POLL = 2;
const OP_GIVE_UP = 3;
const OP_SCRAPE = 4;
const OP_UNPREPARED = 5;
const TAG_REGISTER = 0;
const TAG_WRITE = 1;
const TAG_POLL = 2;

/** The scenario that a run was: its cluster with KWOK nodes, its limits, its Deployment, with the costs of a profile. */
function scenarioOf(recording: RecordedCalibration, profile: CostProfile, seed: string): { scenario: Scenario; deployment: Deployment } {
  const pattern = loadScenario(PATTERN);
  const deployment = pattern.objects.find(({ kind }) => kind === 'Deployment') as Deployment;
  const template = pattern.cluster.nodes[0]!;
  const nodes: Node[] = [];
  for (let i = 0; i < recording.nodes; i++) nodes.push(numbered(template, i));
  const { controllerManager, scheduler, kwok, maxSurge, maxUnavailable } = recording;
  const { cluster } = pattern;
  return {
    scenario: {
      ...pattern,
      kubernetesVersion: recording.kubernetes,
      seed,
      profile,
      objects: [],
      timeline: [],
      cluster: {
        ...cluster,
        nodes,
        controlPlaneCores: recording.cores,
        controllerManager,
        scheduler: { ...cluster.scheduler, ...scheduler },
        ...(cluster.kwok === undefined ? {} : { kwok: { ...cluster.kwok, ...kwok } }),
      },
    },
    deployment: {
      ...deployment,
      spec: { ...deployment.spec, replicas: recording.pods, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } },
    } as Deployment,
  };
}

function numbered(template: Node, index: number): Node {
  const name = `node-${index}`;
  const labels = { ...template.metadata.labels, 'kubernetes.io/hostname': name };
  const address = `172.${16 + Math.floor(index / 65536)}.${Math.floor(index / 256) % 256}.${index % 256}`;
  return {
    ...template,
    metadata: { ...template.metadata, name, labels },
    spec: { ...template.spec, podCIDR: `10.${Math.floor(index / 256)}.${index % 256}.0/24` },
    status: { ...template.status, addresses: [{ type: 'InternalIP', address }, { type: 'Hostname', address: name }] },
  };
}

/** Simulates a recorded run, phase by phase, each begun as long after the one before as it was. */
export class CalibrationRun implements Component, ResponseReceiver {
  readonly name = 'calibration';
  /** Of the phases that are over. */
  readonly figures: PhaseFigures[] = [];
  private readonly cluster: SimulatedCluster;
  private readonly deployment: Deployment;
  private readonly phases: readonly RecordedPhase[];
  private readonly client: ApiClient;
  private readonly target: number;
  private readonly fresh: readonly Node[];
  private registered = 0;
  private before: Snapshot | null = null;
  private current = -1;
  private startedAt: Time = 0;
  private endedAt: Time = 0;
  /** The phase is under way, and reached its end. */
  private watching = false;
  private complete = false;
  /** The Deployment has been created; its pods come up before a first phase that rolls them. */
  private deployed = false;
  private preparing = false;
  private readonly pods: number;

  constructor(recording: RecordedCalibration, profile: CostProfile, phases: readonly RecordedPhase[], seed = 'calibration') {
    const { scenario, deployment } = scenarioOf(recording, profile, seed);
    this.deployment = deployment;
    this.phases = phases;
    this.pods = recording.pods;
    const { nodes } = scenario.cluster;
    const registration = phases.find(({ phase }) => phase === 'nodes');
    const known = registration === undefined ? nodes.length : Math.max(0, nodes.length - (registration.figures.requests.get('POST nodes') ?? nodes.length));
    this.fresh = nodes.slice(known);
    this.cluster = new SimulatedCluster(scenario, { registeredNodes: known });
    const { simulation, kubectl } = this.cluster;
    this.client = kubectl.client('benchmark', 0, 0);
    this.target = simulation.add(this);
    this.cluster.setLimited(true);
    this.cluster.start();
    simulation.schedule(SETTLE, this.target, OP_START, 0);
  }

  /** Simulates all phases. */
  run(): readonly PhaseFigures[] {
    const { simulation } = this.cluster;
    while (this.figures.length < this.phases.length) simulation.run(simulation.now + SECOND);
    return this.figures;
  }

  describe(opcode: number): string {
    if (opcode === OP_START) return 'a phase begins';
    if (opcode === OP_SCRAPE) return 'the metrics are read';
    if (opcode === OP_UNPREPARED) return 'the Deployment has had its time to come up';
    return opcode === OP_POLL ? 'looks whether the phase is over' : 'the phase has taken too long';
  }

  handle(opcode: number, argument: number): void {
    if (opcode === OP_START) this.start(argument);
    else if (opcode === OP_SCRAPE) this.scrape();
    else if (opcode === OP_UNPREPARED) {
      if (this.preparing) this.prepared();
    }
    else if (argument === this.current && this.watching) {
      if (opcode === OP_POLL) this.poll();
      else this.end(false);
    }
  }

  private get phase(): Phase {
    return this.phases[this.current]!.phase;
  }

  private start(index: number): void {
    const { simulation } = this.cluster;
    this.current = index;
    if (this.phase === 'roll' && !this.deployed) {
      this.prepare();
      return;
    }
    this.before = Snapshot.of(this.cluster);
    this.startedAt = simulation.now;
    this.watching = true;
    const { seconds: wall, complete } = this.phases[index]!.figures;
    simulation.schedule(seconds(complete ? wall * PATIENCE : wall), this.target, OP_GIVE_UP, index);
    const { namespace, name } = this.deployment.metadata;
    if (this.phase === 'nodes') for (let i = 0; i < REGISTRARS; i++) this.register();
    else if (this.phase === 'create') this.deploy();
    else {
      const container = this.deployment.spec.template.spec.containers[0]!.name;
      this.send({ verb: 'patch', resource: 'deployments', namespace, name, patch: new SetImagePatch(container, IMAGE) }, TAG_WRITE);
    }
    this.pollLater();
  }

  private deploy(): void {
    const { namespace, name } = this.deployment.metadata;
    this.deployed = true;
    this.send({ verb: 'create', resource: 'deployments', namespace, name, body: this.deployment }, TAG_WRITE);
  }

  /** What the run did before its recorded phases. */
  private prepare(): void {
    this.preparing = true;
    this.watching = true;
    this.cluster.setLimited(false);
    this.cluster.simulation.schedule(PREPARATION, this.target, OP_UNPREPARED, this.current);
    this.deploy();
    this.pollLater();
  }

  private prepared(): void {
    this.preparing = false;
    this.watching = false;
    this.cluster.setLimited(true);
    this.cluster.simulation.schedule(SETTLE, this.target, OP_START, this.current);
  }

  private register(): void {
    const node = this.fresh[this.registered];
    if (node === undefined) return;
    this.registered++;
    this.send({ verb: 'create', resource: 'nodes', namespace: '', name: node.metadata.name, body: node }, TAG_REGISTER);
  }

  private pollLater(): void {
    this.cluster.simulation.schedule(this.phase === 'nodes' ? NODES_POLL : DEPLOYMENT_POLL, this.target, OP_POLL, this.current);
  }

  private poll(): void {
    const { namespace, name } = this.deployment.metadata;
    if (this.phase === 'nodes') this.send({ verb: 'list', resource: 'nodes', namespace: '', name: '' }, TAG_POLL);
    else this.send({ verb: 'get', resource: 'deployments', namespace, name }, TAG_POLL);
  }

  private send(request: ApiRequest, tag: number): void {
    this.client.request(request, this, tag);
  }

  receive(tag: number, response: ApiResponse): void {
    if (tag === TAG_REGISTER) this.register();
    if (tag !== TAG_POLL || !this.watching) return;
    const over = this.phase === 'nodes' ? this.nodesUp(response) : this.rolledOut(response.object as Deployment | undefined);
    // Of a phase that was given up, what happened until then is compared.
    if (!over || (!this.preparing && !this.phases[this.current]!.figures.complete)) this.pollLater();
    else if (this.preparing) this.prepared();
    else this.end(true);
  }

  private nodesUp({ items = [] }: ApiResponse): boolean {
    return items.length === this.cluster.nodeNames.length && items.every((node) => isUp(node as Node));
  }

  private rolledOut(deployment: Deployment | undefined): boolean {
    if (deployment === undefined) return false;
    const { metadata, status } = deployment;
    const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
    return observedGeneration >= metadata.generation && replicas === this.pods && updatedReplicas === this.pods && availableReplicas === this.pods;
  }

  private end(complete: boolean): void {
    const { simulation } = this.cluster;
    this.endedAt = simulation.now;
    this.complete = complete;
    this.watching = false;
    simulation.schedule(SCRAPE, this.target, OP_SCRAPE, 0);
  }

  private scrape(): void {
    const { simulation } = this.cluster;
    this.figures.push(Snapshot.of(this.cluster).since(this.before!, (this.endedAt - this.startedAt) / SECOND, this.complete));
    const next = this.phases[this.current + 1];
    if (next !== undefined) simulation.schedule(Math.max(0, seconds(next.pause) - SCRAPE), this.target, OP_START, this.current + 1);
  }
}

/** Ready and without taints. */
function isUp(node: Node): boolean {
  return (node.spec.taints ?? []).length === 0 && node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}
