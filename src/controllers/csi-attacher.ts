import type { VolumeAttachment } from '../api/volumes.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, SECOND } from '../kernel/time.js';
import { type DistributionSpec, sample } from '../random/distribution.js';
import { hashText, type KeyedDraws } from '../random/stream.js';
import { AddFinalizerPatch, AttachedPatch } from './attachment-patches.js';
import { RemoveFinalizerPatch } from './garbage-collector.js';

/** external-attacher's own limits (--kube-api-qps, --kube-api-burst), and how it tries again (--retry-interval-start, -max). */
const QPS = 5;
const BURST = 10;
const RETRY: Duration = SECOND;

const OP_DONE = 1;
const OP_AGAIN = 2;
const AT_ONCE: DistributionSpec = { kind: 'constant', value: 0 };

/** Name of a VolumeAttachment: `csi-` and 64 hexadecimal digits of a hash (csi_attacher.go getAttachmentName). */
export function attachmentName(volumeHandle: string, driver: string, node: string): string {
  let digits = '';
  for (let part = 0; part < 8; part++) digits += hashText(`${part}${volumeHandle}${driver}${node}`).toString(16).padStart(8, '0');
  return `csi-${digits}`;
}

type Step = 'finalizer' | 'volume finalizer' | 'cloud' | 'status' | 'release';

interface Work {
  readonly name: string;
  readonly detach: boolean;
  step: Step;
}

/**
 * The external attacher of every CSI driver (kubernetes-csi/external-attacher): it sees VolumeAttachments, has the cloud attach or
 * detach the volume, which takes the profile's time, and says so in the object.
 */
export class CsiAttacher implements Component, ResponseReceiver {
  readonly name = 'csi-attacher';
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly draws: KeyedDraws;
  private readonly attach: DistributionSpec;
  private readonly detach: DistributionSpec;
  private readonly attachments: Informer<VolumeAttachment>;
  private readonly work = new Slots<Work>();
  /** Attachments that are worked on. */
  private readonly busy = new Set<string>();

  constructor(context: ProcessContext) {
    const { simulation, randomness, profile } = context;
    this.simulation = simulation;
    this.target = simulation.add(this);
    this.client = context.client('csi-attacher', QPS, BURST);
    this.draws = randomness.keyed('csi-attacher/cloud');
    this.attach = profile.volumes?.attach ?? AT_ONCE;
    this.detach = profile.volumes?.detach ?? AT_ONCE;
    this.attachments = context.informers.informer<VolumeAttachment>('volumeattachments');
    this.attachments.addEventHandler(new Handler(this));
  }

  changed({ metadata, spec, status }: VolumeAttachment): void {
    const { name, deletionTimestamp, finalizers = [] } = metadata;
    if (this.busy.has(name)) return;
    const own = finalizerOf(spec.attacher);
    const detach = deletionTimestamp !== undefined;
    if (detach ? !finalizers.includes(own) : status?.attached === true) return;
    this.busy.add(name);
    this.run(this.work.put({ name, detach, step: detach ? 'cloud' : 'finalizer' }));
  }

  private run(slot: number): void {
    const { name, detach, step } = this.work.get(slot);
    const attachment = this.attachments.get(name);
    if (attachment === undefined) {
      this.busy.delete(this.work.take(slot).name);
      return;
    }
    const { attacher, nodeName, source } = attachment.spec;
    switch (step) {
      case 'finalizer':
        this.patch(slot, 'volumeattachments', name, new AddFinalizerPatch(finalizerOf(attacher)));
        return;
      case 'volume finalizer':
        this.patch(slot, 'persistentvolumes', source.persistentVolumeName ?? '', new AddFinalizerPatch(finalizerOf(attacher)));
        return;
      case 'cloud': {
        const delay = sample(detach ? this.detach : this.attach, this.draws.source(hashText(`${name} ${nodeName} ${detach}`)));
        this.simulation.post(delay, this.target, OP_DONE, slot);
        return;
      }
      case 'status':
        this.patch(slot, 'volumeattachments', name, new AttachedPatch(!detach), 'status');
        return;
      case 'release':
        this.patch(slot, 'volumeattachments', name, new RemoveFinalizerPatch(finalizerOf(attacher)));
    }
  }

  private patch(slot: number, resource: string, name: string, patch: NonNullable<ApiRequest['patch']>, subresource?: 'status'): void {
    this.client.request({ verb: 'patch', resource, namespace: '', name, patch, ...(subresource === undefined ? {} : { subresource }) }, this, slot);
  }

  describe(opcode: number): string {
    return opcode === OP_DONE ? 'the cloud has attached or detached a volume' : 'tries again';
  }

  handle(opcode: number, slot: number): void {
    if (opcode === OP_DONE) this.work.get(slot).step = 'status';
    this.run(slot);
  }

  receive(slot: number, response: ApiResponse): void {
    const work = this.work.get(slot);
    if (!succeeded(response) && response.code !== 404) {
      this.simulation.post(RETRY, this.target, OP_AGAIN, slot);
      return;
    }
    const next = nextStep(work);
    if (next !== undefined) {
      work.step = next;
      this.run(slot);
      return;
    }
    this.busy.delete(this.work.take(slot).name);
    // It may have been deleted while it was being attached.
    const attachment = this.attachments.get(work.name);
    if (attachment !== undefined && !work.detach) this.changed(attachment);
  }
}

function nextStep({ step, detach }: Work): Step | undefined {
  if (step === 'finalizer') return 'volume finalizer';
  if (step === 'volume finalizer') return 'cloud';
  return step === 'status' && detach ? 'release' : undefined;
}

function finalizerOf(driver: string): string {
  return `external-attacher/${driver.replaceAll('.', '-')}`;
}

class Handler implements ResourceEventHandler<VolumeAttachment> {
  private readonly attacher: CsiAttacher;

  constructor(attacher: CsiAttacher) {
    this.attacher = attacher;
  }

  onAdd(attachment: VolumeAttachment): void {
    this.attacher.changed(attachment);
  }

  onUpdate(_old: VolumeAttachment, attachment: VolumeAttachment): void {
    this.attacher.changed(attachment);
  }

  onDelete(): void {}
}
