import type { Secret, ServiceAccount } from '../api/cluster-kinds.js';
import { keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Indexer, Informer, ResourceEventHandler } from '../client/types.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';

/** pkg/controller/serviceaccount/tokens_controller.go and its defaults: 5 workers of each queue, 10 retries. */
const WORKERS = 5;
const MAX_RETRIES = 10;
const TOKEN_TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';
/** Stand for the signed token and the certificate's text, of about their length. */
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.'.padEnd(900, '0');
const CERTIFICATE = 'kube-root-ca'.padEnd(1107, '0');

const BY_ACCOUNT = 'serviceAccount';

class AccountIndexer implements Indexer<Secret> {
  readonly name = BY_ACCOUNT;
  valueOf(secret: Secret): string | undefined {
    return secret.type === TOKEN_TYPE ? accountKey(secret) : undefined;
  }
}

function accountKey({ metadata }: Secret): string {
  return `${metadata.namespace}/${metadata.annotations?.[ACCOUNT_NAME] ?? ''}`;
}

/**
 * Fills token Secrets that users make for a ServiceAccount, and deletes those whose account is gone. Tokens of pods are not its
 * business: kubelets ask the API server for them (TokenRequest).
 */
export class ServiceAccountTokenController implements Reconciler {
  readonly workers: ControllerWorkers;
  readonly accounts: Informer<ServiceAccount>;
  readonly secrets: Informer<Secret>;

  constructor(context: ProcessContext, client: ApiClient) {
    this.accounts = context.informers.informer<ServiceAccount>('serviceaccounts');
    this.secrets = context.informers.informer<Secret>('secrets');
    this.secrets.addIndexer(new AccountIndexer());
    this.workers = new ControllerWorkers(context, { name: 'serviceaccount-token', workers: WORKERS, client, maxRetries: MAX_RETRIES });
    this.accounts.addEventHandler(new AccountHandler(this));
    this.secrets.addEventHandler(new SecretHandler(this));
    this.workers.start(this, [this.accounts, this.secrets]);
  }

  reconcile(key: string): Reconciliation | null {
    const secret = this.secrets.get(key);
    return secret?.type === TOKEN_TYPE ? new TokenSync(this, secret) : null;
  }

  secretSeen(secret: Secret): void {
    if (secret.type === TOKEN_TYPE) this.workers.queue.add(keyOf(secret));
  }

  accountGone(account: ServiceAccount): void {
    for (const secret of this.secrets.byIndex(BY_ACCOUNT, keyOf(account))) this.workers.queue.add(keyOf(secret));
  }
}

class AccountHandler implements ResourceEventHandler<ServiceAccount> {
  private readonly controller: ServiceAccountTokenController;

  constructor(controller: ServiceAccountTokenController) {
    this.controller = controller;
  }

  onAdd(): void {}

  onUpdate(): void {}

  onDelete(account: ServiceAccount): void {
    this.controller.accountGone(account);
  }
}

class SecretHandler implements ResourceEventHandler<Secret> {
  private readonly controller: ServiceAccountTokenController;

  constructor(controller: ServiceAccountTokenController) {
    this.controller = controller;
  }

  onAdd(secret: Secret): void {
    this.controller.secretSeen(secret);
  }

  onUpdate(_old: Secret, secret: Secret): void {
    this.controller.secretSeen(secret);
  }

  onDelete(): void {}
}

const ACCOUNT = 0;
const ACCOUNT_READ = 1;
const SECRET_READ = 2;
const DELETED = 3;
const WRITTEN = 4;

/** Looks after one token Secret (syncSecret). */
class TokenSync extends StagedReconciliation {
  private readonly controller: ServiceAccountTokenController;
  private readonly secret: Secret;
  private account: ServiceAccount | undefined = undefined;

  constructor(controller: ServiceAccountTokenController, secret: Secret) {
    super();
    this.controller = controller;
    this.secret = secret;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    const response = responses[0];
    switch (this.stage) {
      case ACCOUNT:
        return this.lookUp();
      case ACCOUNT_READ:
        if (!succeeded(response!) && response!.code !== 404) return this.fail(response!.message ?? 'request failed');
        this.account = response!.object as ServiceAccount | undefined;
        return this.decide();
      case SECRET_READ:
        return this.fill(response!);
      case DELETED:
        // Gone already, or another one by now.
        if (succeeded(response!) || response!.code === 404 || response!.code === 409) return null;
        return this.fail(response!.message ?? 'request failed');
      default:
        // Whoever wrote it meanwhile brings it back here.
        if (succeeded(response!) || response!.code === 404 || response!.code === 409) return null;
        return this.fail(response!.message ?? 'request failed');
    }
  }

  private matches(account: ServiceAccount | undefined): boolean {
    const uid = this.secret.metadata.annotations?.[ACCOUNT_UID] ?? '';
    return account !== undefined && (uid === '' || uid === account.metadata.uid);
  }

  /** The account in the cache, else as the API server has it. */
  private lookUp(): Step {
    const key = accountKey(this.secret);
    this.account = this.controller.accounts.get(key);
    if (this.matches(this.account)) return this.decide();
    this.stage = ACCOUNT_READ;
    const { namespace } = this.secret.metadata;
    return [{ verb: 'get', resource: 'serviceaccounts', namespace, name: key.slice(namespace.length + 1) }];
  }

  private decide(): Step {
    const { secret } = this;
    if (!this.matches(this.account)) {
      this.stage = DELETED;
      return [objectRequest('delete', 'secrets', secret, { preconditions: { uid: secret.metadata.uid } })];
    }
    if (isFilled(secret)) return null;
    this.stage = SECRET_READ;
    return [objectRequest('get', 'secrets', secret)];
  }

  private fill(response: ApiResponse): Step {
    if (response.code === 404) return null;
    if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    const live = response.object as Secret;
    // The cache is behind: the change that it lacks brings the Secret back here.
    if (live.metadata.resourceVersion !== this.secret.metadata.resourceVersion || isFilled(live)) return null;
    const { name, uid } = this.account!.metadata;
    const annotations = { ...live.metadata.annotations, [ACCOUNT_NAME]: name, [ACCOUNT_UID]: uid };
    const data = { 'ca.crt': CERTIFICATE, namespace: live.metadata.namespace, token: TOKEN, ...live.data };
    const body: Secret = { ...live, metadata: { ...live.metadata, annotations }, data };
    this.stage = WRITTEN;
    const request: ApiRequest = objectRequest('update', 'secrets', live, { body });
    return [request];
  }
}

function isFilled({ data }: Secret): boolean {
  return ['ca.crt', 'namespace', 'token'].every((key) => (data?.[key] ?? '') !== '');
}
