import type { Connections, Watcher } from '../../apiserver/connections.js';
import { type ApiResponse, type ContinueToken, succeeded } from '../../apiserver/request.js';
import type { WatchRecord } from '../../apiserver/watch-cache.js';
import type { KubectlCommand, KubectlTarget } from '../../scenario/types.js';
import { BUILDER, type KubectlHost, type KubectlOutput, KubectlRun, objectRequest, pageRequest, printedName, serverError } from './run.js';
import { clientOf } from './simple.js';

type DeleteCommand = Extract<KubectlCommand, { readonly verb: 'delete' }>;

const DYNAMIC = 'dynamic';
const TAG_PAGE = 0;
const TAG_DELETE = 1;
/** Of the wait: GET, LIST and WATCH of one object. */
const TAG_LOOK = 2;
const TAG_LIST = 3;
const TAG_WATCH = 4;
/** A watch that broke is opened again after this long (client-go tools/watch). */
const RETRY = 1e9;

/** An object that has been deleted, and may not be gone yet. */
interface Leaving {
  readonly target: KubectlTarget;
  readonly uid: string;
}

/**
 * `kubectl delete` (cmd/delete, cmd/wait/delete.go): a DELETE each, one after the other; with --all a LIST in pages of 500 before them.
 * Then it waits for each: GET, and LIST and WATCH of the object until it is gone when it is still there.
 */
export class DeleteRun extends KubectlRun implements Watcher {
  resource = '';
  key: string | undefined = undefined;
  server = -1;
  revision = 0;
  readonly host: number;
  private readonly connections: Connections;
  private readonly command: DeleteCommand;
  /** What is still to be deleted. */
  private readonly targets: KubectlTarget[];
  private readonly leaving: Leaving[] = [];
  /** The kind of which all are deleted, and its next page. */
  private all: KubectlTarget | null = null;
  private page: ContinueToken | undefined = undefined;
  private refused = false;
  private next = 0;

  constructor(kubectl: KubectlHost, output: KubectlOutput, command: DeleteCommand) {
    super(kubectl, output);
    this.connections = kubectl.connections;
    this.host = kubectl.host;
    this.command = command;
    this.targets = [...command.targets];
  }

  start(): void {
    const [target] = this.targets;
    if (target === undefined) {
      if (this.page === undefined) this.look();
      else this.send(pageRequest(this.all!, this.page), TAG_PAGE);
      return;
    }
    if (target.object.name === '') {
      this.all = target;
      this.send(pageRequest(target, undefined), TAG_PAGE);
      return;
    }
    const { propagationPolicy, gracePeriodSeconds } = this.command.options;
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    this.send(objectRequest('delete', target, { propagationPolicy, ...grace }), TAG_DELETE, this.command.files ? clientOf(target) : BUILDER);
  }

  receive(tag: number, response: ApiResponse): void {
    if (tag === TAG_PAGE) this.listed(response);
    else if (tag === TAG_DELETE) this.deleted(response);
    else this.watched(tag, response);
  }

  private listed(response: ApiResponse): void {
    if (!succeeded(response)) {
      this.refuse(response);
      return;
    }
    if (this.targets[0]?.object.name === '') this.targets.shift();
    const { resource } = this.all!;
    for (const { metadata } of response.items!) this.targets.push({ resource, object: { namespace: metadata.namespace, name: metadata.name } });
    this.page = response.continue;
    if (this.targets.length === 0 && this.leaving.length === 0) this.print('No resources found');
    this.start();
  }

  private deleted(response: ApiResponse): void {
    const target = this.targets.shift()!;
    if (succeeded(response)) {
      this.print(`${printedName(target)} deleted`);
      this.leaving.push({ target, uid: response.object?.metadata.uid ?? '' });
    } else {
      this.refused = true;
      this.output.note('error', serverError(response));
    }
    this.start();
  }

  /** Looks at the next object that is to go. */
  private look(): void {
    const leaving = this.leaving[this.next];
    if (leaving === undefined || !this.command.options.wait) {
      if (this.refused) this.exitCode = 1;
      else this.finish();
    } else this.send(objectRequest('get', leaving.target), TAG_LOOK, DYNAMIC);
  }

  private watched(tag: number, response: ApiResponse): void {
    const { target, uid } = this.leaving[this.next]!;
    if (response.code === 404) {
      this.gone();
      return;
    }
    if (!succeeded(response)) {
      if (tag === TAG_LOOK) this.refuse(response);
      else this.kubectl.later(this, RETRY, 0);
      return;
    }
    if (tag === TAG_LOOK) {
      if (uid !== '' && response.object!.metadata.uid !== uid) this.gone();
      else this.send(objectRequest('list', target), TAG_LIST, DYNAMIC);
    } else if (tag === TAG_LIST) {
      this.revision = response.resourceVersion!;
      if (response.items!.length === 0) this.gone();
      else this.send(objectRequest('watch', target), TAG_WATCH, DYNAMIC);
    } else {
      const { namespace, name } = target.object;
      this.resource = target.resource;
      this.key = namespace === '' ? name : `${namespace}/${name}`;
      if (this.connections.watch(this, this.kubectl.preferredServer) !== 'watching') this.kubectl.later(this, RETRY, 0);
    }
  }

  private gone(): void {
    this.next++;
    this.look();
  }

  watchEvent(record: WatchRecord): void {
    if (record.key !== this.key || record.type !== 'DELETED') return;
    this.connections.unwatch(this);
    this.key = undefined;
    this.gone();
  }

  watchLost(): void {
    this.kubectl.later(this, RETRY, 0);
  }

  override wake(): void {
    if (this.exitCode < 0) this.send(objectRequest('list', this.leaving[this.next]!.target), TAG_LIST, DYNAMIC);
  }
}
