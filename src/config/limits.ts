// The limits that are not settings: sizes, times and counts, each with its unit in its name.
export const limits = {
  // Commands on their way to a turn.

  /** Commands in one turn. */
  commandBatchMax: 256,
  /** Commands in one JetStream message of the API. */
  messageCommandsMax: 128,
  /** Half of what a NATS server takes by default. */
  messageBytesMax: 524_288,
  /** The caller of a command waits so long. */
  commandDeadlineMs: 10_000,
  /** A command that was not begun so long after it was stored is dropped: its caller may have given up when it is done. */
  commandBeginMs: 6_000,
  /** How long storing one message in JetStream may take. */
  publishTimeoutMs: 4_000,
  /** Commands taken from JetStream that wait in one process. */
  mailboxMax: 2_048,
  /** Messages of many commands or updates that are read to see whether one names a task whose time-out is due. */
  unsettledReadMax: 256,

  // Counter updates.

  /** Updates in one message of the API. */
  progressUpdatesMax: 1_000,
  /** Updates in one transaction. */
  progressTurnMax: 2_000,
  /** Updates that wait for a transaction in one process. */
  countersMax: 8_000,
  /** An update of counters waits so long for a look at its task; then Postgres counts as away. */
  counterLookMs: 2_000,
  /** Keys of accepted updates that a process remembers until they are surely applied. */
  latestKeysMax: 10_000,
  /** After so many misses a counter update waits for the lock of its task. */
  counterMissesMax: 3,

  // Large batches, which are made in a thread of their own.

  /** A creation with a larger body is made there. */
  largeBodyBytes: 524_288,
  /** A rerun of more tasks is made there. */
  largeRerunTasks: 1_000,
  /** Bodies that are there at once; a larger one is there alone. */
  largeBodiesBytesMax: 50_000_000,
  /** The thread is ended when it had nothing to do for so long: its memory is given back. */
  largeIdleMs: 30_000,
  /** Tasks of a batch, with all that was added to it. */
  batchTasksMax: 50_000,
  /** Links of a batch, with all that was added to it. */
  batchLinksMax: 1_000_000,

  // Calls to receivers.

  /** So much is read of the answer to a call. */
  webhookBodyBytesMax: 65_536,
  /** So much of each answer is kept in the history of a delivery. */
  deliveryAnswerBytesMax: 2_048,
  /** A call that probes a receiver and is not heard of so long after its time keeps others from probing until then. */
  circuitProbeMarginMs: 5_000,

  // Connections to Postgres.

  /** One attempt to connect. */
  connectTimeoutMs: 2_000,
  /** The first pause before another attempt. */
  connectRetryMs: 100,
  /** Without other use, Postgres is asked in this interval whether it is there. */
  pingIntervalMs: 1_000,
  /** After such a silence Postgres counts as away. */
  silenceMs: 4_000,
  /** How often reads under way look whether Postgres has gone away: they are refused within a second of that. */
  awayLookMs: 250,
  /** A connection that nobody used for so long is closed. */
  idleConnectionMs: 30_000,
  /** One piece of database work (a turn, a request), all its statements together. */
  workTimeoutMs: 10_000,
  /** The same of a creation of the largest size, a replay of many deliveries, or a portion of retention. */
  bulkWorkTimeoutMs: 120_000,
  /** One statement. */
  statementTimeoutMs: 5_000,
  /** One statement of a replay or a retention, which have a transaction of their own. */
  longStatementTimeoutMs: 60_000,
  /** How long a statement waits for a lock. */
  lockTimeoutMs: 2_000,
  /** A session whose process says nothing for so long in the middle of a transaction is ended. */
  idleInTransactionMs: 5_000,

  // Locked batches.

  /** Commands of one batch that was locked wait so long for its lock; they hold nothing meanwhile. */
  batchLockWaitMs: 200,
  /** A portion waits so long for the lock of its batch; it holds nothing meanwhile. */
  portionLockWaitMs: 1_000,
  /** The pause before a batch that was locked is tried again; it is doubled each time. */
  boxPauseMs: 20,
  /** The longest of these pauses. */
  boxPauseMaxMs: 2_000,

  // Bounds of a turn and of a portion.

  /** Links that the commands of one turn may lead to; what follows from them beyond that is done in portions. */
  turnLinksMax: 8_000,
  /** Links that one portion reads: it holds the lock of its batch for some 40 ms. */
  portionLinksMax: 4000,
  /** Tasks that one portion, or what follows from the commands of one turn, changes. */
  portionTasksMax: 500,
  /** Work that another process wrote down, or left, is taken up after this time; an answer that was not sent is sent. */
  portionIdleMs: 2_000,

  // What fails.

  /** A command, or a portion, that failed so often alone, locks aside, is given up. */
  failuresMax: 5,
  /** After so many broken connections while Postgres is up a set of commands is halved. */
  brokenSetsMax: 3,
  /** A command alone whose turns have broken their connection so often is given up. */
  brokenFailuresMax: 12,
  /** The same where Postgres may be at fault, as with a full disk: some minutes, with the pauses of a box. */
  passingFailuresMax: 100,
  /** A portion that was given up is tried again after this time. */
  portionAsideMs: 60_000,

  // How often something is looked for, and how long it rests.

  /** Rows that one look of a sweep takes. */
  sweepRowsMax: 500,
  /** Rows that are deleted at once, of what is kept for a time alone. */
  pruneRowsMax: 5_000,
  /** How often each process looks for work that others have left. */
  portionSweepMs: 1_000,
  /** While reports come in, the outcome of a start call waits so long for the report of its task: mostly they are written together. */
  restMs: 100,
  /** A bulk operation whose set is not known so soon, or is larger, is collected by a worker; a dry run counts so far. */
  bulkAskMs: 3_000,
  bulkMatchedMax: 10_000,
  bulkCountedMax: 100_000,
  bulkSampleMax: 10,
  /** Matches in one transaction of collecting; commands, and reruns, of one portion; reruns at once. */
  bulkPageRows: 2_000,
  bulkItemsMax: 128,
  bulkRerunsMax: 16,
  bulkRerunsAtOnce: 4,
  /** A portion rests for as long as it took, at most; what could not be decided now is tried again after the pause. */
  bulkRestMaxMs: 1_000,
  bulkAgainMs: 1_000,
  /** How often a worker looks for a bulk operation whose message was lost; how long a stop waits for a portion. */
  bulkSweepMs: 10_000,
  bulkStopWaitMs: 8_000,
  bulkKeepDays: 30,
  /** How often the slots and admission queues of rules are looked over. */
  ruleSweepMs: 30_000,
  /** Schedules that one transaction makes batches for, tasks of all of these, and times of one schedule that it looks at. */
  schedulesTurnMax: 50,
  scheduleTasksMax: 1_000,
  scheduleTimesMax: 100,
  /** Batches of one schedule that are known as unfinished; a replacing time stops so many at once. */
  scheduleUnfinishedMax: 100,
  /** How soon a time that waits for other batches, or was refused, is tried again. */
  scheduleAgainMs: 500,
  /** How long one that failed for a fault of ours rests. */
  scheduleFaultMs: 10_000,
  /** How often a worker looks for schedules where it knows of none. */
  scheduleIdleMs: 5_000,
  /** A worker that stood still for longer was not alive meanwhile. */
  scheduleStillMs: 1_000,
  /** Times, batches and skipped times that an answer shows of a schedule; schedules that the overview names. */
  scheduleNextShown: 5,
  scheduleShownMax: 10,
  overviewSchedulesMax: 100,
  /** Refused reports of one task that leave an event. */
  rejectedEventsMax: 20,
  /** A task whose answered start no turn can decide is put back after this time, so that it does not call without end. */
  poisonPauseMs: 30_000,
  /** Results that one claim round reads for the inputs of its starts; what comes behind them waits for the next round. */
  claimInputsBytesMax: 8_388_608,
  /** How long answers, keys and counted updates are remembered, and processes that are gone. */
  idempotencyKeepHours: 24,
  /** How long dead letters are kept. */
  deadLetterKeepDays: 30,

  // Events.

  /** Partitions of the log of events that are made ahead of today's. */
  eventDaysAhead: 2,
  /** Events in one read. */
  eventPageRows: 500,
  /** How often new events are looked for. */
  eventPollMs: 100,
  /** After so long without one, who follows them waits for NATS to say that there is one, */
  eventQuietMs: 2_000,
  /** and looks this often meanwhile: refused reports are events that are not published. */
  eventRestMs: 1_500,
  /** Streams of events that one process serves. */
  eventStreamsMax: 1_000,
  /** What may wait for one client of a stream. */
  eventBufferBytesMax: 262_144,
  /** A client that leaves half of that unread for so long is dropped. */
  eventSlowMs: 5_000,
  /** How often a stream gets a comment, so that proxies keep it open. */
  eventBeatMs: 15_000,
  /** So long after its last sign of life another process publishes the events. */
  eventRelayLeaseMs: 5_000,
  /** How often the others look whether they should. */
  eventRelayIdleMs: 1_000,
  /** A stream that ends further below what was noted has lost nothing: it is another one. */
  eventsLostMax: 1_000_000,
  /** So far back the newest event is looked for among what others published there. */
  eventsForeignMax: 100,
  /** Events that are published together. */
  eventBatchBytesMax: 1_048_576,
} as const;
