import { type ConfigurationObject, missingKey, type VolumeReference, volumeReferences } from '../api/pod-references.js';
import { type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { Component } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, SECOND } from '../kernel/time.js';
import { type Fleet, OP_PREPARED } from './fleet.js';
import type { PodRecord } from './records.js';
import { VOLUME_FIRST_RETRY, VOLUME_LAST_RETRY, VOLUME_WAIT_TIMEOUT } from './volume-manager.js';
import { stopAwaiting } from './volume-wait.js';

/** token_manager.go: a token is asked for anew when so much of its life is over, later by up to the jitter. */
const REFRESH_SHARE = 0.8;
const REFRESH_JITTER: Duration = 10 * SECOND;
/** Keyed draws of token requests, apart from those of the pod's other steps. */
const TOKEN_TURN = 2_000_000;

const OP_AGAIN = 1;
const OP_TIMEOUT = 2;
const OP_REFRESH = 3;

/** One ConfigMap, Secret or token of a pod. Its slot is kept until the pod is dropped and no answer is awaited. */
interface Wait {
  readonly volumes: PodVolumes;
  readonly reference: VolumeReference;
  retry: Duration;
  mounted: boolean;
  asked: boolean;
  event: number;
}

/** What a pod reads. */
interface PodVolumes {
  readonly pod: PodRecord;
  readonly waits: number[];
  /** Not read yet. */
  left: number;
  /** The running sync of the pod waits for them. */
  awaited: boolean;
  timeout: number;
  tokens: number;
  dropped: boolean;
}

/**
 * Volumes of ConfigMaps, Secrets and tokens (pkg/volume/configmap, secret, projected). A pod's sandbox waits for them; what is missing
 * is looked for again after 500 ms, 1 s, … 122 s, and told as FailedMount. Each counts as one GET: the kubelet's list and watch of it.
 */
export class ConfigurationVolumes implements Component, ResponseReceiver {
  readonly name = 'kubelets/configuration';
  private readonly fleet: Fleet;
  private readonly waits = new Slots<Wait>();
  private readonly pods = new Map<string, PodVolumes>();
  private added = -1;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** Where its events go: it joins the simulation when the first pod needs it. */
  private get target(): number {
    if (this.added < 0) this.added = this.fleet.simulation.add(this);
    return this.added;
  }

  /** A pod is about to start: false when it reads nothing; else `PodWorkers.volumesReady` is called. */
  begin(pod: PodRecord): boolean {
    const references = this.referencesOf(pod);
    if (references.length === 0) return false;
    const known = this.pods.get(pod.uid);
    if (known !== undefined) {
      // The sync before gave up, and what it waited for goes on being looked for.
      if (known.left === 0) return false;
      known.awaited = true;
      this.armTimeout(known);
      return true;
    }
    const volumes = this.keep(pod, references, false);
    this.armTimeout(volumes);
    for (const slot of [...volumes.waits]) this.ask(slot);
    return true;
  }

  /** The sync of a pod has failed: what is under way goes on without it. */
  rest(pod: PodRecord): void {
    stopAwaiting(this.pods.get(pod.uid), this.fleet.simulation);
  }

  /** A kubelet that has started asks for the tokens of a pod that runs. */
  keepTokens(pod: PodRecord): void {
    const tokens = this.referencesOf(pod).filter(({ resource }) => resource === 'token');
    if (tokens.length === 0) return;
    for (const slot of this.keep(pod, tokens, true).waits) this.ask(slot);
  }

  /** A pod that waits for what it reads ends; true if it did. */
  abandon(pod: PodRecord): boolean {
    const volumes = this.pods.get(pod.uid);
    if (volumes === undefined || volumes.left === 0) return false;
    this.drop(pod);
    return true;
  }

  /** The pod is gone from its node, or its kubelet forgets it. */
  drop(pod: PodRecord): void {
    const volumes = this.pods.get(pod.uid);
    if (volumes === undefined) return;
    const { simulation } = this.fleet;
    this.pods.delete(pod.uid);
    volumes.dropped = true;
    volumes.left = 0;
    if (volumes.timeout !== 0) simulation.cancel(volumes.timeout);
    for (const slot of volumes.waits) {
      const wait = this.waits.get(slot);
      if (wait.event !== 0) simulation.cancel(wait.event);
      if (!wait.asked) this.waits.take(slot);
    }
  }

