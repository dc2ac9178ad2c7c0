import type { Condition, KubernetesObject } from '../../api/meta.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../../apiserver/request.js';
import type { Kubectl } from '../../client/kubectl/kubectl.js';
import type { KubectlOutput } from '../../client/kubectl/run.js';
import type { ApiClient } from '../../client/types.js';
import type { Component } from '../../kernel/component.js';
import type { Simulation } from '../../kernel/simulation.js';
import { SECOND, type Time } from '../../kernel/time.js';
import { commandTarget, type RecordedChange, type Recording } from '../controllers-recording.js';
import type { Journal } from './journal.js';
import type { SharedLoad } from './load.js';
import type { KwokNodes } from './nodes.js';
import { createdObject, RecordedPatch, resourceOf } from './objects.js';
import { PodNames } from './pod-names.js';

const NOBODY: ResponseReceiver = { receive() {} };
const OP_NEXT = 1;
const OP_GIVE_UP = 2;

/** A state that the recording reached is waited for this many times as long as it took there, and this much longer. */
const PATIENCE = 3;
const PATIENCE_MORE = 60 * SECOND;
/** Evictions that follow one another faster than this are of one round, each sent when the one before is answered. */
const SAME_ROUND = SECOND / 2;
/** The most that the answer to an eviction took. */
const EVICTION_TIME = 0.15 * SECOND;
/** Kinds whose status tells whether a state is reached. */
const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob']);

export interface DriverParts {
  readonly simulation: Simulation;
  readonly recording: Recording;
  readonly journal: Journal;
  readonly client: ApiClient;
  readonly kubectl: Kubectl;
  readonly load: SharedLoad;
  /** The nodes that SIGSTOP and SIGCONT are sent to. */
  readonly stopped: KwokNodes;
}

/** Carries out the commands of a recording: as long after what it waited for as the recorded driver did. */
export class Driver implements Component, ResponseReceiver, KubectlOutput {
  readonly name = 'driver';
  /** Commands as carried out, with their times and answers. */
  readonly log: RecordedChange[] = [];
  /** States that were not reached. */
  readonly missed: string[] = [];
  done = false;
  private readonly parts: DriverParts;
  private readonly target: number;
  private readonly commands: readonly RecordedChange[];
  private readonly names: PodNames;
  private next = 0;
  private origin: Time = 0;
  private waitingFor: string | null = null;
  private giveUp = 0;
  /** The kubectl command that runs. */
  private printing: RecordedChange | null = null;

  constructor(parts: DriverParts) {
    this.parts = parts;
    this.target = parts.simulation.add(this);
    this.commands = parts.recording.commands.filter(({ name }) => !/^WATCH/.test(name));
    this.names = new PodNames(parts.recording, parts.journal);
    parts.journal.listener = this;
  }

  /** The scenario's time begins now. */
  start(): void {
    const { simulation } = this.parts;
    this.origin = simulation.now;
    simulation.schedule(this.commands[0]?.time ?? 0, this.target, OP_NEXT);
  }

  /** Whether the workloads are as the recording left them, and as many pods are there. */
  get finalReached(): boolean {
    const { recording, journal } = this.parts;
    let pods = 0;
    for (const { kind } of journal.current.values()) if (kind === 'Pod') pods++;
    const left = recording.final.filter(({ kind }) => kind === 'Pod').length;
    return pods === left && stateText(journal.current.values()) === stateAt(recording, Number.POSITIVE_INFINITY);
  }

  /** Time since the start of the scenario. */
  private get time(): Time {
    return this.parts.simulation.now - this.origin;
  }

  handle(opcode: number): void {
    if (opcode === OP_GIVE_UP) {
      if (this.waitingFor === null) return;
      this.giveUp = 0;
      this.missed.push(this.commands[this.next]!.name);
      this.reached();
      return;
    }
    const command = this.commands[this.next]!;
    if (/^reached/.test(command.name)) this.awaitState(command);
    else if (!this.carryOut(command)) this.proceed(command.time);
  }

