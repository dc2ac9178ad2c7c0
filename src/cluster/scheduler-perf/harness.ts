import type { Pod } from '../../api/core.js';
import type { Labels } from '../../api/meta.js';
import type { ApiClient, Informer } from '../../client/types.js';
import type { Component, Simulation } from '../../kernel/simulation.js';
import { type Duration, MILLISECOND, SECOND, type Time } from '../../kernel/time.js';
import type { PerfOperation, PerfPodCreation, PerfSelection, PerfWorkload } from '../../scenario/types.js';
import type { SimulatedCluster } from '../simulated-cluster.js';
import { Task, type TaskOwner, type Work } from './tasks.js';
import { SAMPLE_INTERVAL, ThroughputCollector } from './throughput.js';
import { Churn, Creation, Deletions, NodeCreation, NodePreparation, PodCreation, Updates } from './work.js';

const OP_BEGIN = 1;
const OP_POLL = 2;
const OP_SAMPLE = 3;
const OP_CONTINUE = 4;

/** Workers that create pods (test/utils/runners.go). */
const POD_WORKERS = 30;
const POLL_INTERVAL: Duration = SECOND;
/** Longest wait for pods (executor.go waitUntilPodsScheduledInNamespace). */
const WAIT_LIMIT: Duration = 600 * SECOND;
const SYNC_POLL: Duration = 100 * MILLISECOND;

interface Waiting {
  readonly selection: PerfSelection;
  /** Pods wanted, namespace by namespace. */
  readonly counts: readonly number[];
  readonly attempted: boolean;
  readonly stopCollecting: boolean;
  readonly since: Time;
}

/**
 * Carries out the operations of one workload as scheduler_perf does (test/integration/scheduler_perf/executor.go): through the
 * API with a client of 5,000 requests a second, looking at the scheduler's own informer of pods.
 */
export class PerfHarness implements Component, TaskOwner {
  readonly name = 'scheduler-perf';
  readonly collector = new ThroughputCollector();
  done = false;
  /** Why the workload stopped before its end; empty: it did not. */
  failure = '';
  /** When the measurement began and ended; −1: not yet. */
  collectingFrom: Time = -1;
  collectedUntil: Time = -1;
  private readonly cluster: SimulatedCluster;
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly pods: Informer<Pod>;
  private readonly workload: PerfWorkload;
  private readonly target: number;
  private readonly nodeNames: string[] = [];
  /** Namespaces made so far, and pods in them that nobody has waited for. */
  private readonly namespaces = new Map<string, number>();
  private readonly background: Task[] = [];
  private readonly suffixes;
  private index = -1;
  private phase = 0;
  private waiting: Waiting | null = null;
  private sampled: PerfSelection | null = null;
  private tasks = 0;
  private collections = 0;

  constructor(cluster: SimulatedCluster, client: ApiClient, pods: Informer<Pod>, workload: PerfWorkload) {
    this.cluster = cluster;
    this.simulation = cluster.simulation;
    this.client = client;
    this.pods = pods;
    this.workload = workload;
    this.suffixes = cluster.randomness.stream('scheduler-perf/names');
    this.target = this.simulation.add(this);
    this.simulation.schedule(SYNC_POLL, this.target, OP_BEGIN);
  }

  describe(opcode: number): string {
    if (opcode === OP_POLL) return 'a look at the pods that are waited for';
    return opcode === OP_SAMPLE ? 'a count of scheduled pods' : 'the next operation';
  }

  handle(opcode: number, argument: number): void {
    if (this.done) return;
    switch (opcode) {
      case OP_BEGIN:
        if (this.cluster.schedulerProcess.running && this.cluster.schedulerProcess.synced) this.advance();
        else this.simulation.schedule(SYNC_POLL, this.target, OP_BEGIN);
        break;
      case OP_POLL:
        this.poll();
        break;
      case OP_SAMPLE:
        if (this.sampled === null || argument !== this.collections) break;
        this.collector.sample(this.scheduled(this.sampled), this.simulation.now);
        this.simulation.schedule(SAMPLE_INTERVAL, this.target, OP_SAMPLE, argument);
        break;
      default:
        this.advance();
    }
  }

  taskDone(failure: string): void {
    if (failure !== '') this.end(failure);
    else this.advance();
  }

  private end(failure: string): void {
    this.done = true;
    this.failure = failure === '' ? '' : `operation ${this.index}: ${failure}`;
    for (const task of this.background) task.stop();
  }

