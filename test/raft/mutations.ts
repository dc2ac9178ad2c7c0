/** A deliberate mistake in the protocol: in one file of `src/raft`, as compiled, one text becomes another. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Mistakes that implementations of Raft have made or could make. None of them may survive the checkers. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a leader commits entries of older terms by counting copies',
    file: 'log.js',
    from: 'index <= this.committed || !this.matchTerm(term, index)',
    to: 'index <= this.committed',
  },
  {
    name: 'a vote is not recorded',
    file: 'step.js',
    from: 'raft.vote = from;',
    to: '',
  },
  {
    name: 'a candidate does not record its own vote',
    file: 'election.js',
    from: 'raft.vote = raft.id;',
    to: '',
  },
  {
    name: 'votes leave before they are durable',
    file: 'raft.js',
    from: 'case MessageType.Vote:\n            case MessageType.PreVote:\n            case MessageType.Prop:',
    to: 'case MessageType.Vote:\n            case MessageType.VoteResp:\n            case MessageType.PreVote:\n            case MessageType.Prop:',
  },
  {
    name: 'appends are acknowledged before they are durable',
    file: 'raft.js',
    from: 'message.term = this.term;\n                this.messagesAfterAppend = appended(this.messagesAfterAppend, message);',
    to: 'message.term = this.term;\n                if (message.to === this.id) this.messagesAfterAppend = appended(this.messagesAfterAppend, message);\n                else this.messages = appended(this.messages, message);',
  },
  {
    name: 'a leader counts its own entries before they are durable',
    file: 'replication.js',
    from: 'raft.send(message);\n    return true;\n}\nexport function reduceUncommittedSize',
    to: 'raft.tracker.progress(raft.id)?.maybeUpdate(message.index);\n    raft.send(message);\n    return true;\n}\nexport function reduceUncommittedSize',
  },
  {
    name: 'half of the voters suffice to commit',
    file: 'quorum.js',
    from: 'scratch[count - (Math.floor(count / 2) + 1)]',
    to: 'scratch[count - Math.floor((count + 1) / 2)]',
  },
  {
    name: 'one acknowledgement less than a majority commits',
    file: 'quorum.js',
    from: 'scratch[count - (Math.floor(count / 2) + 1)]',
    to: 'scratch[Math.min(count - 1, count - Math.floor(count / 2))]',
  },
  {
    name: 'one vote less than a majority elects',
    file: 'quorum.js',
    from: 'if (granted >= quorum)',
    to: 'if (granted >= Math.max(1, quorum - 1))',
  },
  {
    name: 'votes go to candidates whose log is behind',
    file: 'log.js',
    from: 'return term > own || (term === own && index >= this.lastIndex());',
    to: 'return true;',
  },
  {
    name: 'the longer log wins, whatever its terms',
    file: 'log.js',
    from: 'return term > own || (term === own && index >= this.lastIndex());',
    to: 'return index >= this.lastIndex();',
  },
  {
    name: 'appends do not check the entry before',
    file: 'log.js',
    from: 'if (!this.matchTerm(prevTerm, prevIndex))\n            return -1;',
    to: 'if (prevIndex > this.lastIndex())\n            return -1;',
  },
  {
    name: 'a conflicting tail is kept',
    file: 'log.js',
    from: 'if (!this.matchTerm(entries[i].term, entries[i].index))',
    to: 'if (entries[i].index > this.lastIndex())',
  },
  {
    name: 'an old append cuts the log',
    file: 'log.js',
    from: 'if (conflict < entries.length) {',
    to: 'if (entries.length > 0 && prevIndex + 1 > this.committed) {\n            this.append(entries, 0);\n        } else if (conflict < entries.length) {',
  },
  {
    name: 'heartbeats carry the whole commit',
    file: 'replication.js',
    from: 'message.commit = Math.min(progress.match, raft.log.committed);',
    to: 'message.commit = raft.log.committed;',
  },
  {
    name: 'the vote is forgotten at every change of role',
    file: 'raft.js',
    from: 'this.lead = NONE;\n        this.electionElapsed = 0;',
    to: 'this.vote = NONE;\n        this.lead = NONE;\n        this.electionElapsed = 0;',
  },
  {
    name: 'the vote is lost in a restart',
    file: 'raft.js',
    from: 'this.vote = vote;',
    to: '',
  },
  {
    name: 'the term is lost in a restart',
    file: 'raft.js',
    from: 'this.log.committed = commit;\n        this.term = term;',
    to: 'this.log.committed = commit;',
  },
  {
    name: 'a write of replaced entries counts for those that replaced them',
    file: 'unstable.js',
    from: 'if (index < this.offset || this.term(index) !== term || term === 0)',
    to: 'if (index < this.offset || this.term(index) === 0)',
  },
  {
    name: 'messages of older terms are obeyed',
    file: 'step.js',
    from: 'handleLowerTerm(raft, message);\n        return StepError.None;',
    to: 'handleLowerTerm(raft, message);',
  },
  {
    name: 'a leader ignores higher terms',
    file: 'step.js',
    from: 'if (term > raft.term) {',
    to: 'if (term > raft.term && raft.role === Role.Leader)\n        return StepError.None;\n    if (term > raft.term) {',
  },
  {
    name: 'reads are answered without asking a quorum',
    file: 'replication.js',
    from: 'if (raft.leaseReads) {',
    to: 'if (raft.tracker.ids.length > 0) {',
  },
  {
    name: 'a new leader answers reads before its first commit',
    file: 'step-leader.js',
    from: 'else if (raft.committedInTerm())',
    to: 'else if (raft.term > 0)',
  },
  {
    name: 'a read is answered at the index of the first acknowledgement',
    file: 'step-leader.js',
    from: 'if (raft.tracker.voteResult(acks) !== VoteResult.Won)',
    to: 'if (acks.size === 0)',
  },
  {
    name: 'several configuration changes may be pending',
    file: 'step-leader.js',
    from: 'raft.pendingConfIndex > raft.log.applied',
    to: 'raft.pendingConfIndex < 0',
  },
  {
    name: 'a joint configuration commits by its incoming half',
    file: 'quorum.js',
    from: 'return Math.min(first, second);',
    to: 'return first;',
  },
  {
    name: 'a joint configuration elects by its incoming half',
    file: 'quorum.js',
    from: 'const second = majorityVote(outgoing, votes);',
    to: 'const second = first;',
  },
  {
    name: 'refusals count as votes',
    file: 'step-candidate.js',
    from: 'raft.tracker.recordVote(message.from, !message.reject);',
    to: 'raft.tracker.recordVote(message.from, true);',
  },
  {
    name: 'pre-votes count as votes',
    file: 'step-candidate.js',
    from: 'if (raft.role === Role.PreCandidate)\n                count(raft, message);',
    to: 'count(raft, message);',
  },
  {
    name: 'what followers had in an earlier term counts in this one',
    file: 'progress.js',
    from: 'this.match = match;\n        this.next = next;\n        this.recentActive = false;',
    to: 'this.match = Math.max(match, this.match);\n        this.next = Math.max(next, this.match + 1);\n        this.recentActive = false;',
  },
  {
    name: 'a follower acknowledges an append that it refused',
    file: 'step-follower.js',
    from: 'response.reject = true;',
    to: '',
  },
  {
    name: 'a new leader appends no entry of its term',
    file: 'election.js',
    from: 'appendEntries(raft, [{ term: 0, index: 0, type: EntryType.Normal, data: null, dataLength: -1 }]);',
    to: '',
  },
  {
    name: 'any snapshot is restored',
    file: 'membership.js',
    from: 'if (snapshot.index <= raft.log.committed)',
    to: 'if (snapshot.index <= 0)',
  },
  {
    name: 'a snapshot does not bring its membership',
    file: 'membership.js',
    from: 'restoreChange(raft.tracker, raft.log.lastIndex(), snapshot.confState);',
    to: 'restoreChange(raft.tracker, raft.log.lastIndex(), { ...snapshot.confState, voters: [raft.id] });',
  },
  {
    name: 'entries are applied before they are durable',
    file: 'log.js',
    from: 'return allowUnstable || this.committed < durable ? this.committed : durable;',
    to: 'return durable >= 0 ? this.committed : 0;',
  },
  {
    name: 'the window of a follower never opens again',
    file: 'step-leader.js',
    from: 'progress.inflights.freeTo(index);',
    to: '',
  },
  {
    name: 'a refused probe is repeated at the same place',
    file: 'progress.js',
    from: 'this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);',
    to: 'this.next = Math.max(rejected + 1, this.match + 1);',
  },
  {
    name: 'the storage keeps a replaced tail',
    file: 'storage.js',
    from: 'if (position < this.log.length)\n            this.log.length = position;\n        for (let i = skip; i < count; i++)\n            this.log.push(entries[i]);',
    to: 'for (let i = skip; i < count; i++)\n            this.log[position + i - skip] = entries[i];',
  },
  {
    name: 'elections start all at the same moment',
    file: 'raft.js',
    from: 'this.electionTimeout + this.random.next(this.electionTimeout)',
    to: 'this.electionTimeout',
  },
];
