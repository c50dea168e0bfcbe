// What the benchmark demands, and how large it may get. Each threshold with its reason.

/**
 * Lives per second as a share of the floor. A prototype of the bare hot path reached 0.30 to 0.40 on two cores that also
 * carry the load, Postgres and NATS; a tenth of the variance of the floor, validation and the rest of the product cost some of it.
 */
export const leastRatio = 0.2;

/**
 * A chain of 20 tasks whose service reports at once, from the POST to the last report's answer. The prototype needed 5.3 ms
 * an edge, 110 to 150 ms in all; anything that polls on the way costs at least its interval an edge and cannot pass.
 */
export const chainUnderMs = 250;
export const chainLength = 20;
export const chainRuns = 15;

/**
 * The time from the POST of a task that may start to its start call, behind a backlog that one full slot holds up, as a ratio
 * to the same with no backlog. What is blocked must cost nothing: the ratio is 1, but for what else the machine does
 * meanwhile. Anything that reads the blocked tasks, or their queues, once a round is far beyond it.
 */
export const blockedUnderRatio = 1.5;
/** Tasks in each backlog, and in one POST of it: the default MAX_TASKS_PER_BATCH. */
export const blockedTasks = 100_000;
export const blockedBatch = 1_000;
/** Lives that warm each of the two systems up; then pairs of tries, of each form of the task: some before, those that count. */
export const blockedWarmUp = 5_000;
export const startWarmUp = 10;
export const startTries = 50;

/**
 * Counter updates accepted and applied a second, as a share of what a bare Fastify route answers that parses the same body. The
 * client shares the two cores with everything else, so what it costs is in both figures: with `fetch`, by which the SDK sends
 * them, the ratio is 0.65 to 0.74. A pool of undici, the leanest client there is for Node, leaves 0.44 to 0.55, so that this is
 * missed at times: of 60 µs of CPU an update it takes 18, the API 24 (the bare one 14), Postgres 7, the worker 5, NATS 5; and a
 * quarter of the two cores is idle, since fifty clients wait for groups that pass four processes.
 */
export const leastPutRatio = 0.5;
/** Updates in a run, on so many connections; runs that count, each after one of the bare route; updates before them. */
export const puts = 40_000;
export const putClients = 50;
export const putRuns = 3;
export const putWarmUp = 20_000;
/** Tasks that the updates go round: one that all want, as many as clients are likely to have, and many. */
export const putTargets = [1, 1_000, 10_000];

/**
 * The same on a database full of ended tasks as a ratio to an empty one: what is stored must cost nothing but a deeper index and
 * colder pages. A scan of any table is a hundredfold. Lives to many receivers, as a share of those to a few: a round that looks
 * at every receiver is a tenth.
 */
export const fullUnderRatio = 3;
export const leastReceiversRatio = 0.5;
export const storedDefault = 300_000;
export const storedMax = 1_000_000;
/** Tries of each that count, after some that do not; cascades, which are long. */
export const fullTries = 40;
export const fullWarmUp = 10;
export const cascadeTries = 3;
/** Tasks of a cascade, and dependencies of each. */
export const cascadeTasks = 1_000;
export const cascadeLinks = 50;
export const fewReceivers = 10;
export const manyReceivers = 2_000;
export const receiverLives = 4_000;

export const livesDefault = 20_000;
export const livesMax = 200_000;
/** Tasks in one POST; the default MAX_TASKS_PER_BATCH is 1,000. */
export const batchSize = 500;
/** Creating calls open at once. */
export const creators = 2;
/** Start calls one worker process has open to one receiver: the default of WEBHOOK_HOST_CONCURRENCY, for the floor too. */
export const callsPerWorker = 64;
/** Connections on which the receiver reports. */
export const reportConnections = 128;
/** Lives of the run that warms the floor's processes up and does not count. */
export const floorWarmUp = 10_000;
/** Runs that count: of the floor, before and after; of Baton, after its first. */
export const floorRuns = 3;
export const warmRuns = 3;

export const runLimitMs = 180_000;
export const startLimitMs = 60_000;
export const stopLimitMs = 35_000;