  /** Goes on with the present operation, or with the next one when it has nothing left to do. */
  private advance(): void {
    while (!this.done) {
      const operation = this.workload.operations[this.index];
      if (operation !== undefined && this.startPhase(operation, this.phase++)) return;
      this.index++;
      this.phase = 0;
      if (this.index === this.workload.operations.length) this.end('');
    }
  }

  /** Begins a phase of an operation; false when there is none. `advance` is called again when the phase is over. */
  private startPhase(operation: PerfOperation, phase: number): boolean {
    switch (operation.operation) {
      case 'createNodes':
        return this.createNodes(operation, phase);
      case 'createNamespaces':
        if (phase > 0) return false;
        for (const { metadata } of operation.objects) this.namespaces.set(metadata.name, this.namespaces.get(metadata.name) ?? 0);
        return this.run(new Creation(operation.objects, ''));
      case 'createPods':
        return this.createPods(operation, phase);
      case 'createAny':
      case 'updateAny':
        if (phase === 0) return this.needNamespace(operation.namespace);
        if (phase > 1) return false;
        return operation.operation === 'createAny'
          ? this.run(new Creation(operation.objects, operation.namespace))
          : this.run(new Updates(operation.objects, operation.namespace), 1, operation.interval);
      case 'deletePods':
        return phase === 0 && this.deletePods(operation.selection, operation.interval, operation.wait);
      case 'churn':
        if (phase === 0) return this.needNamespace(operation.namespace);
        if (phase === 1)
          this.inBackground(
            new Churn(operation.templates, operation.namespace, operation.recreate, operation.number),
            operation.interval,
          );
        return false;
      case 'barrier':
        return phase === 0 && this.barrier(operation.selection, operation.attempted);
      case 'sleep':
        if (phase > 0) return false;
        this.simulation.schedule(operation.duration, this.target, OP_CONTINUE);
        return true;
      case 'startCollecting':
        if (phase === 0) this.startCollecting(operation.selection);
        return false;
      case 'stopCollecting':
        if (phase === 0) this.stopCollecting();
        return false;
    }
  }

  private run(work: Work, workers = 1, interval: Duration = 0): true {
    const name = `scheduler-perf-${this.tasks++}`;
    if (work.pieces === 0) this.simulation.schedule(0, this.target, OP_CONTINUE);
    else new Task(name, this.simulation, this.client, work, this, workers, interval);
    return true;
  }

  /** Work beside the operations; it ends with the workload. */
  private inBackground(work: Work, interval: Duration): void {
    if (work.pieces === 0) return;
    const owner = new Background(this);
    this.background.push(new Task(`scheduler-perf-${this.tasks++}`, this.simulation, this.client, work, owner, 1, interval));
  }

  /** Background work has failed. */
  backgroundFailed(failure: string): void {
    if (!this.done) this.end(failure);
  }

  private createNodes(operation: PerfOperation & { readonly operation: 'createNodes' }, phase: number): boolean {
    const { count, prototypes, preparation } = operation;
    if (phase === 0) {
      const names = Array.from({ length: count }, (_, i) => {
        const { name, generateName } = (prototypes.length === 1 ? prototypes[0]! : prototypes[i]!).metadata;
        return name !== '' ? name : `${generateName ?? ''}${this.newSuffix()}`;
      });
      this.nodeNames.push(...names);
      return this.run(new NodeCreation(operation, names));
    }
    if (phase > 1) return false;
    // Nodes are prepared in the order of a list, from the first that earlier operations have left.
    const first = this.nodeNames.length - count;
    const listed = [...this.nodeNames].sort((a, b) => (a < b ? -1 : 1)).slice(first);
    return this.run(new NodePreparation(listed, preparation));
  }

  /** Six characters, so that thousands of names stay different. */
  private newSuffix(): string {
    const letters = 'bcdfghjklmnpqrstvwxz2456789';
    let text = '';
    for (let i = 0; i < 6; i++) text += letters[Math.floor(this.suffixes.next() * letters.length)]!;
    return text;
  }

  private needNamespace(name: string): boolean {
    if (name === '' || this.namespaces.has(name)) {
      this.simulation.schedule(0, this.target, OP_CONTINUE);
      return true;
    }
    this.namespaces.set(name, 0);
    const metadata = { name, namespace: '', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 };
    return this.run(new Creation([{ apiVersion: 'v1', kind: 'Namespace', metadata }], ''));
  }

