import type { ControllerRevision, DaemonSet, StatefulSet } from '../../api/apps.js';
import { equal } from '../../api/equal.js';
import { matchesSelector } from '../../api/labels.js';
import type { KubernetesObject, Labels } from '../../api/meta.js';
import { controllerOf } from '../../api/meta.js';
import { resourceInfo } from '../../api/resources.js';
import { deploymentRolloutStatus, type RolloutStatus } from '../../api/rollout-status.js';
import type { Deployment, ReplicaSet } from '../../api/workloads.js';
import type { PodTemplateSpec } from '../../api/core.js';
import type { Connections, Watcher } from '../../apiserver/connections.js';
import { type ApiResponse, succeeded } from '../../apiserver/request.js';
import type { WatchRecord } from '../../apiserver/watch-cache.js';
import type { KubectlCommand } from '../../scenario/types.js';
import { RollbackPatch } from './patches.js';
import { type KubectlHost, type KubectlOutput, KubectlRun, objectRequest, printedName } from './run.js';
import { LAST_APPLIED } from './three-way.js';

type CommandOf<V extends KubectlCommand['verb']> = Extract<KubectlCommand, { readonly verb: V }>;

/** The clients of what follows the first GET. */
const DYNAMIC = 'dynamic';
const TYPED = 'typed/apps';

/** A watch that broke is opened again after this long (client-go tools/watch RetryWatcher). */
const WATCH_RETRY = 1e9;
const WAKE_TIMEOUT = 0;
const WAKE_RETRY = 1;

/** Annotations that a rollback does not take over from the revision (deploymentutil annotationsToSkip). */
const REVISION = 'deployment.kubernetes.io/revision';
const KEPT_ANNOTATIONS = [
  LAST_APPLIED,
  REVISION,
  'deployment.kubernetes.io/revision-history',
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
  'deprecated.deployment.rollback.to',
];
const HASH_LABEL = 'pod-template-hash';

/** What `kubectl rollout status` says of an object now (kubectl pkg/polymorphichelpers/rollout_status.go). */
export function rolloutStatus(object: KubernetesObject): RolloutStatus {
  if (object.kind === 'Deployment') return deploymentRolloutStatus(object as Deployment);
  return object.kind === 'DaemonSet' ? daemonSetStatus(object as DaemonSet) : statefulSetStatus(object as StatefulSet);
}

function said(done: boolean, message: string, failed = false): RolloutStatus {
  return { done, failed, message };
}

function daemonSetStatus({ metadata, spec, status }: DaemonSet): RolloutStatus {
  if (spec.updateStrategy.type !== 'RollingUpdate') {
    return said(true, `error: rollout status is only available for RollingUpdate strategy type`, true);
  }
  if (metadata.generation > (status.observedGeneration ?? 0)) return said(false, 'Waiting for daemon set spec update to be observed...');
  const desired = status.desiredNumberScheduled;
  const updated = status.updatedNumberScheduled ?? 0;
  const available = status.numberAvailable ?? 0;
  const waiting = `Waiting for daemon set "${metadata.name}" rollout to finish: `;
  if (updated < desired) return said(false, `${waiting}${updated} out of ${desired} new pods have been updated...`);
  if (available < desired) return said(false, `${waiting}${available} of ${desired} updated pods are available...`);
  return said(true, `daemon set "${metadata.name}" successfully rolled out`);
}

function statefulSetStatus({ metadata, spec, status }: StatefulSet): RolloutStatus {
  if (spec.updateStrategy.type !== 'RollingUpdate') {
    return said(true, `error: rollout status is only available for RollingUpdate strategy type`, true);
  }
  if (metadata.generation > (status.observedGeneration ?? 0)) return said(false, 'Waiting for statefulset spec update to be observed...');
  const ready = status.readyReplicas ?? 0;
  const updated = status.updatedReplicas ?? 0;
  if (ready < spec.replicas) return said(false, `Waiting for ${spec.replicas - ready} pods to be ready...`);
  const partition = spec.updateStrategy.rollingUpdate?.partition ?? 0;
  if (partition > 0) {
    const wanted = spec.replicas - partition;
    if (updated < wanted) {
      return said(false, `Waiting for partitioned roll out to finish: ${updated} out of ${wanted} new pods have been updated...`);
    }
    return said(true, `partitioned roll out complete: ${updated} new pods have been updated...`);
  }
  if (status.updateRevision !== status.currentRevision) {
    return said(false, `waiting for statefulset rolling update to complete ${updated} pods at revision ${status.updateRevision}...`);
  }
  return said(true, `statefulset rolling update complete ${status.currentReplicas ?? 0} pods at revision ${status.currentRevision}...`);
}

