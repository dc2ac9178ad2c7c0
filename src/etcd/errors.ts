/** Error texts as etcd's clients see them (api/v3rpc/rpctypes/error.go and grpc-go's transport errors). */
export const EtcdError = {
  TooManyRequests: 'etcdserver: too many requests',
  RequestTooLarge: 'etcdserver: request is too large',
  Timeout: 'etcdserver: request timed out',
  TimeoutLeaderFailure: 'etcdserver: request timed out, possibly due to previous leader failure',
  TimeoutConnectionLost: 'etcdserver: request timed out, possibly due to connection lost',
  LeaderChanged: 'etcdserver: leader changed',
  ProposalDropped: 'raft proposal dropped',
  NoSpace: 'etcdserver: mvcc: database space exceeded',
  Corrupt: 'etcdserver: corrupt cluster',
  Compacted: 'etcdserver: mvcc: required revision has been compacted',
  FutureRevision: 'etcdserver: mvcc: required revision is a future revision',
  LeaseNotFound: 'etcdserver: requested lease not found',
  LeaseExists: 'etcdserver: lease already exists',
  NotSupportedForLearner: 'etcdserver: rpc not supported for learner',
  UnhealthyCluster: 'etcdserver: unhealthy cluster',
  LearnerNotReady: 'etcdserver: can only promote a learner member which is in sync with leader',
  MemberNotFound: 'etcdserver: member not found',
  TooManyLearners: 'etcdserver: too many learner members in cluster',
  ConnectionClosed: 'rpc error: code = Unavailable desc = error reading from server: EOF',
  KeepaliveFailed: 'rpc error: code = Unavailable desc = keepalive ping failed to receive ACK within timeout',
  NoConnection: 'etcdclient: no available endpoints',
} as const;

/** Errors that gRPC reports as Unavailable: clientv3 sends reads that meet them to another member. */
export function isUnavailable(error: string): boolean {
  return (
    error === EtcdError.ConnectionClosed ||
    error === EtcdError.KeepaliveFailed ||
    error === EtcdError.NoConnection ||
    error === EtcdError.LeaderChanged ||
    error === EtcdError.Timeout ||
    error === EtcdError.TimeoutLeaderFailure ||
    error === EtcdError.TimeoutConnectionLost ||
    error === EtcdError.UnhealthyCluster
  );
}

/** Name of the gRPC code that a server answers an error with (api/v3rpc/rpctypes/error.go). */
export function grpcCode(error: string): string {
  if (isUnavailable(error)) return 'Unavailable';
  switch (error) {
    case EtcdError.TooManyRequests:
    case EtcdError.NoSpace:
    case EtcdError.TooManyLearners:
      return 'ResourceExhausted';
    case EtcdError.RequestTooLarge:
      return 'InvalidArgument';
    case EtcdError.Compacted:
    case EtcdError.FutureRevision:
      return 'OutOfRange';
    case EtcdError.LeaseNotFound:
    case EtcdError.MemberNotFound:
      return 'NotFound';
    case EtcdError.LeaseExists:
    case EtcdError.LearnerNotReady:
      return 'FailedPrecondition';
    case EtcdError.NotSupportedForLearner:
      return 'Unavailable';
    default:
      return 'Unknown';
  }
}