  private createPods(operation: PerfPodCreation, phase: number): boolean {
    const { namespace, count, collect, wait } = operation;
    const selection = { namespaces: [namespace], labels: {} };
    if (phase === 0) return this.needNamespace(namespace);
    if (phase === 1) {
      if (collect) this.startCollecting(selection);
      return this.run(new PodCreation(operation), POD_WORKERS);
    }
    if (phase > 2) return false;
    if (!wait) {
      this.namespaces.set(namespace, this.namespaces.get(namespace)! + count);
      return false;
    }
    return this.wait({ selection, counts: [count], attempted: false, stopCollecting: collect });
  }

  private deletePods(selection: PerfSelection, interval: Duration, wait: boolean): boolean {
    const chosen: Pod[] = [];
    for (const pod of this.pods.list()) if (matches(pod, selection)) chosen.push(pod);
    const work = new Deletions(chosen);
    if (wait) return this.run(work, 1, interval);
    this.inBackground(work, interval);
    return false;
  }

  private barrier(selection: PerfSelection, attempted: boolean): boolean {
    const namespaces = selection.namespaces.length > 0 ? selection.namespaces : [...this.namespaces.keys()];
    const unknown = namespaces.find((name) => !this.namespaces.has(name));
    if (unknown !== undefined) {
      this.end(`unknown namespace ${unknown}`);
      return true;
    }
    const counts = namespaces.map((name) => this.namespaces.get(name)!);
    if (!attempted) for (const name of namespaces) this.namespaces.set(name, 0);
    return this.wait({ selection: { namespaces, labels: selection.labels }, counts, attempted, stopCollecting: false });
  }

  private wait(waiting: Omit<Waiting, 'since'>): true {
    this.waiting = { ...waiting, since: this.simulation.now };
    this.simulation.schedule(0, this.target, OP_POLL);
    return true;
  }

  /** Each second: are all pods scheduled, or attempted, that are waited for? */
  private poll(): void {
    const { selection, counts, attempted, stopCollecting, since } = this.waiting!;
    const { labels } = selection;
    const missing = selection.namespaces.findIndex((namespace, i) => this.progress(namespace, labels, attempted) < counts[i]!);
    if (missing < 0) {
      if (stopCollecting) this.stopCollecting();
      this.waiting = null;
      this.advance();
      return;
    }
    if (this.simulation.now - since >= WAIT_LIMIT) {
      const namespace = selection.namespaces[missing]!;
      const found = this.progress(namespace, labels, attempted);
      this.end(`timed out waiting for pods in namespace "${namespace}": want ${counts[missing]}, got ${found}`);
      return;
    }
    this.simulation.schedule(POLL_INTERVAL, this.target, OP_POLL);
  }

  private progress(namespace: string, labels: Labels, attempted: boolean): number {
    const selection = { namespaces: [namespace], labels };
    let count = 0;
    for (const pod of this.pods.list()) {
      if (!matches(pod, selection)) continue;
      if ((pod.spec.nodeName ?? '') !== '' || (attempted && wasAttempted(pod))) count++;
    }
    return count;
  }

  private scheduled(selection: PerfSelection): number {
    let count = 0;
    for (const pod of this.pods.list()) if ((pod.spec.nodeName ?? '') !== '' && matches(pod, selection)) count++;
    return count;
  }

  private startCollecting(selection: PerfSelection): void {
    this.sampled = selection;
    this.collectingFrom = this.simulation.now;
    this.simulation.schedule(SAMPLE_INTERVAL, this.target, OP_SAMPLE, ++this.collections);
  }

  private stopCollecting(): void {
    this.sampled = null;
    this.collectedUntil = this.simulation.now;
  }
}

/** Owner of background tasks: only their failures matter. */
class Background implements TaskOwner {
  private readonly harness: PerfHarness;

  constructor(harness: PerfHarness) {
    this.harness = harness;
  }

  taskDone(failure: string): void {
    if (failure !== '') this.harness.backgroundFailed(failure);
  }
}

function matches(pod: Pod, { namespaces, labels }: PerfSelection): boolean {
  const { namespace, labels: own } = pod.metadata;
  if (namespaces.length > 0 && !namespaces.includes(namespace)) return false;
  for (const key of Object.keys(labels)) if (own?.[key] !== labels[key]) return false;
  return true;
}

/** A scheduling cycle has refused the pod, or its gates hold it. */
function wasAttempted(pod: Pod): boolean {
  return pod.status.conditions?.some(({ type, status }) => type === 'PodScheduled' && status === 'False') === true;
}