  private keep(pod: PodRecord, references: readonly VolumeReference[], mounted: boolean): PodVolumes {
    this.drop(pod);
    const volumes: PodVolumes = { pod, waits: [], left: mounted ? 0 : references.length, awaited: !mounted, timeout: 0, tokens: 0, dropped: false };
    this.pods.set(pod.uid, volumes);
    for (const reference of references) {
      volumes.waits.push(this.waits.put({ volumes, reference, retry: VOLUME_FIRST_RETRY, mounted, asked: false, event: 0 }));
    }
    return volumes;
  }

  /** ConfigMaps and Secrets of the pod's volumes, and its tokens if kubelets ask for them. */
  private referencesOf(pod: PodRecord): readonly VolumeReference[] {
    const all = volumeReferences(pod.pod.spec);
    return this.fleet.kubelet.requestsTokens ? all : all.filter(({ resource }) => resource !== 'token');
  }

  private ask(slot: number): void {
    const wait = this.waits.get(slot);
    const { reference, volumes } = wait;
    const { pod, node } = volumes.pod;
    const { namespace } = pod.metadata;
    wait.event = 0;
    wait.asked = true;
    const account = pod.spec.serviceAccountName ?? 'default';
    if (reference.resource === 'token') {
      node.client!.request({ verb: 'create', resource: 'serviceaccounts', subresource: 'token', namespace, name: account }, this, slot);
    } else node.client!.request({ verb: 'get', resource: reference.resource, namespace, name: reference.name }, this, slot);
  }

  private armTimeout(volumes: PodVolumes): void {
    volumes.timeout = this.fleet.simulation.schedule(VOLUME_WAIT_TIMEOUT, this.target, OP_TIMEOUT, volumes.waits[0]!);
  }

  describe(opcode: number): string {
    return opcode === OP_TIMEOUT ? 'a pod has waited long for what it reads' : opcode === OP_REFRESH ? 'a token is refreshed' : 'looks for an object again';
  }

  handle(opcode: number, slot: number): void {
    if (opcode === OP_TIMEOUT) this.timedOut(this.waits.get(slot).volumes);
    else this.ask(slot);
  }

  receive(slot: number, response: ApiResponse): void {
    const wait = this.waits.get(slot);
    const { volumes, reference } = wait;
    wait.asked = false;
    if (volumes.dropped) {
      this.waits.take(slot);
      return;
    }
    const { fleet } = this;
    const { pod } = volumes;
    const problem = problemOf(reference, response);
    if (problem !== '') {
      if (!wait.mounted) fleet.event(pod, 'Warning', 'FailedMount', `MountVolume.SetUp failed for volume "${reference.volume}" : ${problem}`);
      wait.event = fleet.simulation.schedule(wait.retry, this.target, OP_AGAIN, slot);
      wait.retry = Math.min(VOLUME_LAST_RETRY, wait.retry * 2);
      return;
    }
    wait.retry = VOLUME_FIRST_RETRY;
    if (reference.resource === 'token') {
      const u = fleet.uniform(pod.key, OP_PREPARED, TOKEN_TURN + volumes.tokens++);
      const delay = Math.round(reference.seconds * REFRESH_SHARE * SECOND + u * REFRESH_JITTER);
      wait.event = fleet.simulation.schedule(delay, this.target, OP_REFRESH, slot);
    }
    if (wait.mounted) return;
    wait.mounted = true;
    if (--volumes.left > 0) return;
    fleet.simulation.cancel(volumes.timeout);
    volumes.timeout = 0;
    if (volumes.awaited) fleet.workers.volumesReady(pod);
  }

  /** WaitForAttachAndMount gives up: the sync fails, without an event (kubelet.go), and the next one waits again. */
  private timedOut(volumes: PodVolumes): void {
    volumes.timeout = 0;
    this.fleet.workers.volumesFailed(volumes.pod);
  }
}

/** Why a volume cannot be set up; empty: it can. */
function problemOf(reference: VolumeReference, response: ApiResponse): string {
  if (reference.resource === 'token') return succeeded(response) ? '' : `failed to fetch token: ${response.message ?? 'no answer'}`;
  const kind = reference.resource === 'configmaps' ? 'configmap' : 'secret';
  if (response.code === 404) return reference.optional ? '' : `${kind} "${reference.name}" not found`;
  if (!succeeded(response)) return `failed to sync ${kind} cache: timed out waiting for the condition`;
  const key = missingKey(reference, response.object as ConfigurationObject);
  return key === '' || reference.optional ? '' : `${kind} references non-existent ${kind === 'configmap' ? 'config' : 'secret'} key: ${key}`;
}
