import type { Connections, Watcher } from '../../apiserver/connections.js';
import { type ApiResponse, type ContinueToken, succeeded } from '../../apiserver/request.js';
import type { WatchRecord } from '../../apiserver/watch-cache.js';
import type { KubectlCommand } from '../../scenario/types.js';
import { type KubectlHost, type KubectlOutput, KubectlRun, objectRequest, pageRequest } from './run.js';

type GetCommand = Extract<KubectlCommand, { readonly verb: 'get' }>;

/** `kubectl get`: GET of one object, LIST of many in pages of 500; with --watch a WATCH after it that lasts. */
export class GetRun extends KubectlRun implements Watcher {
  readonly resource: string;
  readonly host: number;
  readonly key: string | undefined;
  server = -1;
  revision = 0;
  /** Changes printed by --watch. */
  events = 0;
  private found = 0;
  private readonly connections: Connections;
  private readonly command: GetCommand;

  constructor(kubectl: KubectlHost, output: KubectlOutput, command: GetCommand) {
    super(kubectl, output);
    const { resource, object } = command.target;
    this.command = command;
    this.resource = resource;
    this.host = kubectl.host;
    this.connections = kubectl.connections;
    this.key = object.name === '' ? undefined : object.namespace === '' ? object.name : `${object.namespace}/${object.name}`;
  }

  start(): void {
    const { target } = this.command;
    if (target.object.name === '') this.list(undefined);
    else this.get(target);
  }

  private list(token: ContinueToken | undefined): void {
    this.send(pageRequest(this.command.target, token));
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    if (!succeeded(response)) {
      this.refuse(response);
      return;
    }
    if (request.verb === 'watch') {
      // The watch of one object begins at what there is (resourceVersion "0"), that of a list where the list ends.
      if (this.key !== undefined) this.revision = response.resourceVersion ?? 0;
      if (this.connections.watch(this, this.kubectl.preferredServer) !== 'watching') this.finish();
      return;
    }
    this.found += response.items?.length ?? 1;
    if (response.continue !== undefined) {
      this.list(response.continue);
      return;
    }
    this.revision = response.resourceVersion ?? 0;
    this.print(this.found === 0 ? 'No resources found' : `${this.found} ${this.resource}`);
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

