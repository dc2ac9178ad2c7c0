import { infoOfKind } from '../../api/resources.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { Connections, Watcher } from '../../apiserver/connections.js';
import { type ApiResponse, succeeded } from '../../apiserver/request.js';
import type { WatchRecord } from '../../apiserver/watch-cache.js';
import type { KubectlCommand, KubectlTarget } from '../../scenario/types.js';
import { ApplyManifestPatch, ContainerImagesPatch, ReplicasPatch } from './patches.js';
import { type KubectlHost, type KubectlOutput, KubectlRun, objectRequest, printedName, serverError } from './run.js';
import { withLastApplied } from './three-way.js';

type CommandOf<V extends KubectlCommand['verb']> = Extract<KubectlCommand, { readonly verb: V }>;

/** Times that `apply` patches again after a conflict (kubectl apply/patcher.go maxPatchRetry). */
const MAXIMUM_PATCH_RETRIES = 5;

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
    if (object !== undefined) this.send(objectRequest('create', targetOf(object), { body: object }));
    else if (this.refused) this.exitCode = 1;
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
    if (object !== undefined) this.get(targetOf(object));
    else if (this.refused) this.exitCode = 1;
    else this.finish();
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    const object = this.objects[this.next]!;
    const target = targetOf(object);
    if (request.verb === 'get') {
      if (response.code === 404) this.send(objectRequest('create', target, { body: withLastApplied(object) }));
      else if (!succeeded(response)) this.done(response, '');
      else this.patch(object, target, response.object!);
      return;
    }
    if (request.verb === 'patch' && response.code === 409 && this.tries++ < MAXIMUM_PATCH_RETRIES) {
      this.get(target);
      return;
    }
    this.done(response, request.verb === 'create' ? 'created' : 'configured');
  }

  private patch(object: KubernetesObject, target: KubectlTarget, current: KubernetesObject): void {
    const patch = new ApplyManifestPatch(object);
    if (patch.apply(current) === current) this.done({ code: 200 }, 'unchanged');
    else this.send(objectRequest('patch', target, { patch }));
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

/** `kubectl get`: GET of one object, LIST of many; with --watch a WATCH after it that lasts. */
export class GetRun extends KubectlRun implements Watcher {
  readonly resource: string;
  readonly host: number;
  readonly key: string | undefined;
  server = -1;
  revision = 0;
  /** Changes printed by --watch. */
  events = 0;
  private readonly connections: Connections;
  private readonly command: CommandOf<'get'>;

  constructor(kubectl: KubectlHost, output: KubectlOutput, command: CommandOf<'get'>) {
    super(kubectl, output);
    const { resource, object } = command.target;
    this.command = command;
    this.resource = resource;
    this.host = kubectl.host;
    this.connections = kubectl.connections;
    this.key = object.name === '' ? undefined : object.namespace === '' ? object.name : `${object.namespace}/${object.name}`;
  }

  start(): void {
    const { target, watch } = this.command;
    // A watch of one object needs the list's resourceVersion, so it lists with a field selector.
    if (target.object.name !== '' && !watch) this.get(target);
    else this.send({ verb: 'list', resource: target.resource, namespace: target.object.namespace, name: '' });
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    if (!succeeded(response)) {
      this.refuse(response);
      return;
    }
    if (request.verb === 'watch') {
      if (this.connections.watch(this, this.kubectl.preferredServer) !== 'watching') this.finish();
      return;
    }
    this.revision = response.resourceVersion ?? 0;
    const count = response.items?.length ?? 1;
    this.print(count === 0 ? 'No resources found' : `${count} ${this.resource}`);
    if (this.command.watch) this.send(objectRequest('watch', this.command.target));
    else this.finish();
  }

  watchEvent(record: WatchRecord): void {
    if (this.key !== undefined ? this.key === record.key : this.inNamespace(record)) this.events++;
  }

  private inNamespace({ object }: WatchRecord): boolean {
    const { namespace } = this.command.target.object;
    return namespace === '' || object.metadata.namespace === namespace;
  }

  watchLost(): void {
    this.finish();
  }
}

/** `kubectl scale` (GET, PATCH of scale), `kubectl set image` (GET, PATCH when an image differs), `kubectl delete` (DELETE). */
export class ChangeRun extends KubectlRun {
  private readonly command: CommandOf<'scale' | 'set image' | 'delete'>;

  constructor(kubectl: KubectlHost, output: KubectlOutput, command: CommandOf<'scale' | 'set image' | 'delete'>) {
    super(kubectl, output);
    this.command = command;
  }

  start(): void {
    const { verb, target } = this.command;
    if (verb === 'delete') this.send(objectRequest('delete', target, { propagationPolicy: 'Background' }));
    else this.get(target);
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    const { command } = this;
    if (!succeeded(response)) {
      this.refuse(response);
      return;
    }
    if (request.verb !== 'get' || command.verb === 'delete') {
      const what = command.verb === 'scale' ? 'scaled' : command.verb === 'delete' ? 'deleted' : 'image updated';
      this.finish(`${printedName(command.target)} ${what}`);
      return;
    }
    if (command.verb === 'scale') {
      this.send(objectRequest('patch', command.target, { subresource: 'scale', patch: new ReplicasPatch(command.replicas) }));
      return;
    }
    const patch = new ContainerImagesPatch(command.images);
    const unknown = patch.unknown(response.object!);
    if (unknown !== undefined) this.fail(`error: unable to find container named "${unknown}"`);
    else if (patch.apply(response.object!) === response.object) this.finish();
    else this.send(objectRequest('patch', command.target, { patch }));
  }
}