/** `kubectl rollout status`: GET, LIST with a field selector (any state of the cache), WATCH until it is done; never polls. */
export class RolloutStatusRun extends KubectlRun implements Watcher {
  readonly resource: string;
  readonly host: number;
  readonly key: string;
  server = -1;
  revision = 0;
  private readonly connections: Connections;
  private readonly command: CommandOf<'rollout status'>;
  private lastMessage = '';

  constructor(kubectl: KubectlHost, output: KubectlOutput, command: CommandOf<'rollout status'>) {
    super(kubectl, output);
    this.command = command;
    this.connections = kubectl.connections;
    this.resource = command.target.resource;
    this.host = kubectl.host;
    this.key = `${command.target.object.namespace}/${command.target.object.name}`;
  }

  start(): void {
    this.get(this.command.target);
    if (this.command.timeout > 0) this.kubectl.later(this, this.command.timeout, WAKE_TIMEOUT);
  }

  override wake(argument: number): void {
    if (this.exitCode >= 0) return;
    if (argument === WAKE_RETRY) {
      this.list();
      return;
    }
    this.connections.unwatch(this);
    this.fail('error: timed out waiting for the condition');
  }

  private list(): void {
    this.send(objectRequest('list', this.command.target), 0, DYNAMIC);
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    if (this.exitCode >= 0) return;
    if (!succeeded(response)) {
      if (request.verb === 'get') this.refuse(response);
      else this.kubectl.later(this, WATCH_RETRY, WAKE_RETRY);
      return;
    }
    if (request.verb === 'get') {
      this.list();
      return;
    }
    if (request.verb === 'watch') {
      if (this.connections.watch(this, this.kubectl.preferredServer) !== 'watching') this.kubectl.later(this, WATCH_RETRY, WAKE_RETRY);
      return;
    }
    this.revision = response.resourceVersion!;
    const object = response.items![0];
    if (object === undefined) this.fail('error: object has been deleted');
    else if (!this.look(object)) this.send(objectRequest('watch', this.command.target), 0, DYNAMIC);
  }

  /** Prints what is new; true when it is over. */
  private look(object: KubernetesObject): boolean {
    const status = rolloutStatus(object);
    if (status.failed) this.fail(status.message.startsWith('error: ') ? status.message : `error: ${status.message}`);
    else if (status.done) this.finish(status.message);
    else {
      if (status.message !== this.lastMessage) this.print(status.message);
      this.lastMessage = status.message;
      return false;
    }
    this.connections.unwatch(this);
    return true;
  }

  watchEvent(record: WatchRecord): void {
    if (record.key !== this.key || this.exitCode >= 0) return;
    if (record.type !== 'DELETED') {
      this.look(record.object);
      return;
    }
    this.connections.unwatch(this);
    this.fail('error: object has been deleted');
  }

  watchLost(): void {
    if (this.exitCode < 0) this.kubectl.later(this, WATCH_RETRY, WAKE_RETRY);
  }
}

/** One revision that a rollback can go to. */
export interface RolloutRevision {
  readonly number: number;
  readonly template: PodTemplateSpec;
  readonly annotations: Labels | undefined;
}

/** The revision that a rollback goes to; text: why there is none (kubectl polymorphichelpers/rollback.go). */
export function findRevision(revisions: readonly RolloutRevision[], toRevision: number, name: string): RolloutRevision | string {
  if (toRevision > 0) {
    return revisions.find(({ number }) => number === toRevision) ?? `error: unable to find specified revision ${toRevision} in history`;
  }
  const sorted = [...revisions].sort((a, b) => a.number - b.number);
  return sorted.at(-2) ?? `error: no rollout history found for ${name}`;
}