  /** Goes on to the next command, as long after this one was done as it was recorded. `end`: when that was, in the recording. */
  private proceed(end: Time): void {
    this.next++;
    const following = this.commands[this.next];
    if (following === undefined) {
      this.done = true;
      return;
    }
    // A state is waited for from the moment of the last command on.
    const waits = /^reached/.test(following.name) && !/^(evict|delete) /.test(this.commands[this.next - 1]!.name);
    const gap = Math.max(0, following.time - end);
    // A deletion shows in statuses only later: until then the state before it would be taken for the one waited for.
    const atOnce = waits || (/^evict /.test(following.name) && gap < SAME_ROUND);
    const delay = atOnce ? 0 : /^reached/.test(following.name) ? gap / 2 : gap;
    // Where the model was faster than the recorded machine, the user waits for the recorded time: timestamps have whole seconds.
    const early = /^(reached|evict)/.test(following.name) ? 0 : following.time - this.time;
    this.parts.simulation.schedule(Math.max(delay, early), this.target, OP_NEXT);
  }

  /** When a command was sent: evictions were written down when they were answered. */
  private startOf(command: RecordedChange): Time {
    if (!/^evict /.test(command.name)) return command.time;
    return Math.max(this.commands[this.next - 1]?.time ?? 0, command.time - EVICTION_TIME);
  }

  /** When the effect of a command was seen in the recording: its request had been answered by then. */
  private effectOf(command: RecordedChange): Time {
    const { verb, kind, name } = commandTarget(command.name);
    if (verb === 'evict') return command.time;
    const seen = this.parts.recording.changes.find((change) => change.time >= command.time && change.kind === kind && change.name === name);
    const following = this.commands[this.next + 1]?.time ?? command.time;
    return Math.min(seen?.time ?? command.time, following);
  }

  private awaitState(command: RecordedChange): void {
    const { recording, simulation } = this.parts;
    this.waitingFor = stateAt(recording, command.time);
    const before = this.commands[this.next - 1]?.time ?? 0;
    this.giveUp = simulation.schedule(PATIENCE * (command.time - before) + PATIENCE_MORE, this.target, OP_GIVE_UP);
    this.journalChanged();
  }

  journalChanged(): void {
    if (this.waitingFor === null || stateText(this.parts.journal.current.values()) !== this.waitingFor) return;
    this.reached();
  }

  private reached(): void {
    const command = this.commands[this.next]!;
    this.waitingFor = null;
    if (this.giveUp !== 0) this.parts.simulation.cancel(this.giveUp);
    this.giveUp = 0;
    this.write(command, {});
    this.proceed(command.time);
  }

  private write(command: RecordedChange, object: Record<string, unknown>, name = command.name): void {
    this.log.push({ ...command, name, object, time: this.time });
  }

  /** Carries a command out; true: its answer is waited for. */
  private carryOut(command: RecordedChange): boolean {
    const { load, stopped } = this.parts;
    if (/SIGSTOP/.test(command.name)) stopped.stop();
    else if (/SIGCONT/.test(command.name)) stopped.continue();
    else if (command.name.startsWith('load ')) load.total = Number(command.name.slice('load '.length));
    else if (command.name.startsWith('kubectl ')) {
      this.kubectl(command);
      return false;
    } else {
      const request = this.requestOf(command);
      if (request !== undefined) {
        this.parts.client.request(request, this, this.next);
        return true;
      }
    }
    this.write(command, command.object);
    return false;
  }

  private requestOf(command: RecordedChange): ApiRequest | undefined {
    const { recording } = this.parts;
    const { verb, kind, name } = commandTarget(command.name);
    if (verb === 'create') {
      const body = createdObject(recording, kind, command.object);
      return { verb: 'create', resource: resourceOf(kind), namespace: body.metadata.namespace, name: body.metadata.name, body };
    }
    const own = kind === 'Pod' ? this.names.simulated(name, this.startOf(command)) : name;
    if (kind === '') return undefined;
    const base = { resource: resourceOf(kind), namespace: kind === 'Node' ? '' : recording.header.id, name: own };
    if (verb === 'patch') return { ...base, verb: 'patch', patch: new RecordedPatch(command.object) };
    if (verb === 'delete') return { ...base, verb: 'delete' };
    return verb === 'evict' ? { ...base, verb: 'create', subresource: 'eviction' } : undefined;
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    const command = this.commands[tag]!;
    const { code, message, reason, cause } = response;
    if (request.subresource === 'eviction') {
      const causes = cause === undefined ? [] : [{ reason: 'DisruptionBudget', message: cause }];
      this.write(command, code >= 300 ? { code, message, reason, causes } : { code });
    }
    else {
      this.write(command, command.object);
      if (code >= 300) this.missed.push(`${command.name}: ${code} ${message ?? ''}`);
    }
    if (tag === this.next) this.proceed(this.effectOf(command));
  }

