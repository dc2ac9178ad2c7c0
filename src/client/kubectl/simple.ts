import { infoOfKind } from '../../api/resources.js';
import type { KubernetesObject } from '../../api/meta.js';
import { type ApiResponse, succeeded } from '../../apiserver/request.js';
import type { KubectlCommand, KubectlTarget } from '../../scenario/types.js';
import { ApplyManifestPatch, ContainerImagesPatch, ReplicasPatch } from './patches.js';
import { type KubectlHost, type KubectlOutput, KubectlRun, objectRequest, printedName, serverError } from './run.js';
import { withLastApplied } from './three-way.js';

type CommandOf<V extends KubectlCommand['verb']> = Extract<KubectlCommand, { readonly verb: V }>;

/** Times that `apply` patches again after a conflict (kubectl apply/patcher.go maxPatchRetry). */
const MAXIMUM_PATCH_RETRIES = 5;

/** The client of the scale subresource (client-go scale). */
const SCALES = 'scale';

/** The client of an object that came from a file. */
export function clientOf({ resource, object }: KubectlTarget): string {
  return `${resource}/${object.namespace}/${object.name}`;
}

function targetOf(object: KubernetesObject): KubectlTarget {
  const { namespace, name } = object.metadata;
  const info = infoOfKind(object.apiVersion, object.kind);
  if (info === undefined) throw new Error(`${object.apiVersion} ${object.kind} is not served`);
  return { resource: info.resource, object: { namespace, name } };
}

/** `kubectl create -f`: one POST an object. An object that is refused does not keep the others from being created. */
export class CreateRun extends KubectlRun {
  private readonly objects: readonly KubernetesObject[];
  private next = 0;
  private refused = false;

  constructor(kubectl: KubectlHost, output: KubectlOutput, objects: readonly KubernetesObject[]) {
    super(kubectl, output);
    this.objects = objects;
  }

  start(): void {
    const object = this.objects[this.next];
    if (object !== undefined) {
      const target = targetOf(object);
      this.send(objectRequest('create', target, { body: object }), 0, clientOf(target));
    } else if (this.refused) this.exitCode = 1;
    else this.finish();
  }

  receive(_tag: number, response: ApiResponse): void {
    const object = this.objects[this.next++]!;
    if (succeeded(response)) this.print(`${printedName(targetOf(object))} created`);
    else {
      this.refused = true;
      this.output.note('error', serverError(response, 'error when creating: '));
    }
    this.start();
  }
}

/** `kubectl apply -f` (client side): GET, then POST when there is none, PATCH when something differs, else nothing. */
export class ApplyRun extends KubectlRun {
  private readonly objects: readonly KubernetesObject[];
  private next = 0;
  private tries = 0;
  private refused = false;

  constructor(kubectl: KubectlHost, output: KubectlOutput, objects: readonly KubernetesObject[]) {
    super(kubectl, output);
    this.objects = objects;
  }

  start(): void {
    const object = this.objects[this.next];
    if (object !== undefined) this.ask(targetOf(object));
    else if (this.refused) this.exitCode = 1;
    else this.finish();
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    const object = this.objects[this.next]!;
    const target = targetOf(object);
    if (request.verb === 'get') {
      if (response.code === 404) this.send(objectRequest('create', target, { body: withLastApplied(object) }), 0, clientOf(target));
      else if (!succeeded(response)) this.done(response, '');
      else this.patch(object, target, response.object!);
      return;
    }
    if (request.verb === 'patch' && response.code === 409 && this.tries++ < MAXIMUM_PATCH_RETRIES) {
      this.ask(target);
      return;
    }
    this.done(response, request.verb === 'create' ? 'created' : 'configured');
  }

  private ask(target: KubectlTarget): void {
    this.send(objectRequest('get', target), 0, clientOf(target));
  }

  private patch(object: KubernetesObject, target: KubectlTarget, current: KubernetesObject): void {
    const patch = new ApplyManifestPatch(object);
    if (patch.apply(current) === current) this.done({ code: 200 }, 'unchanged');
    else this.send(objectRequest('patch', target, { patch }), 0, clientOf(target));
  }

  private done(response: ApiResponse, what: string): void {
    const object = this.objects[this.next++]!;
    this.tries = 0;
    if (succeeded(response)) this.print(`${printedName(targetOf(object))} ${what}`);
    else {
      this.refused = true;
      this.output.note('error', serverError(response));
    }
    this.start();
  }
}

/** `kubectl scale` (GET, PATCH of scale), `kubectl set image` (GET, PATCH when an image differs). */
export class ChangeRun extends KubectlRun {
  private readonly command: CommandOf<'scale' | 'set image'>;

  constructor(kubectl: KubectlHost, output: KubectlOutput, command: CommandOf<'scale' | 'set image'>) {
    super(kubectl, output);
    this.command = command;
  }

  start(): void {
    this.get(this.command.target);
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    const { command } = this;
    if (!succeeded(response)) {
      this.refuse(response);
      return;
    }
    if (request.verb !== 'get') {
      this.finish(`${printedName(command.target)} ${command.verb === 'scale' ? 'scaled' : 'image updated'}`);
      return;
    }
    if (command.verb === 'scale') {
      this.send(objectRequest('patch', command.target, { subresource: 'scale', patch: new ReplicasPatch(command.replicas) }), 0, SCALES);
      return;
    }
    const patch = new ContainerImagesPatch(command.images);
    const unknown = patch.unknown(response.object!);
    if (unknown !== undefined) this.fail(`error: unable to find container named "${unknown}"`);
    else if (patch.apply(response.object!) === response.object) this.finish();
    else this.send(objectRequest('patch', command.target, { patch }));
  }
}
