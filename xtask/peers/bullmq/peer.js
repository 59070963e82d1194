// Publishes, handles and acknowledges the events of the bus's bench by BullMQ, with the settings that serve it best:
// `node peer.js REDIS_URL COUNT EVENT`. Says `begun` before the first call and `done` when the last is handled.
//
// What was tried: a thread of its own for the publisher, 30 to 500 jobs at once, bulks of 250 and 1,000, one to four of
// them under way, automatic pipelines.
import { Queue, Worker } from 'bullmq';

const PUBLISHERS = 4;
const BULK = 250;
const CONCURRENCY = 64;
// The id of the first message.
const FIRST = 1_000_000;

const [url, total, text] = process.argv.slice(2);
const { hostname: host, port } = new URL(url);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const count = Number(total);
const event = JSON.parse(text);

const seen = new Uint8Array(count);
let distinct = 0;
let all;
const handled = new Promise((resolve) => {
  all = resolve;
});
const handle = async (job) => {
  const number = Number(job.data.data.messageId) - FIRST;
  if (seen[number] === 0) {
    seen[number] = 1;
    distinct += 1;
    if (distinct === count) all();
  }
};
const worker = new Worker('peer', handle, {
  connection,
  concurrency: CONCURRENCY,
  removeOnComplete: { count: 0 },
});
const queue = new Queue('peer', { connection });
await Promise.all([worker.waitUntilReady(), queue.waitUntilReady()]);

let next = 0;
const publish = async () => {
  while (next < count) {
    const jobs = [];
    for (const end = Math.min(next + BULK, count); next < end; next += 1) {
      const data = { ...event, data: { ...event.data, messageId: String(FIRST + next) } };
      jobs.push({ name: 'event', data });
    }
    await queue.addBulk(jobs);
  }
};
process.stdout.write('begun\n');
await Promise.all(Array.from({ length: PUBLISHERS }, publish));
await handled;
process.stdout.write('done\n');