  private kubectl(command: RecordedChange): void {
    const { client, kubectl, recording } = this.parts;
    const { id } = recording.header;
    const match = /^kubectl rollout (pause|resume|undo|status|history) (\w+)\/(\S+)(?: --to-revision=(\d+))?(?: --timeout=(\d+)s)?/.exec(command.name);
    if (match === null) throw new Error(`${id}: cannot carry out "${command.name}"`);
    const [, verb, kind, name, toRevision, timeout] = match;
    const resource = `${kind!}s`;
    const target = { resource, object: { namespace: id, name: name! } };
    this.printing = command;
    if (verb === 'undo') kubectl.run({ text: '', verb: 'rollout undo', target, toRevision: Number(toRevision ?? 0) }, this);
    else if (verb === 'status') kubectl.run({ text: '', verb: 'rollout status', target, timeout: Number(timeout ?? 0) * SECOND }, this);
    else if (verb === 'history') this.write(command, { out: history(this.parts.journal.current.values(), kind!, name!) });
    else {
      const patch = new RecordedPatch({ spec: { paused: verb === 'pause' ? true : null } });
      client.request({ verb: 'patch', resource, namespace: id, name: name!, patch }, NOBODY, 0);
      this.write(command, { out: `deployment.apps/${name!} ${verb}d` });
    }
  }

  /** What kubectl prints: `phase` is `error` when it fails. */
  note(phase: string, message: string): void {
    const command = this.printing;
    if (command !== null) this.write(command, phase === 'error' ? { err: 'exit status 1', out: message } : { out: message });
  }
}

/** Statuses of the workloads at a time of a recording, as text. */
function stateAt(recording: Recording, time: Time): string {
  const objects = new Map<string, KubernetesObject>();
  for (const change of recording.changes) {
    if (change.time > time || !WORKLOADS.has(change.kind)) continue;
    const key = `${change.kind}/${change.name}`;
    if (change.type === 'D') objects.delete(key);
    else objects.set(key, { kind: change.kind, metadata: { name: change.name }, ...change.object } as unknown as KubernetesObject);
  }
  return stateText(objects.values());
}

/** Counters and conditions of workloads. */
function stateText(objects: Iterable<KubernetesObject>): string {
  const lines: string[] = [];
  for (const object of objects) {
    if (!WORKLOADS.has(object.kind)) continue;
    const { conditions, ...rest } = ((object as KubernetesObject & { readonly status?: Record<string, unknown> }).status ?? {}) as {
      readonly conditions?: readonly Condition[];
    } & Record<string, unknown>;
    const counts = Object.entries(rest).filter(([, value]) => typeof value === 'number' && value !== 0);
    const numbers = counts.filter(([key]) => !/Time$|^collisionCount$/.test(key)).map(([key, value]) => `${key}=${String(value)}`).sort();
    const states = (conditions ?? []).map(({ type, status, reason }) => `${type}=${status}/${reason ?? ''}`).sort();
    lines.push(`${object.kind}/${object.metadata.name} ${[...numbers, ...states].join(' ')}`);
  }
  return lines.sort().join('\n');
}

function history(objects: Iterable<KubernetesObject>, kind: string, name: string): string {
  const revisions: number[] = [];
  for (const object of objects) {
    if (object.kind !== 'ReplicaSet' || object.metadata.ownerReferences?.[0]?.name !== name) continue;
    const own = object.metadata.annotations ?? {};
    revisions.push(Number(own['deployment.kubernetes.io/revision'] ?? 0));
  }
  const rows = revisions.sort((a, b) => a - b).map((revision) => `${String(revision).padEnd(9)} <none>`);
  return [`${kind}.apps/${name} `, 'REVISION  CHANGE-CAUSE', ...rows].join('\n');
}