/**
 * `kubectl rollout undo`: GET of the builder, GET of the clientset, LIST of ReplicaSets or ControllerRevisions, PATCH unless the
 * template is that already (polymorphichelpers/rollback.go).
 */
export class RolloutUndoRun extends KubectlRun {
  private readonly command: CommandOf<'rollout undo'>;
  private object: KubernetesObject | null = null;

  constructor(kubectl: KubectlHost, output: KubectlOutput, command: CommandOf<'rollout undo'>) {
    super(kubectl, output);
    this.command = command;
  }

  start(): void {
    this.get(this.command.target);
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    const { target } = this.command;
    if (!succeeded(response)) this.refuse(response);
    else if (request.verb === 'patch') this.finish(`${printedName(target)} rolled back`);
    else if (request.verb === 'list') this.rollBack(response.items!);
    else if (this.object === null) {
      this.object = response.object!;
      this.send(objectRequest('get', target), 0, TYPED);
    } else {
      this.object = response.object!;
      if ((this.object as Deployment).spec.paused === true) {
        const { name } = target.object;
        this.fail(`error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume deployment/${name}' and try again`);
        return;
      }
      const resource = target.resource === 'deployments' ? 'replicasets' : 'controllerrevisions';
      this.send({ verb: 'list', resource, namespace: target.object.namespace, name: '', source: 'consistent' }, 0, TYPED);
    }
  }

  private rollBack(items: readonly KubernetesObject[]): void {
    const object = this.object as Deployment;
    const { target, toRevision } = this.command;
    const owned = items.filter((item) => controllerOf(item)?.uid === object.metadata.uid);
    const revisions = target.resource === 'deployments' ? replicaSetRevisions(object, owned) : controllerRevisions(owned);
    const named = `${resourceInfo(target.resource).kind.toLowerCase()} "${object.metadata.name}"`;
    const revision = findRevision(revisions, toRevision, named);
    if (typeof revision === 'string') {
      this.fail(revision);
      return;
    }
    if (equal(revision.template, object.spec.template)) {
      this.finish(`${printedName(target)} skipped rollback (current template already matches revision ${revision.number})`);
      return;
    }
    const annotations = target.resource === 'deployments' ? annotationsAfter(object, revision.annotations) : undefined;
    const bytes = resourceInfo(target.resource).typicalBytes;
    this.send(objectRequest('patch', target, { patch: new RollbackPatch(revision.template, annotations, bytes) }), 0, TYPED);
  }
}

function replicaSetRevisions(deployment: Deployment, sets: readonly KubernetesObject[]): readonly RolloutRevision[] {
  const revisions: RolloutRevision[] = [];
  for (const { metadata, spec } of sets as readonly ReplicaSet[]) {
    if (!matchesSelector(deployment.spec.selector, metadata.labels ?? {})) continue;
    const { [HASH_LABEL]: _hash, ...labels } = spec.template.metadata.labels ?? {};
    const template = { ...spec.template, metadata: { ...spec.template.metadata, labels } };
    revisions.push({ number: Number(metadata.annotations?.[REVISION] ?? 0), template, annotations: metadata.annotations });
  }
  return revisions;
}

function controllerRevisions(objects: readonly KubernetesObject[]): readonly RolloutRevision[] {
  return (objects as readonly ControllerRevision[]).map(({ revision, data }) => ({ number: revision, template: data, annotations: undefined }));
}

/** Annotations of the Deployment that a rollback keeps, and those of the revision. */
function annotationsAfter(deployment: Deployment, revision: Labels | undefined): Labels {
  const annotations: Record<string, string> = {};
  for (const name of KEPT_ANNOTATIONS) {
    const value = deployment.metadata.annotations?.[name];
    if (value !== undefined) annotations[name] = value;
  }
  for (const [name, value] of Object.entries(revision ?? {})) if (!KEPT_ANNOTATIONS.includes(name)) annotations[name] = value;
  return annotations;
}
