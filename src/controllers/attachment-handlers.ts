import type { Node, Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { VolumeAttachment } from '../api/volumes.js';
import type { ResourceEventHandler } from '../client/types.js';
import type { AttachDetachController } from './attach-detach.js';

/** What the informers tell the attach/detach controller. */

abstract class Handler {
  protected readonly controller: AttachDetachController;

  constructor(controller: AttachDetachController) {
    this.controller = controller;
  }
}

export class PodHandler extends Handler implements ResourceEventHandler<Pod> {
  onAdd(pod: Pod): void {
    this.controller.podChanged(pod);
  }

  onUpdate(_old: Pod, pod: Pod): void {
    this.controller.podChanged(pod);
  }

  onDelete(pod: Pod): void {
    this.controller.podGone(pod);
  }
}

export class NodeHandler extends Handler implements ResourceEventHandler<Node> {
  onAdd(): void {
    this.controller.nodeChanged();
  }

  onUpdate(old: Node, node: Node): void {
    const { status, spec } = node;
    if (old.status.volumesInUse !== status.volumesInUse || old.status.conditions !== status.conditions || old.spec.taints !== spec.taints) this.controller.nodeChanged();
  }

  onDelete(): void {
    this.controller.nodeChanged();
  }
}

/** Of claims, volumes and drivers. */
export class ClaimHandler extends Handler implements ResourceEventHandler<KubernetesObject> {
  onAdd(): void {
    this.controller.storageChanged();
  }

  onUpdate(): void {
    this.controller.storageChanged();
  }

  onDelete(): void {}
}

export class AttachmentHandler extends Handler implements ResourceEventHandler<VolumeAttachment> {
  onAdd(attachment: VolumeAttachment): void {
    this.controller.attachmentSeen(attachment);
  }

  onUpdate(): void {}

  onDelete(): void {}
}
